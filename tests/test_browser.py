"""The quickstart in a real browser: JupyterLab, headless Chromium, the keyboard."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "00_quickstart.ipynb"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KERNEL_IDLE = """() => {
    const widget = window.jupyterapp?.shell?.currentWidget;
    return widget?.sessionContext?.session?.kernel?.status === 'idle';
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
PICTURE = "img.widget-image"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


@pytest.fixture
def lab(tmp_path):
    """Serve a copy of the quickstart; yield the address of the notebook."""
    shutil.copy(NOTEBOOK, tmp_path)
    config = tmp_path / "config" / "labconfig"
    config.mkdir(parents=True)
    no_news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "page_config.json").write_text(json.dumps(no_news))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={tmp_path}"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--allow-root"] if os.getuid() == 0 else []),
    ]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{base}/api?token={token}", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not start: {(tmp_path / 'lab.log').read_text()[-2000:]}")
        yield f"{base}/doc/tree/{NOTEBOOK.name}?reset&token={token}"
    finally:
        server.terminate()
        server.wait(20)


def test_slider_moves_picture_and_numbers(lab):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(lab)
        page.wait_for_function(KERNEL_IDLE, timeout=60_000)
        page.evaluate(RUN_ALL)
        explorer = page.locator(".jp-OutputArea-output .widget-vbox", has=page.locator(PICTURE)).first
        explorer.wait_for(timeout=150_000)
        page.wait_for_function(KERNEL_IDLE, timeout=150_000)
        explorer.scroll_into_view_if_needed()
        picture, numbers = explorer.locator(PICTURE), explorer.locator(".widget-html-content", has_text="hardness")

        def shown():
            return picture.get_attribute("src"), numbers.text_content()

        def hardness():
            return float(numbers.text_content().split()[1])

        src, text = shown()
        before = hardness()
        explorer.locator(".noUi-handle").first.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "([e, old]) => e.textContent !== old", arg=[numbers.element_handle(), text], timeout=60_000
        )
        page.wait_for_timeout(1500)
        assert shown()[0] != src
        assert hardness() > before, "a higher restart probability gives harder batches"
        assert not page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count()
        assert not errors
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/quickstart.png")
        browser.close()
