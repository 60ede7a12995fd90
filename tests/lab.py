"""Jupyter in a real browser: serve a folder, open a notebook in headless Chromium, run it, watch what it says."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat

ROOT = Path(__file__).resolve().parents[1]
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
ALL_RUN = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code');
    return cells.every(c => !c.model.sharedModel.source.trim() || c.model.executionCount !== null);
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
FORGET = """import gc
from ipywidgets import Widget
Widget.close_all()
get_ipython().reset(new_session=False)
gc.collect()"""
# A kernel that a failed test left busy does not answer: the next test tells.
EXECUTE = """code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const late = new Promise(resolve => setTimeout(resolve, 20000));
    return Promise.race([kernel.requestExecute({ code, silent: true }).done.then(() => null), late]);
}"""
ERROR_OUTPUT = ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
STDERR_OUTPUT = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"


def python_path() -> str:
    """Return a PYTHONPATH by which kernels import this checkout, wherever an installation of theirs points to."""
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


class Lab:
    """A running JupyterLab.

    Attributes
    ----------
    folder : Path
        What it serves.
    """

    def __init__(self, folder: Path, base: str, token: str) -> None:
        self.folder = folder
        self._base, self._token = base, token
        self._kernel = None

    def address(self, name: str) -> str:
        """Return the address of a notebook of the folder in JupyterLab."""
        return f"{self._base}/doc/tree/{name}?reset&token={self._token}"

    def plain_address(self, name: str) -> str:
        """Return the address of a notebook of the folder in Notebook 7, which this server has if it is installed."""
        return f"{self._base}/notebooks/{name}?token={self._token}"

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook of code cells into the folder; return its name."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(notebook, self.folder / name)
        return name

    def forget_settings(self) -> None:
        """Return to the settings of a new user: a theme that one test chose is kept for the next page."""
        shutil.rmtree(self.folder / ".config" / "lab" / "user-settings", ignore_errors=True)

    def share_kernel(self, name: str) -> None:
        """Have a notebook run in the kernel of all others of which this is said: its imports take seconds."""
        if self._kernel is None:
            self._kernel = self._post("kernels", {"name": "python3"})["id"]
        self._post("sessions", {"path": name, "name": name, "type": "notebook", "kernel": {"id": self._kernel}})

    def _post(self, place: str, content: dict) -> dict:
        headers = {"Authorization": f"token {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._base}/api/{place}", json.dumps(content).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[Lab]:
    """Serve `folder`, which need not exist."""
    config = folder / ".config" / "labconfig"
    config.mkdir(parents=True)
    no_news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "page_config.json").write_text(json.dumps(no_news))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--allow-root"] if os.getuid() == 0 else []),
    ]
    log = folder / ".config" / "lab.log"
    with open(log, "w") as stream:
        environment = os.environ | {"JUPYTER_CONFIG_DIR": str(config.parent), "PYTHONPATH": python_path()}
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{base}/api?token={token}", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")
        yield Lab(folder, base, token)
    finally:
        server.terminate()
        server.wait(20)


class Notebook:
    """A notebook open in a browser page.

    Attributes
    ----------
    page : playwright Page
    errors : list of str
        Uncaught exceptions and errors on the browser's console.
    outside : list of str
        Addresses asked for that are not of this machine.
    """

    def __init__(self, page, address: str) -> None:
        self.page, self.errors, self.outside = page, [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._on_console)
        page.on("request", lambda request: self._on_address(request.url))
        page.on("websocket", lambda socket: self._on_address(socket.url))
        page.goto(address)
        self.wait_idle()

    def _on_console(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_address(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(address)

    def wait_idle(self, seconds: float = 180) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(KERNEL_IDLE, timeout=1000 * seconds)

    def run_all(self, seconds: float = 180) -> None:
        """Run all cells and wait for the last one."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function(ALL_RUN, timeout=1000 * seconds)
        self.wait_idle(seconds)

    def forget(self) -> None:
        """Close all widgets of the kernel and delete its variables, for the next notebook that shares it."""
        self.page.evaluate(EXECUTE, FORGET)

    def collect(self) -> None:
        """Delete what the page before left in a shared kernel.

        Closing a page stops its subshells, some with a message not yet read. asyncio writes about such a task when it
        is deleted, by chance into the next cell's output.
        """
        self.page.evaluate(EXECUTE, "import gc; gc.collect()")

    def output(self, selector: str):
        """Return the first element in the cells' outputs that `selector` finds, scrolled into view."""
        found = self.page.locator(f".jp-OutputArea-output {selector}").first
        found.wait_for(timeout=60_000)
        found.scroll_into_view_if_needed()
        return found

    def press(self, key: str, times: int = 1) -> None:
        """Press a key as fast as it goes."""
        for _ in range(times):
            self.page.keyboard.press(key)

    def wait_for_change(self, locator, before: str, seconds: float = 60) -> str:
        """Wait until an element's text is not `before`; return it."""
        differs = "([element, before]) => element.textContent !== before"
        self.page.wait_for_function(differs, arg=[locator.element_handle(), before], timeout=1000 * seconds)
        return locator.text_content()

    def assert_clean(self) -> None:
        """Check that nothing failed, neither in the kernel nor in the browser, and no request left the machine."""
        written = self.page.locator(f"{ERROR_OUTPUT}, {STDERR_OUTPUT}").all_text_contents()
        assert not written, written
        assert not self.errors, self.errors
        assert not self.outside, self.outside

    def assert_accessible(self) -> None:
        """Check that axe-core finds no serious barrier in the explorers."""
        from axe_playwright_python.sync_playwright import Axe

        options = {"runOnly": ["wcag2a", "wcag2aa"]}
        found = Axe().run(self.page, context=".tk-explorer", options=options).response
        serious = [rule for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
        assert not serious, [(rule["id"], [node["html"][:200] for node in rule["nodes"]][:3]) for rule in serious]

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page in the folder that the variable SCREENSHOTS names, if it does."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=f"{folder}/{name}.png")


@contextmanager
def chromium():
    """Start a headless Chromium; it is closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
