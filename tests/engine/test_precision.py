"""Inside torch.autocast, samplers and metrics compute what they compute outside of it."""

import itertools

import numpy as np
import pytest
import torch
from sampler_kinds import ONLINE, built, new, training

from toolkit import ProximityGraph, metrics
from toolkit.engine.device import link_on_device
from toolkit.engine.precision import full_precision
from toolkit.evaluation import knn_accuracy, same_label_precision, uniformity
from toolkit.samplers.side_by_side import SideBySide

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(300, 16)).astype(np.float32)
TARGETS = (POINTS + 0.3 * RNG.normal(size=POINTS.shape)).astype(np.float32)
LABELS = np.arange(300) % 7
BATCHES = [RNG.permutation(300)[:32] for _ in range(4)]
ROWS = torch.from_numpy(POINTS)


def low_precision():
    return torch.autocast("cpu", torch.bfloat16)


def test_autocast_is_off_inside_and_on_again_afterwards():
    with low_precision():
        with full_precision():
            assert not torch.is_autocast_enabled("cpu")
            assert (ROWS @ ROWS.T).dtype == torch.float32
        assert (ROWS @ ROWS.T).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", ONLINE)
@pytest.mark.parametrize("targets", [None, TARGETS], ids=["instances", "pairs"])
def test_batches_of_known_embeddings(kind, targets):
    outside = list(built(kind, POINTS, 16, targets=targets))
    with low_precision():
        assert list(built(kind, POINTS, 16, targets=targets)) == outside


@pytest.mark.parametrize("kind", ONLINE)
def test_batches_of_a_training(kind):
    def batches():
        return list(itertools.islice(training(new(kind, 300, 16, refresh_every=5), POINTS), 50))

    outside = batches()
    with low_precision():
        assert batches() == outside


CALLS = {
    "settings of a budget": lambda: list(vars(built("independent", POINTS, 16, restart="auto").chosen).values()),
    "loss gap": lambda: metrics.loss_gap(BATCHES, POINTS).values,
    "loss gap of pairs": lambda: metrics.loss_gap(BATCHES, POINTS, TARGETS).values,
    "clusters": lambda: metrics.estimate_false_negatives(BATCHES, POINTS).values,
    "positives": lambda: metrics.estimate_false_negatives(BATCHES, POINTS, TARGETS, ratio=0.5).values,
    "negatives": lambda: metrics.hardest_negatives(BATCHES[0], BATCHES[0][0], POINTS, TARGETS).similarity,
    "hardness": lambda: metrics.batch_hardness(BATCHES, POINTS, TARGETS).values,
    "variety": lambda: metrics.batch_variety(BATCHES, POINTS).values,
    "neighbours kept": lambda: metrics.neighbors_kept(POINTS, TARGETS).values,
    "frontier": lambda: metrics.hardness_frontier(POINTS, None, 32, graphs=[(50, 5)], restarts=[0.2]).points.hardness,
    "audit of pairs": lambda: metrics.audit(BATCHES, POINTS, targets=TARGETS).table.to_numpy(),
    "ranks": lambda: metrics.worst_neighbor_ranks(ProximityGraph.nearest(POINTS, n_neighbors=10), POINTS, BATCHES[0]),
    "suggestion": lambda: metrics.suggest_settings(POINTS, 32).points.hardness,
    "similarities": lambda: SideBySide(POINTS).similarities(3),
    "nearest": lambda: ProximityGraph.nearest(POINTS, n_neighbors=10).similarities,
    "build": lambda: ProximityGraph.build(POINTS, n_candidates=50, n_neighbors=10).similarities,
    "build on a device": lambda: link_on_device(ROWS, ROWS.norm(dim=1), 50, 10, 0).similarities,
    "precision": lambda: same_label_precision(POINTS, LABELS),
    "uniformity": lambda: uniformity(POINTS),
    "nearest classes": lambda: knn_accuracy(POINTS, LABELS, TARGETS, LABELS),
}


@pytest.mark.parametrize("call", CALLS)
def test_measurements(call):
    outside = np.array(CALLS[call](), float)
    with low_precision():
        np.testing.assert_array_equal(np.array(CALLS[call](), float), outside)
