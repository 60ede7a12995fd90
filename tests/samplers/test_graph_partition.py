"""Mutual edges and parts of equal size against plain Python; what METIS makes of clusters; pymetis missing."""

import sys

import numpy as np
import pytest
from sampler_kinds import APART, CLUSTERED, normal, of_clusters

from toolkit.samplers import GraphPartitionBatchSampler
from toolkit.samplers.graph_partition import _evened, _mutual_edges


def test_mutual_edges():
    rng = np.random.default_rng(0)
    neighbors = np.array([rng.permutation(np.delete(np.arange(30), i))[:8] for i in range(30)])
    neighbors[[3, 7], 2:] = -1
    starts, others = _mutual_edges(neighbors)
    for i in range(30):
        mutual = [j for j in range(30) if j in neighbors[i] and i in neighbors[j]]
        assert others[starts[i] : starts[i + 1]].tolist() == mutual


def slow_evened(parts, n_parts: int, size: int) -> list[list[int]]:
    """The largest parts first; what does not fit into a part, or into the rest for the last, fills the others."""
    members = sorted(([i for i in range(len(parts)) if parts[i] == p] for p in range(n_parts)), key=lambda m: -len(m))
    room = [size] * (n_parts - 1) + [len(parts) - (n_parts - 1) * size]
    spare = [i for each, most in zip(members, room, strict=True) for i in each[most:]]
    members = [each[:most] for each, most in zip(members, room, strict=True)]
    for each, most in zip(members, room, strict=True):
        while len(each) < most:
            each.append(spare.pop(0))
    return members


@pytest.mark.parametrize(("n", "size"), [(40, 8), (43, 8), (9, 4), (30, 1)])
def test_parts_of_equal_size(n, size):
    n_parts = -(-n // size)
    parts = np.random.default_rng(n).integers(n_parts, size=n)
    expected = slow_evened(parts.tolist(), n_parts, size)
    assert _evened(parts, n_parts, size).tolist() == [i for each in expected for i in each]


def test_no_block_drifts_into_another_part():
    # As METIS makes them: nearly equal, and all a little smaller than a block but the last.
    parts = np.repeat(np.arange(32), [32] * 8 + [31] * 24)
    blocks = parts[_evened(parts, 32, 32)[: 31 * 32]].reshape(31, 32)
    assert all(np.bincount(block).max() >= 31 for block in blocks)


@pytest.mark.parametrize(("size", "largest"), [(16, 2), (8, 2), (4, 4), (None, 2)])
def test_a_batch_holds_whole_clusters(size, largest):
    sampler = GraphPartitionBatchSampler.from_embeddings(CLUSTERED, 16, n_neighbors=7, cluster_size=size)
    assert all(len(members) <= largest for members in of_clusters(sampler))


def test_the_nearest_ranks_can_be_left_out():
    # Twins are nearest of all: with skip=1 they have no edge.
    points = np.repeat(CLUSTERED[np.argsort(APART)][:80], 2, axis=0) + 0.001 * normal(160, 20, 1)
    shared = []
    for skip in (0, 1):
        sampler = GraphPartitionBatchSampler.from_embeddings(points, 4, n_neighbors=3, skip=skip)
        shared.append(sum(len(batch) - len({index // 2 for index in batch}) for batch in sampler))
    assert shared[0] > 70
    assert shared[1] < 0.7 * shared[0]


def test_without_pymetis_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymetis", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install pymetis \(.*\), or use Cluster"):
        GraphPartitionBatchSampler(100, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_neighbors": 100}, "n_neighbors must be between 1 and 99, got 100"),
        ({"skip": 80}, "skip must be between 0 and 79, got 80"),
        ({"cluster_size": 101}, "cluster_size must be between 1 and 100, got 101"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        GraphPartitionBatchSampler(100, 10, **{"n_neighbors": 20} | changes)
