"""Change: how far two embeddings of the same instances agree on nearest neighbours."""

from dataclasses import dataclass

import numpy as np

from toolkit import _checks
from toolkit._result import Result
from toolkit.proximity.graph import ProximityGraph


@dataclass(frozen=True, eq=False)
class NeighborsKept(Result):
    """Share of the nearest neighbours in one embedding that are also nearest neighbours in another.

    Attributes
    ----------
    values : float64 array, shape (N,)
        Share of each instance's neighbours.
    """

    column = "neighbors_kept"
    row = "number"

    def __repr__(self) -> str:
        return f"NeighborsKept(value={self.value:.3f}, instances={len(self.values)})"


def neighbors_kept(first, second, *, n_neighbors: int = 10) -> NeighborsKept:
    """Return the share of each instance's nearest neighbours that two embeddings have in common.

    1: the same neighbours; by chance, the share is ``n_neighbors / (N - 1)``. The search is exact, which takes about
    10 seconds for 60,000 instances.

    Parameters
    ----------
    first, second : array or tensor, shapes (N, d) and (N, e)
        Embeddings of the same instances in the same order; d and e may differ.
    n_neighbors : int
        Nearest neighbours of each instance, by cosine similarity.

    Raises
    ------
    ValueError
        For different numbers of instances, NaN, Inf or zero rows.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(200, 8))
    >>> neighbors_kept(points, 2 * points).value
    1.0
    >>> neighbors_kept(points, points[::-1]).value < 0.2
    True
    """
    pair = {name: _checks.embeddings(name, values).cpu() for name, values in (("first", first), ("second", second))}
    if len(pair["first"]) != len(pair["second"]):
        sizes = len(pair["first"]), len(pair["second"])
        raise ValueError(f"second must be of the same {sizes[0]} instances as first, got {sizes[1]}")
    n = len(pair["first"])
    n_neighbors = _checks.integer("n_neighbors", n_neighbors, 1, n - 1)
    graphs = [ProximityGraph.nearest(values, n_neighbors=n_neighbors).neighbors for values in pair.values()]
    rows = np.arange(n)[:, None] * n
    kept = np.isin(graphs[0] + rows, graphs[1] + rows)
    return NeighborsKept(kept.mean(1))
