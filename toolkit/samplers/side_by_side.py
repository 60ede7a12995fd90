"""Batches of the three samplers side by side: same embeddings, same starts, only the settings differ."""

from itertools import islice

import numpy as np

from toolkit import _checks
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.walks import WalkStats, random_states, walk_batches
from toolkit.samplers import KNNBatchSampler, UniformBatchSampler


class Draws:
    """Uniform, kNN and random-walk batches of some embeddings, for comparing settings.

    Whatever the settings, walks begin at the same instances with the same random numbers. The last graph is kept, so
    that another restart probability or batch size costs a few walks, and fewer neighbours no search.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    n_batches : int
        Batches per draw, at most N // B.
    seed : int
        Of everything drawn.

    Attributes
    ----------
    vectors : float32 tensor, shape (N, d)
        The embeddings at length 1.

    Raises
    ------
    ValueError
        For NaN, Inf and zero rows, and, when drawing, settings out of their ranges.

    Examples
    --------
    >>> import numpy as np
    >>> draws = Draws(np.random.default_rng(0).normal(size=(500, 8)), n_batches=5)
    >>> batches, stats = draws.walks(32, restart=0.2, n_neighbors=10, n_candidates=100)
    >>> batches.shape, len(draws.uniform(32)), len(draws.knn(32))
    ((5, 32), 5, 5)
    """

    def __init__(self, embeddings, n_batches: int = 20, seed: int = 0) -> None:
        self.vectors = _checks.embeddings(embeddings).cpu()
        self.n = _checks.integer("number of embeddings", len(self.vectors), 2)
        self.n_batches = _checks.integer("n_batches", n_batches, 1)
        self.seed = _checks.integer("seed", seed, 0)
        self._widest: tuple[int, ProximityGraph] | None = None  # of some candidates, and what was last drawn from
        self._graph: ProximityGraph | None = None

    def uniform(self, batch_size: int) -> list[list[int]]:
        """Return batches of a shuffle."""
        return list(islice(UniformBatchSampler(self.n, batch_size, seed=self.seed), self.n_batches))

    def knn(self, batch_size: int) -> list[list[int]]:
        """Return batches of an instance and its nearest neighbours."""
        sampler = KNNBatchSampler.from_embeddings(
            self.vectors, batch_size, refresh_every=self.n_batches, seed=self.seed
        )
        return list(islice(sampler, self.n_batches))

    def graph(self, n_neighbors: int, n_candidates: int) -> ProximityGraph:
        """Return the proximity graph of these settings."""
        if self._widest is None or self._widest[0] != n_candidates or self._widest[1].n_neighbors < n_neighbors:
            self._graph = ProximityGraph.build(self.vectors, n_candidates, n_neighbors, self.seed)
            self._widest = n_candidates, self._graph
        if self._graph.n_neighbors != n_neighbors:
            widest = self._widest[1]
            self._graph = widest if widest.n_neighbors == n_neighbors else widest.narrow(n_neighbors)
        return self._graph

    def walks(
        self, batch_size: int, restart: float, n_neighbors: int, n_candidates: int
    ) -> tuple[np.ndarray, WalkStats]:
        """Return batches of random walks, shape (n, B), and what they took."""
        graph = self.graph(n_neighbors, n_candidates)
        starts = self.starts(batch_size)
        return walk_batches(graph, starts, batch_size, restart, states=random_states(len(starts), self.seed))

    def starts(self, batch_size: int) -> np.ndarray:
        """Return where the walks begin: distinct random instances."""
        return np.random.default_rng(self.seed).permutation(self.n)[: min(self.n_batches, self.n // batch_size)]
