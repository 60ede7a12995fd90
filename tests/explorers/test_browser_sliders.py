"""The explorers of the sampler's settings in a real browser."""

import re

import pytest
from lab import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

DATA = """import numpy as np
from toolkit.explorers import Dashboard, FalseNegativeExplorer, HardnessExplorer
from toolkit.training.history import History

rng = np.random.default_rng(0)
labels = rng.integers(0, 10, 2000)
points = (rng.normal(size=(10, 32))[labels] + rng.normal(size=(2000, 32))).astype("float32")
names = np.array([f"class {c}" for c in "abcdefghij"])[labels]
images = rng.integers(0, 256, (2000, 8, 8), dtype=np.uint8)"""
PICTURE = "img.tk-picture"


def settled(notebook, locator):
    """Return an element's text once it stays the same for a second."""
    text = None
    while text != (text := locator.text_content()):
        notebook.page.wait_for_timeout(1000)
    return text


def open_(lab, open_notebook, name, expression):
    notebook = open_notebook(lab.write(f"{name}.ipynb", [DATA, expression]), height=1100)
    notebook.run_all()
    widget = notebook.output(".widget-vbox")
    widget.locator(PICTURE).first.wait_for()
    return notebook, widget


def measured(text):
    """Return the line of numbers without the times."""
    return re.sub(r"[\d,]+ ms.*", "", text)


def test_keyboard_and_mouse_drive_the_hardness_explorer(lab, open_notebook):
    notebook, widget = open_(lab, open_notebook, "hardness", "HardnessExplorer(points, names, images)")
    picture, numbers = widget.locator(PICTURE), widget.locator(".widget-html-content", has_text="hardness").first
    pairs = widget.locator(".widget-html-content", has_text="similarity").last
    seen = [(picture.get_attribute("src"), measured(numbers.text_content()), pairs.inner_html())]

    def look(before):
        notebook.wait_for_change(numbers, before)
        settled(notebook, numbers)
        seen.append((picture.get_attribute("src"), measured(numbers.text_content()), pairs.inner_html()))

    text = numbers.text_content()
    widget.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight")
    look(text)
    text = numbers.text_content()
    base = widget.locator(".noUi-base").nth(1).bounding_box()  # n_neighbors
    notebook.page.mouse.click(base["x"] + 0.1 * base["width"], base["y"] + base["height"] / 2)
    look(text)
    for values in zip(*seen, strict=True):
        assert len(set(values)) == 3, "picture, numbers and pairs follow"
    text = numbers.text_content()
    widget.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=20)
    look(text)
    end = seen[-1]
    for key in ("ArrowLeft", "ArrowRight"):
        text = numbers.text_content()
        notebook.press(key)
        look(text)
    assert seen[-1][1:] == end[1:], "the burst ended on the newest value"
    assert seen[-2][1] != end[1]
    notebook.screenshot("hardness")
    notebook.assert_clean()


def test_keyboard_and_mouse_drive_the_false_negative_explorer(lab, open_notebook):
    notebook, widget = open_(lab, open_notebook, "false", "FalseNegativeExplorer(points, names, images)")
    picture, numbers = widget.locator(PICTURE), widget.locator(".widget-html-content", has_text="hardness").first
    code = widget.locator("input[type=text]")
    pairs = widget.locator(".widget-html-content", has_text="pairs are false negatives").first
    before = picture.get_attribute("src"), numbers.text_content(), pairs.text_content()
    widget.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=20)
    notebook.page.wait_for_function("e => e.value.includes('restart=0.95')", arg=code.element_handle(), timeout=60_000)
    settled(notebook, numbers)
    assert "restart=0.95" in code.input_value(), "the burst ended on the newest value"
    after = picture.get_attribute("src"), numbers.text_content(), pairs.text_content()
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert pairs.text_content() != before[2]
    widget.get_by_role("button", name="Use the star").click()  # the hardest setting within the budget
    notebook.page.wait_for_function("e => !e.value.includes('restart=0.95')", arg=code.element_handle(), timeout=60_000)
    settled(notebook, numbers)
    after = picture.get_attribute("src"), numbers.text_content(), pairs.text_content()
    base = widget.locator(".noUi-base").nth(5).bounding_box()  # batch
    notebook.page.mouse.click(base["x"] + 0.5 * base["width"], base["y"] + base["height"] / 2)
    notebook.wait_for_change(pairs, after[2])
    assert not pairs.text_content().startswith("Batch 1:")
    notebook.screenshot("false_negatives")
    notebook.assert_clean()


def test_tabs_of_the_dashboard_share_their_settings(lab, open_notebook):
    history = "History({name: [0.5, 0.25] for name in History().columns})"
    expression = f'Dashboard(points, names, images, history={history}, projection="pca")'
    notebook = open_notebook(lab.write("dashboard.ipynb", [DATA, expression]), height=1100)
    notebook.run_all()
    widget = notebook.output(".widget-tab")

    def tab(title):
        notebook.page.get_by_role("tab", name=title, exact=True).click()
        panel = widget.locator(".widget-tab-contents > *:not(.lm-mod-hidden)").first
        panel.wait_for()
        return panel

    panel = tab("False negatives")
    code = panel.locator("input[type=text]")
    code.wait_for()
    panel.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=4)
    notebook.page.wait_for_function("e => e.value.includes('restart=0.4')", arg=code.element_handle(), timeout=60_000)
    for title in ("Hardness", "Walk"):
        panel = tab(title)
        readout = panel.locator(".widget-readout").first
        assert readout.text_content().startswith("0.4"), title
    tab("Training").locator(PICTURE).wait_for()
    tab("Hardness")
    notebook.wait_idle()
    notebook.page.wait_for_timeout(500)
    notebook.screenshot("dashboard")
    notebook.assert_clean()
