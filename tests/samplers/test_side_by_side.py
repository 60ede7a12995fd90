"""Batches drawn side by side at several settings."""

import numpy as np
import pytest

from toolkit import KNNBatchSampler, ProximityGraph, UniformBatchSampler
from toolkit.proximity import join_pairs
from toolkit.samplers import SideBySide, side_by_side


def walks(some, batch_size, restart, n_neighbors, n_candidates):
    return some.walks(batch_size, n_candidates=n_candidates, n_neighbors=n_neighbors, restart=restart)


@pytest.fixture(scope="module")
def some():
    return SideBySide(np.random.default_rng(0).normal(size=(400, 8)), n_batches=6, seed=3)


def test_references_are_the_samplers_own_batches(some):
    found = some.references(32)
    assert list(found) == ["Uniform", "kNN"]
    assert found["Uniform"] == list(UniformBatchSampler(400, 32, seed=3))[:6]
    assert found["kNN"] == list(KNNBatchSampler.from_embeddings(some.vectors, 32, refresh_every=6, seed=3))[:6]
    assert some.references(32) is found, "they are planned once"


def test_walks_begin_at_the_same_instances_whatever_the_settings(some):
    starts = some.starts(32)
    assert len(set(starts.tolist())) == 6
    for settings in [(0.1, 10, 100), (0.8, 5, 200)]:
        batches, stats = walks(some, 32, *settings)
        np.testing.assert_array_equal(batches[:, 0], starts)
        assert (batches.shape, stats.batches) == ((6, 32), 6)


@pytest.fixture
def built(monkeypatch):
    """Numbers of candidates and neighbours of the graphs that are built."""
    found, build = [], ProximityGraph.build

    def counted(vectors, **settings):
        found.append((settings["n_candidates"], settings["n_neighbors"]))
        return build(vectors, **settings)

    monkeypatch.setattr(ProximityGraph, "build", counted)
    return found


def test_graph_is_built_only_for_other_candidates_or_more_neighbours(built):
    some = SideBySide(np.random.default_rng(0).normal(size=(400, 8)))
    sizes = [(10, 80), (10, 80), (5, 80), (7, 80), (10, 90), (10, 80), (5, 90), (20, 80), (40, 80)]
    for n_neighbors, n_candidates in sizes:
        graph = some.graph(n_candidates=n_candidates, n_neighbors=n_neighbors)
        assert (graph.n_neighbors, graph.n_candidates) == (n_neighbors, n_candidates)
    assert built == [(80, 10), (90, 10), (80, 20), (80, 40)]
    for n_neighbors, n_candidates in sizes:
        some.graph(n_candidates=n_candidates, n_neighbors=n_neighbors)
    assert len(built) == 4, "all are kept"


def test_narrowed_graphs_are_those_that_are_built():
    points = np.random.default_rng(0).normal(size=(400, 8))
    some = SideBySide(points)
    for n_neighbors in (30, 20, 7, 10):
        graph = some.graph(n_candidates=80, n_neighbors=n_neighbors)
        expected = ProximityGraph.build(points, n_candidates=80, n_neighbors=n_neighbors)
        np.testing.assert_array_equal(np.sort(graph.neighbors), np.sort(expected.neighbors))


def test_no_more_graphs_are_kept_than_there_is_room_for(built, monkeypatch):
    some = SideBySide(np.random.default_rng(0).normal(size=(400, 8)))
    monkeypatch.setattr(side_by_side, "_MOST_BYTES", 3 * 400 * 10 * 8)
    for n_candidates in (50, 60, 70, 50, 80, 50, 60):
        some.graph(n_candidates=n_candidates, n_neighbors=10)
    assert built == [(m, 10) for m in (50, 60, 70, 80, 60)], "the one that was not used for longest goes first"
    monkeypatch.setattr(side_by_side, "_MOST_BYTES", 0)
    for n_candidates in (50, 60, 50, 60):
        some.graph(n_candidates=n_candidates, n_neighbors=10)
    assert len(built) == 5, "two are kept in any case"


def test_batches_do_not_depend_on_what_was_asked_for_before():
    points = np.random.default_rng(0).normal(size=(400, 8))
    straight, around = SideBySide(points), SideBySide(points)
    for n_neighbors in (50, 20, 5, 30):
        walks(around, 32, 0.3, n_neighbors, 100)
    np.testing.assert_array_equal(walks(around, 32, 0.3, 10, 100)[0], walks(straight, 32, 0.3, 10, 100)[0])


def test_no_more_batches_than_fit_into_the_data(some):
    assert len(some.starts(150)) == 2
    assert [len(batches) for batches in some.references(150).values()] == [2, 2]


def test_an_object_given_in_place_of_embeddings_is_shared(some):
    assert SideBySide.of(some) is some
    assert SideBySide.of(some.vectors, seed=5).seed == 5


def test_pairs_are_linked_by_what_their_loss_sees():
    queries, targets = np.random.default_rng(0).normal(size=(2, 400, 8))
    some = SideBySide(queries, targets=targets)
    graph = some.graph(n_candidates=50, n_neighbors=6)
    expected = ProximityGraph.build(join_pairs(queries, targets), n_candidates=50, n_neighbors=6, paired=True)
    np.testing.assert_array_equal(graph.neighbors, expected.neighbors)
    for index in (0, 17):
        seen = some.similarities(index, graph.neighbors[index])
        np.testing.assert_allclose(seen, graph.similarities[index], atol=1e-6)
        assert some.similarities(index).shape == (400,)
    knn = KNNBatchSampler.from_embeddings(queries, 32, targets=targets, refresh_every=20)
    assert some.batches("knn", 32) == list(knn)[:20]
    assert some.epoch("uniform", 32) == list(UniformBatchSampler(400, 32))
    with pytest.raises(ValueError, match=r"targets must have shape \(400, 8\)"):
        SideBySide(queries, targets=targets[1:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_batches": 0}, "n_batches must be at least 1, got 0"), ({"seed": -1}, "seed must be at least 0, got -1")],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SideBySide(np.eye(4), **settings)
