"""The selection on maps: from Python and from the browser, by search, as a table, in a dashboard."""

import numpy as np
import pandas as pd
import pytest
from map_data import CODES, IMAGES, LABELS, POINTS, SENTENCES, N, make

from toolkit.explorers import CompareExplorer, Dashboard, ProximityGraphExplorer, WalkPlayer
from toolkit.metrics import in_degrees


def compare(**more):
    return CompareExplorer(POINTS, LABELS, other=POINTS[:, :6], projection="pca", **more)


@pytest.mark.parametrize("explorer", [make(ProximityGraphExplorer), make(WalkPlayer), compare()], ids=repr)
def test_selection_goes_both_ways(explorer):
    assert explorer.selection.tolist() == []
    explorer.selection = [7, 3, 7]
    assert explorer.selection.tolist() == [3, 7]
    for canvas in explorer._maps:
        assert np.frombuffer(canvas.chosen, np.int32).tolist() == [3, 7]
    explorer._maps[-1].set_state({"chosen": memoryview(np.array([1, 2], np.int32).tobytes())})  # as the browser does
    assert explorer.selection.tolist() == [1, 2]
    assert explorer._maps[0].chosen == explorer._maps[-1].chosen
    with pytest.raises(IndexError, match="selection"):
        explorer.selection = [N]
    assert explorer.selection.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Bag", CODES == 1),
        ("number 17 <", np.arange(N) == 17),
        ("#17", np.arange(N) == 17),
        ("spring", np.arange(N) < 10),
        ("", np.zeros(N, bool)),
    ],
)
def test_search_selects_by_text_label_class_and_number(words, wanted):
    season = {"season": np.where(np.arange(N) < 10, "spring", "autumn")}
    explorer = make(ProximityGraphExplorer, items=SENTENCES, columns=season)
    explorer.selection = [5]
    explorer.search.value = "x"
    assert explorer.canvas.status == "nothing contains 'x'"
    explorer.search.value = words
    assert explorer.canvas.status == ""
    np.testing.assert_array_equal(explorer.selection, np.flatnonzero(wanted))


def test_table_of_the_selection():
    columns = pd.DataFrame({"label": LABELS, "score": np.arange(N) / 2})
    explorer = make(ProximityGraphExplorer, items=SENTENCES, columns=columns)
    assert len(explorer.frame()) == N
    explorer.selection = [4, 250]
    frame = explorer.frame()
    assert frame.index.tolist() == [4, 250]
    assert list(frame) == ["label", "text", "score", "hardness", "in-degree", "exposure"]
    assert frame.label.tolist() == [LABELS[4], LABELS[250]]
    assert frame.text.tolist() == [SENTENCES[4], SENTENCES[250]]
    assert frame.score.tolist() == [2.0, 125.0]
    np.testing.assert_allclose(frame.hardness, explorer.graph.similarities[[4, 250]].mean(1))
    np.testing.assert_array_equal(frame["in-degree"], in_degrees(explorer.graph).values[[4, 250]])


def test_a_dashboard_shares_selection_and_colours():
    dashboard = Dashboard(POINTS, LABELS, IMAGES, columns={"fold": CODES}, projection="pca", batch_size=32)
    dashboard.walk.selection = [1, 6, 11]
    assert dashboard.selection.tolist() == dashboard.through.selection.tolist() == [1, 6, 11]
    dashboard.selection = [2, 3]
    assert dashboard.walk.selection.tolist() == dashboard.through.selection.tolist() == [2, 3]
    dashboard.walk.color_by.value = "fold"
    assert dashboard.graph.color_by.value == "fold"
    assert dashboard.frame().index.tolist() == [2, 3]
    dashboard.close()


def test_browser_is_told_of_an_instance():
    explorer, sent = make(ProximityGraphExplorer, columns={"fold": CODES}), []
    explorer.canvas.send = sent.append
    explorer.canvas._handle_custom_msg({"tip": 7}, [])
    address = explorer.thumbnails.address(7)
    assert sent == [{"tip": {"index": 7, "lines": ["fold: 2"], "pictures": [address]}}]
