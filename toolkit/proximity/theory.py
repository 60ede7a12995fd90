"""Corrected forms of the paper's two propositions: similar neighbours, and walks that stay in a region.

Proposition 1 is about the graph: how likely all K neighbours are among an instance's S most similar ones. Proposition
2 is about the walk: how much of its time it spends outside a region. Both are restated here and checked by experiment
in ``notebooks/04_proximity_graph.ipynb`` and ``notebooks/05_walks.ipynb``.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np

from toolkit import _checks
from toolkit._result import Result
from toolkit.proximity.graph import ProximityGraph

_MAX_ITERATIONS = 2000


def all_neighbors_similar(n: int, n_similar: int, *, n_candidates: int, n_neighbors: int) -> float:
    """Return the probability that all neighbours of an instance are among its `n_similar` most similar others.

    They are if at least K of the M random candidates are. This is the exact form of Proposition 1: P[Hypergeometric(N
    - 1, S, M) >= K] for candidates drawn without replacement, as `ProximityGraph.build` draws them. It rises
    sharply from 0 to 1 at S / N = K / M.

    Parameters
    ----------
    n : int
        Instances (N).
    n_similar : int
        S, less than N.
    n_candidates, n_neighbors : int
        M and K.

    Examples
    --------
    >>> [round(all_neighbors_similar(50_000, s, n_candidates=1000, n_neighbors=100), 3) for s in (4000, 5000, 6000)]
    [0.013, 0.516, 0.98]
    """
    from scipy.stats import hypergeom

    n, n_similar, n_candidates, n_neighbors = _sizes(n, n_similar, n_candidates, n_neighbors)
    return float(hypergeom.sf(n_neighbors - 1, n - 1, n_similar, min(n_candidates, n - 1)))


def all_neighbors_similar_bound(n: int, n_similar: int, *, n_candidates: int, n_neighbors: int) -> float:
    """Return a lower bound of `all_neighbors_similar` in closed form: (1 - p^floor(M / K))^K with p = (N - S) / N.

    Cut the M candidates into K groups: if each contains a similar instance, K of them are similar. This requires
    independent draws, with replacement: without, a few similar instances can't be in all groups, and for S < K the
    exact value is 0. With p^M in place of p^floor(M / K), it would not be a bound for K > 1.

    Examples
    --------
    >>> [round(all_neighbors_similar_bound(50_000, s, n_candidates=1000, n_neighbors=100), 3) for s in (5000, 20_000)]
    [0.0, 0.545]
    """
    n, n_similar, n_candidates, n_neighbors = _sizes(n, n_similar, n_candidates, n_neighbors)
    return float((1 - ((n - n_similar) / n) ** (n_candidates // n_neighbors)) ** n_neighbors)


def pagerank(
    graph: ProximityGraph, start, *, restart: float = 0.2, undirected: bool = False, tolerance: float = 1e-9
) -> np.ndarray:
    """Return the personalised PageRank of `start`: the share of steps a long walk spends at each node.

    Parameters
    ----------
    graph : ProximityGraph
    start : int or array, shape (N,)
        Node where the walk restarts, or the weight of each node.
    restart : float
        Restart probability, in [0, 1). At 0, nothing ties the walk to its start.
    undirected : bool
        False: the walk that fills batches. True: the walk of Proposition 2, which takes edges in both directions and
        stays in place every other step.
    tolerance : float
        Iterations end when the total change is at most this.

    Returns
    -------
    float64 array, shape (N,)
        With sum 1.

    Raises
    ------
    IndexError, TypeError, ValueError
        For a restart probability outside [0, 1), and a start that is neither an index nor N weights.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> graph = ProximityGraph.build(np.random.default_rng(0).normal(size=(300, 8)), n_candidates=100, n_neighbors=10)
    >>> rank = pagerank(graph, start=7, restart=0.5)
    >>> int(rank.argmax()), bool(rank[7] >= 0.5), round(float(rank.sum()), 6)
    (7, True, 1.0)
    """
    restart = _checks.restart_probability("restart", restart)
    undirected, tolerance = _checks.flag("undirected", undirected), _checks.number("tolerance", tolerance, "[0, inf)")
    home = _start_weights(start, graph.n_nodes)
    backwards = _transitions(graph, undirected).T
    rank = home
    for _ in range(_MAX_ITERATIONS):
        before, rank = rank, restart * home + (1 - restart) * (backwards @ rank)
        change = np.abs(rank - before).sum()
        if change <= tolerance:
            break
    else:
        _warn_of_change("pagerank", change, tolerance)
    return rank / rank.sum()


def conductance(graph: ProximityGraph, members) -> float:
    """Return the conductance of a region: edges across its border over edge ends in it, or outside if those are fewer.

    Each directed edge counts as an undirected one.

    Parameters
    ----------
    graph : ProximityGraph
    members : bool array, shape (N,)
        Which instances are in the region; some, not all.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> graph = ProximityGraph.build(np.eye(4) + 0.1, n_candidates=3, n_neighbors=3)
    >>> round(conductance(graph, [True, True, False, False]), 3)
    0.667
    """
    members = _region(members, graph.n_nodes)
    crossing = (members[graph.neighbors] != members[:, None]).sum()
    degrees = graph.n_neighbors + graph.in_degree_counts()
    inside = degrees[members].sum()
    return float(crossing / min(inside, degrees.sum() - inside))


@dataclass(frozen=True, eq=False)
class Escape(Result):
    """Share of steps that a long walk spends outside a region, with the bound of Proposition 2.

    Attributes
    ----------
    values : float64 array
        Share for the walk that fills batches, by start in the region.
    members : bool array, shape (N,)
        Instances in the region.
    walk : float64 array, shape (N,)
        Share for the walk that fills batches, by start. It has no bound.
    undirected : float64 array, shape (N,)
        Share for the proposition's walk (`pagerank` with ``undirected=True``), by start. Single starts may exceed the
        bound.
    average : float
        Share for the proposition's walk, over all starts in the region, weighted by degree. It never exceeds the bound.
    bound : float
        (1 - restart) / (2 restart) times the conductance. At 1 or more it is vacuous.
    """

    members: np.ndarray = field(repr=False)
    walk: np.ndarray = field(repr=False)
    undirected: np.ndarray = field(repr=False)
    average: float
    bound: float

    column = "share_outside"
    row = "start"

    @property
    def worst(self) -> float:
        """Share for the proposition's walk from the start in the region that escapes most."""
        return float(self.undirected[self.members].max())

    def to_frame(self):
        """Return a pandas frame with one row per start in the region: both walks' shares."""
        import pandas as pd

        shares = {"walk": self.walk, "undirected": self.undirected}
        return pd.DataFrame(shares).rename_axis(self.row)[self.members]


