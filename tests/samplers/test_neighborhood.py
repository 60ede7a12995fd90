"""Neighbourhoods against plain Python, and the ranked neighbours that they and graph partitions are made of."""

import numpy as np
import pytest
from reference import cosine
from sampler_kinds import normal, unit

from toolkit.engine import nearest
from toolkit.engine.rules import Groups, Rules
from toolkit.samplers import NeighborhoodBatchSampler
from toolkit.samplers.neighborhood import _neighborhoods


def slow_neighborhoods(neighbors, n_join: int, batch_size: int, rng) -> list[int]:
    """As published: a pool of seeds, a set of those used, buckets that are emptied when they are full."""
    pool, used, batches, bucket = list(range(len(neighbors))), set(), [], []
    while pool:
        seed = pool.pop(0)
        if seed in used:
            continue
        used.add(seed)
        bucket.append(seed)
        near = list(neighbors[seed])
        always, others = near[: (n_join + 1) // 2], near[(n_join + 1) // 2 :]
        for other in always + rng.permutation(others).astype(int).tolist()[: n_join // 2]:
            if len(bucket) < batch_size and other >= 0 and other not in used:
                used.add(other)
                bucket.append(other)
        if len(bucket) == batch_size:
            batches += bucket
            bucket = []
    return batches + bucket


@pytest.mark.parametrize(
    ("n", "m", "n_join", "batch_size"), [(60, 8, 4, 8), (60, 12, 12, 5), (61, 7, 5, 20), (20, 3, 1, 20)]
)
def test_neighborhoods_are_those_of_plain_python(n, m, n_join, batch_size):
    neighbors = np.argsort(-cosine(normal(n)) + 9 * np.eye(n), axis=1)[:, :m]
    neighbors[3, 1:] = -1
    found = _neighborhoods(neighbors, n_join, batch_size, np.random.default_rng(2))
    assert found.tolist() == slow_neighborhoods(neighbors, n_join, batch_size, np.random.default_rng(2))
    assert sorted(found.tolist()) == list(range(n))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("skip", [0, 4])
@pytest.mark.parametrize("grouped", [False, True])
def test_ranked_neighbours_by_rules(grouped, skip, paired):
    points, k = unit(normal(50, 8)), 6
    codes = np.arange(50) // 5 if grouped else np.arange(50)
    scores = points @ (np.roll(points, points.shape[1] // 2, 1) if paired else points).T
    rules = Rules(paired, Groups(codes) if grouped else None, skip)
    found, similarities = nearest.ranked_neighbors(points, k, 0, rules)
    assert found.shape == similarities.shape == (50, k)
    for row in range(50):
        ranked = sorted((i for i in range(50) if i != row), key=lambda i: -scores[row, i])[: k + skip]
        expected = [i for i in ranked if codes[i] != codes[row]][skip:]
        assert found[row].tolist() == expected + [-1] * (k - len(expected))
        np.testing.assert_allclose(similarities[row, : len(expected)], scores[row, expected], atol=1e-6)


def test_nearly_nearest_pairs(monkeypatch):
    queries = np.repeat(normal(20, 6), 25, 0) + 0.3 * normal(500, 6, 1)
    points = unit(np.hstack([unit(queries), unit(queries + 0.3 * normal(500, 6, 2))]))
    exact, _ = nearest.ranked_neighbors(points, 10, 0, Rules(True))
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 100)
    *_, recall = nearest.nearest_neighbors(points, 10, 0, paired=True)
    found, _ = nearest.ranked_neighbors(points, 10, 0, Rules(True))
    common = np.mean([np.isin(ours, theirs).mean() for ours, theirs in zip(found, exact, strict=True)])
    assert common == pytest.approx(recall, abs=0.02)
    assert recall > 0.9


def test_default_sizes_follow_the_batch():
    sampler = NeighborhoodBatchSampler(1000, 128)
    assert (sampler.n_candidates, sampler.n_neighbors) == (128, 64)
    assert NeighborhoodBatchSampler(8, 8).n_candidates == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_candidates": 0}, "n_candidates must be at least 1, got 0"),
        ({"n_neighbors": 21}, "n_neighbors must be between 1 and 20, got 21: no more than candidates"),
        ({"skip": 80}, "skip must be between 0 and 79, got 80"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        NeighborhoodBatchSampler(100, 10, **{"n_candidates": 20} | changes)
