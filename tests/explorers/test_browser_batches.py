"""The explorers that show what is in one batch, molecules or sentences, in a real browser."""

import pytest
from lab import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

MOLECULES = """import warnings
warnings.filterwarnings("ignore", category=FutureWarning, module="torch")  # torch_geometric's import of torch.jit

from toolkit import plots
from toolkit.datasets import graphs
from toolkit.explorers import GraphBatchExplorer

data = graphs.bundled()
composition = [graph.x.mean(0).tolist() for graph in data.graphs]
draw = lambda index, ax: plots.molecule(data.graphs[index], ax=ax)
GraphBatchExplorer(composition, data.labels, draw, batch_size=32, n_neighbors=20, n_candidates=200)"""
SENTENCES = """import numpy as np
from toolkit.explorers import SentenceExplorer

rng = np.random.default_rng(0)
labels = rng.integers(0, 10, 2000)
points = (rng.normal(size=(10, 32))[labels] + rng.normal(size=(2000, 32))).astype("float32")
SentenceExplorer(points, labels, [f"sentence {i} of topic {label}" for i, label in enumerate(labels)])"""
PICTURE_CHANGED = "([image, before]) => image.src !== before"


@pytest.fixture
def explorer(lab, open_notebook):
    """Run one cell that ends with an explorer; return its notebook, its widget and a wait for another picture."""

    def run(name, source):
        notebook = open_notebook(lab.write(f"{name}.ipynb", [source]), height=1100)
        notebook.run_all()
        widget = notebook.output(".widget-vbox")
        picture = widget.locator("img.tk-picture").first
        picture.wait_for()

        def changed(act):
            before = picture.get_attribute("src")
            act()
            notebook.page.wait_for_function(PICTURE_CHANGED, arg=[picture.element_handle(), before], timeout=60_000)

        return notebook, widget, changed

    return run


def test_keyboard_and_mouse_drive_the_batch_of_molecules(explorer):
    notebook, widget, changed = explorer("molecules", MOLECULES)
    readout, numbers = (
        widget.locator(".widget-readout").first,
        widget.locator(".widget-html-content", has_text="hardness"),
    )
    start = numbers.text_content()
    widget.locator(".noUi-handle").first.focus()
    changed(lambda: notebook.press("ArrowRight", times=20))
    notebook.page.wait_for_function("e => e.textContent === '0.95'", arg=readout.element_handle())
    notebook.wait_idle()
    notebook.page.wait_for_timeout(500)
    assert numbers.text_content() != start
    notebook.screenshot("molecules")
    changed(lambda: widget.get_by_role("button", name="Reset").click())
    notebook.wait_idle()
    notebook.page.wait_for_timeout(500)
    assert numbers.text_content() == start, "the same walk again"
    assert readout.text_content() == "0.20"
    notebook.assert_clean()


def test_keyboard_and_mouse_drive_the_batches_of_sentences(explorer):
    notebook, widget, changed = explorer("sentences", SENTENCES)
    numbers = widget.locator(".widget-html-content", has_text="hardness").first
    start = numbers.text_content()
    handles = widget.locator(".noUi-handle")
    handles.first.focus()
    changed(lambda: notebook.press("ArrowRight", times=4))
    notebook.wait_for_change(numbers, start)
    base = widget.locator(".noUi-base").nth(4).bounding_box()  # batch
    changed(lambda: notebook.page.mouse.click(base["x"] + 0.5 * base["width"], base["y"] + base["height"] / 2))
    assert widget.locator(".widget-readout").nth(4).text_content() != "1"
    notebook.screenshot("sentences")
    notebook.assert_clean()
