"""Batches of several samplers side by side: same embeddings, same starts, only the settings differ."""

import threading
from functools import cached_property, lru_cache
from itertools import islice

import numpy as np

from toolkit import _checks
from toolkit.engine.precision import full_precision
from toolkit.engine.rules import crossed
from toolkit.proximity.false_negatives import ByClusters, ByPositives
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.partial import PartialGraph
from toolkit.proximity.rules import join_pairs
from toolkit.proximity.walks import WalkStats, WalkTrace, trace_walk, walk_batches
from toolkit.samplers.registry import SAMPLERS, defaults

WALK = "random_walk"  # the only sampler whose settings vary; the others use their defaults
_MOST_BYTES = 2**29  # limit for cached graphs; the last two are kept even if they exceed it
_FEW = 2**18  # comparisons of an instance with a candidate, which take about 30 ms
_LINK = 600  # comparisons that take as long as the rest of an instance's links


class SideBySide:
    """Batches of each default sampler from some embeddings, for comparing samplers and the walk's settings.

    Whatever the settings, walks begin at the same instances and use the same random numbers. Recent batches and graphs
    (up to 512 MiB of them) are cached. With another restart probability or batch size, only a few walks are recomputed;
    for fewer neighbours of the same candidates, a cached graph is narrowed without a new search. A single walk does not
    wait for the whole graph. Several threads may ask for graphs and walks.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        Embeddings of the instances, or with `targets` of their queries.
    n_batches : int
        Batches of each sampler, at most N // B.
    seed : int
        Random seed.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets.

    Attributes
    ----------
    queries : float32 tensor, shape (N, d)
        The embeddings at length 1.
    targets : float32 tensor, shape (N, d), or None
        The targets at length 1.
    vectors : float32 tensor, shape (N, d) or (N, 2 d)
        Rows that graphs are built from: the embeddings, or both sides of pairs (`toolkit.proximity.join_pairs`).

    Raises
    ------
    ValueError
        For NaN, Inf and zero rows, targets of another shape, and settings out of their ranges.

    Examples
    --------
    >>> import numpy as np
    >>> some = SideBySide(np.random.default_rng(0).normal(size=(500, 8)), n_batches=5)
    >>> batches, stats = some.walks(32, n_candidates=100, n_neighbors=10, restart=0.2)
    >>> batches.shape, {label: len(others) for label, others in some.references(32).items()}
    ((5, 32), {'Uniform': 5, 'kNN': 5})
    """

    def __init__(self, embeddings, n_batches: int = 20, seed: int = 0, *, targets=None) -> None:
        self.queries, self.targets = _checks.sides("embeddings", embeddings, "targets", targets)
        self.vectors = self.queries if targets is None else join_pairs(self.queries, self.targets)
        self.n = _checks.integer("number of embeddings", len(self.vectors), 2)
        self.n_batches = _checks.integer("n_batches", n_batches, 1)
        self.seed = _checks.seed(seed)
        self._graphs: dict[tuple[int, int], ProximityGraph] = {}  # by M and K, in order of last use
        self._lock, self._building = threading.Lock(), threading.Lock()
        self._partial = lru_cache(32)(self._partial)  # as many as two sliders have values
        self._references = lru_cache(2)(self._references)
        self._batches = lru_cache(32)(self._batches)
        self._epoch = lru_cache(16)(self._epoch)

    @classmethod
    def of(cls, embeddings, seed: int = 0, *, targets=None) -> "SideBySide":
        """Return `embeddings` if it is a `SideBySide` object, which explorers can share; otherwise make one.

        Raises
        ------
        TypeError
            If both such an object, which holds its own targets, and `targets` are given.
        """
        if not isinstance(embeddings, cls):
            return cls(embeddings, seed=seed, targets=targets)
        if targets is not None:
            raise TypeError(
                "targets must be None if embeddings are a SideBySide object, got both: make the object with them, "
                "SideBySide(embeddings, targets=targets)"
            )
        return embeddings

    @property
    def paired(self) -> bool:
        """Whether the instances are pairs of a query and its target."""
        return self.targets is not None

    @full_precision()
    def similarities(self, index: int, others: np.ndarray | None = None) -> np.ndarray:
        """Return the similarity, as used by the graph, of an instance to a few others or to all; float32."""
        own = self.vectors[index]
        own = crossed(own) if self.paired else own
        if others is None:
            return (self.vectors @ own).numpy()
        # torch would wake its threads, which takes longer than this.
        return np.einsum("nd,d->n", self.vectors.numpy()[others], own.numpy())

    @cached_property
    def clusters(self) -> ByClusters:
        """Counter that estimates false negatives from clusters of the instances."""
        return ByClusters(self.vectors, self.seed)

    @cached_property
    def counter(self) -> ByClusters | ByPositives:
        """Counter that estimates false negatives without labels: from targets for pairs, otherwise from clusters."""
        if self.targets is None:
            return self.clusters
        return ByPositives(self.queries, self.targets, seed=self.seed)

    def references(self, batch_size: int) -> dict[str, list[list[int]]]:
        """Return batches of each sampler other than the random walk, by label, with its default settings."""
        return self._references(_checks.integer("batch_size", batch_size, 2, self.n))

    def _references(self, batch_size: int) -> dict[str, list[list[int]]]:
        return {kind.label: self._batches(name, batch_size) for name, kind in defaults().items() if name != WALK}

    def batches(self, name: str, batch_size: int) -> list[list[int]]:
        """Return batches of a sampler by its name in the registry, with its default settings.

        Raises
        ------
        ModuleNotFoundError
            If the sampler needs a package that is not installed.
        """
        name = _checks.choice("name", name, tuple(SAMPLERS))
        return self._batches(name, _checks.integer("batch_size", batch_size, 2, self.n))

    def _batches(self, name: str, batch_size: int) -> list[list[int]]:
        # No more batches are planned than are wanted.
        kind = SAMPLERS[name]
        plan = {"refresh_every": self.n_batches} if kind.takes("refresh_every") else {}
        sampler = kind.from_embeddings(self.queries, batch_size, targets=self.targets, seed=self.seed, **plan)
        return list(islice(sampler, self.n_batches))

    def epochs(
        self, batch_size: int, *, n_candidates: int, n_neighbors: int, restart: float
    ) -> dict[str, list[list[int]] | np.ndarray]:
        """Return an epoch of each sampler by label: N // B batches; those of the random walk have these settings."""
        graph = self.graph(n_candidates=n_candidates, n_neighbors=n_neighbors)
        size = _checks.integer("batch_size", batch_size, 2, self.n)
        starts = np.random.default_rng(self.seed).permutation(self.n)[: self.n // size]
        walks, _ = walk_batches(graph, starts, size, restart=restart, seed=self.seed)
        return {kind.label: walks if name == WALK else self._epoch(name, size) for name, kind in defaults().items()}

    def epoch(self, name: str, batch_size: int) -> list[list[int]]:
        """Return an epoch of a sampler by its name in the registry, with its default settings.

        Raises
        ------
        ModuleNotFoundError
            If the sampler needs a package that is not installed.
        """
        name = _checks.choice("name", name, tuple(SAMPLERS))
        return self._epoch(name, _checks.integer("batch_size", batch_size, 2, self.n))

    def _epoch(self, name: str, batch_size: int) -> list[list[int]]:
        return list(SAMPLERS[name].from_embeddings(self.queries, batch_size, targets=self.targets, seed=self.seed))

    def graph(self, *, n_candidates: int, n_neighbors: int) -> ProximityGraph:
        """Return the proximity graph of these settings."""
        key = self._key(n_candidates, n_neighbors)
        graph = self._kept(key)
        if graph is None:
            with self._building:  # what another thread builds is not built twice
                graph = self._kept(key) or self._new_graph(*key)
                with self._lock:
                    self._graphs[key] = graph
                    self._forget_oldest()
        return graph

    def has_graph(self, *, n_candidates: int, n_neighbors: int) -> bool:
        """Return whether the graph of these settings is kept, so that nothing has to be built."""
        return self._key(n_candidates, n_neighbors) in self._graphs

    def _key(self, n_candidates: int, n_neighbors: int) -> tuple[int, int]:
        n_candidates = min(_checks.integer("n_candidates", n_candidates, 1), self.n - 1)
        return n_candidates, _checks.integer("n_neighbors", n_neighbors, 1, n_candidates)

    def _kept(self, key: tuple[int, int]) -> ProximityGraph | None:
        """Return a graph that is kept, which is then the one used last."""
        with self._lock:
            graph = self._graphs.pop(key, None)
            if graph is not None:
                self._graphs[key] = graph
            return graph

    def _new_graph(self, n_candidates: int, n_neighbors: int) -> ProximityGraph:
        """Narrow the smallest cached graph that contains these neighbours, or build one."""
        with self._lock:
            wider = [graph for (m, k), graph in self._graphs.items() if m == n_candidates and k > n_neighbors]
        if wider:
            return min(wider, key=lambda graph: graph.n_neighbors).narrow(n_neighbors)
        return ProximityGraph.build(
            self.vectors, n_candidates=n_candidates, n_neighbors=n_neighbors, paired=self.paired, seed=self.seed
        )

    @cached_property
    def _unlinked(self) -> PartialGraph:
        return PartialGraph(self.vectors, paired=self.paired, seed=self.seed)

    def _partial(self, n_candidates: int, n_neighbors: int) -> PartialGraph:
        return self._unlinked.resized(n_candidates=n_candidates, n_neighbors=n_neighbors)

    def _whole_or_partial(self, n_candidates: int, n_neighbors: int) -> ProximityGraph | PartialGraph:
        """Return the graph of these settings if it is kept, otherwise one that is built where walks go."""
        key = self._key(n_candidates, n_neighbors)
        return self._kept(key) or self._partial(*key)

    def _forget_oldest(self) -> None:
        """Drop the least recently used graphs until the rest fit the limit."""
        sizes = {key: graph.neighbors.nbytes + graph.similarities.nbytes for key, graph in self._graphs.items()}
        for key in list(sizes)[:-2]:
            if sum(sizes.values()) <= _MOST_BYTES:
                return
            del self._graphs[key], sizes[key]

    def walks(
        self, batch_size: int, *, n_candidates: int, n_neighbors: int, restart: float
    ) -> tuple[np.ndarray, WalkStats]:
        """Return batches of random walks, shape (n, B), and their statistics."""
        graph = self.graph(n_candidates=n_candidates, n_neighbors=n_neighbors)
        return walk_batches(graph, self.starts(batch_size), batch_size, restart=restart, seed=self.seed)

    def first_walks(
        self, batch_size: int, *, n_candidates: int, n_neighbors: int, restart: float, least: int = 1
    ) -> tuple[np.ndarray, WalkStats]:
        """Return the first of the batches of `walks`, at least `least`, and their statistics.

        As many as take little time without the graph, of which only what they visit is built.
        """
        starts = self.starts(batch_size)[: max(_FEW // (batch_size * (n_candidates + _LINK)), least)]
        graph = self._whole_or_partial(n_candidates, n_neighbors)
        return walk_batches(graph, starts, batch_size, restart=restart, seed=self.seed)

    def walk(self, start: int, batch_size: int, *, n_candidates: int, n_neighbors: int, restart: float) -> WalkTrace:
        """Return one walk; if there is no graph of these settings yet, only what it visits is built."""
        graph = self._whole_or_partial(n_candidates, n_neighbors)
        return trace_walk(graph, start, batch_size, restart=restart, seed=self.seed)

    def linked(self, index: int, *, n_candidates: int, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an instance's neighbours and their similarities; without the graph, only these are searched."""
        graph = self._whole_or_partial(n_candidates, n_neighbors)
        if isinstance(graph, PartialGraph):
            graph.link(index)
            neighbors = graph.neighbors[index]
            return neighbors, self.similarities(index, neighbors)
        return graph.neighbors[index], graph.similarities[index]

    def starts(self, batch_size: int) -> np.ndarray:
        """Return where the walks begin: distinct random instances."""
        batch_size = _checks.integer("batch_size", batch_size, 1, self.n)
        return np.random.default_rng(self.seed).permutation(self.n)[: min(self.n_batches, self.n // batch_size)]
