"""BatchSampler: batches by random walk with restart on a proximity graph."""

import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine.rules import Rules
from toolkit.engine.walking import cut_into_batches, fill_batches, random_states
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.sizes import check_skip, fresh_candidates, graph_size
from toolkit.proximity.walks import WalkStats
from toolkit.samplers.online import OnlineBatchSampler

_ARRAYS = "neighbors", "similarities", "skipped"
_NUMBERS = "seed", "fresh", "lacking"
_LACKING = 0.1  # share of instances


class RandomWalkBatchSampler(OnlineBatchSampler):
    """Batches whose members are hard and mostly true negatives of each other (arXiv 2306.03355, algorithm 1).

    Each instance is linked to the `n_neighbors` most similar of `n_candidates` random others. A batch is the set
    of the first `batch_size` instances that a random walk with restart touches on this graph. More candidates
    per neighbour and a higher restart probability give harder batches with more false negatives.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per (global) batch (B), at most N.
    n_candidates : int, optional
        Random candidates per instance (M), capped at N - 1; by default 1,000.
    n_neighbors : int, optional
        Candidates kept as neighbours (K), at most M; by default a tenth of them.
    restart : float or callable
        Probability of jumping back to the seed, in [0, 1), or a function of the batch number (counted over all
        epochs) such as `toolkit.proximity.LinearRestart`.
    refresh_every : int
        Batches between rebuilds of the graph (t).
    refresh : {"blocking", "background"}
        ``"blocking"``: a rebuild holds up the batch that is due. ``"background"``: training goes on with the old graph
        while a thread builds the new one from a copy of the embeddings; it takes over `refresh_every` batches
        later, always at that batch, which waits if it must. The first build blocks. An error in the thread is raised
        at the hand-over.
    warmup_epochs : int
        Epochs of uniform batches at the start; they go on until every embedding is known.
    coverage : {"independent", "partition"}
        ``"independent"``, the published rule: N // B batches, each its own walk; seeds do not repeat within an
        epoch, other members may. ``"partition"``: every instance exactly once per epoch, as with
        ``shuffle=True``.
    drop_last : bool
        With ``coverage="partition"``, leave out the last, smaller batch. Independent batches are always full.
    groups : array, shape (N,), optional
        Group of each instance: two of one group never share a batch, such as duplicates or passages of one document.
        None, NaN and -1 stand for no group; a group has at most N / B instances. A partition planned again in
        mid-epoch may have to leave an instance out, which `stats` counts.
    skip : int
        Number of most similar candidates that do not become neighbours: the likeliest false negatives. At most M - K.
    margin : float, optional
        Leave out candidates whose similarity is at least `margin` times that of the instance's own query and target;
        only for pairs (``update(index, queries, targets)``).
    fresh : float
        Share of the candidates that a rebuild draws, in (0, 1]. Below 1, neighbours stay candidates with probability
        ``1 - fresh``, so that an instance chooses among those of the last ``1 / fresh`` rebuilds. Saves time for few
        neighbours among many candidates (`toolkit.ProximityGraph.rebuilt` has the limits).
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Raises
    ------
    ValueError, TypeError
        For `batch_size` > N, K > M, `restart` outside [0, 1), an unknown `coverage`, groups larger than N / B, and
        `skip`, `margin` and `fresh` out of their ranges.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import RandomWalkBatchSampler
    >>> points = np.random.default_rng(0).normal(size=(1000, 16))
    >>> sampler = RandomWalkBatchSampler.from_embeddings(points, batch_size=64, n_candidates=200, n_neighbors=20)
    >>> len(sampler), [len(set(batch)) for batch in sampler][:3]
    (15, [64, 64, 64])

    In a training loop the embeddings come from the steps themselves:

    >>> sampler = RandomWalkBatchSampler(1000, batch_size=64, n_candidates=200, n_neighbors=20)
    >>> for epoch in range(3):
    ...     for batch in sampler:
    ...         sampler.update(batch, points[batch])
    >>> sampler.graph
    ProximityGraph(n_nodes=1000, n_neighbors=20, n_candidates=200)
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        n_candidates: int | None = None,
        n_neighbors: int | None = None,
        restart: float | Callable[[int], float] = 0.2,
        refresh_every: int = 100,
        refresh: str = "blocking",
        warmup_epochs: int = 1,
        coverage: str = "independent",
        drop_last: bool = False,
        groups=None,
        skip: int = 0,
        margin: float | None = None,
        fresh: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.coverage = _checks.choice("coverage", coverage, ("independent", "partition"))
        self.refresh = _checks.choice("refresh", refresh, ("blocking", "background"))
        full = _checks.flag("drop_last", drop_last) or coverage == "independent"
        super().__init__(n, batch_size, full, refresh_every, warmup_epochs, seed, groups, skip, margin)
        self.n_candidates, self.n_neighbors = graph_size(self.n, n_candidates=n_candidates, n_neighbors=n_neighbors)
        check_skip(skip, n_candidates=self.n_candidates, n_neighbors=self.n_neighbors)
        self.fresh = fresh
        fresh_candidates(fresh, skip=self.skip, n_candidates=self.n_candidates, n_neighbors=self.n_neighbors)
        self.restart = restart if callable(restart) else _checks.restart_probability("restart", restart)
        self.graph: ProximityGraph | None = None
        self._next_graph: Future[ProximityGraph] | None = None
        self.stats = WalkStats()
        self._warned = False

    def restart_at(self, batch: int) -> float:
        """Return the restart probability of batch number `batch` of this epoch."""
        step = self.epoch * len(self) + batch
        return _checks.restart_probability("restart", self.restart(step) if callable(self.restart) else self.restart)

    def _build(self) -> None:
        seed = int(random_states(1, self.seed, self._builds)[0] >> np.uint64(1))
        if self.refresh == "blocking" or self.graph is None:
            self.graph = self._built(self.bank.vectors, seed)
        else:
            ready, self._next_graph = self._next_graph, None
            if ready is not None:
                self.graph = ready.result()
            if self._changed:
                # One thread, so that training keeps the other cores; it ends with the build, so that forks find none.
                pool = ThreadPoolExecutor(1)
                self._next_graph = pool.submit(self._built, self.bank.vectors.clone(), seed, n_threads=1)
                pool.shutdown(wait=False)
        self._warn_of_rules()

    def _built(self, vectors: torch.Tensor, seed: int, n_threads: int | None = None) -> ProximityGraph:
        """Return the next graph."""
        if self.graph is not None and self.fresh < 1:
            return self.graph.rebuilt(vectors, fresh=self.fresh, seed=seed, n_threads=n_threads)
        return ProximityGraph.build(
            vectors,
            n_candidates=self.n_candidates,
            n_neighbors=self.n_neighbors,
            **vars(self._rules),
            seed=seed,
            n_threads=n_threads,
        )

    @property
    def _rules(self) -> Rules:
        return Rules(self.bank.paired, self.groups, self.skip, self.margin)

    def _warn_of_rules(self) -> None:
        """Warn once if the rules leave many instances with too few neighbours."""
        graph = self.graph
        if self._warned or graph is None or graph.lacking <= _LACKING * self.n:
            return
        self._warned = True
        warnings.warn(
            f"{type(self).__name__} found fewer than n_neighbors={self.n_neighbors} candidates that its rules allow "
            f"for {graph.lacking} of {self.n} instances (groups={self.groups}, skip={self.skip}, "
            f"margin={self.margin}), so their walks go on from random seeds and their batches are easier: use a larger "
            "margin, fewer neighbours or more candidates",
            stacklevel=5,
        )

    @property
    def _outdated(self) -> bool:
        return self._changed or self._next_graph is not None

    def _plan_batches(self, planned: np.ndarray) -> np.ndarray:
        plan = self._plan_partition if self.coverage == "partition" else self._plan_walks
        queue, stats = plan(planned)
        self.stats += stats
        return queue.ravel()

    def _plan_walks(self, planned: np.ndarray) -> tuple[np.ndarray, WalkStats]:
        chunk = self._chunk()
        starts = self._rng(1).permutation(self.n)[chunk]
        states = random_states(len(self), self.seed, self.epoch, 2)[chunk]
        restarts = self._restarts(chunk)
        batches, *counts = fill_batches(self._neighbors, starts, self.batch_size, restarts, states, self.groups)
        return batches, WalkStats(len(batches), *counts)

    def _plan_partition(self, planned: np.ndarray) -> tuple[np.ndarray, WalkStats]:
        first = self._position
        order = self._rng(3, first).permutation(planned[planned >= 0] if len(planned) else self.n)
        restarts = self._restarts(range(first, first + -(-len(order) // self.batch_size)))
        state = random_states(1, self.seed, self.epoch, 4, first)[0]
        queue, *counts = cut_into_batches(self._neighbors, order, self.batch_size, restarts, state, self.groups)
        return queue, WalkStats(len(restarts), *counts)

    @property
    def _neighbors(self) -> np.ndarray:
        assert self.graph is not None, "batches are planned after the first build"
        return self.graph.neighbors

    def _restarts(self, batches: range) -> np.ndarray:
        return np.array([self.restart_at(batch) for batch in batches])

    def state_dict(self) -> dict:
        """Return what is needed to go on in mid-epoch with the same batches: embeddings, graph, plan.

        Waits for a graph that is being built in the background.
        """
        next_graph = None if self._next_graph is None else self._next_graph.result()
        graphs = {"graph": _graph_state(self.graph), "next_graph": _graph_state(next_graph)}
        return super().state_dict() | graphs | {"stats": asdict(self.stats)}

    def _parse(self, state: dict) -> dict:
        parts = super()._parse(state)
        graph, next_graph = (self._graph_of(state[name], parts["bank"].paired) for name in ("graph", "next_graph"))
        future = None if next_graph is None else Future()
        if future is not None:
            future.set_result(next_graph)
        return parts | {"graph": graph, "_next_graph": future, "stats": WalkStats(**state["stats"])}

    def _graph_of(self, state: dict | None, paired: bool) -> ProximityGraph | None:
        """Return the graph of `_graph_state`."""
        if state is None:
            return None
        arrays = {name: state[name].numpy() for name in _ARRAYS}
        numbers = {name: state[name] for name in _NUMBERS}
        shape = self.n, self.n_neighbors
        _checks.shape("neighbors", arrays["neighbors"], shape, "the size of this sampler's graph")
        return ProximityGraph(
            **arrays, **numbers, n_candidates=self.n_candidates, rules=replace(self._rules, paired=paired)
        )


def _graph_state(graph: ProximityGraph | None) -> dict | None:
    """Return what a graph is made of; the arrays are tensors that share their memory."""
    if graph is None:
        return None
    arrays = {name: torch.from_numpy(getattr(graph, name)) for name in _ARRAYS}
    return arrays | {name: getattr(graph, name) for name in _NUMBERS}
