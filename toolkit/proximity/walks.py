"""Batches by random walk with restart on a proximity graph (paper, section 3.2)."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine import threads
from toolkit.proximity.graph import ProximityGraph

STEP_KINDS = ("new member", "revisit", "restart", "fresh seed")
MAX_IDLE_STEPS = 100_000
_MEMBERS_PER_THREAD = 50_000  # to be worth a thread's start


@dataclass(frozen=True)
class WalkStats:
    """What it took to fill some batches.

    Attributes
    ----------
    batches : int
        Batches filled.
    steps : int
        Steps walked, restarts included.
    reseeds : int
        Fresh seeds taken because a walk found no new member (see `max_idle_steps`).
    """

    batches: int = 0
    steps: int = 0
    reseeds: int = 0

    def __add__(self, other: "WalkStats") -> "WalkStats":
        return WalkStats(self.batches + other.batches, self.steps + other.steps, self.reseeds + other.reseeds)


@dataclass(frozen=True, eq=False)
class WalkTrace:
    """One batch with the walk that formed it; the arrays have one entry per step.

    Attributes
    ----------
    start : int
        The seed.
    nodes : int64 array
        Where the walk stood after each step.
    restarted, new_member, reseeded : bool arrays
        Whether the step jumped back to the seed, added its node to the batch, took a fresh seed.
    batch : int64 array, shape (B,)
        Members in the order in which they were found, the seed first.
    """

    start: int
    nodes: np.ndarray = field(repr=False)
    restarted: np.ndarray = field(repr=False)
    new_member: np.ndarray = field(repr=False)
    reseeded: np.ndarray = field(repr=False)
    batch: np.ndarray = field(repr=False)

    @property
    def n_steps(self) -> int:
        """Steps walked."""
        return len(self.nodes)

    @property
    def kinds(self) -> np.ndarray:
        """What each step was, as a position in `STEP_KINDS`; uint8. A fresh seed is a new member, too."""
        return np.select([self.reseeded, self.restarted, self.new_member], [3, 2, 0], 1).astype(np.uint8)

    def distances(self, embeddings) -> np.ndarray:
        """Return one minus the cosine similarity to the first seed after each step; float32.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)

        Raises
        ------
        ValueError
            For NaN, Inf and zero rows.
        """
        vectors = embeddings if isinstance(embeddings, torch.Tensor) else np.asarray(embeddings)
        rows = np.append(self.nodes, self.start)
        unit = _checks.embeddings(vectors[rows], rows=rows).cpu().numpy()
        return 1 - unit[:-1] @ unit[-1]

    def to_frame(self):
        """Return a pandas frame with one row per step: node, restarted, new_member, reseeded."""
        import pandas as pd

        return pd.DataFrame(
            {
                "node": self.nodes,
                "restarted": self.restarted,
                "new_member": self.new_member,
                "reseeded": self.reseeded,
            }
        )


@dataclass(frozen=True)
class LinearRestart:
    """A restart probability that falls linearly from `start` to `floor` over `n_steps` batches, then stays.

    The published vision runs decay it from 0.2 to 0.05.

    Examples
    --------
    >>> schedule = LinearRestart(start=0.2, floor=0.05, n_steps=100)
    >>> [round(schedule(step), 3) for step in (0, 50, 100, 1000)]
    [0.2, 0.125, 0.05, 0.05]
    """

    start: float = 0.2
    floor: float = 0.05
    n_steps: int = 10_000

    def __post_init__(self) -> None:
        _checks.restart_probability(self.start, "start")
        _checks.restart_probability(self.floor, "floor")
        _checks.integer("n_steps", self.n_steps, 1)

    def __call__(self, step: int) -> float:
        """Return the restart probability of batch number `step`."""
        return self.start + (self.floor - self.start) * min(step / self.n_steps, 1.0)


def max_idle_steps(n_neighbors: int, restart: float) -> int:
    """Return the steps without a new member after which a walk takes a fresh seed.

    Eight times the steps that one given neighbour of the seed is expected to take, so that a seed's whole
    neighbourhood is found first (each neighbour but with probability exp(-8)); at most 100,000. A walk for a
    batch of B thus ends after at most B times as many steps, on any graph.

    Examples
    --------
    >>> max_idle_steps(n_neighbors=100, restart=0.2)
    1000
    """
    return min(math.ceil(8 * n_neighbors / (1 - restart)), MAX_IDLE_STEPS)


def random_states(n: int, *seed: int) -> np.ndarray:
    """Return `n` independent uint64 random states that follow from the numbers in `seed`."""
    return np.random.SeedSequence(seed).generate_state(n, np.uint64)


def walk_batches(
    graph: ProximityGraph, starts, batch_size: int, restart=0.2, *, states: np.ndarray
) -> tuple[np.ndarray, WalkStats]:
    """Fill one batch from each start, every walk on its own.

    A step goes back to the start with probability `restart`, else to a uniformly chosen out-neighbour; the batch
    is the set of nodes touched. Batches may overlap.

    Parameters
    ----------
    graph : ProximityGraph
    starts : int array, shape (n,)
        Seed of each batch.
    batch_size : int
        Members of each batch (B), at most N.
    restart : float or array, shape (n,)
        Restart probability, in [0, 1).
    states : uint64 array, shape (n,)
        Random state of each walk, from `random_states`.

    Returns
    -------
    batches : int64 array, shape (n, B)
        Distinct members in the order found.
    stats : WalkStats

    Raises
    ------
    IndexError, TypeError, ValueError
        For B outside [1, N], starts outside [0, N), a restart probability outside [0, 1), and states that are not one
        per start.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> graph = ProximityGraph.build(np.random.default_rng(0).normal(size=(300, 8)), 100, 10)
    >>> batches, stats = walk_batches(graph, [7, 9], batch_size=32, states=random_states(2, 0))
    >>> batches.shape, batches[:, 0].tolist(), stats.batches
    ((2, 32), [7, 9], 2)
    """
    from toolkit.engine import kernels

    _checks.integer("batch_size", batch_size, 1, graph.n_nodes)
    starts = _checks.indices("starts", starts, graph.n_nodes)
    _checks.shape("states", states, (len(starts),), "one per start")
    batches = np.empty((len(starts), batch_size), np.int64)
    restarts, idles = _per_batch(graph, restart, len(starts))
    n_threads = min(threads.n_cores(), 1 + batches.size // _MEMBERS_PER_THREAD)
    parts = iter(np.array_split(np.arange(len(starts)), n_threads))
    counts = []

    def work() -> None:
        for part in parts:
            rows = slice(part[0], part[-1] + 1)
            arrays = (array[rows] for array in (starts, restarts, idles, states, batches))
            counts.append(kernels.walks(graph.neighbors, *arrays))

    if len(starts):
        threads.run(work, n_threads)
    return batches, WalkStats(len(starts), *map(sum, zip(*counts, strict=True)))


def partition_batches(
    graph: ProximityGraph, order, batch_size: int, restart=0.2, *, state: np.uint64
) -> tuple[np.ndarray, WalkStats]:
    """Cut the instances of `order` into batches by walks, so that each is in exactly one batch.

    All walks go on in turn, each until it finds one more member, on the graph of the instances that no other batch
    has taken. Batches cut one after the other would live on what the earlier ones left, and get easier and easier;
    these share it evenly. Time is linear in N K.

    Parameters
    ----------
    graph : ProximityGraph
    order : int array
        Distinct instances to cut up, in the order in which they serve as fresh seeds.
    batch_size, restart
        As in `walk_batches`; an array of restart probabilities has one entry per batch.
    state : uint64
        Random state, from `random_states`.

    Returns
    -------
    queue : int64 array, shape of `order`
        The batches one after the other; the last may be shorter.
    stats : WalkStats
        A batch's first seed is not counted as a reseed.

    Raises
    ------
    IndexError, TypeError, ValueError
        For B outside [1, N], a restart probability outside [0, 1), and an order with repeated instances or some outside
        [0, N).
    """
    from toolkit.engine import kernels

    _checks.integer("batch_size", batch_size, 1, graph.n_nodes)
    order = _checks.indices("order", order, graph.n_nodes)
    if len(np.unique(order)) < len(order):
        raise ValueError("order must hold distinct instances, got some of them twice")
    n_batches = -(-len(order) // batch_size)
    restarts, idles = _per_batch(graph, restart, n_batches)
    queue = np.empty(len(order), np.int64)
    neighbors = graph.neighbors.copy()
    steps, reseeds = kernels.partition(neighbors, order, batch_size, restarts, idles, state, queue)
    return queue, WalkStats(n_batches, steps, reseeds)


def trace_walk(graph: ProximityGraph, start: int, batch_size: int, restart: float = 0.2, seed: int = 0) -> WalkTrace:
    """Fill one batch from `start` and keep the trajectory.

    Raises
    ------
    IndexError, TypeError, ValueError
        For B outside [1, N], a start outside [0, N), a restart probability outside [0, 1), and a negative seed.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> from toolkit.proximity.walks import trace_walk
    >>> graph = ProximityGraph.build(np.random.default_rng(0).normal(size=(300, 8)), 100, 10)
    >>> trace = trace_walk(graph, start=7, batch_size=32)
    >>> len(set(trace.batch.tolist())), int(trace.new_member.sum())
    (32, 31)
    >>> set(trace.nodes[trace.restarted].tolist())
    {7}
    """
    from toolkit.engine import kernels

    start = int(_checks.indices("start", [start], graph.n_nodes)[0])
    _checks.integer("batch_size", batch_size, 1, graph.n_nodes)
    restart = _checks.restart_probability(restart)
    state = random_states(1, _checks.integer("seed", seed, 0))[0]
    batch = np.empty(batch_size, np.int64)

    def run(trace):
        stamp = np.zeros(graph.n_nodes, np.int32)
        idle = max_idle_steps(graph.n_neighbors, restart)
        return kernels.walk(graph.neighbors, start, restart, idle, state, stamp, 1, batch, trace)

    # The first run counts the steps, the second repeats them into an array of that length.
    n_steps, _ = run(None)
    trace = np.empty((n_steps, 4), np.int32)
    run(trace)
    flags = trace[:, 1:].astype(bool)
    return WalkTrace(start, trace[:, 0].astype(np.int64), flags[:, 0], flags[:, 1], flags[:, 2], batch)


def visit_frequencies(
    graph: ProximityGraph, start: int, restart: float = 0.2, n_steps: int = 100_000, seed: int = 0
) -> np.ndarray:
    """Return the share of `n_steps` steps that the walk from `start` spends at each node; float64, shape (N,).

    In the long run this is the personalised PageRank of `start` with damping ``1 - restart``.

    Raises
    ------
    IndexError, TypeError, ValueError
        For a start outside [0, N), a restart probability outside [0, 1), `n_steps` below 1, and a negative seed.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> graph = ProximityGraph.build(np.random.default_rng(0).normal(size=(300, 8)), 100, 10)
    >>> frequencies = visit_frequencies(graph, start=7, restart=0.5)
    >>> int(frequencies.argmax()), round(float(frequencies.sum()), 6)
    (7, 1.0)
    """
    from toolkit.engine import kernels

    start = int(_checks.indices("start", [start], graph.n_nodes)[0])
    restart = _checks.restart_probability(restart)
    _checks.integer("n_steps", n_steps, 1)
    state = random_states(1, _checks.integer("seed", seed, 0))[0]
    return kernels.visit_counts(graph.neighbors, start, restart, n_steps, state) / n_steps


def _per_batch(graph: ProximityGraph, restart, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return restart probability and idle limit of each of `n` batches."""
    restarts = np.asarray(restart, np.float64)
    if restarts.ndim:
        _checks.shape("restart", restarts, (n,), "one per batch")
    restarts = np.broadcast_to(restarts, (n,)).copy()
    for value in np.unique(restarts):
        _checks.restart_probability(value)
    idles = np.array([max_idle_steps(graph.n_neighbors, r) for r in restarts], np.int64)
    return restarts, idles
