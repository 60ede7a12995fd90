"""Metrics against naive loops and closed forms."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import cosine, false_negatives, hardness, pairs

from toolkit import ProximityGraph, RandomWalkBatchSampler, UniformBatchSampler, _checks
from toolkit.engine.linking import candidate_blocks
from toolkit.metrics import (
    batch_hardness,
    coverage,
    false_negative_rate,
    frontier,
    hardest_pairs,
    same_pairs,
    staleness,
)

POINTS = np.random.default_rng(0).normal(size=(60, 5))
LABELS = np.random.default_rng(1).integers(0, 4, 60)
BATCHES = [[0, 5, 9, 33], [59, 1], list(range(20, 45)), [7, 3, 2]]
METRICS = {
    "hardness": lambda batches: batch_hardness(batches, POINTS),
    "false negatives": lambda batches: false_negative_rate(batches, LABELS),
    "coverage": lambda batches: coverage(batches, 60),
}


@given(
    batches=st.lists(st.lists(st.integers(0, 59), min_size=2, max_size=12, unique=True), min_size=1, max_size=8),
    convert=st.sampled_from([list, np.array, torch.tensor]),
)
def test_naive_loops(batches, convert):
    given_batches = [convert(batch) for batch in batches]
    hard = batch_hardness(given_batches, POINTS)
    np.testing.assert_allclose(hard.per_batch, [hardness(batch, POINTS) for batch in batches], atol=1e-6)
    assert hard.mean == pytest.approx(np.mean(hard.per_batch))
    wrong = false_negative_rate(given_batches, LABELS)
    np.testing.assert_allclose(wrong.per_batch, [false_negatives(batch, LABELS) for batch in batches])
    assert wrong.rate == pytest.approx(np.mean(wrong.per_batch))
    covered = coverage(given_batches, 60)
    assert covered.visits.tolist() == [sum(index in batch for batch in batches) for index in range(60)]
    assert covered.share == len({index for batch in batches for index in batch}) / 60


def test_histogram_of_all_pairs():
    values = np.array([cosine(POINTS)[i, j] for batch in BATCHES for i, j in pairs(batch)])
    hard = batch_hardness(BATCHES, POINTS)
    assert len(hard.edges) == len(hard.histogram) + 1 == 201
    np.testing.assert_array_equal(hard.histogram, np.histogram(values, hard.edges)[0])


def test_similarities_of_one_and_minus_one_are_in_the_outer_bins():
    hard = batch_hardness([[0, 1], [0, 2], [1, 3]], np.array([[1.0, 1, 1], [3, 3, 3], [-2, -2, -2], [1, -1, 0]]))
    np.testing.assert_allclose(hard.per_batch, [1, -1, 0], atol=1e-6)
    assert (hard.histogram[0], hard.histogram[-1], hard.histogram.sum()) == (1, 1, 3)
    assert hard.histogram[99:101].sum() == 1


@pytest.mark.parametrize("container", [np.asarray, torch.as_tensor, lambda points: points.tolist()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_closed_forms(container, dtype):
    n = 6
    assert batch_hardness([range(n)], container(np.eye(n, dtype=dtype) * 3)).mean == pytest.approx(0, abs=1e-7)
    # n unit vectors at the corners of a simplex have similarity -1 / (n - 1).
    simplex = np.eye(n, dtype=dtype) - 1 / n
    assert batch_hardness([range(n)], container(simplex.astype(dtype))).mean == pytest.approx(-1 / (n - 1))


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 1, 2], list("aaabbc"), np.array([5.0, 5, 5, -1, -1, 0])])
def test_prior_and_extremes(labels):
    # 3 + 1 of the 15 pairs have the same label.
    found = false_negative_rate([[0, 1, 2], [0, 3, 5], range(6)], labels)
    assert found.prior == pytest.approx(4 / 15)
    assert found.per_batch.tolist() == pytest.approx([1, 0, 4 / 15])
    assert false_negative_rate([[0, 1]], torch.tensor([7, 7, 7])).prior == 1
    assert false_negative_rate([[0, 1]], [0, 1, 2]).prior == 0


def test_same_pairs():
    assert same_pairs(np.array([3, 2, 1])) == pytest.approx(4 / 15)


def test_uniform_batches_have_the_prior(clusters):
    sampler = UniformBatchSampler(5000, 100, seed=1)
    found = false_negative_rate([batch for _ in range(10) for batch in sampler], clusters.labels)
    # 500 batches: the interval is +- 0.0005 and misses the prior in one of 20 seeds; five half-widths do not.
    half = found.interval()[1] - found.rate
    assert found.prior == pytest.approx(499 / 4999)
    assert abs(found.rate - found.prior) < 5 * half
    assert half < 0.001


@pytest.mark.parametrize("measure", [METRICS["hardness"], METRICS["false negatives"]])
def test_interval(measure):
    found = measure(BATCHES)
    low, high = found.interval()
    mean, half = found.per_batch.mean(), 1.96 * found.per_batch.std(ddof=1) / 2  # of 4 batches
    assert (low, high) == pytest.approx((mean - half, mean + half))
    assert np.isnan(measure(BATCHES[:1]).interval()).all()


def test_to_frame():
    for name, column in (("hardness", "hardness"), ("false negatives", "false_negative_rate")):
        found = METRICS[name](BATCHES)
        table = found.to_frame()
        assert (table.shape, list(table), table.index.name) == ((4, 1), [column], "batch")
        np.testing.assert_array_equal(table[column], found.per_batch)
    covered = METRICS["coverage"](BATCHES)
    table = covered.to_frame()
    assert (table.shape, list(table), table.index.name) == ((60, 1), ["visits"], "index")
    np.testing.assert_array_equal(table.visits, covered.visits)


def test_repr():
    assert repr(batch_hardness([[0, 1], [0, 2]], np.eye(3))) == "Hardness(mean=0.000, batches=2)"
    assert repr(false_negative_rate([[0, 1, 2]], [0, 0, 1])) == "FalseNegatives(rate=0.333, prior=0.333, batches=1)"
    assert repr(coverage([[0, 1], [1, 2]], 4)) == "Coverage(share=0.750, mean=1.00, max=2)"


@pytest.mark.parametrize("measure", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    ("batches", "exception", "message"),
    [
        ([], ValueError, "batches must hold at least one batch"),
        ([[0, 1], [2]], ValueError, "batches must hold at least 2 instances each, got one with 1"),
        ([[0, 1], []], ValueError, "batches must hold at least 2 instances each, got one with 0"),
        ([[0, 1], [3, 4, 3]], ValueError, "batches must hold distinct instances, got one with an instance twice"),
        ([[0, 60]], IndexError, "batches must lie in [0, 60), got 60"),
        ([[0, -1]], IndexError, "batches must lie in [0, 60), got -1"),
        ([[0.0, 1.0]], TypeError, "batches must be integers, got dtype float64"),
        ([[[0, 1]]], ValueError, "batches must be one-dimensional"),
        ([0, 1], ValueError, "batches must be one-dimensional"),
    ],
)
def test_bad_batches(measure, batches, exception, message):
    with pytest.raises(exception) as error:
        measure(batches)
    assert message in str(error.value)


def test_bad_embeddings_and_labels():
    points = POINTS.copy()
    points[[5, 20]] = np.nan
    with pytest.raises(ValueError, match=r"2 bad row\(s\), first \[5, 20\]"):
        batch_hardness(BATCHES, points)
    assert batch_hardness([[0, 1]], points).mean == batch_hardness([[0, 1]], POINTS).mean  # only members count
    with pytest.raises(ValueError, match=r"embeddings must have shape \(N, d\)"):
        batch_hardness(BATCHES, POINTS[:, 0])
    with pytest.raises(ValueError, match=r"labels must have shape \(60,\), one per instance, got \(60, 5\)"):
        false_negative_rate(BATCHES, POINTS)
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        coverage([[0, 1]], 1)


@pytest.fixture(scope="module")
def table(clusters):
    return frontier(clusters.points, clusters.labels, 50, neighbors=[(50, 100), (20, 500)], restarts=[0.05, 0.5, 0.8])


def test_frontier_has_a_row_per_setting(table):
    columns = "sampler n_neighbors n_candidates restart hardness false_negative_rate false_negative_half prior"
    assert sorted(table) == sorted(columns.split())
    assert table.sampler.tolist() == ["Uniform", "kNN"] + ["Random walk"] * 6
    settings = table[["n_neighbors", "n_candidates", "restart"]]
    assert settings[:2].isna().all(axis=None)
    expected = [(k, m, restart) for k, m in ((50, 100), (20, 500)) for restart in (0.05, 0.5, 0.8)]
    assert [tuple(row) for row in settings[2:].to_numpy().tolist()] == expected
    assert table.prior.tolist() == pytest.approx([499 / 4999] * 8)
    assert table.notna()[["hardness", "false_negative_rate", "false_negative_half"]].all(axis=None)


def test_frontier_lies_between_the_references(table):
    uniform, knn, walks = table.iloc[0], table.iloc[1], table.iloc[2:]
    for column in ("hardness", "false_negative_rate"):
        assert uniform[column] < walks[column].min()
        assert walks[column].max() < knn[column]
        few, many = walks[column][:3], walks[column][3:]
        # A higher restart probability and more candidates per neighbour give harder batches.
        assert few.is_monotonic_increasing
        # With 20 neighbours for 50 members, 0.8 is hardly harder than 0.5 (8 seeds: +0.004 to +0.010, spread 0.008).
        assert many.iloc[0] < many.iloc[1:].min()
        assert (many.to_numpy() > few.to_numpy()).all()
    assert uniform.false_negative_rate == pytest.approx(uniform.prior, abs=3 * uniform.false_negative_half)


def test_frontier_follows_from_its_seed():
    def run(seed):
        return frontier(POINTS, LABELS, 10, neighbors=[(5, 30)], restarts=[0.2], n_batches=3, seed=seed)

    assert run(0).equals(run(0))
    assert not run(0).equals(run(1))


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"batch_size": 61}, ValueError, "batch_size must be between 2 and 60, got 61"),
        ({"n_batches": 0}, ValueError, "n_batches must be at least 1, got 0"),
        ({"neighbors": [(31, 30)]}, ValueError, "n_neighbors must be between 1 and 30, got 31"),
        ({"restarts": [1.0]}, ValueError, "restart must be a number in [0, 1)"),
        ({"embeddings": POINTS * np.nan}, ValueError, "embeddings must be finite"),
        ({"labels": LABELS[:59]}, ValueError, "labels must have shape (60,), one per instance, got (59,)"),
        ({"labels": np.append(LABELS, 0)}, ValueError, "labels must have shape (60,), one per instance, got (61,)"),
    ],
)
def test_frontier_errors(arguments, exception, message):
    defaults = {"embeddings": POINTS, "labels": LABELS, "batch_size": 10, "neighbors": [(5, 30)], "restarts": [0.2]}
    with pytest.raises(exception) as error:
        frontier(**defaults | arguments)
    assert message in str(error.value)


# The most similar pairs


@pytest.mark.parametrize("only_false", [False, True])
def test_hardest_pairs_are_those_of_a_search_through_all(clusters, only_false):
    rng = np.random.default_rng(1)
    batches = [rng.permutation(300)[:40] for _ in range(5)]
    points, labels = clusters.points[:300].astype(float), clusters.labels[:300]
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    pairs = {tuple(sorted(pair)) for batch in batches for pair in itertools.combinations(batch.tolist(), 2)}
    if only_false:
        pairs = {(i, j) for i, j in pairs if labels[i] == labels[j]}
    expected = sorted(pairs, key=lambda pair: -unit[pair[0]] @ unit[pair[1]])[:25]
    found = hardest_pairs(batches, points, 25, labels, only_false)
    assert list(zip(found["first"], found["second"], strict=True)) == expected
    np.testing.assert_allclose(found.similarity, [unit[i] @ unit[j] for i, j in expected], rtol=1e-5)
    assert found.same_label.tolist() == [labels[i] == labels[j] for i, j in expected]


def test_hardest_pairs_may_be_fewer_than_asked_for():
    found = hardest_pairs([[0, 1], [1, 2]], np.eye(3) + 0.1, 10, [0, 0, 1], only_false=True)
    assert list(zip(found["first"], found["second"], strict=True)) == [(0, 1)]
    assert len(hardest_pairs([[0, 1]], np.eye(3), 10, [0, 1, 1], only_false=True)) == 0
    assert "same_label" not in hardest_pairs([[0, 1]], np.eye(3))


def test_hardest_pairs_without_labels_cannot_be_false():
    with pytest.raises(ValueError, match="labels must be given with only_false=True"):
        hardest_pairs([[0, 1]], np.eye(2), only_false=True)


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        ([2, 0, 1, 0], [2, 0, 1, 0]),
        (np.array([2, 0, 1, 0], np.uint8), [2, 0, 1, 0]),
        ([5, 0, 3, 0], [2, 0, 1, 0]),
        ([0, 0, 2, 2], [0, 0, 1, 1]),
        ([-1, 0, 1, 0], [0, 1, 2, 1]),
        ([True, False, True, True], [1, 0, 1, 1]),
        (["b", "a", "b", "a"], [1, 0, 1, 0]),
    ],
)
def test_labels_become_codes_without_gaps(labels, codes):
    found = _checks.labels(labels, 4)
    assert found.tolist() == codes
    assert found.dtype == np.int64


def test_labels_that_are_codes_are_not_sorted_again(monkeypatch):
    monkeypatch.setattr(np, "unique", None)
    assert _checks.labels(np.arange(6) % 3, 6).tolist() == [0, 1, 2, 0, 1, 2]


# Staleness of the graph


def slow_staleness(graph, old, new, n_neighbors):
    """Rank each instance's candidates, whichever they were, by the old and the new embeddings."""
    shares = []
    for rows, candidates in candidate_blocks(len(old), graph.n_candidates, graph.seed):
        for row in rows:
            others = candidates[candidates != row] if row in candidates else candidates[:-1]
            best = [set(others[np.argsort(-cosine(points)[row, others])[:n_neighbors]]) for points in (old, new)]
            shares.append(len(best[0] - best[1]) / n_neighbors)
    return np.mean(shares)


