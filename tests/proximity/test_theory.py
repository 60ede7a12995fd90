"""Propositions against simulation, linear algebra and networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from toolkit import ProximityGraph
from toolkit.metrics import graph as structure
from toolkit.proximity import theory, visit_frequencies


def two_blocks(n=60, k=6, seed=0):
    """A graph of two halves with few edges between them."""
    labels = np.arange(n) % 2
    points = np.random.default_rng(seed).normal(size=(n, 6)) + 2 * np.eye(6)[labels]
    return ProximityGraph.build(points, n_candidates=n // 2, n_neighbors=k, seed=seed), labels == 0


GRAPH, HALF = two_blocks()


def undirected_lazy(graph):
    """The transition matrix of Proposition 2's walk, dense."""
    adjacency = nx.to_numpy_array(graph.to_networkx(), weight=None)
    adjacency = adjacency + adjacency.T
    return (np.eye(len(adjacency)) + adjacency / adjacency.sum(1, keepdims=True)) / 2


def stationary(step, home, restart):
    """Solve p = restart home + (1 - restart) p step."""
    return np.linalg.solve((np.eye(len(step)) - (1 - restart) * step).T, restart * home)


# Proposition 1


@pytest.mark.parametrize("n_similar", [10, 20, 30])
def test_probability_is_that_of_drawing(n_similar):
    rng = np.random.default_rng(0)
    n, m, k, trials = 100, 40, 8, 4000
    # Instance n - 1 draws; the similar ones are 0, 1, ...
    draws = [rng.choice(n - 1, m, replace=False) for _ in range(trials)]
    share = np.mean([(draw < n_similar).sum() >= k for draw in draws])
    expected = theory.all_neighbors_similar(n, n_similar, n_candidates=m, n_neighbors=k)
    assert share == pytest.approx(expected, abs=4 * np.sqrt(0.25 / trials))


def test_graph_does_what_the_proposition_says():
    n, m, k = 2000, 200, 20
    points = np.random.default_rng(1).normal(size=(n, 8))
    ranks = structure.worst_neighbor_ranks(
        ProximityGraph.build(points, n_candidates=m, n_neighbors=k, seed=0), points, np.arange(n)
    )
    for n_similar in (160, 200, 240):
        expected = theory.all_neighbors_similar(n, n_similar, n_candidates=m, n_neighbors=k)
        # Instances in one block share candidates, so they are not independent: a bound wide of binomial noise.
        assert (ranks <= n_similar).mean() == pytest.approx(expected, abs=0.1)


@given(n=st.integers(2, 3000), share=st.floats(0, 1), m=st.integers(1, 400), part=st.floats(0, 1))
def test_closed_form_is_a_lower_bound_of_independent_draws(n, share, m, part):
    n_similar, k = int(share * (n - 1)), max(1, int(part * m))
    exact = binom.sf(k - 1, m, n_similar / n)
    assert theory.all_neighbors_similar_bound(n, n_similar, n_candidates=m, n_neighbors=k) <= exact + 1e-9


def test_closed_form_is_no_bound_without_repetition():
    assert theory.all_neighbors_similar(5, 1, n_candidates=2, n_neighbors=2) == 0
    assert theory.all_neighbors_similar_bound(5, 1, n_candidates=2, n_neighbors=2) == pytest.approx(0.04)


def test_exponent_m_is_no_bound():
    # The digest's numbers: N = 50,000, M = 1000, K = 100.
    assert binom.sf(99, 1000, 500 / 50_000) < 1e-60
    assert (1 - (1 - 500 / 50_000) ** 1000) ** 100 > 0.99


# Walks


@pytest.mark.parametrize("restart", [0.05, 0.3, 0.9])
def test_pagerank_is_that_of_networkx(restart):
    expected = nx.pagerank(
        GRAPH.to_networkx(), alpha=1 - restart, personalization={7: 1}, weight=None, tol=1e-12, max_iter=1000
    )
    np.testing.assert_allclose(theory.pagerank(GRAPH, 7, restart=restart), [expected[i] for i in range(60)], atol=1e-7)


def test_pagerank_of_weights_is_the_weighted_mean():
    weights = np.arange(60.0)
    single = np.array([theory.pagerank(GRAPH, i, restart=0.2, undirected=True) for i in range(60)])
    mean = theory.pagerank(GRAPH, weights, restart=0.2, undirected=True)
    np.testing.assert_allclose(mean, weights @ single / weights.sum(), atol=1e-7)


def test_undirected_pagerank_solves_its_equations():
    home = np.eye(60)[3]
    expected = stationary(undirected_lazy(GRAPH), home, 0.2)
    np.testing.assert_allclose(theory.pagerank(GRAPH, 3, restart=0.2, undirected=True), expected, atol=1e-8)


def test_walk_visits_what_pagerank_says():
    visits = visit_frequencies(GRAPH, 7, restart=0.2, n_steps=400_000)
    # Total variation of independent draws would be about 0.4 sqrt(60 / 400,000) = 0.005.
    assert np.abs(visits - theory.pagerank(GRAPH, 7, restart=0.2)).sum() / 2 < 0.01


