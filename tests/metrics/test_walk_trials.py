"""Settings of the walk, tried: within the limit and nearly as hard as the best of a fine grid."""

from functools import cache
from itertools import product

import numpy as np
import pytest
import torch

from toolkit import ProximityGraph
from toolkit.metrics import batch_hardness, estimate_false_negatives, false_negative_rate, suggest_settings
from toolkit.proximity import join_pairs, partition_batches

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 50, 3000)
CENTRES = RNG.normal(size=(50, 24))
POINTS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
TARGETS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
WALK = ["random_walk"]


RATES = {
    "labels": lambda batches: false_negative_rate(batches, LABELS).value,
    "estimated": lambda batches: estimate_false_negatives(batches, POINTS).value,
    "pairs": lambda batches: estimate_false_negatives(batches, POINTS, TARGETS).value,
}


def hardness(kind, batches):
    return batch_hardness(batches, POINTS, TARGETS if kind == "pairs" else None).value


@cache
def fine_grid(kind):
    """Return hardness and rate of an epoch with each setting of a fine grid, of another seed."""
    rows = join_pairs(POINTS, TARGETS) if kind == "pairs" else torch.from_numpy(POINTS)
    order, found = np.random.default_rng(1).permutation(len(rows)), []
    for n_candidates in (300, 1000, 2000):
        sizes = {"n_candidates": min(n_candidates, len(rows) - 1), "n_neighbors": min(200, n_candidates)}
        graph = ProximityGraph.build(rows, **sizes, paired=kind == "pairs", seed=1)
        for size, restart in product((5, 10, 20, 35, 60, 100, 200), (0.1, 0.3, 0.5, 0.7, 0.9)):
            batches = partition_batches(graph.narrow(size), order, 50, restart=restart, seed=1)[0]
            batches = batches.ravel()[: len(rows) // 50 * 50].reshape(-1, 50)
            found.append((hardness(kind, batches), RATES[kind](batches)))
    return found


@pytest.mark.parametrize("limit", [0.04, 0.1, 0.3])
@pytest.mark.parametrize("kind", list(RATES))
def test_at_least_nine_tenths_as_hard_as_the_best_within_the_limit(kind, limit):
    targets = TARGETS if kind == "pairs" else None
    labels = LABELS if kind == "labels" else None
    found = suggest_settings(POINTS, 50, targets=targets, labels=labels, max_false_negatives=limit, samplers=WALK)
    best = max((hard for hard, rate in fine_grid(kind) if rate <= limit), default=-1)
    shuffled = found.points.hardness.iloc[0]
    assert hardness(kind, [found.batch]) == pytest.approx(np.median(found.values), abs=0.01)
    if found.settings:
        assert found.false_negative_rate <= limit
        assert found.hardness - shuffled >= 0.9 * (best - shuffled)
    else:
        assert best - shuffled < 0.05
    settings = {"targets": targets} if kind == "pairs" else {}
    if not found.settings:
        return
    batches = [batch for batch in found.from_embeddings(POINTS, seed=5, **settings) if len(batch) == 50]
    assert hardness(kind, batches) == pytest.approx(found.hardness, rel=0.15, abs=0.02)
    assert RATES[kind](batches) <= 1.15 * limit
