"""What a graph is like, against plain counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import cosine, top_k

from toolkit import ProximityGraph
from toolkit.metrics import graph as structure

POINTS = np.random.default_rng(0).normal(size=(120, 6))
LABELS = np.arange(120) % 4
GRAPH = ProximityGraph.build(POINTS, n_candidates=40, n_neighbors=8, seed=5)


def test_in_degrees_are_counted():
    result = structure.in_degrees(GRAPH)
    counts = [sum(node in row for row in GRAPH.neighbors.tolist()) for node in range(120)]
    assert result.counts.tolist() == counts
    assert result.cv == pytest.approx(np.std(counts) / 8)
    assert result.unreachable == counts.count(0) / 120
    assert result.to_frame().in_degree.tolist() == counts
    assert repr(result) == f"InDegrees(cv={result.cv:.2f}, max={max(counts)}, unreachable={result.unreachable:.3f})"


def test_unreachable_instances_are_counted():
    graph = ProximityGraph(np.array([[1], [0], [0], [0]], np.int32), np.ones((4, 1), np.float32), 3)
    assert structure.in_degrees(graph).unreachable == 0.5


def test_same_label_edges_are_counted():
    result = structure.same_label_edges(GRAPH, LABELS)
    same = [[LABELS[i] == LABELS[j] for j in row] for i, row in enumerate(GRAPH.neighbors.tolist())]
    np.testing.assert_allclose(result.per_node, np.mean(same, axis=1))
    assert result.rate == pytest.approx(np.mean(same))
    assert result.prior == pytest.approx(29 / 119)
    assert result.over_chance == pytest.approx(result.rate / result.prior)
    assert len(result.to_frame()) == 120


def test_labels_that_never_repeat_have_no_ratio():
    result = structure.same_label_edges(GRAPH, np.arange(120))
    assert (result.rate, result.prior) == (0, 0)
    assert np.isnan(result.over_chance)


@given(n=st.integers(3, 200), m=st.integers(1, 250), seed=st.integers(0, 5))
def test_candidates_are_those_the_graph_looked_at(n, m, seed):
    points = np.random.default_rng(seed).normal(size=(n, 5))
    k = min(m, n - 1, 4)
    graph = ProximityGraph.build(points, n_candidates=m, n_neighbors=k, seed=seed)
    candidates, similarities = structure.Candidates(n, n_candidates=m, seed=seed), cosine(points)
    for index in (0, n // 2, n - 1):
        found = candidates.of(index)
        assert len(set(found.tolist())) == len(found) == min(m, n - 1)
        assert index not in found
        assert set(graph.neighbors[index].tolist()) == set(top_k(similarities[index], found.tolist(), k))


def test_worst_ranks_are_counted():
    rows, similarities = np.array([3, 50, 119]), cosine(POINTS)
    found = structure.worst_neighbor_ranks(GRAPH, POINTS, rows)
    for rank, row in zip(found, rows, strict=True):
        others = np.delete(similarities[row], row)
        worst = min(similarities[row, j] for j in GRAPH.neighbors[row])
        assert rank == (others >= worst - 1e-9).sum()


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [
        (lambda: structure.same_label_edges(GRAPH, LABELS[1:]), ValueError, r"labels must have shape \(120,\)"),
        (lambda: structure.Candidates(1, n_candidates=5), ValueError, "n must be at least 2, got 1"),
        (lambda: structure.Candidates(10, n_candidates=0), ValueError, "n_candidates must be at least 1, got 0"),
        (lambda: structure.Candidates(10, n_candidates=5).of(10), ValueError, "index must be between 0 and 9, got 10"),
        (lambda: structure.worst_neighbor_ranks(GRAPH, POINTS, [120]), IndexError, "rows must lie in"),
    ],
)
def test_bad_input_is_named(call, exception, message):
    with pytest.raises(exception, match=message):
        call()
