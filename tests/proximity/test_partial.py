"""Graphs of which only the rows that walks read are built."""

import numpy as np
import pytest

from toolkit.proximity import PartialGraph, ProximityGraph, join_pairs, trace_walk, walk_batches


def both(points, paired=False, **sizes):
    full = ProximityGraph.build(points, paired=paired, seed=5, n_threads=1, **sizes)
    return PartialGraph(points, paired=paired, seed=5, **sizes), full


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize(
    ("n", "d", "m", "k"), [(700, 8, 100, 10), (700, 40, 699, 30), (3000, 128, 600, 600), (3000, 64, 1200, 1)]
)
def test_rows_are_those_of_the_whole_graph(n, d, m, k, paired):
    points = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)
    part, full = both(points, paired, n_candidates=m, n_neighbors=k)
    some = np.random.default_rng(1).permutation(n)[:200]
    for node in some:
        part.link(int(node))
    np.testing.assert_array_equal(part.neighbors[some], full.neighbors[some])


def test_rows_with_equal_similarities_are_those_of_the_whole_graph():
    points = np.random.default_rng(0).integers(0, 3, (900, 4)).astype(np.float32) + 1
    part, full = both(points, n_candidates=300, n_neighbors=20)
    part.link(17)
    assert part.known.sum() > 1, "ties are decided for all rows that are compared at once"
    for node in range(0, 900, 7):
        part.link(node)
    np.testing.assert_array_equal(part.neighbors[part.known], full.neighbors[part.known])


@pytest.mark.parametrize("restart", [0.0, 0.2, 0.8])
@pytest.mark.parametrize(("k", "size"), [(3, 200), (50, 64)])
def test_walks_are_those_on_the_whole_graph(k, size, restart):
    points = np.random.default_rng(0).normal(size=(4000, 16)).astype(np.float32)
    part, full = both(points, n_candidates=200, n_neighbors=k)
    starts = np.array([7, 9, 7])
    batches, stats = walk_batches(part, starts[:2], size, restart=restart, seed=3)
    expected, _ = walk_batches(full, starts, size, restart=restart, seed=3)
    np.testing.assert_array_equal(batches, expected[:2], "the first walks do not depend on how many there are")
    assert stats == walk_batches(full, starts[:2], size, restart=restart, seed=3)[1]
    assert part.known.sum() < 2 * size + (50 if k > 3 else 2000), "only what was read is linked"
    ours, theirs = (trace_walk(graph, 11, size, restart=restart, seed=2) for graph in (part, full))
    np.testing.assert_array_equal(ours.nodes, theirs.nodes)
    np.testing.assert_array_equal(ours.kinds, theirs.kinds)


def test_pairs_are_linked_by_what_their_loss_sees():
    queries, targets = np.random.default_rng(0).normal(size=(2, 500, 8))
    part, full = both(join_pairs(queries, targets), True, n_candidates=100, n_neighbors=10)
    part.link(3)
    np.testing.assert_array_equal(part.neighbors[3], full.neighbors[3])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_candidates": 10, "n_neighbors": 11}, "n_neighbors"),
        ({"seed": -1}, "seed"),
        ({"paired": 1}, "paired"),
    ],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PartialGraph(np.random.default_rng(0).normal(size=(40, 4)), **settings)


def test_a_node_outside_the_graph_is_refused():
    graph = PartialGraph(np.random.default_rng(0).normal(size=(40, 4)))
    with pytest.raises((IndexError, ValueError), match="node"):
        graph.link(40)


def test_another_size_has_rows_of_its_own():
    points = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    wide, _ = both(points, n_candidates=120, n_neighbors=20)
    wide.link(7)
    narrow = wide.resized(n_candidates=40, n_neighbors=5)
    assert not narrow.known.any()
    narrow.link(7)
    full = ProximityGraph.build(points, n_candidates=40, n_neighbors=5, seed=5)
    assert sorted(narrow.neighbors[7]) == sorted(full.neighbors[7])
    assert (wide.neighbors.shape, wide.known.sum()) == ((300, 20), 1)
    with pytest.raises(ValueError, match="n_neighbors"):
        wide.resized(n_candidates=5, n_neighbors=6)
