"""Samplers and settings, found by measuring what batches they make of the embeddings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.engine.precision import full_precision
from toolkit.metrics.plan_trials import chains, clusters
from toolkit.metrics.trials import Found, Instances, Setup
from toolkit.metrics.walk_trials import walks
from toolkit.samplers import BatchSampler
from toolkit.samplers.budget import Budget
from toolkit.samplers.measuring import sample, warn_of_few_labels
from toolkit.samplers.registry import SAMPLERS

if TYPE_CHECKING:
    import pandas as pd

TRIALS = {"chain": chains, "cluster": clusters, "random_walk": walks}  # the preferred ones first
_INSTANCES = 50_000  # maximum number of instances on which walks are tried
_TIED = 0.95  # samplers are tied if they reduce a shuffle's loss gap by this share of the largest reduction
_COLUMNS = {"n_candidates": "Int64", "n_neighbors": "Int64", "restart": "float64", "cluster_size": "Int64"}


@dataclass(frozen=True, eq=False)
class Suggestion:
    """A sampler and its settings for some embeddings, or the advice to shuffle.

    Attributes
    ----------
    sampler : str
        Name of the suggested sampler in the registry, ``"uniform"`` if the advice is to shuffle.
    settings : dict
        Arguments of its constructor; empty if the advice is to shuffle.
    hardness, false_negative_rate, loss_gap, variety : float
        Of the suggested batches: mean cosine similarity of in-batch pairs, share of false negatives among them,
        what the batch cannot see of the loss (nats), effective number of different members.
    limit : float
        Largest false-negative rate allowed.
    method : {"labels", "positives", "clusters"}
        What false negatives were counted by; all but labels give an estimate.
    seconds : float
        Time to plan an epoch of batches, for the walk with a rebuild of its graph.
    batch_size : int
    batch : int64 array, shape (B,)
        One of the suggested batches, of median hardness.
    values : float64 array
        Hardness of single batches.
    points : DataFrame
        All settings tried, the shuffle first: sampler, n_candidates, n_neighbors, restart, cluster_size, hardness,
        false_negative_rate.
    compared : DataFrame
        The shuffle, and the best settings of each sampler that has any within the limit: sampler, hardness,
        false_negative_rate, loss_gap.
    """

    sampler: str
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
    compared: "pd.DataFrame" = field(repr=False)

    @property
    def value(self) -> float:
        """Hardness of the suggested batches."""
        return self.hardness

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the hardness (Student's t over batches)."""
        return mean_interval(self.values, level)

    @property
    def seconds_per_batch(self) -> float:
        """Time of a rebuild divided by the batches until the next one; 0 for a shuffle."""
        return self.seconds / self.settings["refresh_every"] if self.settings else 0.0

    @property
    def reason(self) -> str:
        """The suggestion in a few sentences: what its batches are like, and why it was chosen."""
        shuffle, estimated = self.points.iloc[0], "" if self.method == "labels" else "estimated "
        limit = f"limit {self.limit:.1%}"
        if not self.settings:
            tried = _listed([SAMPLERS[name].label.lower() for name in self.points.sampler.unique()[1:]])
            return (
                f"Shuffle: none of the {len(self.points) - 1} settings tried ({tried}) gives batches harder than a "
                f"shuffle's (mean cosine similarity {shuffle.hardness:.3f}) within the {limit} for {estimated}false "
                f"negatives (shuffle: {shuffle.false_negative_rate:.1%})."
            )
        plan, nearly = "plan", ""
        if self.sampler == "random_walk":
            plan, nearly = "rebuild", ", or nearly as hard with fewer candidates"
        return (
            f"{self._batches} give batches with hardness {self.hardness:.3f} (shuffle: {shuffle.hardness:.3f}) and "
            f"{self.false_negative_rate:.1%} {estimated}false negatives (shuffle: {shuffle.false_negative_rate:.1%}, "
            f"{limit}): the hardest of {(self.points.sampler == self.sampler).sum()} settings within the limit{nearly}"
            f". {self._comparison}A {plan} takes {_rounded(self.seconds)} s on this machine, once every "
            f"{self.settings['refresh_every']:,} batches: {_rounded(1000 * self.seconds_per_batch)} ms per batch."
        )

    @property
    def _batches(self) -> str:
        """The suggested batches in words."""
        if self.sampler == "random_walk":
            m, k, restart = (self.settings[name] for name in ("n_candidates", "n_neighbors", "restart"))
            return f"Random walks with restart probability {restart:.2f} on the {k} most similar of {m:,} candidates"
        if self.sampler == "chain":
            return f"Chains of most similar instances within search spaces of {self.settings['n_candidates']:,}"
        return f"Clusters of {self.settings['cluster_size']} instances"

    @property
    def _comparison(self) -> str:
        """A sentence that compares the loss gap with the other samplers'; empty if no others are within the limit."""
        others = self.compared[~self.compared.sampler.isin([self.sampler, "uniform"])]
        if others.empty:
            return ""
        gaps = [f"{SAMPLERS[row.sampler].label.lower()}: {row.loss_gap:.2f}" for row in others.itertuples()]
        smallest = "the smallest" if self.loss_gap <= others.loss_gap.min() else "close to the smallest"
        return (
            f"Their loss gap, {self.loss_gap:.2f} nats, is {smallest} among the samplers compared ({', '.join(gaps)}; "
            f"shuffle: {self.compared.loss_gap.iloc[0]:.2f}); on two sets of pairs, settings with a smaller gap "
            "tended to train better models. "
        )

    @property
    def code(self) -> str:
        """Code that makes the suggested sampler, to copy."""
        settings = {"batch_size": self.batch_size} | self.settings
        arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{SAMPLERS[self.sampler].cls.__name__}(len(dataset), {arguments})"

    def make(self, n, **settings) -> BatchSampler:
        """Return the suggested sampler for `n` instances or a data set; `settings` add to or override its settings."""
        _checks.integer("n", _checks.size("n", n), self.batch_size, remedy="a batch holds distinct instances")
        return SAMPLERS[self.sampler].make(n, self.batch_size, **self.settings | settings)

    def from_embeddings(self, embeddings, **settings) -> BatchSampler:
        """Return the suggested sampler for known embeddings (N, d)."""
        return SAMPLERS[self.sampler].from_embeddings(embeddings, self.batch_size, **self.settings | settings)

    def to_frame(self) -> "pd.DataFrame":
        """Return all settings tried, a pandas frame."""
        return self.points.copy()

    def __repr__(self) -> str:
        settings = ", ".join([self.sampler, *(f"{name}={value!r}" for name, value in self.settings.items())])
        return (
            f"Suggestion({settings if self.settings else 'shuffle'}; hardness={self.hardness:.3f}, "
            f"false_negative_rate={self.false_negative_rate:.3f}, limit={self.limit:.3f})"
        )