def escape(graph: ProximityGraph, members, *, restart: float = 0.2, tolerance: float = 1e-9) -> Escape:
    """Return the share of time a walk spends outside a region, with the conductance bound (Proposition 2).

    Parameters
    ----------
    graph : ProximityGraph
    members : bool array, shape (N,)
        Which instances are in the region; some, not all.
    restart : float
        In [0, 1).
    tolerance : float
        Iterations end when no share changes by more than this.

    Raises
    ------
    ValueError
        For a restart probability outside [0, 1), and members that are none, all or not one per instance.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> points = np.random.default_rng(0).normal(size=(300, 8)) + 3 * np.eye(8)[np.arange(300) % 2]
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> found = escape(graph, np.arange(300) % 2 == 0, restart=0.2)
    >>> found.average <= found.bound < found.worst
    True
    """
    members = _region(members, graph.n_nodes)
    restart = _checks.restart_probability("restart", restart)
    tolerance = _checks.number("tolerance", tolerance, "[0, inf)")
    degrees = graph.n_neighbors + graph.in_degree_counts()
    walk, undirected = (
        _share_outside(_transitions(graph, both), members, restart, tolerance) for both in (False, True)
    )
    return Escape(
        walk[members],
        members=members,
        walk=walk,
        undirected=undirected,
        average=float(np.average(undirected[members], weights=degrees[members])),
        bound=(1 - restart) / (2 * restart) * conductance(graph, members) if restart else float("inf"),
    )


def _share_outside(transitions, members: np.ndarray, restart: float, tolerance: float) -> np.ndarray:
    """Return the share of time spent outside the region, for all starts at once, from the backward equation.

    The share h(u) for start u solves h(u) = restart [u is outside] + (1 - restart) (mean of h over the next step). Its
    solution replaces one personalised PageRank for each start.
    """
    outside = (~members).astype(float)
    share = outside
    for _ in range(_MAX_ITERATIONS):
        before, share = share, restart * outside + (1 - restart) * (transitions @ share)
        change = np.abs(share - before).max()
        if change <= tolerance:
            break
    else:
        _warn_of_change("escape", change, tolerance)
    return share


def _warn_of_change(name: str, change: float, tolerance: float) -> None:
    warnings.warn(
        f"{name} has not converged: its iteration number {_MAX_ITERATIONS:,} still changed {change:.2g}, more than the "
        f"tolerance {tolerance:g}; take a larger restart probability or tolerance",
        RuntimeWarning,
        stacklevel=4 if name == "escape" else 3,
    )


def _sizes(n: int, n_similar: int, n_candidates: int, n_neighbors: int) -> tuple[int, int, int, int]:
    """Return N, S, M and K as int, or raise."""
    n = _checks.integer("n", n, 2)
    n_candidates = _checks.integer("n_candidates", n_candidates, 1)
    return (
        n,
        _checks.integer("n_similar", n_similar, 0, n - 1),
        n_candidates,
        _checks.integer("n_neighbors", n_neighbors, 1, n_candidates, "no more neighbours than candidates"),
    )


def _start_weights(start, n: int) -> np.ndarray:
    start = start if isinstance(start, (int, np.integer)) else _checks.array("start", start)
    if np.ndim(start) == 0:
        weights = np.zeros(n)
        weights[_checks.indices("start", [start], n)[0]] = 1
        return weights
    weights = _checks.shape("start", _checks.numbers("start", start).astype(float), (n,), "one weight per instance")
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.max() > 0):
        raise ValueError(
            f"start must be finite and non-negative with a positive sum, got min {weights.min()}, sum {weights.sum()}"
        )
    return weights / weights.sum()


def _region(members, n: int) -> np.ndarray:
    members = _checks.shape("members", _checks.array("members", members), (n,), "one flag per instance")
    if members.dtype != bool:
        raise TypeError(f"members must be bool, got dtype {members.dtype}")
    if members.all() or not members.any():
        raise ValueError(f"members must hold some instances but not all, got {members.sum()} of {n}")
    return members


def _transitions(graph: ProximityGraph, undirected: bool = False):
    """Return the transition matrix, sparse (N, N); if `undirected`, a lazy walk that follows edges both ways."""
    from scipy.sparse import csr_array, diags_array, eye_array

    n, k = graph.neighbors.shape
    links = csr_array((np.ones(n * k), graph.neighbors.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    if not undirected:
        return links / k
    degrees = k + graph.in_degree_counts()
    return (eye_array(n, format="csr") + diags_array(1 / degrees) @ (links + links.T)) / 2
