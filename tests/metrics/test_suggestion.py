"""Suggested settings: within the limit and nearly as hard as the best of a fine grid, or a shuffle."""

from itertools import product

import numpy as np
import pytest
import torch

from toolkit import ProximityGraph, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets import vision
from toolkit.evaluation import embed
from toolkit.metrics import batch_hardness, estimate_false_negatives, false_negative_rate, suggest_settings
from toolkit.models import SimCLR
from toolkit.proximity import join_pairs, partition_batches

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 50, 3000)
CENTRES = RNG.normal(size=(50, 24))
POINTS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
TARGETS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
ALONE = RNG.normal(size=(3000, 24)).astype(np.float32)


def best_of_fine_grid(rows, batch_size, paired, hardness, rate, limit):
    """Return the largest hardness of partitions within the limit, of another seed."""
    order, found = np.random.default_rng(1).permutation(len(rows)), []
    for n_candidates in (300, 1000, 2000):
        sizes = {"n_candidates": min(n_candidates, len(rows) - 1), "n_neighbors": min(200, n_candidates)}
        graph = ProximityGraph.build(rows, **sizes, paired=paired, seed=1)
        for size, restart in product((5, 10, 20, 35, 60, 100, 200), (0.1, 0.3, 0.5, 0.7, 0.9)):
            batches = partition_batches(graph.narrow(size), order, batch_size, restart=restart, seed=1)[0]
            batches = batches.ravel()[: len(rows) // batch_size * batch_size].reshape(-1, batch_size)
            found.append((hardness(batches), rate(batches)))
    return max((hard for hard, share in found if share <= limit), default=-1)


@pytest.mark.parametrize("limit", [0.04, 0.1, 0.3])
@pytest.mark.parametrize("kind", ["labels", "estimated", "pairs"])
def test_at_least_nine_tenths_as_hard_as_the_best_within_the_limit(kind, limit):
    targets = TARGETS if kind == "pairs" else None
    labels = LABELS if kind == "labels" else None
    found = suggest_settings(POINTS, 50, targets=targets, labels=labels, max_false_negatives=limit)
    rates = {
        "labels": lambda batches: false_negative_rate(batches, LABELS).value,
        "estimated": lambda batches: estimate_false_negatives(batches, POINTS).value,
        "pairs": lambda batches: estimate_false_negatives(batches, POINTS, TARGETS).value,
    }
    rows = torch.from_numpy(POINTS) if targets is None else join_pairs(POINTS, TARGETS)

    def hardness(batches):
        return batch_hardness(batches, POINTS, targets).value

    best = best_of_fine_grid(rows, 50, targets is not None, hardness, rates[kind], limit)
    shuffled = found.points.hardness.iloc[0]
    assert hardness([found.batch]) == pytest.approx(np.median(found.values), abs=0.01)
    if found.settings:
        assert found.false_negative_rate <= limit
        assert found.hardness - shuffled >= 0.9 * (best - shuffled)
    else:
        assert best - shuffled < 0.05
    settings = {"targets": targets} if kind == "pairs" else {}
    if not found.settings:
        return
    batches = [batch for batch in found.from_embeddings(POINTS, seed=5, **settings) if len(batch) == 50]
    assert hardness(batches) == pytest.approx(found.hardness, rel=0.15, abs=0.02)
    assert rates[kind](batches) <= 1.15 * limit


def test_on_the_bundled_images_with_labels_and_without():
    data = vision.bundled()
    torch.manual_seed(0)
    points, names = embed(SimCLR("tiny"), data.train, projected=True)
    for labels in (None, names):
        found = suggest_settings(points, 128, labels=labels)
        assert found.method == ("clusters" if labels is None else "labels")
        assert found.false_negative_rate <= found.limit
        assert found.settings["coverage"] == "partition"
        assert found.hardness > found.points.hardness.iloc[0]


def test_a_shuffle_is_suggested_where_a_limit_leaves_nothing_else():
    found = suggest_settings(POINTS, 50, labels=LABELS % 2, max_false_negatives=0.4)
    assert found.settings == {}
    assert isinstance(found.make(3000), UniformBatchSampler)
    assert found.reason.startswith("Shuffle: none of")
    assert "limit 40.0%" in found.reason
    assert repr(found).startswith("Suggestion(shuffle; ")


def test_without_classes_the_pickiest_graph_is_suggested():
    found = suggest_settings(ALONE, 30)
    assert found.settings["n_candidates"] == 2999
    assert found.settings["n_neighbors"] < 150
    assert found.hardness > 0.1
    assert found.loss_gap < np.log(3000 / 30)


def test_the_suggestion_can_be_used_and_read():
    found = suggest_settings(POINTS, 50, labels=LABELS)
    sampler = found.make(3000, seed=3)
    assert isinstance(sampler, RandomWalkBatchSampler)
    assert {name: getattr(sampler, name) for name in found.settings} == found.settings
    assert eval(found.code, {"RandomWalkBatchSampler": RandomWalkBatchSampler, "dataset": POINTS}).batch_size == 50
    assert f"{found.hardness:.3f} similar" in found.reason
    assert found.seconds > 0
    assert found.interval()[0] < found.value < found.interval()[1]
    assert found.values.mean() == pytest.approx(found.value)
    assert found.to_frame().shape[0] > 15
    assert 1 <= found.variety <= 50


def test_more_instances_than_are_tried(monkeypatch):
    monkeypatch.setattr("toolkit.metrics.suggestion._INSTANCES", 1000)
    found = suggest_settings(POINTS, 50, labels=LABELS)
    assert found.settings["refresh_every"] == 30
    assert found.settings["n_candidates"] <= 999


def test_the_same_seed_gives_the_same_settings():
    first, second = (suggest_settings(POINTS, 50, seed=4) for _ in range(2))
    assert first.settings == second.settings
    assert first.points.equals(second.points)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_false_negatives": 0}, "max_false_negatives must be a number in"),
        ({"batch_size": 3001}, "batch_size must be"),
        ({"labels": LABELS[:5]}, "labels must have shape"),
        ({"targets": TARGETS[:5]}, "targets must have shape"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        suggest_settings(POINTS, **{"batch_size": 50} | settings)
