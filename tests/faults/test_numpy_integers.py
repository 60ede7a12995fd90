"""NumPy integers of every width are as good as Python's."""

import numpy as np
import pytest

from toolkit import ProximityGraph, RandomWalkBatchSampler
from toolkit.evaluation import same_label_precision
from toolkit.metrics import hardest_pairs
from toolkit.proximity import join_pairs, partition_batches, visit_frequencies, walk_batches

N = 60
POINTS = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)
LABELS = np.arange(N) % 3
GRAPH = ProximityGraph.build(POINTS, n_candidates=20, n_neighbors=5)
PAIRS = join_pairs(POINTS, POINTS[::-1].copy())

CALLS = {
    "build": lambda k: ProximityGraph.build(POINTS, n_candidates=k(20), n_neighbors=k(5), seed=k(3)).neighbors,
    "build of pairs": lambda k: (
        ProximityGraph.build(PAIRS, n_candidates=k(20), n_neighbors=k(5), skip=k(2), paired=True).neighbors
    ),
    "nearest": lambda k: ProximityGraph.nearest(POINTS, n_neighbors=k(5)).neighbors,
    "narrow": lambda k: GRAPH.narrow(k(3)).neighbors,
    "walks": lambda k: walk_batches(GRAPH, [k(0)], k(8), seed=k(2))[0],
    "partition": lambda k: partition_batches(GRAPH, np.arange(N), k(8), seed=k(2))[0],
    "visits": lambda k: visit_frequencies(GRAPH, k(0), n_steps=k(100)),
    "precision": lambda k: same_label_precision(POINTS, LABELS, k(50)),
    "hardest pairs": lambda k: hardest_pairs([range(9)], POINTS, k(8)).to_numpy(),
    "sampler": lambda k: list(RandomWalkBatchSampler.from_embeddings(POINTS, k(8), n_candidates=k(20), seed=k(1))),
}


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
@pytest.mark.parametrize("call", CALLS)
def test_results_do_not_depend_on_the_kind_of_integer(call, kind):
    np.testing.assert_array_equal(CALLS[call](kind), CALLS[call](int))
