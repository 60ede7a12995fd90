"""Walks against the published rule in plain Python, PageRank and the kernels run as plain Python."""

from random import Random

import networkx as nx
import numpy as np
import pytest
import torch
from reference import components, cosine, interpreted, published_walk

from toolkit import ProximityGraph
from toolkit.engine import partition_kernels, walk_kernels, walking
from toolkit.engine.rules import Groups
from toolkit.engine.walking import _members, fill_batches, max_idle_steps, random_states
from toolkit.proximity import (
    LinearRestart,
    WalkStats,
    partition_batches,
    trace_walk,
    visit_frequencies,
    walk_batches,
)

RING = components(n_components=10, size=12, n_neighbors=3)


def random_graph(n: int = 60, m: int = 30, k: int = 6, seed: int = 0) -> ProximityGraph:
    return ProximityGraph.build(
        np.random.default_rng(seed).normal(size=(n, 6)), n_candidates=m, n_neighbors=k, seed=seed
    )


def new_members_without_a_link(graph: ProximityGraph, batch: np.ndarray) -> int:
    """Count the members that no member found earlier points to: seeds, and what no walk could have found."""
    reached = [set(graph.neighbors[batch[:i]].ravel().tolist()) for i in range(len(batch))]
    return sum(node not in found for node, found in zip(batch.tolist(), reached, strict=True))


