"""Notebooks and explorers in a real browser: JupyterLab, headless Chromium, the keyboard."""

from pathlib import Path

import nbformat
import pytest
from lab import CHROMIUM

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PICTURE = "img.tk-picture"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


def test_slider_moves_picture_and_numbers(lab, open_notebook):
    # nbval runs the whole of it; here a short training is enough, and what comes before the explorer.
    source = nbformat.read(NOTEBOOKS / "00_quickstart.ipynb", as_version=4)
    shown = next(i for i, cell in enumerate(source.cells) if cell.source.endswith("\nexplorer"))
    del source.cells[shown + 1 :]
    sizes = next(cell for cell in source.cells if "128, 186, (0, 1, 2)" in cell.source)
    sizes.source = sizes.source.replace("186", "16")
    nbformat.write(source, lab.folder / "00_quickstart.ipynb")
    notebook = open_notebook("00_quickstart.ipynb")
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
