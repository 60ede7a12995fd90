"""Settings for the random walk, found by measuring what batches they make of the embeddings."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.metrics.gaps import loss_gap
from toolkit.metrics.variety import batch_variety
from toolkit.proximity import ProximityGraph, join_pairs, partition_batches
from toolkit.proximity.sizes import DEFAULT_CANDIDATES
from toolkit.samplers import BatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.samplers.budget import Budget, Choice
from toolkit.samplers.choosing import grid, search
from toolkit.samplers.ease import LEAST
from toolkit.samplers.measuring import mean_similarity, measured, measurer, sample

if TYPE_CHECKING:
    import pandas as pd

_INSTANCES = 50_000  # that settings are tried on, at most
_CANDIDATES = (DEFAULT_CANDIDATES, 5000)
_WIDEST = {DEFAULT_CANDIDATES: 0.4, 5000: 0.04}  # share of them that become neighbours, at most
_ENOUGH = 0.95  # of the hardness found, if it takes fewer candidates
_FRESH = 0.2  # of many candidates for few neighbours
_ANCHORS = 256  # of the loss gap


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Settings of the random walk for some embeddings, or the advice to shuffle.

    Attributes
    ----------
    settings : dict
        Arguments of `toolkit.RandomWalkBatchSampler`; empty if the advice is to shuffle.
    hardness, false_negative_rate, loss_gap, variety : float
        Of the suggested batches: mean cosine similarity of in-batch pairs, share of false negatives among them,
        what the batch cannot see of the loss (nats), effective number of different members.
    limit : float
        Largest false-negative rate allowed.
    method : {"labels", "positives", "clusters"}
        What false negatives were counted by; all but labels give an estimate.
    seconds : float
        Time of a rebuild: linking the instances and planning an epoch of batches.
    batch_size : int
    batch : int64 array, shape (B,)
        One of the suggested batches, of median hardness.
    values : float64 array
        Hardness of single batches.
    points : DataFrame
        All settings tried, the shuffle first: n_candidates, n_neighbors, restart, hardness, false_negative_rate.
    """

    settings: dict
    hardness: float
    false_negative_rate: float
    loss_gap: float
    variety: float
    limit: float
    method: str
    seconds: float
    batch_size: int
    batch: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    points: "pd.DataFrame" = field(repr=False)

    @property
    def value(self) -> float:
        """Hardness of the suggested batches."""
        return self.hardness

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the hardness (Student's t over batches)."""
        return mean_interval(self.values, level)

    @property
    def seconds_per_batch(self) -> float:
        """Time of a rebuild over the batches until the next one; 0 for a shuffle."""
        return self.seconds / self.settings["refresh_every"] if self.settings else 0.0

    @property
    def reason(self) -> str:
        """What the settings do, in a sentence or two."""
        shuffle, estimated = self.points.iloc[0], "" if self.method == "labels" else "estimated "
        limit = f"limit {self.limit:.1%}"
        if not self.settings:
            return (
                f"Shuffle: none of {len(self.points) - 1} settings of the walk makes batches that are harder than a "
                f"shuffle's (mean cosine similarity {shuffle.hardness:.3f}) without exceeding the {limit} of "
                f"{estimated}false negatives (a shuffle has {shuffle.false_negative_rate:.1%})."
            )
        m, k, restart = (self.settings[name] for name in ("n_candidates", "n_neighbors", "restart"))
        every = self.settings["refresh_every"]
        return (
            f"Walks on the {k} most similar of {m:,} candidates with restart probability {restart:.2f} make in-batch "
            f"pairs {self.hardness:.3f} similar (shuffle: {shuffle.hardness:.3f}) at {self.false_negative_rate:.1%} "
            f"{estimated}false negatives (shuffle: {shuffle.false_negative_rate:.1%}, {limit}): the hardest of "
            f"{len(self.points) - 1} settings within the limit, or nearly so with fewer candidates. A rebuild takes "
            f"{self.seconds:.2g} s on this machine, once in {every:,} batches: {1000 * self.seconds_per_batch:.2g} ms "
            "a batch."
        )

    @property
    def code(self) -> str:
        """The suggested sampler, to copy."""
        name = "RandomWalkBatchSampler" if self.settings else "UniformBatchSampler"
        settings = {"batch_size": self.batch_size} | self.settings
        return f"{name}(len(dataset), {', '.join(f'{name}={value!r}' for name, value in settings.items())})"

    def make(self, n, **settings) -> BatchSampler:
        """Return the suggested sampler of `n` instances, or of a data set; `settings` are added or replaced."""
        _checks.integer("n", _checks.size("n", n), self.batch_size, remedy="a batch holds distinct instances")
        return self._cls(n, self.batch_size, **self.settings | settings)

    def from_embeddings(self, embeddings, **settings) -> BatchSampler:
        """Return the suggested sampler of known embeddings (N, d)."""
        return self._cls.from_embeddings(embeddings, self.batch_size, **self.settings | settings)

    @property
    def _cls(self) -> type[BatchSampler]:
        return RandomWalkBatchSampler if self.settings else UniformBatchSampler

    def to_frame(self) -> "pd.DataFrame":
        """Return all settings tried, a pandas frame."""
        return self.points.copy()

    def __repr__(self) -> str:
        what = ", ".join(f"{name}={value!r}" for name, value in self.settings.items()) or "shuffle"
        return (
            f"Suggestion({what}; hardness={self.hardness:.3f}, false_negative_rate={self.false_negative_rate:.3f}, "
            f"limit={self.limit:.3f})"
        )


def suggest_settings(
    embeddings, batch_size: int, *, targets=None, labels=None, max_false_negatives: float | None = None, seed: int = 0
) -> Suggestion:
    """Return the settings of the random walk with the hardest batches within a limit of false negatives.

    Batches are drawn and measured: of each instance once an epoch (``coverage="partition"``), for two numbers of
    candidates, five of neighbours and restart probabilities between 0.05 and 0.8. Of more than 50,000 instances, as
    many are drawn at random. `embeddings` should come from a model that has trained a little, such as an epoch of
    shuffled batches; to follow a training to its end, use ``RandomWalkBatchSampler(restart="auto")``, which chooses
    again at each rebuild.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        Embeddings of the instances, or with `targets` of their queries.
    batch_size : int
        Instances per batch (B), at most N.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets.
    labels : array, shape (N,), optional
        Labels for counting false negatives; None, NaN or -1 mean no label. Without labels they are
        estimated (`estimate_false_negatives`).
    max_false_negatives : float, optional
        Largest share of in-batch pairs that may be false negatives, in (0, 1]. By default, a tenth of the true
        negatives of a shuffle may be lost: chance + 0.1 (1 - chance).
    seed : int
        Random seed.

    Raises
    ------
    TypeError, ValueError
        For NaN, Inf and zero rows, targets of another shape, labels that are not one per row, and numbers out of their
        ranges.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.arange(2000) % 100
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(100, 16))[labels] + 0.7 * rng.normal(size=(2000, 16))
    >>> found = suggest_settings(points, 50, labels=labels, max_false_negatives=0.1)
    >>> found.settings["coverage"], found.false_negative_rate <= 0.1, found.hardness > 0.1
    ('partition', True, True)
    >>> sampler = found.make(len(points))
    """
    queries, others = _checks.sides("embeddings", embeddings, "targets", targets)
    batch_size = _checks.integer("batch_size", batch_size, 2, len(queries))
    codes = None if labels is None else _checks.labels("labels", labels, len(queries))
    if max_false_negatives is not None:
        max_false_negatives = _checks.number("max_false_negatives", max_false_negatives, "(0, 1]")
    seed = _checks.seed(seed)
    n, rows = len(queries), np.arange(len(queries))
    if n > _INSTANCES:
        rows = np.sort(np.random.default_rng(seed).permutation(n)[:_INSTANCES])
    queries, others = queries[rows], None if others is None else others[rows]
    budget = Budget(max_false_negatives, labels=None if codes is None else codes[rows])
    trial = _Trial(queries, others, min(batch_size, len(rows)), budget, seed)
    best = trial.best()
    if best is None:
        choice, settings, queue, seconds = trial.shuffled, {}, trial.order, 0.0
    else:
        choice, settings = best.choice, trial.settings(best, n)
        queue, seconds = trial.planned(best.graph, choice.restart), trial.seconds(best, settings["fresh"])
    gap, variety = trial.further(queue)
    batches = sample(queue, trial.batch_size)
    values = np.array([mean_similarity(trial.vectors[torch.from_numpy(batch)], trial.paired) for batch in batches])
    return Suggestion(
        settings=settings,
        hardness=choice.hardness,
        false_negative_rate=choice.false_negative_rate,
        loss_gap=gap,
        variety=variety,
        limit=trial.limits[0],
        method=trial.counter.method,
        seconds=seconds * n / len(rows),
        batch_size=batch_size,
        batch=rows[batches[np.argsort(values)[len(values) // 2]]],
        values=values,
        points=trial.frame(),
    )


@dataclass(frozen=True)
class _Best:
    """The best settings with one number of candidates."""

    graph: ProximityGraph
    choice: Choice


class _Trial:
    """Batches of many settings from some embeddings, measured."""

    def __init__(self, queries, targets, batch_size: int, budget: Budget, seed: int) -> None:
        self.queries, self.targets, self.batch_size, self.seed = queries, targets, batch_size, seed
        self.paired = targets is not None
        self.vectors = join_pairs(queries, targets) if self.paired else queries
        self.counter = budget.counter(self.vectors, self.paired, seed)
        self.limits = budget.limits(self.counter.prior)
        self.order = np.random.default_rng(seed).permutation(len(queries))
        hardness, rate = measured(self.order, batch_size, self.vectors, self.paired, self.counter)
        self.shuffled = Choice(n_neighbors=0, restart=float("nan"), hardness=hardness, false_negative_rate=rate)
        self.tried: list[tuple[int, Choice]] = []  # each with its number of candidates

    def best(self) -> _Best | None:
        """Return the best settings, None if a shuffle is as good."""
        found = [self._with(_CANDIDATES[0])]
        if found[0].graph.n_candidates == _CANDIDATES[0]:  # there are more
            found.append(self._with(_CANDIDATES[1]))
        gains = [self._gain(each) for each in found]
        allowed = [each.choice.false_negative_rate <= self.limits[0] for each in found]
        most = max((gain for gain, fits in zip(gains, allowed, strict=True) if fits), default=-1)
        for each, gain, fits in zip(found, gains, allowed, strict=True):
            if fits and gain >= max(LEAST, _ENOUGH * most):
                return each
        return None

    def _gain(self, best: _Best) -> float:
        """Return how far batches are on the way from a shuffle to the nearest candidates of their own graph.

        More candidates have nearer ones, so that they are chosen only if their batches gain in proportion.
        """
        nearest = float(best.graph.similarities.max(1).mean())
        gain = best.choice.hardness - self.shuffled.hardness
        return gain / max(nearest - self.shuffled.hardness, 1e-12) if nearest > self.shuffled.hardness else 0.0

    def _with(self, n_candidates: int) -> _Best:
        """Return the best settings with that many candidates."""
        wanted = n_candidates
        n_candidates = min(n_candidates, len(self.vectors) - 1)
        graph = ProximityGraph.build(
            self.vectors,
            n_candidates=n_candidates,
            n_neighbors=max(round(_WIDEST[wanted] * n_candidates), 1),
            paired=self.paired,
            seed=self.seed,
        )
        measure = measurer(graph, self.vectors, self.counter, self.batch_size, "partition", self.seed)
        choice, tried = search(self.limits, measure, grid(graph.n_neighbors))
        self.tried += [(n_candidates, each) for each in tried]
        return _Best(graph.narrow(choice.n_neighbors), choice)

    def settings(self, best: _Best, n: int) -> dict:
        """Return the arguments of a sampler of `n` instances."""
        n_candidates, n_neighbors = best.graph.n_candidates, best.choice.n_neighbors
        return {
            "n_candidates": n_candidates,
            "n_neighbors": n_neighbors,
            "restart": round(best.choice.restart, 3),
            "coverage": "partition",
            "refresh_every": max(n // (2 * self.batch_size), 1),
            "fresh": _FRESH if n_neighbors * 50 <= n_candidates else 1.0,
        }

    def planned(self, graph: ProximityGraph, restart: float) -> np.ndarray:
        """Return the batches of an epoch, one after the other."""
        return partition_batches(graph, self.order, self.batch_size, restart=restart, seed=self.seed)[0].ravel()

    def seconds(self, best: _Best, fresh: float) -> float:
        """Return how long it takes to rebuild the graph and to plan an epoch."""
        times = []
        for _ in range(2):  # the first time, loops may have to be compiled
            began = time.perf_counter()
            self.planned(best.graph.rebuilt(self.vectors, fresh=fresh, seed=self.seed + 1), best.choice.restart)
            times.append(time.perf_counter() - began)
        return min(times)

    def further(self, queue: np.ndarray) -> tuple[float, float]:
        """Return loss gap and variety of a few batches."""
        batches = sample(queue, self.batch_size)[: max(_ANCHORS // self.batch_size, 1)]
        gap = loss_gap(batches, self.queries, self.targets)
        return gap.value, batch_variety(batches, self.queries, self.targets).value

    def frame(self) -> "pd.DataFrame":
        """Return all settings tried, the shuffle first."""
        import pandas as pd

        rows = [{"n_candidates": 0} | vars(self.shuffled)]
        return pd.DataFrame(rows + [{"n_candidates": m} | vars(choice) for m, choice in self.tried])
