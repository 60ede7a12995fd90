"""The explorer of the proximity graph by its traits: what is sent to the browser is what the functions return."""

import numpy as np
import pytest
from map_data import LABELS, POINTS, SENTENCES, UNLABELLED, N, fail, floats, ints, make, shades

from toolkit import ProximityGraph, metrics
from toolkit.explorers import ProximityGraphExplorer
from toolkit.proximity import walk_batches


@pytest.fixture
def explorer():
    return make(ProximityGraphExplorer)


def test_neighbours_are_those_of_the_graph(explorer):
    explorer.n_neighbors.value, explorer.n_candidates.value, explorer.instance.value = 20, 100, 42
    graph, detail = ProximityGraph.build(POINTS, n_candidates=100, n_neighbors=20, seed=0), explorer.canvas.detail
    order = np.argsort(-graph.similarities[42], kind="stable")
    np.testing.assert_array_equal(ints(detail["neighbors"]), graph.neighbors[42][order])
    np.testing.assert_allclose(floats(detail["similarities"]), graph.similarities[42][order], atol=1e-6)
    assert set(ints(detail["candidates"]).tolist()) == set(metrics.Candidates(N, n_candidates=100).of(42).tolist())
    same = LABELS[graph.neighbors[42][order]] == LABELS[42]
    assert np.frombuffer(detail["same"], np.uint8).tolist() == same.tolist()
    assert detail["same_rate"] == pytest.approx(same.mean())
    assert f"same label: {same.sum()} of 20 neighbours" in detail["lines"]
    assert [sum(counts) for counts in detail["histograms"]] == [100, 20]


def test_statistics_are_those_of_the_functions(explorer):
    explorer.n_neighbors.value = 20
    graph, stats = explorer.graph, explorer.canvas.stats
    same = metrics.same_label_edges(graph, LABELS)
    assert (stats["same_rate"], stats["prior"]) == (same.value, same.prior)
    assert sum(stats["counts"]) == N
    assert explorer.degrees.values.tolist() == metrics.in_degrees(graph).values.tolist()
    assert f"same-label edges <b>{same.value:.1%}</b>, {same.over_chance:.1f} × chance" in explorer.numbers.value
    assert f"similarity of neighbours <b>{graph.similarities.mean():.3f}</b>" in explorer.numbers.value


def test_colours_follow_what_they_stand_for(explorer):
    graph = explorer.graph
    starts = np.random.default_rng(0).permutation(N)[: N // 128]
    batches, _ = walk_batches(graph, starts, 128, restart=0.2, seed=0)
    values = {
        "hardness": graph.similarities.mean(1),
        "in-degree": metrics.in_degrees(graph).values,
        "exposure": metrics.batch_coverage(batches, N).visits,
    }
    assert explorer.batch_size.value == 128
    for name, expected in values.items():
        explorer.color_by.value = name
        order = np.argsort(expected, kind="stable")
        places = np.frombuffer(explorer.canvas.shade, np.uint8).astype(int)
        assert (np.diff(places[order]) >= 0).all(), name
        assert len(set(places.tolist())) > 1
        assert {"title", "low", "high"} <= set(explorer.canvas.legend)
    exposed = explorer.canvas.shade
    explorer.restart.value = 0.9
    assert explorer.canvas.shade != exposed, "exposure follows the restart probability"


def test_edges_lead_to_the_most_similar_neighbour(explorer, monkeypatch):
    assert explorer.canvas.edges == b""
    explorer.edges.value = True
    edges = ints(explorer.canvas.edges).reshape(-1, 2)
    assert edges[:, 0].tolist() == list(range(N))
    best = explorer.graph.neighbors[np.arange(N), explorer.graph.similarities.argmax(1)]
    np.testing.assert_array_equal(edges[:, 1], best)
    explorer.candidates.value = False
    assert not explorer.canvas.show_candidates


def test_choosing_an_instance_does_not_rebuild_the_graph(explorer, monkeypatch):
    monkeypatch.setattr(ProximityGraph, "build", fail)
    explorer.canvas.selected = 33
    assert explorer.canvas.detail["index"] == 33


def test_sentences_are_sent_as_text():
    canvas = make(ProximityGraphExplorer, items=SENTENCES).canvas
    assert canvas.detail["texts"][0] == SENTENCES[ints(canvas.detail["neighbors"])[0]]
    assert canvas.item_kind == "text"


def test_without_labels_it_says_so():
    explorer = make(ProximityGraphExplorer, labels=None)
    assert explorer.canvas.names == []
    assert "no labels given" in explorer.canvas.detail["lines"]
    assert "label" not in explorer.color_by.options
    assert explorer.canvas.stats["prior"] is None
    assert explorer.png()


def test_missing_labels_are_grey_and_equal_none():
    explorer = make(ProximityGraphExplorer, labels=UNLABELLED)
    canvas = explorer.canvas
    missing = np.array([label is None for label in UNLABELLED])
    assert set(shades(canvas)[missing]) == {""}
    assert len(set(shades(canvas)[~missing])) == 5
    assert "#DDDDDD" not in shades(canvas)[~missing]
    assert canvas.names == sorted(set(LABELS))
    assert (ints(canvas.groups) == -1).tolist() == missing.tolist()
    explorer.instance.value = 1
    neighbors = explorer.graph.neighbors[1][~missing[explorer.graph.neighbors[1]]]
    assert canvas.detail["same_rate"] == pytest.approx((LABELS[neighbors] == LABELS[1]).mean()), "of those with a label"
    explorer.instance.value = 3  # without a label, as many of its neighbours
    assert missing[ints(canvas.detail["neighbors"])].sum() > 10
    assert np.frombuffer(canvas.detail["same"], np.uint8).sum() == 0
    assert "same label: 0 of 100 neighbours" in canvas.detail["lines"]
    assert explorer.png()


def test_hundreds_of_classes_have_a_colour_each_and_missing_labels_another():
    codes = np.arange(N) - 1  # 299 classes
    canvas = make(ProximityGraphExplorer, labels=codes).canvas
    assert shades(canvas)[0] == ""
    assert "#DDDDDD" not in shades(canvas)[1:]
    assert not canvas.legend["named"]
