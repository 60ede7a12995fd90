"""The explorer of pairs by its traits: what it shows is what the functions return."""

import base64
import re

import numpy as np
import pytest

from toolkit.explorers import FalseNegativeExplorer, HardnessExplorer, PairExplorer
from toolkit.metrics import batch_hardness, estimate_false_negatives, hardest_negatives
from toolkit.proximity import ProximityGraph, join_pairs, walk_batches
from toolkit.samplers import SideBySide

RNG = np.random.default_rng(0)
N = 200
QUERIES = RNG.normal(size=(20, 8))[np.arange(N) % 20] + 0.7 * RNG.normal(size=(N, 8))
TARGETS = QUERIES + 0.7 * RNG.normal(size=(N, 8))
QUESTIONS, ANSWERS = [[f"{kind} <{i}>" for i in range(N)] for kind in ("question", "answer")]
SETTINGS = {"n_candidates": 100, "n_neighbors": 8, "restart": 0.3, "batch_size": 32}


@pytest.fixture(scope="module")
def shared():
    return PairExplorer(QUERIES, items=QUESTIONS, targets=TARGETS, target_items=ANSWERS, **SETTINGS)


@pytest.fixture
def explorer(shared):
    shared.query.value, shared.samplers.value = 3, ()
    shared.reset.click()
    return shared


def walk(query, restart):
    graph = ProximityGraph.build(join_pairs(QUERIES, TARGETS), n_candidates=100, n_neighbors=8, paired=True)
    return walk_batches(graph, np.array([query]), 32, restart=restart)[0][0]


def test_negatives_are_those_of_the_walk_that_begins_at_the_query(explorer):
    for query, restart in ((3, 0.3), (50, 0.8)):
        explorer.query.value, explorer.restart.value = query, restart
        batch = walk(query, restart)
        np.testing.assert_array_equal(explorer.batches["Random walk"], batch)
        expected = hardest_negatives(batch, query, QUERIES, TARGETS)
        assert explorer.negatives["Random walk"].equals(expected)
        shown = re.findall(r"answer &lt;(\d+)&gt;", explorer.panel.value)
        assert [int(index) for index in shown[:9]] == [query, *expected["index"]]
        assert f"question &lt;{query}&gt;" in explorer.panel.value
        counted = sum(found.suspected.sum() for found in explorer.negatives.values())
        assert explorer.panel.value.count("suspected false negative") == counted
        hardness, rate = batch_hardness([batch], QUERIES, TARGETS), estimate_false_negatives([batch], QUERIES, TARGETS)
        assert f"hardness <b>{hardness.value:.3f}</b>" in explorer.numbers.value
        assert f"estimated false negatives <b>{rate.value:.1%}</b>" in explorer.numbers.value


def test_other_samplers_show_the_batch_that_holds_the_query(explorer):
    assert list(explorer.batches) == ["Random walk", "Uniform"]
    explorer.samplers.value = ("Clusters",)
    some = SideBySide(QUERIES, targets=TARGETS)
    left_out = 0
    for query in range(0, N, 9):
        explorer.query.value = query
        assert query in explorer.batches["Uniform"]
        wanted = [batch for batch in some.epoch("cluster", 32) if query in batch]
        left_out += not wanted
        assert ("its epoch leaves this query out" in explorer.panel.value) == (not wanted)
        assert [batch.tolist() for name, batch in explorer.batches.items() if name == "Clusters"] == wanted
    assert left_out, "200 instances make six batches of 32"


def test_labels_mark_the_negatives_that_are_known_to_be_false():
    labels = np.arange(N) % 20
    explorer = PairExplorer(QUERIES, labels, targets=TARGETS, **SETTINGS)
    found = explorer.negatives["Random walk"]
    assert found.same_label.tolist() == [index % 20 == 0 for index in found["index"]]
    assert "suspected" not in explorer.panel.value
    assert "estimated" not in explorer.numbers.value
    counted = sum(found.same_label.sum() for found in explorer.negatives.values())
    assert explorer.panel.value.count("false negative</div>") == counted


def test_picture_is_saved_and_differs_by_query(explorer):
    before = explorer.png()
    assert base64.b64decode(explorer._repr_mimebundle_()["image/png"]) == before
    explorer.query.value = 4
    assert explorer.png() != before


@pytest.mark.parametrize("kind", [HardnessExplorer, FalseNegativeExplorer])
def test_explorers_of_batches_measure_pairs_as_their_loss_does(kind):
    explorer = kind(QUERIES, items=QUESTIONS, targets=TARGETS, target_items=ANSWERS, **SETTINGS)
    batches, _ = SideBySide(QUERIES, targets=TARGETS).walks(**SETTINGS)
    hardness, rate = (value for value in (explorer.hardness, explorer.false_negatives))
    if kind is HardnessExplorer:
        hardness, rate = hardness["Random walk"], rate["Random walk"]
    assert hardness.value == pytest.approx(batch_hardness(batches, QUERIES, TARGETS).value)
    expected = estimate_false_negatives(batches, QUERIES, TARGETS)
    assert (rate.value, rate.method) == (pytest.approx(expected.value), "positives")
    assert "question" in explorer.pairs.value
    assert "answer" in explorer.pairs.value
    explorer.restart.value = 0.9
    assert "suspected false negative" in explorer.pairs.value


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"targets": None}, TypeError, "targets must be the embeddings of the queries' targets, got None"),
        ({"targets": TARGETS[1:]}, ValueError, r"targets must have shape \(200, 8\)"),
        ({"target_items": ANSWERS[1:]}, ValueError, r"target_items must hold one per instance \(200\), got 199"),
        ({"query": 3}, TypeError, "query"),
    ],
)
def test_bad_input_is_named(arguments, exception, message):
    with pytest.raises(exception, match=message):
        PairExplorer(QUERIES, **{"targets": TARGETS} | arguments)


def test_items_of_targets_need_targets():
    with pytest.raises(TypeError, match="target_items must be None unless targets are given"):
        HardnessExplorer(QUERIES, target_items=ANSWERS)
    with pytest.raises(TypeError, match="targets must be None if embeddings are a SideBySide object"):
        HardnessExplorer(SideBySide(QUERIES), targets=TARGETS)
