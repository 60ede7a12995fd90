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
SentenceExplorer(points, labels, [f"{'long' * (i % 99)} sentence {i} of topic {t}" for i, t in enumerate(labels)])"""
WIDE = """explorer => {
    const parts = [explorer.closest(".jp-OutputArea-output"), explorer, ...explorer.querySelectorAll(".tk-columns *")];
    return parts.filter(part => part.scrollWidth > part.clientWidth).map(part => part.className);
}"""
DARK = "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
PICTURE_CHANGED = "([image, before]) => image.src !== before"


@pytest.fixture
def show(lab, open_notebook):
    """Run one cell that ends with an explorer; return its notebook and its widget."""

    def show_(name, source):
        notebook = open_notebook(lab.write(f"{name}.ipynb", [source]), height=1100)
        notebook.run_all()
        return notebook, notebook.output(".tk-explorer")

    return show_


def test_keyboard_and_mouse_drive_the_batch_of_molecules(show):
    notebook, widget = show("molecules", MOLECULES)
    picture = widget.locator("img.tk-picture")
    picture.wait_for()

    def changed(act):
        before = picture.get_attribute("src")
        act()
        notebook.page.wait_for_function(PICTURE_CHANGED, arg=[picture.element_handle(), before], timeout=60_000)

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


def test_keyboard_and_mouse_drive_the_batches_of_sentences(show):
    notebook, widget = show("sentences", SENTENCES)
    page, columns = notebook.page, widget.locator(".widget-html-content", has_text="Bold:")
    uniform, walk = (widget.get_by_role("list", name=name) for name in ("Uniform", "Random walk"))
    first = walk.get_by_role("listitem").first
    shown, seed, others = columns.text_content(), first.text_content(), uniform.text_content()
    widget.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=4)
    notebook.wait_for_change(columns, shown)
    assert (first.text_content(), uniform.text_content()) == (seed, others), "the random walk follows from its seed"
    notebook.wait_idle()
    page.wait_for_timeout(500)
    shown, base = columns.text_content(), widget.locator(".noUi-base").nth(4).bounding_box()  # batch
    page.mouse.click(base["x"] + 0.5 * base["width"], base["y"] + base["height"] / 2)
    notebook.wait_for_change(columns, shown)
    assert uniform.text_content() != others
    assert widget.locator(".widget-readout").nth(4).text_content() != "1"
    words = walk.locator(".tk-words").nth(1)
    words.click(click_count=3)
    assert page.evaluate("() => getSelection().toString()").strip() == words.text_content()
    notebook.screenshot("sentences")
    notebook.assert_clean()


def test_sentences_fit_the_page_in_both_themes(show):
    notebook, widget = show("sentences_wide", SENTENCES)
    columns = widget.locator(".tk-columns > div")
    assert "longlong" in columns.first.text_content()
    for theme in ("light", "dark"):
        for width in (780, 900, 1600):
            notebook.page.set_viewport_size({"width": width, "height": 1100})
            notebook.page.wait_for_timeout(500)
            assert widget.evaluate(WIDE) == [], f"{width} px"
            assert len({column.bounding_box()["y"] for column in columns.all()}) == 1, "next to each other"
            notebook.screenshot(f"sentences_{width}_{theme}")
        notebook.assert_accessible()
        notebook.page.evaluate(DARK)
        notebook.page.locator(".tk-dark").wait_for()
    notebook.assert_clean()
