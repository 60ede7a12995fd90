"""The proximity graph: each instance linked to the most similar of a few random candidates."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from toolkit import _checks


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

    @classmethod
    def build(cls, embeddings, n_candidates: int = 1000, n_neighbors: int = 100, seed: int = 0) -> "ProximityGraph":
        """Link each instance to its most similar random candidates.

        Blocks of at most M / 2 random rows share their candidates, consecutive slices of random permutations of
        all instances. Each row's candidates are then still a uniform draw without itself and without
        repetition, and all instances are candidates equally often, but the work is a few matrix products.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)
            Any real dtype; rows need not be normalised.
        n_candidates : int
            Random candidates per instance (M). Capped at N - 1, which gives the exact nearest neighbours.
        n_neighbors : int
            Candidates kept per instance (K), at most M.
        seed : int
            Determines the candidates.

        Raises
        ------
        ValueError
            For K > M, N < 2, a wrong shape, or NaN, Inf and zero rows (the first are named).
        """
        unit = _checks.embeddings(embeddings).cpu()
        n = len(unit)
        _checks.integer("number of embeddings", n, 2)
        n_candidates = min(_checks.integer("n_candidates", n_candidates, 1), n - 1)
        n_neighbors = _checks.integer(
            "n_neighbors", n_neighbors, 1, n_candidates, "no more neighbours than candidates (at most N - 1)"
        )
        rng = np.random.default_rng(_checks.integer("seed", seed, 0))
        neighbors = np.empty((n, n_neighbors), np.int32)
        similarities = np.empty((n, n_neighbors), np.float32)
        rows = np.array_split(rng.permutation(n), -(-n // max(1, n_candidates // 2)))
        # One iterator for all threads: each takes the next block when it is done with one.
        blocks = iter(list(zip(rows, _candidate_slices(n, n_candidates + 1, rng), strict=False)))
        _on_all_cores(lambda: _link(unit, blocks, neighbors, similarities))
        return cls(neighbors, similarities, n_candidates)

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
        return (
            f"ProximityGraph(n_nodes={self.n_nodes}, n_neighbors={self.n_neighbors}, n_candidates={self.n_candidates})"
        )


def _candidate_slices(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield endless slices of random permutations of ``range(n)``, each without repetition."""
    rest = rng.permutation(n)
    while True:
        if len(rest) < size:
            # The slice goes on into a new permutation, past the members it has already.
            fresh = rng.permutation(n)
            fresh = fresh[~np.isin(fresh, rest)]
            missing = size - len(rest)
            used = np.concatenate([rest, fresh[:missing]])
            yield used
            rest = rng.permutation(np.concatenate([fresh[missing:], rest]))
        else:
            yield rest[:size]
            rest = rest[size:]


def _on_all_cores(work: Callable[[], None]) -> None:
    """Run `work` in as many threads as torch uses, each with single-threaded torch operations."""
    n_threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for done in [pool.submit(work) for _ in range(n_threads)]:
                done.result()
    finally:
        # The number is a thread's own, but also what threads started later begin with.
        torch.set_num_threads(n_threads)


def _link(unit: torch.Tensor, blocks: Iterator, neighbors: np.ndarray, similarities: np.ndarray) -> None:
    """Write the neighbours of each block of rows among its M + 1 candidates, of which each row leaves one out."""
    from toolkit._top_k import LANES, PAD, select_top_k

    slot = pool = None
    for rows, candidates in blocks:
        width = len(candidates)
        if slot is None:
            # A row leaves itself out, or the last candidate if it is not among them.
            slot = np.full(len(unit), width - 1, np.int32)
            codes = np.zeros(width + -width % LANES, np.int32)
            pool = torch.zeros(len(codes), unit.shape[1])
            anchors = torch.empty(len(rows) + 1, unit.shape[1])
            scores = torch.empty(len(rows) + 1, len(codes))
        torch.index_select(unit, 0, torch.from_numpy(candidates), out=pool[:width])
        torch.index_select(unit, 0, torch.from_numpy(rows), out=anchors[: len(rows)])
        block = torch.mm(anchors[: len(rows)], pool.T, out=scores[: len(rows)]).numpy()
        block[:, width:] = PAD
        codes[:width] = candidates
        slot[candidates] = np.arange(width)
        select_top_k(block, width, slot[rows], codes, rows, neighbors, similarities)
        slot[candidates] = width - 1
