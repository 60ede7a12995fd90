"""Explorers in Notebook 7, as in JupyterLab: keyboard and mouse change the map and the numbers, in both themes."""

import pytest
from lab import CHROMIUM
from map_data import CELL

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

DARK = "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
INK = "node => getComputedStyle(node).color"
SHOWS = "([canvas, text]) => canvas.dataset.shown?.startsWith(text)"


def test_map_sliders_and_theme_work_in_notebook_7(lab, open_notebook):
    pytest.importorskip("notebook", "7")
    code = "ProximityGraphExplorer(points, labels, images, projection='pca')"
    notebook = open_notebook(lab.write("plain.ipynb", [CELL, code]), plain=True, height=1000)
    notebook.errors.clear()  # what Notebook says while it opens is its own
    notebook.run_all()
    page, canvas = notebook.page, notebook.output(".tk-top")
    assert page.evaluate("() => window.jupyterapp.name") == "Jupyter Notebook"
    numbers = notebook.output(".widget-html-content:has-text('K / M')")
    page.wait_for_function(SHOWS, arg=[canvas.element_handle(), "0 100 999"])
    canvas.focus()
    notebook.press("ArrowRight")
    page.wait_for_function(SHOWS, arg=[canvas.element_handle(), "1 100 999"])
    box = canvas.bounding_box()
    for x, y in ((0.3, 0.5), (0.5, 0.3), (0.6, 0.6), (0.4, 0.7)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_function("canvas => !canvas.dataset.shown.startsWith('1 ')", arg=canvas.element_handle())
    text = numbers.text_content()
    page.get_by_role("slider", name="n_neighbors").focus()
    notebook.press("ArrowLeft")
    assert "K / M = 5%" in notebook.wait_for_change(numbers, text)
    light = numbers.evaluate(INK)
    page.evaluate(DARK)
    page.wait_for_function("() => document.querySelector('.tk-explorer').classList.contains('tk-dark')")
    page.wait_for_function(f"([node, old]) => ({INK})(node) !== old", arg=[numbers.element_handle(), light])
    notebook.screenshot("notebook_7")
    notebook.assert_clean()