def test_without_restart_the_start_does_not_matter():
    ranks = [theory.pagerank(GRAPH, start, restart=0.0) for start in (0, 33)]
    np.testing.assert_allclose(*ranks, atol=1e-6)


def ring(n=400):
    """A graph in which it takes many steps to get anywhere."""
    nodes = np.arange(n)
    neighbors = np.stack([(nodes - 1) % n, (nodes + 1) % n], axis=1)
    return ProximityGraph(neighbors, np.zeros((n, 2)), n_candidates=n - 1)


def test_what_has_not_converged_says_so():
    with pytest.warns(RuntimeWarning, match=r"pagerank has not converged: its iteration number 2,000 still changed"):
        theory.pagerank(ring(), 0, restart=1e-4)
    with pytest.warns(RuntimeWarning, match=r"escape has not converged.*take a larger restart probability"):
        theory.escape(ring(), np.arange(400) < 200, restart=1e-4)


def test_conductance_is_that_of_networkx():
    undirected = nx.Graph()
    undirected.add_nodes_from(range(60))
    for i, j in GRAPH.to_networkx().edges():
        weight = undirected.get_edge_data(i, j, {"weight": 0})["weight"]
        undirected.add_edge(i, j, weight=weight + 1)
    for members in (HALF, ~HALF, np.arange(60) < 5):
        expected = nx.conductance(undirected, np.flatnonzero(members).tolist(), weight="weight")
        assert theory.conductance(GRAPH, members) == pytest.approx(expected)


@pytest.mark.parametrize("restart", [0.05, 0.2, 0.5, 0.9])
def test_bound_holds_on_average_and_not_for_every_start(restart):
    found = theory.escape(GRAPH, HALF, restart=restart)
    assert found.average <= found.bound
    degrees = (GRAPH.n_neighbors + np.bincount(GRAPH.neighbors.ravel(), minlength=60)) * HALF
    mass = theory.pagerank(GRAPH, degrees, restart=restart, undirected=True)[~HALF].sum()
    assert found.average == pytest.approx(mass, abs=1e-7)
    assert found.worst == found.undirected[HALF].max()
    if restart >= 0.2:
        assert found.worst > found.bound, "some start exceeds it"


@given(
    n=st.integers(12, 40), k=st.integers(2, 8), seed=st.integers(0, 100), restart=st.floats(0.02, 0.95), cut=st.data()
)
def test_bound_holds_for_any_region(n, k, seed, restart, cut):
    graph = ProximityGraph.build(
        np.random.default_rng(seed).normal(size=(n, 4)), n_candidates=n - 1, n_neighbors=k, seed=seed
    )
    members = np.arange(n) < cut.draw(st.integers(1, n - 1))
    found = theory.escape(graph, members, restart=restart)
    assert found.average <= found.bound + 1e-6


def test_escape_is_pagerank_outside_from_every_start():
    found = theory.escape(GRAPH, HALF, restart=0.2)
    for start in range(0, 60, 7):
        assert found.walk[start] == pytest.approx(theory.pagerank(GRAPH, start, restart=0.2)[~HALF].sum(), abs=1e-7)
        lazy = stationary(undirected_lazy(GRAPH), np.eye(60)[start], 0.2)
        assert found.undirected[start] == pytest.approx(lazy[~HALF].sum(), abs=1e-7)
    assert found.bound == pytest.approx(2 * theory.conductance(GRAPH, HALF))
    assert theory.escape(GRAPH, HALF, restart=0.0).bound == np.inf


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [
        (
            lambda: theory.all_neighbors_similar(10, 10, n_candidates=5, n_neighbors=2),
            ValueError,
            "n_similar must be between 0 and 9, got 10",
        ),
        (
            lambda: theory.all_neighbors_similar(10, 5, n_candidates=5, n_neighbors=6),
            ValueError,
            "n_neighbors must be between 1 and 5, got 6",
        ),
        (
            lambda: theory.all_neighbors_similar_bound(1, 0, n_candidates=5, n_neighbors=2),
            ValueError,
            "n must be at least 2, got 1",
        ),
        (lambda: theory.pagerank(GRAPH, 60), IndexError, r"start must lie in \[0, 60\)"),
        (lambda: theory.pagerank(GRAPH, np.zeros(60)), ValueError, "start must be finite and non-negative"),
        (lambda: theory.pagerank(GRAPH, np.ones(3)), ValueError, r"start must have shape \(60,\)"),
        (lambda: theory.pagerank(GRAPH, 0, restart=1.0), ValueError, r"restart must be a number in \[0, 1\)"),
        (lambda: theory.conductance(GRAPH, HALF[1:]), ValueError, r"members must have shape \(60,\)"),
        (lambda: theory.conductance(GRAPH, HALF.astype(int)), TypeError, "members must be bool, got dtype int64"),
        (lambda: theory.conductance(GRAPH, HALF | True), ValueError, "some instances but not all, got 60 of 60"),
        (lambda: theory.escape(GRAPH, HALF, restart=1.5), ValueError, r"restart must be a number in \[0, 1\)"),
    ],
)
def test_bad_input_is_named(call, exception, message):
    with pytest.raises(exception, match=message):
        call()
