"""BatchSampler: batches by random walk with restart on a proximity graph."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine.rules import Rules
from toolkit.engine.walking import cut_into_batches, fill_batches, random_states
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.sizes import check_skip, fresh_candidates, graph_size
from toolkit.proximity.walks import WalkStats
from toolkit.samplers.bank import EmbeddingBank
from toolkit.samplers.budget import Budget, Choice, checked_restart
from toolkit.samplers.choosing import choose
from toolkit.samplers.ease import warn_of_ease
from toolkit.samplers.graph_state import graph_from_state, graph_state
from toolkit.samplers.measuring import known_share, measurer, members_for, warn_of_few_labels
from toolkit.samplers.memory import is_shortage, shortage
from toolkit.samplers.online import OnlineBatchSampler
from toolkit.samplers.pending import Pending
from toolkit.samplers.sharded import ShardedBank

_LACKING = 0.1  # warn if a larger share of the instances has too few neighbours
_SLACK = 0.1  # share of a limit tolerated before a warning: hardness and rate are estimated on a sample of the batches


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
        Candidates kept as neighbours (K), at most M; by default a tenth of them. If `restart` is a budget, the walk
        uses only as many of the most similar ones as suit the budget.
    restart : "auto", Budget, float or callable
        ``"auto"``: after each rebuild, the restart probability and the number of neighbours are chosen again to get the
        hardest batches that, by estimate, lose at most a tenth of a shuffle's true negatives, and of pairs at most
        three per member. A `toolkit.samplers.Budget` sets other limits or counts by labels; `chosen` holds the choice.
        Otherwise, the probability of jumping back to the seed, in [0, 1), or a function of the batch number (counted
        over all epochs) such as `toolkit.proximity.LinearRestart`.
    refresh_every : int
        Batches between rebuilds of the graph (t).
    refresh : {"blocking", "background"}
        ``"blocking"``: a rebuild delays the next batch. ``"background"``: training continues with the old graph
        while a thread builds the new one from a copy of the embeddings. The new graph takes over exactly
        `refresh_every` batches later; if it is not ready, that batch waits. The first build blocks. An error in the
        thread is raised when the new graph takes over.
    warmup_epochs : int
        Epochs of uniform batches at the start; they continue until every embedding is known.
    coverage : {"independent", "partition"}
        ``"independent"``, the published rule: N // B batches, each its own walk; seeds do not repeat within an
        epoch, other members may. ``"partition"``: every instance exactly once per epoch, as with
        ``shuffle=True``.
    drop_last : bool
        With ``coverage="partition"``, leave out the last, smaller batch. Independent batches are always full.
    groups : array, shape (N,), optional
        Group of each instance, such as duplicates or the passages of a document: two of a group never share a batch.
        None, NaN and -1 mean no group; a group has at most N / B instances. A partition that is planned again in
        mid-epoch may have to leave out an instance, which `stats` counts.
    skip : int
        Number of most similar candidates to leave out, as the likeliest false negatives; at most M - K.
    margin : float, optional
        Leave out candidates whose similarity is at least `margin` times that of the instance's own query and target;
        only for pairs (``update(index, queries, targets)``).
    fresh : float
        Share of the candidates that a rebuild draws, in (0, 1]. Below 1, neighbours stay candidates with probability
        ``1 - fresh``, so an instance chooses among the candidates of the last ``1 / fresh`` rebuilds. This saves time
        with few neighbours of many candidates (`toolkit.ProximityGraph.rebuilt` has the limits).
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, 4 N d bytes, but updates take about three
        times as long.
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
        restart: str | Budget | float | Callable[[int], float] = "auto",
        refresh_every: int = 100,
        refresh: str = "blocking",
        warmup_epochs: int = 1,
        coverage: str = "independent",
        drop_last: bool = False,
        groups=None,
        skip: int = 0,
        margin: float | None = None,
        fresh: float = 1.0,
        bank_dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        self.coverage = _checks.choice("coverage", coverage, ("independent", "partition"))
        self.refresh = _checks.choice("refresh", refresh, ("blocking", "background"))
        full = _checks.flag("drop_last", drop_last) or coverage == "independent"
        super().__init__(n, batch_size, full, refresh_every, warmup_epochs, seed, groups, skip, margin, bank_dtype)
        self.n_candidates, self.n_neighbors = graph_size(self.n, n_candidates=n_candidates, n_neighbors=n_neighbors)
        check_skip(skip, n_candidates=self.n_candidates, n_neighbors=self.n_neighbors)
        fresh_candidates(fresh, skip=self.skip, n_candidates=self.n_candidates, n_neighbors=self.n_neighbors)
        self.fresh = float(fresh)
        self.restart = checked_restart(self.n, restart=restart)
        self.chosen: Choice | None = None  # settings within the budget; None without a budget or a graph
        self.graph: ProximityGraph | None = None
        self._next_graph: Pending | None = None
        self.stats = WalkStats()
        self._warned = False
        self._warned_of_budget = self._warned_of_labels = False
        self._judged = False  # whether the hardness has been compared with a shuffle's

    @property
    def budget(self) -> Budget | None:
        """Budget that `restart` stands for; None if it is a probability or a function."""
        if isinstance(self.restart, Budget):
            return self.restart
        return Budget() if self.restart == "auto" else None

    def restart_at(self, batch: int) -> float:
        """Return the restart probability of batch number `batch` of this epoch; NaN if it is yet to be chosen."""
        if self.budget is not None:
            return self.chosen.restart if self.chosen else float("nan")
        step = self.epoch * len(self) + batch
        return _checks.restart_probability("restart", self.restart(step) if callable(self.restart) else self.restart)

    def _build(self) -> None:
        seed = int(random_states(1, self.seed, self._builds)[0] >> np.uint64(1))
        if isinstance(self.bank, ShardedBank):
            self.graph = self.bank.linked_by_all(seed)
        elif self.refresh == "blocking" or self.graph is None:
            self.graph = self._built(self.graph, self.bank.vectors, seed)
        else:
            ready, self._next_graph = self._next_graph, None
            if ready is not None:
                self.graph = ready.result()
            if self._changed:
                self._next_graph = self._pending(self.graph, self.bank.vectors.clone(), seed)
                self._next_graph.start()
        self._warn_of_rules()
        if self.budget is not None:
            self.chosen = self._choose(self.budget, seed)

    def _pending(self, graph: ProximityGraph | None, vectors: torch.Tensor, seed: int) -> Pending:
        """Return the next graph, pending; its build uses one thread, so that training keeps the other cores."""
        return Pending(partial(self._built, graph, n_threads=1), vectors, seed)

    def _built(
        self, graph: ProximityGraph | None, vectors: torch.Tensor, seed: int, n_threads: int | None = None
    ) -> ProximityGraph:
        """Build the next graph: from the neighbours in `graph` if `fresh` is below 1, otherwise from scratch."""
        if graph is not None and self.fresh < 1:
            return graph.rebuilt(vectors, fresh=self.fresh, seed=seed, n_threads=n_threads)
        return ProximityGraph.build(
            vectors,
            n_candidates=self.n_candidates,
            n_neighbors=self.n_neighbors,
            **vars(self._rules),
            with_similarities=self.budget is not None,  # a budget narrows the graph
            seed=seed,
            n_threads=n_threads,
        )

    def _refresh(self) -> None:
        try:
            super()._refresh()
        except Exception as error:
            if not (is_shortage(error) and self.bank.whole):
                raise
            if self.graph is None or (self.budget is not None and self.chosen is None):
                self.graph = None  # without settings, there is nothing to continue with
                raise MemoryError(shortage(self, error)) from error
            self._built_at = self._batch_number  # try again only after `refresh_every` batches
            warnings.warn(
                f"{shortage(self, error)}. Training continues with the previous graph or settings", stacklevel=5
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
            f"margin={self.margin}), so their walks continue from random seeds and their batches are easier: use a "
            "larger margin, fewer neighbours or more candidates",
            stacklevel=6,
        )

    @property
    def _outdated(self) -> bool:
        return self._changed or self._next_graph is not None

    def _plan_batches(self, planned: np.ndarray) -> np.ndarray:
        queue, stats = self._walk(planned, self._neighbors, self.restart_at)
        self.stats += stats
        if not self._judged:
            self._judged = True
            warn_of_ease(self, queue)
        return queue

    def _choose(self, budget: Budget, seed: int) -> Choice:
        """Return settings within the budget."""
        bank, graph = self.bank, self.graph
        assert graph is not None, "settings are chosen after a build"
        counter = budget.counter(bank.vectors, bank.paired, seed)
        limits = budget.limits(counter.prior, self.batch_size, bank.paired)
        known = known_share(counter, self.n)
        n_members = members_for(limits[0], self.batch_size, known)
        if not self._warned_of_labels:
            most = self.n if self.coverage == "partition" else self.n * self.batch_size
            given = type(self).__name__, known, min(n_members, most), self.batch_size
            self._warned_of_labels = warn_of_few_labels(*given, stacklevel=6)
        measure = measurer(graph, bank.vectors, counter, self.batch_size, self.coverage, seed, n_members)
        chosen = choose(limits, measure, self.chosen, n_neighbors=self.n_neighbors)
        self._warn_of_budget(chosen, limits)
        return chosen

    def _warn_of_budget(self, chosen: Choice, limits: tuple[float, float]) -> None:
        """Warn once if no settings stay within the limits."""
        found = chosen.false_negative_rate, chosen.hardness
        # The tolerance is added, since a limit of hardness may be negative.
        kept = all(value <= limit + _SLACK * abs(limit) for value, limit in zip(found, limits, strict=True))
        if self._warned_of_budget or kept or (self._warned_of_labels and np.isnan(chosen.false_negative_rate)):
            return
        self._warned_of_budget = True
        warnings.warn(
            f"{type(self).__name__}: no settings of the walk stay within restart={self.restart!r}, which allows "
            f"{limits[0]:.1%} false negatives and a hardness of {limits[1]:.3f}; the easiest have "
            f"{chosen.false_negative_rate:.1%} and {chosen.hardness:.3f}: use more than n_neighbors={self.n_neighbors} "
            f"of n_candidates={self.n_candidates}, or higher limits",
            stacklevel=6,
        )

    def _walk(self, planned: np.ndarray, neighbors: np.ndarray, restart_at) -> tuple[np.ndarray, WalkStats]:
        """Return the next batches, concatenated, and the statistics of their walks."""
        plan = self._plan_partition if self.coverage == "partition" else self._plan_walks
        queue, stats = plan(planned, neighbors, restart_at)
        return queue.ravel(), stats

    def _plan_walks(self, planned: np.ndarray, neighbors: np.ndarray, restart_at) -> tuple[np.ndarray, WalkStats]:
        chunk = self._chunk()
        starts = self._starts(chunk)
        states = random_states(len(self), self.seed, self.epoch, 2)[chunk]
        restarts = np.array([restart_at(batch) for batch in chunk])
        batches, *counts = fill_batches(neighbors, starts, self.batch_size, restarts, states, self.groups)
        return batches, WalkStats(len(batches), *counts)

    def _plan_partition(self, planned: np.ndarray, neighbors: np.ndarray, restart_at) -> tuple[np.ndarray, WalkStats]:
        first = self._position
        order = self._rng(3, first).permutation(planned[planned >= 0] if len(planned) else self.n)
        n_places = max(len(planned), len(order))
        restarts = np.array([restart_at(batch) for batch in range(first, first + -(-n_places // self.batch_size))])
        state = random_states(1, self.seed, self.epoch, 4, first)[0]
        queue, *counts = cut_into_batches(neighbors, order, self.batch_size, restarts, state, self.groups, n_places)
        return queue, WalkStats(len(restarts), *counts)

    @property
    def _neighbors(self) -> np.ndarray:
        """Neighbours used by the walks: those of the graph, or fewer if a budget chose so."""
        assert self.graph is not None, "batches are planned after the first build"
        narrower = self.chosen is not None and self.chosen.n_neighbors < self.graph.n_neighbors
        return (self.graph.narrow(self.chosen.n_neighbors) if narrower else self.graph).neighbors

    def _state(self) -> dict:
        graphs = {"graph": graph_state(self.graph), "next_graph": self._next_graph and self._next_graph.state_dict()}
        # `asdict` would take longer than everything else here, and a loader may ask for a state at every batch.
        chosen = None if self.chosen is None else dict(vars(self.chosen))
        return super()._state() | graphs | {"chosen": chosen, "stats": dict(vars(self.stats))}

    def _parse(self, state: dict) -> dict:
        parts = super()._parse(state)
        rules = replace(self._rules, paired=parts["bank"].paired)
        graph = graph_from_state(state["graph"], (self.n, self.n_neighbors), rules, n_candidates=self.n_candidates)
        pending = state["next_graph"]
        if pending is not None:
            pending = self._pending(graph, *self._checked_pending(pending, parts["bank"]))
        chosen, stats = self._choice_of(state.get("chosen")), WalkStats(**state["stats"])
        return parts | {
            "graph": graph,
            "_next_graph": pending,
            "chosen": chosen,
            "stats": stats,
            "_judged": graph is not None,
        }

    def _checked_pending(self, state: dict, bank: EmbeddingBank) -> tuple[torch.Tensor, int]:
        """Return embeddings and seed of a pending graph, or raise unless they are valid for this sampler."""
        known = torch.ones(self.n, dtype=torch.bool, device="cpu")
        vectors = {"vectors": state["vectors"], "known": known}
        copy = bank.restored(vectors)
        _checks.shape("vectors of the next graph", copy.vectors, tuple(bank.vectors.shape), "those of the bank")
        return copy.vectors, _checks.seed(state["seed"])

    def _choice_of(self, state: dict | None) -> Choice | None:
        """Return the choice in a state, or raise unless it is valid for this sampler."""
        if state is None:
            return None
        choice = Choice(**state)
        _checks.integer("n_neighbors", choice.n_neighbors, 1, self.n_neighbors)
        _checks.restart_probability("restart", choice.restart)
        return choice
