"""The graph of the nearest neighbours of all, exact and approximate, against brute force."""

import numpy as np
import pytest
from graph_checks import assert_valid, normal, spoiled
from reference import cosine
from sklearn.neighbors import NearestNeighbors

from toolkit import ProximityGraph
from toolkit.engine import nearest


@pytest.mark.parametrize("k", [1, 7, 119])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exact_graph(k, dtype):
    points = normal(120, 12).astype(dtype)
    graph = ProximityGraph.nearest(points, n_neighbors=k)
    assert_valid(graph, cosine(points))
    distances, rows = NearestNeighbors(n_neighbors=k, metric="cosine").fit(points.astype(np.float64)).kneighbors()
    np.testing.assert_array_equal(np.sort(graph.neighbors), np.sort(rows))
    np.testing.assert_allclose(np.sort(graph.similarities), np.sort(1 - distances), atol=2e-6)
    built = ProximityGraph.build(points, n_candidates=119, n_neighbors=k)
    np.testing.assert_array_equal(np.sort(graph.neighbors), np.sort(built.neighbors))
    np.testing.assert_allclose(np.sort(graph.similarities), np.sort(built.similarities), atol=1e-6)
    assert graph.recall == built.recall == 1
    assert repr(graph) == repr(built) == f"ProximityGraph(n_nodes=120, n_neighbors={k}, n_candidates=119)"


@pytest.fixture
def exact_up_to(monkeypatch):
    """Set up to how many instances the search is exact."""
    return lambda limit: monkeypatch.setattr(nearest, "EXACT_UP_TO", limit)


@pytest.mark.parametrize("limit", [0, 80])
@pytest.mark.parametrize("k", [1, 4, 5, 79])
def test_exact_graph_of_duplicates(k, limit, exact_up_to):
    exact_up_to(limit)
    # With fewer than five neighbours a row itself need not be among its K + 1 nearest.
    points = np.tile(normal(16, 24), (5, 1))
    graph, similarities = ProximityGraph.nearest(points, n_neighbors=k), cosine(points)
    assert_valid(graph, similarities)
    np.fill_diagonal(similarities, -2)
    np.testing.assert_allclose(np.sort(graph.similarities)[:, ::-1], -np.sort(-similarities)[:, :k], atol=2e-6)


@pytest.mark.parametrize(("probes", "k", "least"), [(64, 20, 0.98), (8, 20, 0.5), (1, 200, 0.1)])
def test_nearly_exact_graph(probes, k, least, clusters, monkeypatch, exact_up_to):
    # With one cell looked into, most rows do not find 200 others there and are searched exactly.
    monkeypatch.setattr(nearest, "_PROBES", probes)
    points = clusters.points[:4000]
    exact_up_to(3999)
    graph = ProximityGraph.nearest(points, n_neighbors=k)
    similarities = cosine(points)
    assert_valid(graph, similarities)
    np.fill_diagonal(similarities, -2)
    true = np.argpartition(-similarities, k)[:, :k]
    shares = np.array([np.isin(ours, best).mean() for ours, best in zip(graph.neighbors, true, strict=True)])
    # The bound is four standard errors of a mean over 1,000 rows.
    assert abs(graph.recall - shares.mean()) < 4 * shares.std() / 1000**0.5 + 1e-6
    assert least < graph.recall <= 1
    recall = f", recall={graph.recall:.3f}" if graph.recall < 1 else ""
    assert repr(graph) == f"ProximityGraph(n_nodes=4000, n_neighbors={k}, n_candidates=3999{recall})"
    exact_up_to(0)
    again = ProximityGraph.nearest(points, n_neighbors=k)
    exact_up_to(4000)
    exact = ProximityGraph.nearest(points, n_neighbors=k)
    np.testing.assert_array_equal(graph.neighbors, again.neighbors)
    assert again.recall == graph.recall
    assert exact.recall == 1
    np.testing.assert_allclose(
        np.sort(exact.similarities), np.sort(np.take_along_axis(similarities, true, 1)), atol=2e-6
    )


@pytest.mark.parametrize("n", [2, 5, 10])
def test_nearly_exact_graph_of_few_points(n, exact_up_to):
    exact_up_to(0)
    graph = ProximityGraph.nearest(normal(n), n_neighbors=n - 1, seed=2**80)
    assert_valid(graph, cosine(normal(n)))


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        (
            {"n_neighbors": 20},
            ValueError,
            "n_neighbors must be between 1 and 19, got 20: no more than other instances",
        ),
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be between 1 and 19, got 0"),
        ({"n_neighbors": 2.0}, TypeError, "n_neighbors must be an integer between 1 and 19, got 2.0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": None}, TypeError, "seed must be an integer at least 0, got None"),
        ({"embeddings": spoiled(np.nan, 7)}, ValueError, "got 1 bad row(s), first [7]"),
        ({"embeddings": spoiled(0.0, 3, 7)}, ValueError, "got 2 bad row(s), first [3, 7]"),
        ({"embeddings": np.ones(20)}, ValueError, "embeddings must have shape (N, d) with d >= 1, got (20,)"),
        ({"embeddings": np.ones((1, 3))}, ValueError, "number of embeddings must be at least 2, got 1"),
    ],
)
def test_bad_settings_of_the_exact_graph(arguments, exception, message):
    with pytest.raises(exception) as error:
        ProximityGraph.nearest(**{"embeddings": normal(20), "n_neighbors": 3} | arguments)
    assert message in str(error.value)
