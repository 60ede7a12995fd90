"""What a graph is like, against plain counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import cosine, top_k

from toolkit import ProximityGraph, metrics
from toolkit.proximity import join_pairs

POINTS = np.random.default_rng(0).normal(size=(120, 6))
LABELS = np.arange(120) % 4
GRAPH = ProximityGraph.build(POINTS, n_candidates=40, n_neighbors=8, seed=5)


def test_in_degrees_are_counted():
    result = metrics.in_degrees(GRAPH)
    counts = [sum(node in row for row in GRAPH.neighbors.tolist()) for node in range(120)]
    assert result.values.tolist() == counts
    assert result.value == pytest.approx(np.std(counts) / 8)
    assert result.unreachable == counts.count(0) / 120
    assert result.to_frame().in_degree.tolist() == counts
    assert (
        repr(result) == f"InDegrees(value={result.value:.2f}, max={max(counts)}, unreachable={result.unreachable:.3f})"
    )


def test_interval_of_the_in_degrees_spread_is_that_of_a_bootstrap():
    result = metrics.in_degrees(GRAPH)
    draws = np.random.default_rng(0).choice(result.values, (4000, 120))
    expected = np.quantile(draws.std(1) / draws.mean(1), [0.025, 0.975])
    # The quantiles of 4,000 draws scatter by 0.003; the two methods differ by 0.01 here.
    np.testing.assert_allclose(result.interval(), expected, atol=0.02)


def test_edges_of_instances_without_a_label_do_not_count():
    labels = np.where(np.arange(120) % 5 == 0, -1, LABELS)
    result = metrics.same_label_edges(GRAPH, labels)
    known = [[labels[i] == labels[j] for j in row if labels[j] >= 0] for i, row in enumerate(GRAPH.neighbors)]
    expected = [np.mean(row) if labels[i] >= 0 and row else np.nan for i, row in enumerate(known)]
    np.testing.assert_allclose(result.values, expected)
    assert result.value == pytest.approx(np.nanmean(expected))


def test_unreachable_instances_are_counted():
    graph = ProximityGraph(np.array([[1], [0], [0], [0]], np.int32), np.ones((4, 1), np.float32), n_candidates=3)
    assert metrics.in_degrees(graph).unreachable == 0.5


def test_same_label_edges_are_counted():
    result = metrics.same_label_edges(GRAPH, LABELS)
    same = [[LABELS[i] == LABELS[j] for j in row] for i, row in enumerate(GRAPH.neighbors.tolist())]
    np.testing.assert_allclose(result.values, np.mean(same, axis=1))
    assert result.value == pytest.approx(np.mean(same))
    assert result.prior == pytest.approx(29 / 119)
    assert result.over_chance == pytest.approx(result.value / result.prior)
    assert len(result.to_frame()) == 120


def test_instances_without_neighbours_have_no_edges():
    halves = np.arange(120) % 2
    graph = ProximityGraph.build(POINTS, n_candidates=2, n_neighbors=2, groups=halves)
    alone = (graph.neighbors == np.arange(120)[:, None]).all(1)
    assert alone.any()
    result = metrics.same_label_edges(graph, halves)
    np.testing.assert_array_equal(np.isnan(result.values), alone)
    assert result.value == 0  # groups are never linked


def test_labels_that_never_repeat_have_no_ratio():
    result = metrics.same_label_edges(GRAPH, np.arange(120))
    assert (result.value, result.prior) == (0, 0)
    assert np.isnan(result.over_chance)


@given(n=st.integers(3, 200), m=st.integers(1, 250), seed=st.integers(0, 5))
def test_candidates_are_those_the_graph_looked_at(n, m, seed):
    points = np.random.default_rng(seed).normal(size=(n, 5))
    k = min(m, n - 1, 4)
    graph = ProximityGraph.build(points, n_candidates=m, n_neighbors=k, seed=seed)
    candidates, similarities = metrics.Candidates(n, n_candidates=m, seed=seed), cosine(points)
    for index in (0, n // 2, n - 1):
        found = candidates.of(index)
        assert len(set(found.tolist())) == len(found) == min(m, n - 1)
        assert index not in found
        assert set(graph.neighbors[index].tolist()) == set(top_k(similarities[index], found.tolist(), k))


def test_worst_ranks_are_counted():
    rows, similarities = np.array([3, 50, 119]), cosine(POINTS)
    found = metrics.worst_neighbor_ranks(GRAPH, POINTS, rows)
    for rank, row in zip(found, rows, strict=True):
        others = np.delete(similarities[row], row)
        worst = min(similarities[row, j] for j in GRAPH.neighbors[row])
        assert rank == (others >= worst - 1e-9).sum()


def test_worst_ranks_of_pairs_compare_queries_with_targets():
    pairs = join_pairs(*np.random.default_rng(0).normal(size=(2, 100, 6)))
    exact = ProximityGraph.build(pairs, n_candidates=99, n_neighbors=10, paired=True)
    assert metrics.worst_neighbor_ranks(exact, pairs, [0, 1, 99]).tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [
        (lambda: metrics.same_label_edges(GRAPH, LABELS[1:]), ValueError, r"labels must have shape \(120,\)"),
        (lambda: metrics.Candidates(1, n_candidates=5), ValueError, "n must be at least 2, got 1"),
        (lambda: metrics.Candidates(10, n_candidates=0), ValueError, "n_candidates must be at least 1, got 0"),
        (lambda: metrics.Candidates(10, n_candidates=5).of(10), ValueError, "index must be between 0 and 9, got 10"),
        (lambda: metrics.worst_neighbor_ranks(GRAPH, POINTS, [120]), IndexError, "rows must lie in"),
    ],
)
def test_bad_input_is_named(call, exception, message):
    with pytest.raises(exception, match=message):
        call()