@full_precision()
def suggest_settings(
    embeddings,
    batch_size: int,
    *,
    targets=None,
    labels=None,
    max_false_negatives: float | None = None,
    samplers: Iterable[str] = tuple(TRIALS),
    seed: int = 0,
) -> Suggestion:
    """Return the sampler and the settings that suit some embeddings, within a limit of false negatives.

    Batches are drawn and measured, with each instance once per epoch. For each sampler, the best settings are those
    with the hardest batches within the limit. Of these, the settings with the smallest loss gap are suggested: their
    batches show most of the contrast with all instances. Samplers are tied if they reduce a shuffle's gap by at least
    95 % of the largest reduction; of these, the one named first is suggested. By default chains come first and walks
    last, because in four comparisons chains and clusters did as well as walks or better (``docs/results.md``).

    This was compared with trainings on two sets of pairs, from definition to word and from docstring to code: for
    shuffles, chains, clusters and walks within the limits, loss gaps have rank correlations with test results of 0.9
    and 0.8 with batches of 32, and of 0.8 and 0.4 with batches of 128 (``benchmarks/README.md``).

    The walk is tried with two numbers of candidates, five of neighbours, and restart probabilities between 0.1 and
    0.9, on at most 50,000 random instances. Chains are tried with search spaces of 60 to 7,680 instances, and clusters
    with a quarter of a batch, an eighth and a sixteenth, because larger ones trained worse models on both sets.

    `embeddings` should come from a model that has trained a little, such as an epoch of shuffled batches. Settings then
    stay as they are; only the walk can follow a training to its end: ``RandomWalkBatchSampler(restart="auto")`` chooses
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
        negatives of a shuffle may be lost: chance + 0.1 (1 - chance). With `targets`, each query may also lose at most
        three, so the share falls to 3 / (B - 1) in batches of more than 31.
    samplers : iterable of {"chain", "cluster", "random_walk"}
        Samplers to choose from, the preferred ones first.
    seed : int
        Random seed.

    Raises
    ------
    TypeError, ValueError
        For NaN, Inf and zero rows, targets of another shape, labels that are not one per row, unknown samplers or none,
        and numbers out of their ranges.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.arange(2000) % 100
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(100, 16))[labels] + 0.7 * rng.normal(size=(2000, 16))
    >>> found = suggest_settings(points, 50, labels=labels, max_false_negatives=0.1)
    >>> found.sampler in ("chain", "cluster", "random_walk"), found.false_negative_rate <= 0.1, found.hardness > 0.1
    (True, True, True)
    >>> sampler = found.make(len(points))

    To try only walks:

    >>> suggest_settings(points, 50, labels=labels, samplers=["random_walk"]).settings["coverage"]
    'partition'
    """
    queries, others = _checks.sides("embeddings", embeddings, "targets", targets)
    batch_size = _checks.integer("batch_size", batch_size, 2, len(queries))
    codes = None if labels is None else _checks.labels("labels", labels, len(queries))
    if max_false_negatives is not None:
        max_false_negatives = _checks.number("max_false_negatives", max_false_negatives, "(0, 1]")
    names = _names(samplers)
    setup = _setup(queries, others, codes, Budget(max_false_negatives), batch_size, _checks.seed(seed))
    trials = [TRIALS[name](setup) for name in names]
    points = [{"sampler": "uniform"} | setup.shuffled, *(point for points, _ in trials for point in points)]
    shuffled = Found("uniform", {}, **setup.shuffled, on=setup.some, queue=setup.some.order, seconds=0.0)
    bests = [shuffled, *(found for _, found in trials if found is not None)]
    seen = np.array([each.on.seen(each.queue) for each in bests])
    return _suggestion(setup, bests, seen, points)


