"""The explorer of pairs and the tuner in a real browser: keyboard, mouse, background work, access."""

import pytest
from lab import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

DATA = """import numpy as np
from toolkit.explorers import PairExplorer, TunerExplorer

rng = np.random.default_rng(0)
topics = np.arange(1000) % 40
queries = rng.normal(size=(40, 16))[topics] + rng.normal(size=(1000, 16))
targets = queries + 0.8 * rng.normal(size=queries.shape)
questions = [f"question {i} on topic {topic}" for i, topic in enumerate(topics)]
answers = [f"answer {i} on topic {topic}" for i, topic in enumerate(topics)]"""
SETTINGS = "items=questions, targets=targets, target_items=answers, batch_size=32"


@pytest.fixture
def show(lab, open_notebook):
    def show_(name, expression):
        notebook = open_notebook(lab.write(f"{name}.ipynb", [DATA, expression]), height=1400)
        notebook.run_all()
        return notebook, notebook.output(".tk-explorer")

    return show_


def test_a_query_its_positive_and_the_negatives_of_its_batch(show):
    notebook, widget = show("pairs", f"PairExplorer(queries, {SETTINGS}, n_neighbors=10)")
    page, columns = notebook.page, widget.locator(".tk-columns > div")
    walk = columns.first
    assert columns.count() == 2
    assert walk.locator("li").count() == 8
    query = widget.locator("input[type=number]")
    query.fill("7")
    notebook.press("Enter")
    page.wait_for_function("() => document.querySelector('.tk-query').textContent.includes('question 7 on topic 7')")
    assert "answer 7 on topic 7" in widget.locator(".tk-query").text_content()
    before = walk.text_content()
    widget.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=10)
    readout = widget.locator(".widget-readout").first
    page.wait_for_function("e => e.textContent === '0.70'", arg=readout.element_handle())
    notebook.wait_idle()
    page.wait_for_timeout(500)
    assert walk.text_content() != before
    menu = widget.locator("select[multiple]")
    menu.select_option(["Clusters", "Bandwidth"])
    page.wait_for_function("() => document.querySelectorAll('.tk-columns > div').length === 4")
    assert "planning" not in widget.text_content()
    notebook.assert_accessible()
    notebook.screenshot("pairs")
    notebook.assert_clean()


def test_the_tuner_follows_its_sliders_and_compares_with_what_is_pinned(show):
    notebook, widget = show("tuner", f"TunerExplorer(queries, topics, {SETTINGS}, max_false_negatives=0.04)")
    page, cards = notebook.page, widget.locator(".tk-columns > div")
    widget.locator("img.tk-picture").wait_for()
    widget.get_by_role("button", name="Pin").click()
    page.wait_for_function("() => document.querySelectorAll('.tk-columns > div').length === 2")
    pinned = cards.nth(1).text_content()
    assert "of at most 4.0%" in pinned
    widget.locator(".noUi-handle").first.focus()
    notebook.press("ArrowRight", times=4)
    page.locator(".tk-busy").wait_for()
    page.wait_for_function("() => document.querySelector('.tk-columns > div').textContent.includes('at most 6.0%')")
    page.wait_for_function("() => !document.querySelector('.tk-busy, .tk-stale')")
    assert cards.nth(1).text_content() == pinned
    assert "batch_size=32" in cards.first.locator("pre").text_content()
    notebook.assert_accessible()
    notebook.screenshot("tuner")
    notebook.assert_clean()
