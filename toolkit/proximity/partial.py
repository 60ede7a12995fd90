"""A proximity graph of which only those rows are built that walks read."""

import copy

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine.linking import candidate_blocks, link_blocks, rows_at_once
from toolkit.engine.rules import Rules
from toolkit.proximity.rules import check_halves
from toolkit.proximity.sizes import graph_size

_LEFT_OUT = np.float32(-2)  # below any cosine


class PartialGraph:
    """The graph that `ProximityGraph.build` makes of these settings, row by row as walks ask for it.

    A walk that fills a batch of 256 leaves about 200 nodes. To compare these with their candidates takes a few
    hundredths of a second, whatever the number of instances.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    n_candidates, n_neighbors, paired, seed
        As for `ProximityGraph.build`.

    Attributes
    ----------
    neighbors : int32 array, shape (N, K)
        Neighbours of each instance; only rows that are `known` are valid.
    known : bool array, shape (N,)
        Whether an instance has been linked.
    rules : Rules

    Raises
    ------
    ValueError
        For K > M, N < 2, a wrong shape, NaN, Inf and zero rows, and `paired` rows of odd width.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.proximity import PartialGraph, ProximityGraph
    >>> points, sizes = np.random.default_rng(0).normal(size=(500, 8)), {"n_candidates": 100, "n_neighbors": 10}
    >>> graph = PartialGraph(points, **sizes)
    >>> graph.link(7)
    >>> bool((graph.neighbors[7] == ProximityGraph.build(points, **sizes).neighbors[7]).all())
    True
    >>> int(graph.known.sum())
    1
    """

    def __init__(
        self,
        embeddings,
        *,
        n_candidates: int | None = None,
        n_neighbors: int | None = None,
        paired: bool = False,
        seed: int = 0,
    ) -> None:
        vectors = _checks.vectors("embeddings", embeddings)
        self.n_nodes = len(vectors)
        self.n_candidates, self.n_neighbors = graph_size(
            self.n_nodes, n_candidates=n_candidates, n_neighbors=n_neighbors
        )
        self.rules, self.seed = Rules(_checks.flag("paired", paired)), _checks.seed(seed)
        check_halves(vectors.shape[1], paired)
        vectors = vectors.cpu().float().contiguous()
        self._vectors, self._norms = vectors.numpy(), _checks.norms("embeddings", vectors).numpy()
        # Sums in another order differ by a few rounding errors.
        self._close = np.float32(np.finfo(np.float32).eps * vectors.shape[1] ** 0.5)
        self._begin()

    def resized(self, *, n_candidates: int | None = None, n_neighbors: int | None = None) -> "PartialGraph":
        """Return a graph of other sizes, and otherwise the same, of which no row is built; it shares the embeddings.

        Raises
        ------
        ValueError
            For K > M.

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit.proximity import PartialGraph
        >>> graph = PartialGraph(np.random.default_rng(0).normal(size=(500, 8)))
        >>> graph.resized(n_candidates=100, n_neighbors=10)
        PartialGraph(n_nodes=500, n_neighbors=10, n_candidates=100, known=0)
        """
        other = copy.copy(self)
        other.n_candidates, other.n_neighbors = graph_size(
            self.n_nodes, n_candidates=n_candidates, n_neighbors=n_neighbors
        )
        other._begin()
        return other

    def _begin(self) -> None:
        """Draw the candidates, and know no row."""
        self._blocks = list(candidate_blocks(self.n_nodes, self.n_candidates, self.seed))
        self._block = np.empty(self.n_nodes, np.int32)
        for number, (rows, _) in enumerate(self._blocks):
            self._block[rows] = number
        self.neighbors = np.zeros((self.n_nodes, self.n_neighbors), np.int32)  # takes memory where it is written
        self.known = np.zeros(self.n_nodes, bool)

    def link(self, node: int) -> None:
        """Link an instance to its most similar candidates, as `ProximityGraph.build` does."""
        node = _checks.integer("node", node, 0, self.n_nodes - 1)
        if not self.known[node]:
            self._link(node)

    def _link(self, node: int) -> None:
        rows, candidates = self._blocks[self._block[node]]
        scores = self._scores(node, candidates)
        order = np.argpartition(scores, len(scores) - self.n_neighbors)
        best, others = order[-self.n_neighbors :], order[: -self.n_neighbors]
        if scores[best].min() - scores[others].max() > self._close:
            self._keep([node], candidates[np.sort(best)])
        else:  # rounding decides, so it has to be the same
            size = rows_at_once(rows, candidates)
            start = np.flatnonzero(rows == node)[0] // size * size
            part = rows[start : start + size]
            used = np.unique(np.concatenate([part, candidates]))
            some = torch.from_numpy(self._vectors[used])
            self._keep(part, link_blocks(used, some, [(part, candidates)], self.n_neighbors, 1, self.rules).neighbors)

    def _scores(self, node: int, candidates: np.ndarray) -> np.ndarray:
        """Return the similarity of an instance to its block's candidates, one of which is left out."""
        from toolkit.engine.kernels import score_kept

        own = self._vectors[node] / self._norms[node]
        seen = np.roll(own, len(own) // 2) if self.rules.paired else own
        scores = np.empty((1, len(candidates)), np.float32)
        score_kept(self._vectors, self._norms, seen[None], candidates[None], np.zeros(1, np.int32), scores)
        place = (candidates == node).argmax()
        scores[0, place if candidates[place] == node else -1] = _LEFT_OUT
        return scores[0]

    def _keep(self, nodes, neighbors: np.ndarray) -> None:
        self.neighbors[nodes], self.known[nodes] = neighbors, True

    def __repr__(self) -> str:
        sizes = f"n_nodes={self.n_nodes}, n_neighbors={self.n_neighbors}, n_candidates={self.n_candidates}"
        return f"PartialGraph({sizes}, known={self.known.sum()})"
