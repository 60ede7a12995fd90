"""Staleness: how far embeddings left a graph behind."""

import numpy as np

from toolkit import _checks
from toolkit.proximity.graph import ProximityGraph


def staleness(graph: ProximityGraph, embeddings, n_rows: int = 500) -> float:
    """Return the share of a graph's neighbours that it would not choose anew: how far embeddings left it behind.

    For some random instances the candidates of then are ranked by the embeddings of now. 0: their neighbours are the
    same; 1 - K / M: the old ones are no better than random candidates.

    Parameters
    ----------
    graph : ProximityGraph
    embeddings : array or tensor, shape (N, d)
    n_rows : int
        Instances to look at, at least.

    Raises
    ------
    ValueError
        For a number of embeddings other than the graph's, and NaN, Inf or zero rows among those looked at.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> staleness(graph, points)
    0.0
    >>> 0 < staleness(graph, points + 0.1) < 0.9
    True
    """
    from toolkit.engine.linking import link_some

    vectors = _checks.vectors(embeddings)
    if len(vectors) != graph.n_nodes:
        raise ValueError(f"embeddings must be of the graph's {graph.n_nodes} instances, got {len(vectors)}")
    _checks.integer("n_rows", n_rows, 1)
    rows, fresh = link_some(vectors, graph.n_candidates, graph.n_neighbors, graph.seed, n_rows)
    kept = np.isin(*(rows[:, None] * graph.n_nodes + found for found in (graph.neighbors[rows], fresh)))
    return 1 - float(kept.mean())
