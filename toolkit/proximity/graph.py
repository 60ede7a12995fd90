"""The proximity graph: each instance linked to the most similar of a few random candidates."""

from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine import threads
from toolkit.engine.device import link_on_device
from toolkit.engine.linking import link, narrow
from toolkit.engine.rules import NO_RULES, Rules
from toolkit.proximity.arrays import check_similarities, graph_arrays, with_skipped
from toolkit.proximity.rules import check_halves, neighbor_rules
from toolkit.proximity.sizes import DEFAULT_CANDIDATES, fresh_candidates, graph_size


@dataclass(frozen=True, eq=False)
class ProximityGraph:
    """A directed graph in which each instance points to its `n_neighbors` most similar random candidates.

    Paper section 3.1: M candidates are drawn for each instance and the K most similar of them are kept, so
    the neighbours are about the top K / M of the whole data set in similarity, whatever its size.

    Attributes
    ----------
    neighbors : int32 array, shape (N, K)
        Out-neighbours of each instance, in no particular order.
    similarities : float32 array, shape (N, K)
        Cosine similarity to each of them; shape (N, 0) if they were not stored, as in samplers with a fixed `restart`.
    n_candidates : int
        Candidates per instance (M), after the cap at N - 1.
    recall : float
        Share of the K most similar candidates that are neighbours: 1.0 unless the search was approximate (`nearest`).
    seed : int
        Random seed; the candidates follow from it, N and M.
    rules : Rules
        Which candidates were left out, and what counts as similar: `paired`, `groups`, `skip` and `margin` of `build`.
    fresh : float
        Share of the candidates that were drawn for this graph (`rebuilt`); 1.0 if all were.
    skipped : int32 array, shape (N, skip)
        Candidates left out by `skip`, -1 where there were fewer.
    lacking : int
        Number of instances with fewer than K allowed neighbours. Their neighbours are repeated; an instance without
        any is its own neighbour, so its walks continue from fresh seeds.

    Raises
    ------
    ValueError, IndexError
        For arrays made by hand that are not integers, have other shapes, or contain neighbours outside [0, N).

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
    _: KW_ONLY
    n_candidates: int
    recall: float = 1.0
    seed: int = 0
    rules: Rules = NO_RULES
    fresh: float = 1.0
    skipped: np.ndarray | None = None
    lacking: int = 0

    def __post_init__(self) -> None:
        arrays = graph_arrays(self.neighbors, self.similarities, self.skipped, self.rules.skip)
        for name, array in arrays.items():
            object.__setattr__(self, name, array)

    @classmethod
    def build(
        cls,
        embeddings,
        *,
        n_candidates: int | None = None,
        n_neighbors: int | None = None,
        paired: bool = False,
        groups=None,
        skip: int = 0,
        margin: float | None = None,
        with_similarities: bool = True,
        seed: int = 0,
        n_threads: int | None = None,
    ) -> "ProximityGraph":
        """Link each instance to its most similar random candidates.

        Each instance's candidates are drawn uniformly without replacement and never include the instance itself; all
        instances are candidates equally often. Blocks of at most M / 2 random instances share their candidates, so the
        work is a few matrix products. On top of the embeddings and the graph, this takes little memory.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)
            Array of any real dtype, which may be memory-mapped; rows need not be normalised.
        n_candidates : int, optional
            Random candidates per instance (M), by default 1,000. Capped at N - 1, which gives the exact nearest
            neighbours.
        n_neighbors : int, optional
            Candidates kept per instance (K), at most M; by default a tenth of them.
        paired : bool
            Whether each row is the embedding of a query followed by that of its target, as `join_pairs` makes them.
            The similarity of two instances is then what a symmetric loss over the pairs of a batch sees: the mean of
            the cosines of each one's query with the other's target.
        groups : array, shape (N,), optional
            Group of each instance; two of one group are never neighbours. None, NaN and -1 mean no group.
        skip : int
            Number of most similar candidates to leave out: the likeliest false negatives. At most M - K.
        margin : float, optional
            Leave out candidates whose similarity is at least `margin` times that of the instance's own query and
            target, a positive number; only for pairs.
        with_similarities : bool
            Whether to store the neighbours' similarities (4 N K bytes), which `narrow` needs, but walks do not.
        seed : int
            Random seed of the candidates. The graph follows from it, with any number of threads.
        n_threads : int, optional
            Number of threads, by default as many as torch uses. For embeddings on another device, the work is done
            there.

        Raises
        ------
        ValueError
            For K > M, N < 2, a wrong shape, NaN, Inf and zero rows (the first are named), groups that are not one per
            instance, `skip` above M - K, `margin` without `paired`, and `paired` rows of odd width.

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> from toolkit.proximity import join_pairs
        >>> queries, targets = np.random.default_rng(0).normal(size=(2, 500, 8))
        >>> pairs = join_pairs(queries, targets)
        >>> graph = ProximityGraph.build(pairs, n_candidates=100, n_neighbors=10, paired=True, skip=2)
        >>> graph.neighbors.shape, graph.skipped.shape
        ((500, 10), (500, 2))
        """
        vectors = _checks.vectors("embeddings", embeddings)
        n_candidates, n_neighbors = graph_size(len(vectors), n_candidates=n_candidates, n_neighbors=n_neighbors)
        rules = neighbor_rules(
            len(vectors),
            n_candidates=n_candidates,
            n_neighbors=n_neighbors,
            paired=paired,
            groups=groups,
            skip=skip,
            margin=margin,
        )
        sizes, keeps = (n_candidates, n_candidates, n_neighbors), _checks.flag("with_similarities", with_similarities)
        return cls._linked(vectors, rules, sizes, _checks.seed(seed), n_threads, keeps)

    def rebuilt(
        self, embeddings, *, fresh: float = 0.25, seed: int = 0, n_threads: int | None = None
    ) -> "ProximityGraph":
        """Return a graph with the same settings for changed embeddings, at a lower cost than `build`.

        Only a share `fresh` of the M candidates is drawn. Each of the current neighbours (and skipped candidates) stays
        a candidate with probability ``1 - fresh``, and is compared again with the current embeddings. After some
        rebuilds an instance has thus chosen among about M candidates, and its neighbours are nearly as similar and as
        varied as those that `build` would find.

        Limits: comparing a neighbour again takes as long as about 25 drawn candidates, since its row is fetched
        from a random address. So this pays off for few neighbours of many candidates, K below M / 50. There are at most
        ``fresh * M`` neighbours. If embeddings change so much between two rebuilds that old neighbours are no better
        than random ones, an instance effectively chooses among the fresh candidates only.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)
            As for `build`, for as many instances.
        fresh : float
            Share of candidates to draw, in (0, 1]; with 1, this is `build`.
        seed, n_threads
            As for `build`; another seed for each rebuild.

        Raises
        ------
        ValueError
            For another number of embeddings, `fresh` outside (0, 1], and more neighbours than ``fresh * M``.

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> points = np.random.default_rng(0).normal(size=(500, 8))
        >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10, seed=0)
        >>> graph.rebuilt(points + 0.1, fresh=0.5, seed=1)
        ProximityGraph(n_nodes=500, n_neighbors=10, n_candidates=100)
        """
        seed = _checks.seed(seed)
        vectors = _checks.vectors("embeddings", embeddings)
        _checks.shape("embeddings", vectors, (self.n_nodes, vectors.shape[1]), "one row per instance of the graph")
        drawn = fresh_candidates(
            fresh, skip=self.rules.skip, n_candidates=self.n_candidates, n_neighbors=self.n_neighbors
        )
        kept = None
        if drawn < self.n_candidates:
            known = with_skipped(self.neighbors, self.skipped)
            kept = np.where(np.random.default_rng([seed, 1]).random(known.shape, np.float32) < fresh, -1, known)
            vectors = vectors.float().contiguous()
        sizes, keeps = (self.n_candidates, drawn, self.n_neighbors), self.similarities.size > 0
        return self._linked(vectors, self.rules, sizes, seed, n_threads, keeps, kept, fresh)

    @classmethod
    def _linked(
        cls,
        vectors: torch.Tensor,
        rules: Rules,
        sizes: tuple[int, int, int],
        seed: int,
        n_threads: int | None,
        with_similarities: bool,
        kept: np.ndarray | None = None,
        fresh: float = 1.0,
    ) -> "ProximityGraph":
        """Link each instance to the best of its drawn and `kept` candidates; `sizes`: M, number drawn, K."""
        check_halves(vectors.shape[1], rules.paired)
        n_threads = threads.n_cores() if n_threads is None else _checks.integer("n_threads", n_threads, 1, most=1024)
        given, more = (vectors, _checks.norms("embeddings", vectors)), (rules, kept, with_similarities)
        given = *given, *sizes[1:], seed
        links = link(*given, n_threads, *more) if vectors.device.type == "cpu" else link_on_device(*given, *more)
        return cls(**vars(links), n_candidates=sizes[0], seed=seed, rules=rules, fresh=fresh)

    @classmethod
    def nearest(cls, embeddings, *, n_neighbors: int | None = None, seed: int = 0) -> "ProximityGraph":
        """Link each instance to its nearest neighbours in the whole data set (the limit M = N - 1).

        A walk on this graph gives the hardest batches, full of false negatives, and can get trapped: it is a baseline.
        For up to 50,000 instances, the search is exact and takes time proportional to the square of N. For more, it is
        approximate, with the inverted lists of faiss, and `recall` is the share of the true neighbours found, over
        1,000 random instances.

        Parameters
        ----------
        embeddings : array or tensor, shape (N, d)
            As for `build`.
        n_neighbors : int, optional
            Neighbours kept per instance (K), at most N - 1; by default 100.
        seed : int
            Random seed of the inverted lists.

        Raises
        ------
        ValueError
            For K > N - 1, N < 2, a wrong shape, or NaN, Inf and zero rows (the first are named).

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> points = np.random.default_rng(0).normal(size=(500, 8))
        >>> ProximityGraph.nearest(points, n_neighbors=10)
        ProximityGraph(n_nodes=500, n_neighbors=10, n_candidates=499)
        """
        from toolkit.engine.nearest import nearest_neighbors

        vectors = _checks.vectors("embeddings", embeddings)
        n = _checks.integer("number of embeddings", len(vectors), 2)
        n_neighbors = min(DEFAULT_CANDIDATES // 10, n - 1) if n_neighbors is None else n_neighbors
        n_neighbors = _checks.integer("n_neighbors", n_neighbors, 1, n - 1, "no more than other instances")
        seed = _checks.seed(seed)
        unit = np.ascontiguousarray(_checks.embeddings("embeddings", vectors).cpu().numpy())
        neighbors, similarities, recall = nearest_neighbors(unit, n_neighbors, seed)
        return cls(neighbors.astype(np.int32), similarities.clip(-1, 1), n_candidates=n - 1, recall=recall)

    def narrow(self, n_neighbors: int) -> "ProximityGraph":
        """Return the graph with fewer neighbours per instance that `build` would make from the same candidates.

        There is no new search: the most similar of the current neighbours stay, in their order. `recall` remains that
        of the wider graph.

        Parameters
        ----------
        n_neighbors : int
            At most the current number.

        Raises
        ------
        ValueError
            For less than one neighbour, for more than the graph has, and for a graph without similarities.

        Examples
        --------
        >>> import numpy as np
        >>> from toolkit import ProximityGraph
        >>> points = np.random.default_rng(0).normal(size=(500, 8))
        >>> wide = ProximityGraph.build(points, n_candidates=100, n_neighbors=50)
        >>> wide.narrow(10)
        ProximityGraph(n_nodes=500, n_neighbors=10, n_candidates=100)
        >>> built = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
        >>> bool((wide.narrow(10).neighbors == built.neighbors).all())
        True
        """
        n_neighbors = _checks.integer("n_neighbors", n_neighbors, 1, self.n_neighbors, "no more than the graph has")
        check_similarities(self.similarities)
        neighbors, similarities, lacking = narrow(self.neighbors, self.similarities, n_neighbors)
        return replace(self, neighbors=neighbors, similarities=similarities, lacking=lacking)

    @property
    def n_nodes(self) -> int:
        """Number of instances (N)."""
        return self.neighbors.shape[0]

    @property
    def n_neighbors(self) -> int:
        """Out-neighbours of each instance (K)."""
        return self.neighbors.shape[1]

    def in_degree_counts(self) -> np.ndarray:
        """Count how often each instance is somebody's neighbour; int64, shape (N,)."""
        from toolkit.engine.kernels import count_entries

        counts = np.zeros(self.n_nodes, np.int64)
        count_entries(self.neighbors, counts)
        return counts

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

        check_similarities(self.similarities)
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
