"""Staleness of a graph against ranking all candidates again."""

import numpy as np
import pytest
from reference import cosine

from toolkit import ProximityGraph, RandomWalkBatchSampler
from toolkit.engine.linking import candidate_blocks
from toolkit.metrics import graph_staleness

POINTS = np.random.default_rng(0).normal(size=(60, 5))


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
def test_staleness_against_ranking_all_candidates_again(noise):
    rng = np.random.default_rng(2)
    old = rng.normal(size=(150, 6))
    new = old + noise * rng.normal(size=old.shape)
    graph = ProximityGraph.build(old, n_candidates=40, n_neighbors=8, seed=9)
    expected = slow_staleness(graph, old, new, 8)
    assert graph_staleness(graph, new, n_rows=150).value == pytest.approx(expected)
    assert graph_staleness(graph, new, n_rows=60).value == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("skip", [0, 3])
def test_staleness_of_a_graph_with_earlier_neighbours_against_ranking_the_candidates_that_it_knows(skip):
    rng = np.random.default_rng(2)
    old, middle, new = np.cumsum(rng.normal(size=(3, 150, 6)) * [[[1]], [[0.3]], [[0.5]]], 0)
    first = ProximityGraph.build(old, n_candidates=60, n_neighbors=8, skip=skip, seed=9)
    graph = first.rebuilt(middle, fresh=0.4, seed=3)
    assert graph_staleness(graph, middle, n_rows=150).value == 0
    similarities, shares = cosine(new), []
    for rows, candidates in candidate_blocks(150, 24, graph.seed):
        for row in rows:
            drawn = candidates[candidates != row] if row in candidates else candidates[:-1]
            known = np.unique([*drawn, *graph.neighbors[row], *graph.skipped[row][graph.skipped[row] >= 0]])
            best = known[np.argsort(-similarities[row, known])][skip : skip + 8]
            shares.append(len(set(graph.neighbors[row]) - set(best)) / 8)
    assert 0.1 < np.mean(shares) == pytest.approx(graph_staleness(graph, new, n_rows=150).value)


def test_staleness_is_zero_for_the_same_embeddings_and_that_of_chance_for_others(clusters):
    graph = ProximityGraph.build(clusters.points, n_candidates=200, n_neighbors=20, seed=4)
    assert graph_staleness(graph, clusters.points).value == graph_staleness(graph, 3 * clusters.points, 5000).value == 0
    others = np.random.default_rng(5).normal(size=(5000, 16))
    assert graph_staleness(graph, others).value == pytest.approx(1 - 20 / 200, abs=0.01)
    assert graph_staleness(ProximityGraph.nearest(clusters.points, n_neighbors=10), clusters.points, 5000).value < 0.001


def test_staleness_survives_a_checkpoint_of_the_sampler(clusters):
    settings = {"batch_size": 64, "n_candidates": 100, "n_neighbors": 10}
    sampler = RandomWalkBatchSampler.from_embeddings(clusters.points, **settings)
    other = RandomWalkBatchSampler(5000, **settings, warmup_epochs=0)
    other.load_state_dict(sampler.state_dict())
    assert other.graph.seed == sampler.graph.seed
    assert graph_staleness(other.graph, clusters.points).value == 0


def test_staleness_names_bad_input():
    graph = ProximityGraph.build(POINTS, n_candidates=20, n_neighbors=5)
    with pytest.raises(ValueError, match="embeddings must be of the graph's 60 instances, got 59"):
        graph_staleness(graph, POINTS[:-1])
    with pytest.raises(ValueError, match="n_rows must be at least 1, got 0"):
        graph_staleness(graph, POINTS, 0)