def _names(samplers) -> list[str]:
    """Return the names of the samplers to try, each once, or raise unless they are known."""
    names = _checks.listed("samplers", samplers, "names of samplers")
    if not names:
        raise ValueError(f"samplers must name at least one of {', '.join(map(repr, TRIALS))}, got none")
    return list(dict.fromkeys(_checks.choice("samplers", name, tuple(TRIALS)) for name in names))


def _setup(queries, targets, codes, budget: Budget, batch_size: int, seed: int) -> Setup:
    """Return what all trials share: the instances, the limits, and the measurements of a shuffle."""
    n, data = len(queries), (queries, targets, budget, codes, batch_size, seed)
    whole = some = Instances.of(np.arange(n), *data)
    if n > _INSTANCES:
        some = Instances.of(np.sort(np.random.default_rng(seed).permutation(n)[:_INSTANCES]), *data)
    limits = budget.limits(some.counter.prior, batch_size, some.paired)
    warn_of_few_labels("suggest_settings", some.known, min(some.n_members, len(some)), some.batch_size, stacklevel=4)
    return Setup(some, whole, limits, some.measured(some.order))


def _suggestion(setup: Setup, bests: list[Found], seen: np.ndarray, points: list[dict]) -> Suggestion:
    """Return the suggestion, chosen from the shuffle and the best settings of each sampler by the loss gap."""
    import pandas as pd

    gains, best = seen - seen[0], bests[0]
    if len(bests) > 1:
        most = gains[1:].max()
        best = next(
            each for each, gain in zip(bests, gains, strict=True) if each.settings and gain >= min(_TIED * most, most)
        )
    data = best.on
    batches = sample(best.queue, data.batch_size)
    values = data.similarities(batches)
    gaps = setup.whole.contrast - seen
    frame = pd.DataFrame(points, columns=["sampler", *_COLUMNS, *setup.shuffled]).astype(_COLUMNS)
    columns = {"sampler": [each.sampler for each in bests]}
    columns |= {name: [getattr(each, name) for each in bests] for name in setup.shuffled}
    return Suggestion(
        sampler=best.sampler,
        settings=best.settings,
        hardness=best.hardness,
        false_negative_rate=best.false_negative_rate,
        loss_gap=float(gaps[bests.index(best)]),
        variety=data.variety(batches),
        limit=setup.limits[0],
        method=data.counter.method,
        seconds=best.seconds,
        batch_size=setup.whole.batch_size,
        batch=data.rows[batches[np.argsort(values)[len(values) // 2]]],
        values=values,
        points=frame,
        compared=pd.DataFrame(columns | {"loss_gap": gaps}),
    )


def _listed(names: list[str]) -> str:
    """Return names joined for a sentence: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _rounded(value: float) -> str:
    """Return a number with two significant digits."""
    return f"{float(f'{value:.2g}'):g}"
