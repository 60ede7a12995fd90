"""The proximity graph: each instance linked to the most similar of a few random candidates."""

from dataclasses import dataclass, replace

import numpy as np

from toolkit import _checks
from toolkit.engine import threads
from toolkit.engine.linking import link, link_on_device, narrow


@dataclass(frozen=True, eq=False)
class ProximityGraph:
    """A directed graph in which each instance points to its `n_neighbors` most similar random candidates.

    Paper section 3.1: M candidates are drawn for each instance and the K most similar of them are kept, so that
    the neighbours are the top K / M of the whole data set in similarity, whatever its size.

    Attributes
    ----------
    neighbors : int32 array, shape (N, K)
        Out-neighbours of each instance, in no particular order.
    similarities : float32 array, shape (N, K)
        Cosine similarity to each of them.
    n_candidates : int
        Candidates looked at per instance (M), after the cap at N - 1.
    recall : float
        Share of the K most similar candidates that the neighbours are: 1 but for approximate search (`exact`).
    seed : int
        The candidates follow from it, N and M.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10, seed=0)
    >>> graph
    ProximityGraph(n_nodes=500, n_neighbors=10, n_candidates=100)
    >>> graph.neighbors.shape, graph.neighbors.dtype
    ((500, 10), dtype('int32'))
    """

    neighbors: np.ndarray
    similarities: np.ndarray
    n_candidates: int
    recall: float = 1.0
    seed: int = 0

    @classmethod
    def build(
        cls, embeddings, n_candidates: int = 1000, n_neighbors: int = 100, seed: int = 0, n_threads: int | None = None
    ) -> "ProximityGraph":
        """Link each instance to its most similar random candidates.

        Each instance's candidates are a uniform draw without itself and without repetition, and all instances are
        candidates equally often. Blocks of at most M / 2 random instances share theirs, so that the work is a few
        matrix products. Beside the embeddings and the graph, this takes little memory.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)
            Any real dtype, also a memory-mapped array; rows need not be normalised.
        n_candidates : int
            Random candidates per instance (M). Capped at N - 1, which gives the exact nearest neighbours.
        n_neighbors : int
            Candidates kept per instance (K), at most M.
        seed : int
            Determines the candidates, and so the graph, with any number of threads.
        n_threads : int, optional
            By default as many as torch uses. Embeddings on another device are linked there.

        Raises
        ------
        ValueError
            For K > M, N < 2, a wrong shape, or NaN, Inf and zero rows (the first are named).
        """
        vectors = _checks.vectors(embeddings)
        n = _checks.integer("number of embeddings", len(vectors), 2)
        n_candidates = min(_checks.integer("n_candidates", n_candidates, 1), n - 1)
        n_neighbors = _checks.integer(
            "n_neighbors", n_neighbors, 1, n_candidates, "no more neighbours than candidates (at most N - 1)"
        )
        _checks.integer("seed", seed, 0)
        if n_threads is None:
            n_threads = threads.n_cores()
        _checks.integer("n_threads", n_threads, 1)
        norms = _checks.norms(vectors)
        if vectors.device.type == "cpu":
            links = link(vectors, norms, n_candidates, n_neighbors, seed, n_threads)
        else:
            links = link_on_device(vectors, norms, n_candidates, n_neighbors, seed)
        return cls(*links, n_candidates, seed=seed)

    @classmethod
    def exact(cls, embeddings, n_neighbors: int = 100, *, exact_up_to: int = 50_000, seed: int = 0) -> "ProximityGraph":
        """Link each instance to its nearest neighbours of all: the limit M = N - 1, through faiss.

        A walk on this graph gives the hardest batches, full of false negatives, and can be shut in for good: it is
        here to compare with. The exact search takes time in proportion to the square of N.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)
            As for `build`.
        n_neighbors : int
            Neighbours kept per instance (K), at most N - 1.
        exact_up_to : int
            Above so many instances the search is approximate, by inverted lists. `recall` then says which share of
            the true neighbours was found, over 1,000 random instances.
        seed : int
            Determines the lists.

        Raises
        ------
        ValueError
            For K > N - 1, N < 2, a wrong shape, or NaN, Inf and zero rows (the first are named).

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> points = np.random.default_rng(0).normal(size=(500, 8))
        >>> ProximityGraph.exact(points, n_neighbors=10)
        ProximityGraph(n_nodes=500, n_neighbors=10, n_candidates=499)
        """
        from toolkit.engine.nearest import nearest, nearly_nearest

        vectors = _checks.vectors(embeddings)
        n = _checks.integer("number of embeddings", len(vectors), 2)
        _checks.integer("n_neighbors", n_neighbors, 1, n - 1, "no more neighbours than other instances")
        _checks.integer("exact_up_to", exact_up_to, 0)
        _checks.integer("seed", seed, 0)
        unit = np.ascontiguousarray(_checks.embeddings(vectors).cpu().numpy())
        if n <= exact_up_to:
            neighbors, similarities, recall = *nearest(unit, np.arange(n), n_neighbors), 1.0
        else:
            neighbors, similarities, recall = nearly_nearest(unit, n_neighbors, seed)
        return cls(neighbors.astype(np.int32), similarities.clip(-1, 1), n - 1, recall)

    def narrow(self, n_neighbors: int) -> "ProximityGraph":
        """Return the graph with fewer neighbours of each instance, which `build` would make of the same candidates.

        Nothing is searched again: the most similar of the present neighbours stay, in their order. `recall` stays that
        of the wider graph.

        Parameters
        ----------
        n_neighbors : int
            At most the present number.

        Raises
        ------
        ValueError
            For less than one neighbour, or more than the graph has.

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> points = np.random.default_rng(0).normal(size=(500, 8))
        >>> wide = ProximityGraph.build(points, n_candidates=100, n_neighbors=50)
        >>> wide.narrow(10)
        ProximityGraph(n_nodes=500, n_neighbors=10, n_candidates=100)
        >>> bool((wide.narrow(10).neighbors == ProximityGraph.build(points, 100, 10).neighbors).all())
        True
        """
        _checks.integer("n_neighbors", n_neighbors, 1, self.n_neighbors, "no more than the graph has")
        neighbors, similarities = narrow(self.neighbors, self.similarities, n_neighbors)
        return replace(self, neighbors=neighbors, similarities=similarities)

    @property
    def n_nodes(self) -> int:
        """Number of instances (N)."""
        return self.neighbors.shape[0]

    @property
    def n_neighbors(self) -> int:
        """Out-neighbours of each instance (K)."""
        return self.neighbors.shape[1]

    def in_degrees(self) -> np.ndarray:
        """Count how often each instance is somebody's neighbour; int64, shape (N,)."""
        return np.bincount(self.neighbors.ravel(), minlength=self.n_nodes)

    def to_networkx(self):
        """Return a `networkx.DiGraph` whose edges carry ``similarity``.

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> graph = ProximityGraph.build(np.eye(4) + 0.1, n_candidates=3, n_neighbors=2)
        >>> print(graph.to_networkx())
        DiGraph with 4 nodes and 8 edges
        """
        import networkx as nx

        digraph = nx.DiGraph()
        digraph.add_nodes_from(range(self.n_nodes))
        sources = np.repeat(np.arange(self.n_nodes), self.n_neighbors).tolist()
        edges = zip(sources, self.neighbors.ravel().tolist(), self.similarities.ravel().tolist(), strict=True)
        digraph.add_weighted_edges_from(edges, weight="similarity")
        return digraph

    def __repr__(self) -> str:
        recall = f", recall={self.recall:.3f}" if self.recall < 1 else ""
        sizes = f"n_nodes={self.n_nodes}, n_neighbors={self.n_neighbors}, n_candidates={self.n_candidates}"
        return f"ProximityGraph({sizes}{recall})"
