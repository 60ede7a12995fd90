"""Balanced clusters against plain 2-means, and how batches are made of them."""

import copy
import itertools

import numpy as np
import pytest
from sampler_kinds import CLUSTERED, flat, normal, of_clusters, training, unit

from toolkit.metrics import batch_hardness
from toolkit.samplers import ClusterBatchSampler, DoublingSize
from toolkit.samplers.cluster import _balanced_clusters, some_clusters


def halves(points, members: list[int], n_first: int, start: int, seed: int) -> tuple[list[int], list[int]]:
    """Plain 2-means: those who lean most to the first centre are its cluster, until that no longer helps."""
    rng = np.random.default_rng([seed, start, start + len(members)])
    a, b = points[[members[place] for place in rng.choice(len(members), 2, replace=False)]]
    best = -np.inf
    for _ in range(20):
        ranked = sorted(members, key=lambda i: -points[i] @ (a - b))
        first, second = (sorted(half, key=members.index) for half in (ranked[:n_first], ranked[n_first:]))
        sums = points[first].sum(0), points[second].sum(0)
        similarity = sum(np.linalg.norm(total) for total in sums) / len(members)
        if similarity < best + 1e-4:
            break
        best = similarity
        a, b = (total / np.linalg.norm(total) for total in sums)
    return first, second


def slow_clusters(points, members, size: int, start: int, seed: int) -> list[frozenset]:
    """Halve again and again, each time into whole clusters."""
    n_clusters = -(-len(members) // size)
    if n_clusters < 2:
        return [frozenset(members)]
    middle = n_clusters // 2 * size
    first, second = halves(points, members, middle, start, seed)
    return slow_clusters(points, first, size, start, seed) + slow_clusters(points, second, size, start + middle, seed)


@pytest.mark.parametrize(("n", "size"), [(64, 8), (100, 16), (97, 5), (20, 20), (30, 29), (9, 1)])
def test_clusters_are_those_of_plain_two_means(n, size):
    points = unit(normal(n, 6))
    order = _balanced_clusters(points, size, np.random.default_rng(3))
    assert sorted(order.tolist()) == list(range(n))
    found = [frozenset(order[start : start + size].tolist()) for start in range(0, n, size)]
    seed = int(np.random.default_rng(3).integers(2**63))
    assert found == slow_clusters(points.astype(np.float64), list(range(n)), size, 0, seed)


def test_some_clusters_are_those_of_all():
    points = unit(normal(300, 6))
    every = set(slow_clusters(points.astype(np.float64), list(range(300)), 16, 0, 3))
    (size, whole, _), *_ = some_clusters(points, 16, 400, 3)
    assert size == 16
    assert {frozenset(members) for members in whole.tolist()} == {members for members in every if len(members) == 16}
    (_, some, seconds), (_, halves_of_some, more), *rest = some_clusters(points, 16, 64, 3)
    assert some.shape == (4, 16)
    assert {frozenset(members) for members in some.tolist()} < every
    assert all(sum(set(half) <= set(members) for members in some.tolist()) == 1 for half in halves_of_some.tolist())
    assert halves_of_some.shape == (8, 8)
    assert [size for size, *_ in rest] == [4, 2]
    assert 0 < seconds <= more


@pytest.mark.parametrize(("size", "most"), [(16, 2), (None, 2), (8, 2), (4, 4)])
def test_a_batch_holds_whole_clusters(size, most):
    sampler = ClusterBatchSampler.from_embeddings(CLUSTERED, 16, cluster_size=size)
    assert sampler.cluster_size == (size or 16)
    # A split of one of the twenty clusters can't be made good later on.
    assert np.mean([len(members) for members in of_clusters(sampler)]) < 1.5 * most


def test_clusters_larger_than_a_batch_are_cut_at_random():
    near = np.repeat(np.arange(2), 80)
    points = np.eye(2)[near] + 0.01 * normal(160, 2)
    sampler = ClusterBatchSampler.from_embeddings(points, 16, cluster_size=80)
    first, second = (sorted(sampler) for _ in range(2))
    assert all(len(set(near[batch])) == 1 for batch in first)
    together = [set(batch) for batch in second]
    assert max(len(set(batch) & other) for batch in first for other in together) < 10


def test_larger_clusters_make_batches_harder():
    points = np.repeat(normal(40, 16), 25, 0) + 0.5 * normal(1000, 16, 1)
    hardness = [
        batch_hardness(list(ClusterBatchSampler.from_embeddings(points, 24, cluster_size=size)), points).value
        for size in (1, 4, 24)
    ]
    assert hardness[0] + 0.05 < hardness[1] < hardness[2] - 0.3


def test_a_schedule_of_sizes_counts_batches_over_epochs():
    asked = []
    sampler = ClusterBatchSampler.from_embeddings(
        CLUSTERED, 16, cluster_size=lambda step: asked.append(step) or min(2 + step, 16)
    )
    epochs = [list(sampler) for _ in range(2)]
    assert set(asked) == {0, 10}
    assert all(sorted(flat(epoch)) == list(range(160)) for epoch in epochs)
    bad = ClusterBatchSampler.from_embeddings(CLUSTERED, 16, cluster_size=lambda step: 0)
    with pytest.raises(ValueError, match=r"cluster_size must be between 1 and 160, got 0"):
        next(iter(bad))


def test_a_schedule_of_sizes_in_the_background_and_a_resume():
    def drawn(stop):
        settings = {"cluster_size": DoublingSize(2, 16, every=3), "refresh": "background", "refresh_every": 3}
        sampler = ClusterBatchSampler.from_embeddings(CLUSTERED, 16, **settings)
        run = training(sampler, CLUSTERED)
        batches = list(itertools.islice(run, stop))
        state = copy.deepcopy(sampler.state_dict())
        resumed = ClusterBatchSampler(160, 16, warmup_epochs=0, **settings)
        resumed.load_state_dict(state)
        return batches + list(itertools.islice(training(resumed, CLUSTERED, stop), 18 - stop))

    whole = drawn(0)
    assert drawn(5) == whole
    assert drawn(8) == whole


def test_doubling():
    schedule = DoublingSize(start=3, most=20, every=10)
    assert [schedule(step) for step in (0, 9, 10, 20, 30, 10**12)] == [3, 3, 6, 12, 20, 20]
    with pytest.raises(ValueError, match="most must be at least 30, got 20"):
        DoublingSize(start=30, most=20)


def test_pairs_are_clustered_by_their_sums():
    queries, targets = normal(80, 6), normal(80, 6, 1)
    paired = ClusterBatchSampler.from_embeddings(queries, 10, targets=targets)
    sums = ClusterBatchSampler.from_embeddings(unit(queries) + unit(targets), 10)
    assert {frozenset(batch) for batch in paired} == {frozenset(batch) for batch in sums}


def test_equal_embeddings():
    assert sorted(flat(ClusterBatchSampler.from_embeddings(np.ones((48, 3)), 8))) == list(range(48))


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (101, ValueError), (2.5, TypeError), ("8", TypeError)])
def test_wrong_sizes(size, error):
    with pytest.raises(error, match=r"cluster_size must be .*between 1 and 100"):
        ClusterBatchSampler(100, 10, cluster_size=size)
