"""The kept similarities against a dense matrix, and their order against networkx's Cuthill-McKee."""

import networkx as nx
import numpy as np
import pytest
from sampler_kinds import normal, unit

from toolkit.engine.rules import Groups, Rules
from toolkit.samplers import BandwidthBatchSampler, bandwidth
from toolkit.samplers.bandwidth import _kept_similarities, _similarity_quantile


def dense(points, n_neighbors: int, rules: Rules) -> np.ndarray:
    """The whole matrix of similarities, those below the quantile 0, and by rules also others."""
    n = len(points)
    scores = points @ (np.roll(points, points.shape[1] // 2, 1) if rules.paired else points).T
    others = np.sort(scores[~np.eye(n, dtype=bool)])
    limit = others[int((1 - n_neighbors / (n - 1)) * len(others))]
    kept = (scores >= limit) & ~np.eye(n, dtype=bool)
    if rules.codes is not None:
        kept &= rules.codes[:, None] != rules.codes
    for row in range(n):
        ranked = sorted(np.flatnonzero(kept[row]), key=lambda i: -scores[row, i])
        kept[row, ranked[: rules.skip]] = False
    return kept & kept.T


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("skip", [0, 2])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("tile", [(7, 16), (512, 4096)])
def test_kept_similarities_are_those_of_a_dense_matrix(tile, grouped, skip, paired, monkeypatch):
    monkeypatch.setattr(bandwidth, "_ROWS", tile[0])
    monkeypatch.setattr(bandwidth, "_COLUMNS", tile[1])
    points = unit(normal(80, 6))
    rules = Rules(paired, Groups(np.arange(80) // 4) if grouped else None, skip)
    limit = _similarity_quantile(points, 1 - 8 / 79, rules, np.random.default_rng(0))
    kept = _kept_similarities(points, limit, rules, 8).toarray() > 0
    np.testing.assert_array_equal(kept, dense(points, 8, rules))


@pytest.mark.parametrize("skip", [0, 2])
@pytest.mark.parametrize("tile", [(7, 16), (512, 4096)])
def test_copies_of_a_row_keep_no_more_than_their_share(tile, skip, monkeypatch):
    monkeypatch.setattr(bandwidth, "_ROWS", tile[0])
    monkeypatch.setattr(bandwidth, "_COLUMNS", tile[1])
    points = unit(normal(400, 6))
    points[::4] = points[0]
    limit = _similarity_quantile(points, 1 - 10 / 399, Rules(), np.random.default_rng(0))
    kept = _kept_similarities(points, limit, Rules(skip=skip), 10).toarray() > 0
    copies, n = np.arange(0, 400, 4), 10 + skip
    assert kept.sum(1).max() <= 2 * n
    assert (kept[copies].sum(1) >= 10 - skip).all()
    if not skip:  # each is kept with the ten copies after it
        apart = np.abs(np.subtract.outer(range(100), range(100)))
        np.testing.assert_array_equal(kept[np.ix_(copies, copies)], (apart > 0) & (apart <= 10))


def width(graph: nx.Graph, order) -> int:
    """How far apart two linked instances are at most."""
    place = {node: i for i, node in enumerate(order)}
    return max(abs(place[a] - place[b]) for a, b in graph.edges)


@pytest.mark.parametrize("n_neighbors", [2, 6, 20])
def test_the_order_is_as_good_as_that_of_networkx(n_neighbors):
    points = unit(np.hstack([np.ones((150, 1)), 0.5 * normal(150, 2)]))
    order = BandwidthBatchSampler(150, 10, n_neighbors=n_neighbors)._arrange(
        points, 10, Rules(), np.random.default_rng(0)
    )
    assert sorted(order.tolist()) == list(range(150))
    graph = nx.from_numpy_array(dense(points, n_neighbors, Rules()))
    plain = nx.utils.reverse_cuthill_mckee_ordering(graph, heuristic=lambda g: min(g, key=g.degree))
    # Equal degrees are sorted in another order.
    assert width(graph, order) <= 1.2 * width(graph, list(plain))
    assert width(graph, order) < 0.8 * width(graph, range(150))


def test_a_quantile_of_some_similarities(monkeypatch):
    points = unit(normal(3000, 8))
    whole = points @ points.T
    expected = np.quantile(whole[~np.eye(3000, dtype=bool)], 0.99)
    found = _similarity_quantile(points, 0.99, Rules(), np.random.default_rng(0))
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_neighbors": 100}, "n_neighbors must be between 1 and 99, got 100"),
        ({"n_neighbors": 0}, "n_neighbors must be between 1 and 99, got 0"),
        ({"skip": 100}, "skip must be between 0 and 99, got 100"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        BandwidthBatchSampler(100, 10, **changes)