@pytest.mark.parametrize("graph", [random_graph(), RING], ids=["random", "components"])
@pytest.mark.parametrize("restart", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("largest", [None, 1, 2])
def test_compiled_kernels_equal_plain_python(graph, restart, largest):
    n = graph.n_nodes
    restarts, idles = np.linspace(0, restart, 5), np.full(5, 40)
    states = random_states(5, 1)
    groups = None if largest is None else Groups(np.arange(n) // largest)
    codes, *members = _members(groups)

    def run():
        batches, queue, dealt = np.empty((5, 20), np.int64), np.empty(n - 5, np.int64), np.empty(n - 5, np.int64)
        counts = walk_kernels.visit_counts(graph.neighbors, 3, restart, 500, states[0])
        walked = walk_kernels.walks(graph.neighbors, codes, np.arange(5) * 8, restarts, idles, states, batches)
        left, order, size = graph.neighbors.copy(), np.arange(5, n), -(-n // 5)
        taken = np.empty(n - 3, np.int64)
        cut = partition_kernels.partition(left, codes, *members, order, size, restarts, idles, states[0], queue)
        out = 0 if groups is None else partition_kernels.deal(codes, *members, order, size, dealt)
        if groups is None:
            return counts, walked, batches, cut, left, queue
        out += partition_kernels.cut(codes, *members, order, size, taken)
        return counts, walked, batches, cut, left, queue, out, dealt, taken

    compiled = run()
    with interpreted():
        expected = run()
    for got, want in zip(compiled, expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.fixture
def threads():
    """Set the number of torch threads, which is the toolkit's too; the old one comes back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("graph", [random_graph(300, 100, 10), RING], ids=["random", "components"])
def test_walks_in_turn_equal_walks_one_by_one(graph, n_threads, threads, monkeypatch):
    monkeypatch.setattr(walking, "_MEMBERS_PER_THREAD", 100)
    threads(n_threads)
    # More batches than take turns at once, some with fresh seeds.
    starts, restarts, states = np.arange(75) % graph.n_nodes, np.linspace(0, 0.95, 75), random_states(75, 2)
    got, stats = walk_batches(graph, starts, 30, restart=restarts, seed=2)
    assert torch.get_num_threads() == n_threads
    steps = reseeds = 0
    for start, restart, state, batch in zip(starts, restarts, states, got, strict=True):
        stamp, expected = np.zeros(graph.n_nodes, np.int32), np.empty(30, np.int64)
        idle = max_idle_steps(graph.n_neighbors, restart)
        counts = walk_kernels.walk(graph.neighbors, None, None, start, restart, idle, state, stamp, 1, expected, None)
        np.testing.assert_array_equal(batch, expected)
        steps, reseeds = steps + counts[0], reseeds + counts[1]
    assert stats == WalkStats(75, steps, reseeds)
    assert reseeds > 0


@pytest.mark.parametrize("restart", [0.05, 0.2, 0.6])
def test_distribution_is_that_of_the_published_walk(restart):
    graph, n, size, start = random_graph(), 4000, 12, 7
    rng = Random(1)
    published = [published_walk(graph.neighbors.tolist(), start, size, restart, rng) for _ in range(n)]
    expected = np.bincount(np.concatenate([batch for batch, _ in published]), minlength=60) / n
    lengths = np.array([steps for _, steps in published])

    batches, stats = walk_batches(graph, np.full(n, start), size, restart=restart, seed=0)
    got = np.bincount(batches.ravel(), minlength=60) / n
    assert stats.reseeds <= n * size * np.exp(-8)  # the published walk has none
    # Two shares of n walks differ by 4 standard errors at one of 60 nodes with probability 0.004.
    spread = np.sqrt(2 * expected * (1 - expected) / n) + 1 / n
    assert (np.abs(got - expected) < 4 * spread).all()
    assert abs(stats.steps / n - lengths.mean()) < 4 * lengths.std() * np.sqrt(2 / n)
    # Second members are neighbours of the seed, all equally often (4 standard errors again).
    second = np.bincount(batches[:, 1], minlength=60)[graph.neighbors[start]] / n
    assert second.sum() == pytest.approx(1)
    assert np.abs(second - 1 / 6).max() < 4 * np.sqrt(5 / 36 / n)


@pytest.mark.parametrize("restart", [0.05, 0.2, 0.5])
def test_long_run_is_personalised_pagerank(restart):
    graph, start, n_steps = random_graph(300, 100, 10), 7, 4_000_000
    rank = nx.pagerank(graph.to_networkx(), alpha=1 - restart, personalization={start: 1}, tol=1e-12, max_iter=2000)
    expected = np.array([rank[node] for node in range(300)])
    got = visit_frequencies(graph, start, restart=restart, n_steps=n_steps, seed=0)
    assert got.sum() == pytest.approx(1)
    # The walk restarts with probability r at each step: steps are correlated at most as (1 - r)^lag, so that
    # variances are at most (2 - r) / r times those of independent draws, and E|x| <= sqrt(var).
    bound = 0.5 * np.sqrt(expected * (1 - expected) * (2 - restart) / restart / n_steps).sum()
    assert bound < 0.03
    assert 0.5 * np.abs(got - expected).sum() < bound


@pytest.mark.parametrize("restart", [0.0, 0.2, 0.95])
def test_batches_are_connected_by_the_graph(clusters, restart):
    graph = ProximityGraph.build(clusters.points[:1000], n_candidates=100, n_neighbors=10)
    starts = np.arange(0, 1000, 50)
    batches, stats = walk_batches(graph, starts, 50, restart=restart, seed=0)
    assert batches.dtype == np.int64
    np.testing.assert_array_equal(batches[:, 0], starts)
    assert all(len(set(batch)) == 50 for batch in batches.tolist())
    links = sum(new_members_without_a_link(graph, batch) for batch in batches)
    assert 20 <= links <= 20 + stats.reseeds
    assert stats.batches == 20
    assert 20 * 49 <= stats.steps <= 20 * 50 * max_idle_steps(10, restart)


@pytest.mark.parametrize("restart", [0.0, 0.2, 0.95])
@pytest.mark.parametrize("n_left", [1000, 510, 37])
def test_partition_cuts_its_instances_by_connected_walks(clusters, restart, n_left):
    graph = ProximityGraph.build(clusters.points[:1000], n_candidates=100, n_neighbors=10)
    before = graph.neighbors.copy()
    order = np.random.default_rng(0).permutation(1000)[:n_left]
    queue, stats = partition_batches(graph, order, 50, restart=restart, seed=0)
    np.testing.assert_array_equal(np.sort(queue), np.sort(order))
    np.testing.assert_array_equal(graph.neighbors, before)
    cut = np.split(queue, np.arange(50, n_left, 50))
    assert stats.batches == len(cut)
    links = sum(new_members_without_a_link(graph, batch) for batch in cut)
    assert links <= len(cut) + stats.reseeds
    assert queue[0] == order[0]


def test_partition_goes_back_to_the_seed_where_no_neighbour_is_left():
    # Node 0 points to 1, 2 and 3, and these only to 4, 5 and 6, which are in other batches.
    neighbors = np.array([[1, 2, 3], *[[4, 5, 6]] * 3, *[[0, 1, 2]] * 4], np.int32)
    graph = ProximityGraph(neighbors, np.zeros((8, 3), np.float32), n_candidates=3)
    queue, stats = partition_batches(graph, [0, 7, 1, 2, 3], 4, restart=0.0, seed=0)
    assert (queue[0], sorted(queue[:4].tolist()), queue[4]) == (0, [0, 1, 2, 3], 7)
    assert stats.reseeds == 0


def test_own_walks_do_not_depend_on_each_other():
    neighbors, starts, states = random_graph().neighbors, np.arange(6), random_states(6, 0)
    restarts = np.linspace(0.1, 0.9, 6)
    together, *_ = fill_batches(neighbors, starts, 20, restarts, states)
    for row in range(6):
        one = slice(row, row + 1)
        alone, *_ = fill_batches(neighbors, starts[one], 20, restarts[one], states[one])
        np.testing.assert_array_equal(alone[0], together[row])
    other, _ = walk_batches(random_graph(), starts, 20, restart=restarts, seed=1)
    assert not np.array_equal(other, together)


def test_restart_probability_of_each_batch():
    graph = random_graph()
    mixed, _ = walk_batches(graph, [3, 3], 20, restart=[0.1, 0.9])
    for row, restart in enumerate((0.1, 0.9)):
        alone, _ = walk_batches(graph, [3, 3], 20, restart=restart)
        np.testing.assert_array_equal(mixed[row], alone[row])


@pytest.mark.parametrize("batch_size", [64, 120])
def test_components_smaller_than_a_batch(batch_size):
    limit = batch_size * max_idle_steps(3, 0.95)
    batches, stats = walk_batches(RING, [0, 50, 119], batch_size, restart=0.95, seed=0)
    assert all(len(set(batch)) == batch_size for batch in batches.tolist())
    # A component has 12 members, so that a batch needs 6 of them, or all 10.
    assert stats.reseeds >= 3 * (batch_size // 12 + (batch_size % 12 > 0) - 1)
    assert stats.steps <= 3 * limit

    queue, stats = partition_batches(RING, np.arange(120), batch_size, restart=0.95, seed=0)
    assert sorted(queue.tolist()) == list(range(120))
    assert stats.reseeds > 0
    assert stats.steps <= 2 * limit


@pytest.mark.parametrize("restart", [0.0, 0.2])
def test_batch_of_everything(restart):
    graph = random_graph()
    batches, _ = walk_batches(graph, [5], 60, restart=restart, seed=0)
    queue, stats = partition_batches(graph, np.arange(60), 60, restart=restart, seed=0)
    assert sorted(batches[0].tolist()) == sorted(queue.tolist()) == list(range(60))
    assert stats.batches == 1


@pytest.mark.parametrize("restart", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("graph", [random_graph(), RING], ids=["random", "components"])
def test_trace_explains_the_batch(graph, restart):
    trace = trace_walk(graph, start=7, batch_size=30, restart=restart, seed=4)
    batches, stats = walk_batches(graph, [7], 30, restart=restart, seed=4)
    np.testing.assert_array_equal(trace.batch, batches[0])
    np.testing.assert_array_equal(trace.nodes[trace.new_member], trace.batch[1:])
    assert (trace.n_steps, trace.reseeded.sum()) == (stats.steps, stats.reseeds)
    assert stats.reseeds > 0 or graph is not RING
    assert trace.restarted.any() == (restart > 0)

    seed, previous = 7, 7
    for node, restarted, reseeded in zip(trace.nodes, trace.restarted, trace.reseeded, strict=True):
        if reseeded:
            assert not restarted
            seed = node
        elif restarted:
            assert node == seed
        else:
            assert node in graph.neighbors[previous]
        previous = node
    assert list(trace.to_frame()) == ["node", "restarted", "new_member", "reseeded"]
    assert len(trace.to_frame()) == trace.n_steps


def test_trace_follows_from_its_seed():
    graph = random_graph()
    first, again, other = (trace_walk(graph, 7, 30, seed=seed).nodes for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_late_batches_of_a_partition_stay_hard(clusters):
    similarities = cosine(clusters.points)
    by_position = np.empty((4, 50))
    for seed in range(4):
        graph = ProximityGraph.build(clusters.points, n_candidates=500, n_neighbors=50, seed=seed)
        order = np.random.default_rng(seed).permutation(5000)
        queue, _ = partition_batches(graph, order, 100, restart=0.2, seed=seed)
        for position, batch in enumerate(queue.reshape(50, 100)):
            by_position[seed, position] = (similarities[np.ix_(batch, batch)].sum() - 100) / 9900
    first, last = by_position[:, :10].mean(), by_position[:, -10:].mean()
    # Measured 0.19 and 0.19 (seeds: 0.03); uniform batches have 0.05. Cut one after the other they had 0.24 and 0.15.
    assert first > 0.15
    assert last > 0.8 * first


@pytest.mark.parametrize(("restart", "limit"), [(0.05, 700), (0.2, 700), (0.5, 1600)])
def test_partition_takes_linear_time(clusters, restart, limit):
    def steps_per_batch(n):
        graph = ProximityGraph.build(clusters.points[:n], n_candidates=500, n_neighbors=50)
        _, stats = partition_batches(graph, np.arange(n), 100, restart=restart, seed=0)
        return stats.steps / stats.batches

    few, many = steps_per_batch(1250), steps_per_batch(5000)
    # Measured 330, 520, 1300. Walks that run into taken instances need 1,200 steps at restart 0.2.
    assert many < limit
    assert many < 1.5 * few


def test_linear_restart():
    schedule = LinearRestart(start=0.5, floor=0.1, n_steps=4)
    assert [schedule(step) for step in (0, 1, 2, 4, 5, 10**9)] == pytest.approx([0.5, 0.4, 0.3, 0.1, 0.1, 0.1])
    assert LinearRestart(0.1, 0.3, 2)(1) == pytest.approx(0.2)


def test_stats_add_up():
    assert WalkStats(1, 20, 3) + WalkStats(2, 5, 0) == WalkStats(batches=3, steps=25, reseeds=3)


GRAPH = random_graph()


@pytest.mark.parametrize("restart", [1.0, -0.1, float("nan"), 2])
@pytest.mark.parametrize(
    "call",
    [
        lambda restart: walk_batches(GRAPH, [0], 5, restart=restart),
        lambda restart: partition_batches(GRAPH, [0, 1, 2], 2, restart=restart),
        lambda restart: trace_walk(GRAPH, 0, 5, restart=restart),
        lambda restart: visit_frequencies(GRAPH, 0, restart=restart),
    ],
    ids=["walk_batches", "partition_batches", "trace_walk", "visit_frequencies"],
)
def test_bad_restart(call, restart):
    with pytest.raises(ValueError, match=r"restart must be a number in \[0, 1\), got") as error:
        call(restart)
    assert str(restart) in str(error.value)


@pytest.mark.parametrize(
    ("call", "exception", "message"),
    [
        (lambda: walk_batches(GRAPH, [0], 61), ValueError, "batch_size must be between 1 and 60"),
        (
            lambda: walk_batches(GRAPH, [0], 5, restart="0.5"),
            TypeError,
            "restart must be a number in [0, 1), or one for",
        ),
        (
            lambda: walk_batches(GRAPH, [0], 5, restart=False),
            TypeError,
            "restart must be a number in [0, 1), or one for",
        ),
        (lambda: walk_batches(GRAPH, [0], 0), ValueError, "batch_size must be between 1 and 60, got 0"),
        (lambda: walk_batches(GRAPH, [60], 5), IndexError, "starts must lie in [0, 60), got 60"),
        (lambda: walk_batches(GRAPH, [-1], 5), IndexError, "starts must lie in [0, 60), got -1"),
        (lambda: walk_batches(GRAPH, [0.5], 5), TypeError, "starts must be integers"),
        (lambda: walk_batches(GRAPH, [[0]], 5), ValueError, "starts must be one-dimensional"),
        (lambda: walk_batches(GRAPH, [0], 5, seed=-1), ValueError, "seed must be at least 0, got -1"),
        (lambda: walk_batches(GRAPH, [0], 5, restart=[0.1, 0.2]), ValueError, "restart"),
        (lambda: partition_batches(GRAPH, [0, 1], 61), ValueError, "batch_size"),
        (lambda: partition_batches(GRAPH, [0, 60], 2), IndexError, "order must lie in [0, 60), got"),
        (lambda: partition_batches(GRAPH, [0, 1, 1], 2), ValueError, "order"),
        (lambda: partition_batches(GRAPH, [0, 1], 2, restart=[0.1, 0.2]), ValueError, "restart"),
        (lambda: trace_walk(GRAPH, 60, 5), IndexError, "start must lie in [0, 60), got 60"),
        (lambda: trace_walk(GRAPH, 0, 61), ValueError, "batch_size must be between 1 and 60, got 61"),
        (lambda: trace_walk(GRAPH, 0, 5, seed=1.5), TypeError, "seed must be an integer at least 0, got 1.5"),
        (lambda: visit_frequencies(GRAPH, -1), IndexError, "start must lie in [0, 60), got -1"),
        (lambda: visit_frequencies(GRAPH, 0, n_steps=0), ValueError, "n_steps must be at least 1, got 0"),
        (lambda: LinearRestart(start=1.0), ValueError, "start must be a number in [0, 1), got 1.0"),
        (lambda: LinearRestart(floor=-0.1), ValueError, "floor must be a number in [0, 1), got -0.1"),
        (lambda: LinearRestart(n_steps=0), ValueError, "n_steps must be at least 1, got 0"),
    ],
)
def test_bad_arguments(call, exception, message):
    # Interpreted, so that a check that is missing fails the test and not the process.
    with interpreted(), pytest.raises(exception) as error:
        call()
    assert message in str(error.value)
