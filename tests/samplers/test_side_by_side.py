"""Batches drawn side by side at several settings."""

import numpy as np
import pytest

from toolkit import KNNBatchSampler, ProximityGraph, UniformBatchSampler
from toolkit.samplers.side_by_side import Draws


@pytest.fixture(scope="module")
def draws():
    return Draws(np.random.default_rng(0).normal(size=(400, 8)), n_batches=6, seed=3)


def test_references_are_the_samplers_own_batches(draws):
    assert draws.uniform(32) == list(UniformBatchSampler(400, 32, seed=3))[:6]
    assert draws.knn(32) == list(KNNBatchSampler.from_embeddings(draws.vectors, 32, refresh_every=6, seed=3))[:6]


def test_walks_begin_at_the_same_instances_whatever_the_settings(draws):
    starts = draws.starts(32)
    assert len(set(starts.tolist())) == 6
    for restart, n_neighbors, n_candidates in [(0.1, 10, 100), (0.8, 5, 200)]:
        batches, stats = draws.walks(32, restart, n_neighbors, n_candidates)
        np.testing.assert_array_equal(batches[:, 0], starts)
        assert (batches.shape, stats.batches) == ((6, 32), 6)


def test_graph_is_built_anew_only_for_other_candidates_or_more_neighbours(draws, monkeypatch):
    built = []
    build = ProximityGraph.build
    monkeypatch.setattr(ProximityGraph, "build", lambda *args: built.append(args[1:3]) or build(*args))
    for restart, n_neighbors, n_candidates in [(0.1, 10, 80), (0.8, 10, 80), (0.8, 5, 80), (0.8, 10, 80), (0.8, 7, 80)]:
        draws.walks(16, restart, n_neighbors, n_candidates)
    assert built == [(80, 10)]
    for n_neighbors, n_candidates in [(11, 80), (10, 80), (10, 90), (5, 80)]:
        draws.walks(16, 0.8, n_neighbors, n_candidates)
    assert built == [(80, 10), (80, 11), (90, 10), (80, 5)]


def test_batches_do_not_depend_on_what_was_drawn_before():
    points = np.random.default_rng(0).normal(size=(400, 8))
    straight, around = Draws(points), Draws(points)
    for n_neighbors in (50, 20, 5, 30):
        around.walks(32, 0.3, n_neighbors, 100)
    np.testing.assert_array_equal(around.walks(32, 0.3, 10, 100)[0], straight.walks(32, 0.3, 10, 100)[0])


def test_no_more_batches_than_fit_into_the_data(draws):
    assert len(draws.starts(150)) == len(draws.uniform(150)) == len(draws.knn(150)) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_batches": 0}, "n_batches must be at least 1, got 0"), ({"seed": -1}, "seed must be at least 0, got -1")],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Draws(np.eye(4), **settings)