@pytest.mark.parametrize("noise", [0.1, 0.5, 5.0])
def test_staleness_against_ranking_all_candidates_anew(noise):
    rng = np.random.default_rng(2)
    old = rng.normal(size=(150, 6))
    new = old + noise * rng.normal(size=old.shape)
    graph = ProximityGraph.build(old, n_candidates=40, n_neighbors=8, seed=9)
    expected = slow_staleness(graph, old, new, 8)
    assert staleness(graph, new, n_rows=150) == pytest.approx(expected)
    assert staleness(graph, new, n_rows=60) == pytest.approx(expected, abs=0.1)


def test_staleness_is_zero_for_the_same_embeddings_and_that_of_chance_for_others(clusters):
    graph = ProximityGraph.build(clusters.points, n_candidates=200, n_neighbors=20, seed=4)
    assert staleness(graph, clusters.points) == staleness(graph, 3 * clusters.points, 5000) == 0
    others = np.random.default_rng(5).normal(size=(5000, 16))
    assert staleness(graph, others) == pytest.approx(1 - 20 / 200, abs=0.01)
    assert staleness(ProximityGraph.nearest(clusters.points, n_neighbors=10), clusters.points, 5000) < 0.001


def test_staleness_survives_a_checkpoint_of_the_sampler(clusters):
    settings = {"batch_size": 64, "n_candidates": 100, "n_neighbors": 10}
    sampler = RandomWalkBatchSampler.from_embeddings(clusters.points, **settings)
    other = RandomWalkBatchSampler(5000, **settings, warmup_epochs=0)
    other.load_state_dict(sampler.state_dict())
    assert other.graph.seed == sampler.graph.seed
    assert staleness(other.graph, clusters.points) == 0


def test_staleness_names_bad_input():
    graph = ProximityGraph.build(POINTS, n_candidates=20, n_neighbors=5)
    with pytest.raises(ValueError, match="embeddings must be of the graph's 60 instances, got 59"):
        staleness(graph, POINTS[:-1])
    with pytest.raises(ValueError, match="n_rows must be at least 1, got 0"):
        staleness(graph, POINTS, 0)
