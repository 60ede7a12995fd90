"""Staleness: how far embeddings have moved since a graph was built."""

from dataclasses import dataclass

import numpy as np

from toolkit import _checks
from toolkit._result import Result
from toolkit.proximity.arrays import with_skipped
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.sizes import fresh_candidates


@dataclass(frozen=True, eq=False)
class Staleness(Result):
    """Share of a graph's neighbours that a rebuild with the current embeddings would replace.

    Attributes
    ----------
    values : float64 array, shape (n,)
        Share of each instance looked at.
    """

    column = "staleness"
    row = "number"

    def __repr__(self) -> str:
        return f"Staleness(value={self.value:.3f}, instances={len(self.values)})"


def graph_staleness(graph: ProximityGraph, embeddings, n_rows: int = 500) -> Staleness:
    """Return the share of a graph's neighbours that a rebuild from the same candidates would replace.

    The candidates of some random instances are ranked by the current embeddings. 0: their neighbours are the same;
    1 - K / M: the old neighbours are no better than random candidates. Of a graph with neighbours of an earlier one
    (`ProximityGraph.rebuilt`), only these and the candidates that it drew itself are known: the share is then a lower
    bound.

    Parameters
    ----------
    graph : ProximityGraph
    embeddings : array or tensor, shape (N, d)
    n_rows : int
        Minimum number of instances to look at.

    Raises
    ------
    ValueError
        For a number of embeddings other than the graph's, and NaN, Inf or zero rows among those looked at.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> graph_staleness(graph, points).value
    0.0
    >>> 0 < graph_staleness(graph, points + 0.1).value < 0.9
    True
    """
    from toolkit.engine.linking import link_some

    vectors = _checks.vectors("embeddings", embeddings)
    if len(vectors) != graph.n_nodes:
        raise ValueError(f"embeddings must be of the graph's {graph.n_nodes} instances, got {len(vectors)}")
    n_rows = _checks.integer("n_rows", n_rows, 1)
    drawn = fresh_candidates(
        graph.fresh, skip=graph.rules.skip, n_candidates=graph.n_candidates, n_neighbors=graph.n_neighbors
    )
    kept = None if graph.fresh == 1 else with_skipped(graph.neighbors, graph.skipped)
    rows, fresh = link_some(vectors, drawn, graph.n_neighbors, graph.seed, n_rows, graph.rules, kept)
    old, new = (rows[:, None] * graph.n_nodes + neighbors for neighbors in (graph.neighbors[rows], fresh))
    kept = np.isin(old, new)
    return Staleness(1 - kept.mean(1))
