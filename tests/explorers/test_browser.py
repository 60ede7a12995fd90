"""Notebooks and explorers in a real browser: JupyterLab, headless Chromium, the keyboard."""

from pathlib import Path

import pytest
from lab import CHROMIUM

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PICTURE = "img.tk-picture"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


def test_slider_moves_picture_and_numbers(lab, open_notebook):
    # nbval runs the whole of it; here short trainings are enough.
    source = (NOTEBOOKS / "00_quickstart.ipynb").read_text()
    for long, short in (("128, 186, (0, 1, 2)", "128, 16, (0, 1)"), ("for _ in range(2)", "for _ in range(1)")):
        assert long in source
        source = source.replace(long, short)
    (lab.folder / "00_quickstart.ipynb").write_text(source)
    notebook = open_notebook("00_quickstart.ipynb", fresh=True)
    notebook.run_all()
    explorer = notebook.page.locator(".jp-OutputArea-output .widget-vbox", has=notebook.page.locator(PICTURE)).first
    explorer.scroll_into_view_if_needed()
    picture, numbers = explorer.locator(PICTURE), explorer.locator(".widget-html-content", has_text="hardness")

    def hardness():
        return float(numbers.text_content().split()[1])

    src, text, before = picture.get_attribute("src"), numbers.text_content(), hardness()
    explorer.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=5)
    notebook.wait_for_change(numbers, text)
    notebook.page.wait_for_timeout(1500)
    assert picture.get_attribute("src") != src
    assert hardness() > before, "a higher restart probability gives harder batches"
    notebook.assert_clean()
    notebook.screenshot("quickstart")
