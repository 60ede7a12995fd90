"""Batches by random walk with restart on a proximity graph (paper, section 3.2)."""

from dataclasses import astuple, dataclass, field

import numpy as np

from toolkit import _checks
from toolkit.engine.walking import cut_into_batches, fill_batches, max_idle_steps, random_states
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.partial import PartialGraph


@dataclass(frozen=True)
class WalkStats:
    """Statistics of the walks that filled some batches.

    Attributes
    ----------
    batches : int
        Batches filled.
    steps : int
        Steps taken, including restarts.
    reseeds : int
        Fresh seeds taken because a walk found no new member in about a thousand steps.
    left_out : int
        Instances that a partition could not place because of groups.
    """

    batches: int = 0
    steps: int = 0
    reseeds: int = 0
    left_out: int = 0

    def __add__(self, other: "WalkStats") -> "WalkStats":
        return WalkStats(*(ours + theirs for ours, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, eq=False)
class WalkTrace:
    """One batch with the walk that formed it; the arrays have one entry per step.

    Attributes
    ----------
    start : int
        The seed.
    nodes : int64 array
        Position of the walk after each step.
    restarted, new_member, reseeded : bool arrays
        Whether the step jumped back to the seed, added its node to the batch, or took a fresh seed.
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
        """Kind of each step, uint8: 0 new member, 1 revisit, 2 restart, 3 fresh seed, which is a new member, too."""
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
        vectors = _checks.vectors("embeddings", embeddings)
        rows = np.append(self.nodes, self.start)
        _checks.indices("nodes", rows, len(vectors), "embeddings must have a row for each instance of the graph")
        unit = _checks.embeddings("embeddings", vectors[rows], rows=rows).cpu().numpy()
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


def walk_batches(
    graph: ProximityGraph | PartialGraph, starts, batch_size: int, *, restart=0.2, seed: int = 0
) -> tuple[np.ndarray, WalkStats]:
    """Fill one batch from each start by independent walks.

    A step returns to the start with probability `restart`, and otherwise goes to a uniformly chosen out-neighbour. The
    batch is the set of nodes visited, or with groups (`ProximityGraph.build`) the first node of each group. Batches may
    overlap. A walk that finds no new member in about a thousand steps continues from a fresh seed.

    Parameters
    ----------
    graph : ProximityGraph or PartialGraph
        Of a partial graph, the rows that the walks read are built.
    starts : int array, shape (n,)
        Seed of each batch.
    batch_size : int
        Members of each batch (B), at most N.
    restart : float or array, shape (n,)
        Restart probability, in [0, 1).
    seed : int
        Random seed; each walk has its own random numbers.

    Returns
    -------
    batches : int64 array, shape (n, B)
        Distinct members in the order found.
    stats : WalkStats

    Raises
    ------
    IndexError, TypeError, ValueError
        For B outside [1, N] or above the number of groups, starts outside [0, N), a restart probability outside
        [0, 1), and a negative seed.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> points = np.random.default_rng(0).normal(size=(300, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> batches, stats = walk_batches(graph, [7, 9], batch_size=32)
    >>> batches.shape, batches[:, 0].tolist(), stats.batches
    ((2, 32), [7, 9], 2)
    """
    batch_size = _filled(graph, batch_size)
    starts = _checks.indices("starts", starts, graph.n_nodes)
    states, restarts = random_states(len(starts), _checks.seed(seed)), _per_batch(restart, len(starts))
    if isinstance(graph, PartialGraph):
        batches = np.empty((len(starts), batch_size), np.int64)
        each = [_walk(graph, *given) for given in zip(starts, restarts, states, batches, strict=True)]
        return batches, sum((WalkStats(1, *counts) for counts in each), WalkStats())
    batches, steps, reseeds = fill_batches(graph.neighbors, starts, batch_size, restarts, states, graph.rules.groups)
    return batches, WalkStats(len(starts), steps, reseeds)


def partition_batches(
    graph: ProximityGraph, order, batch_size: int, *, restart=0.2, seed: int = 0
) -> tuple[np.ndarray, WalkStats]:
    """Cut the instances of `order` into batches by walks, so that each is in exactly one batch.

    The walks take turns. In its turn, a walk continues until it finds one more member, using only instances that are
    not in another batch yet. If batches were cut one after another, the later ones would get what is left over and
    become easier and easier; taking turns spreads this evenly. The time is linear in N K.

    Parameters
    ----------
    graph : ProximityGraph
    order : int array
        Distinct instances to cut up, in the order in which they serve as fresh seeds.
    batch_size, restart, seed
        As in `walk_batches`; an array of restart probabilities has one entry per batch.

    Returns
    -------
    queue : int64 array, shape of `order`
        The batches one after the other; the last may be shorter. -1 marks places where no instance fits, which
        happens only if a group has about as many instances as there are batches.
    stats : WalkStats
        A batch's first seed is not counted as a reseed.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `walk_batches`, and for an order with repeated instances.
    """
    batch_size = _checks.integer("batch_size", batch_size, 1, graph.n_nodes)
    order = _checks.indices("order", order, graph.n_nodes)
    found, times = np.unique(order, return_counts=True)
    if len(found) < len(order):
        raise ValueError(f"order must hold distinct instances, got {found[times > 1][0]} more than once")
    n_batches = -(-len(order) // batch_size)
    state = random_states(1, _checks.seed(seed))[0]
    restarts = _per_batch(restart, n_batches)
    groups = graph.rules.groups
    queue, *counts = cut_into_batches(graph.neighbors, order, batch_size, restarts, state, groups)
    return queue, WalkStats(n_batches, *counts)


def trace_walk(
    graph: ProximityGraph | PartialGraph, start: int, batch_size: int, *, restart: float = 0.2, seed: int = 0
) -> WalkTrace:
    """Fill one batch from `start` and keep the trajectory.

    Of a `PartialGraph`, the rows that the walk reads are built.

    Raises
    ------
    IndexError, TypeError, ValueError
        For B outside [1, N], a start outside [0, N), a restart probability outside [0, 1), and a negative seed.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> from toolkit.proximity import trace_walk
    >>> points = np.random.default_rng(0).normal(size=(300, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> trace = trace_walk(graph, start=7, batch_size=32)
    >>> len(set(trace.batch.tolist())), int(trace.new_member.sum())
    (32, 31)
    >>> set(trace.nodes[trace.restarted].tolist())
    {7}
    """
    start = int(_checks.indices("start", [start], graph.n_nodes)[0])
    batch_size = _filled(graph, batch_size)
    restart = _checks.restart_probability("restart", restart)
    state, batch = random_states(1, _checks.seed(seed))[0], np.empty(batch_size, np.int64)
    # The first run counts the steps, the second repeats them into an array of that length.
    n_steps, _ = _walk(graph, start, restart, state, batch)
    trace = np.empty((n_steps, 4), np.int32)
    _walk(graph, start, restart, state, batch, trace)
    flags = trace[:, 1:].astype(bool)
    return WalkTrace(start, trace[:, 0].astype(np.int64), flags[:, 0], flags[:, 1], flags[:, 2], batch)


def _walk(
    graph: ProximityGraph | PartialGraph,
    start: int,
    restart: float,
    state: np.uint64,
    batch: np.ndarray,
    trace: np.ndarray | None = None,
) -> tuple[int, int]:
    """Fill a batch by one walk, which begins again whenever a row of a partial graph was missing."""
    from toolkit.engine import walk_kernels

    partial = graph if isinstance(graph, PartialGraph) else None
    known = None if partial is None else partial.known
    stamp, idle = np.zeros(graph.n_nodes, np.int32), max_idle_steps(graph.n_neighbors, restart)
    given = graph.neighbors, known, graph.rules.codes, start, restart, idle, state, stamp
    mark = 1
    steps, more = walk_kernels.walk(*given, mark, batch, trace)
    while partial is not None and steps < 0:
        partial.link(more)
        mark += 1
        steps, more = walk_kernels.walk(*given, mark, batch, trace)
    return steps, more


def visit_frequencies(
    graph: ProximityGraph, start: int, *, restart: float = 0.2, n_steps: int = 100_000, seed: int = 0
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
    >>> points = np.random.default_rng(0).normal(size=(300, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> frequencies = visit_frequencies(graph, start=7, restart=0.5)
    >>> int(frequencies.argmax()), round(float(frequencies.sum()), 6)
    (7, 1.0)
    """
    from toolkit.engine import walk_kernels

    start = int(_checks.indices("start", [start], graph.n_nodes)[0])
    restart = _checks.restart_probability("restart", restart)
    n_steps = _checks.integer("n_steps", n_steps, 1)
    state = random_states(1, _checks.seed(seed))[0]
    return walk_kernels.visit_counts(graph.neighbors, start, restart, n_steps, state) / n_steps


def _filled(graph: ProximityGraph | PartialGraph, batch_size: int) -> int:
    """Return the batch size, or raise if there are too few instances, or groups of them, to fill a batch."""
    groups = graph.rules.groups
    most, remedy = (graph.n_nodes, "") if groups is None else (len(groups), "a batch holds one instance of each group")
    return _checks.integer("batch_size", batch_size, 1, most, remedy)


def _per_batch(restart, n: int) -> np.ndarray:
    """Return the restart probability of each of `n` batches."""
    restarts = _checks.array("restart", restart)
    if restarts.dtype.kind not in "fiu":
        raise TypeError(f"restart must be a number in [0, 1), or one for each batch, got {restart!r}")
    restarts = restarts.astype(np.float64)
    if restarts.ndim:
        _checks.shape("restart", restarts, (n,), "one per batch")
    restarts = np.broadcast_to(restarts, (n,)).copy()
    for value in np.unique(restarts):
        _checks.restart_probability("restart", value)
    return restarts
