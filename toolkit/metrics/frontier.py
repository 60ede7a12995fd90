"""The frontier: what hardness costs in false negatives, over the settings of the random walk."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from toolkit import _checks
from toolkit.metrics.estimates import EstimatedFalseNegatives
from toolkit.metrics.false_negatives import FalseNegatives, false_negative_rate
from toolkit.metrics.gaps import loss_gap
from toolkit.metrics.variety import batch_variety
from toolkit.samplers.measuring import mean_similarity
from toolkit.samplers.registry import SAMPLERS
from toolkit.samplers.side_by_side import WALK, SideBySide

if TYPE_CHECKING:
    import pandas as pd

_FEW = 256  # variety and loss gap are measured on batches with this many instances in total, at least one batch


@dataclass(frozen=True, eq=False)
class Frontier:
    """Hardness and false-negative rate of each sampler, and of the random walk at each setting.

    Attributes
    ----------
    points : DataFrame
        One row per setting: sampler (its label), n_candidates, n_neighbors, restart, hardness, false_negative_rate,
        false_negative_half (half the 95 % interval), prior, variety and loss_gap (both of some of the batches).
        Samplers other than the walk have no settings.
    estimated : bool
        Whether false negatives were estimated.
    """

    points: "pd.DataFrame" = field(repr=False)
    estimated: bool = False

    @property
    def value(self) -> float:
        """Rank correlation of hardness and false-negative rate over the points: 1 if harder always costs more."""
        return float(self._correlation().statistic)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the rank correlation (Fisher's transformation)."""
        level = _checks.number("level", level, "(0, 1)")
        low, high = self._correlation().confidence_interval(level)
        return float(low), float(high)

    def _correlation(self):
        from scipy.stats import ConstantInputWarning, pearsonr, rankdata

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConstantInputWarning)  # NaN if all rates are the same
            return pearsonr(*(rankdata(self.points[name]) for name in ("hardness", "false_negative_rate")))

    def to_frame(self):
        """Return the points, a pandas frame."""
        return self.points.copy()

    @property
    def walks(self):
        """The rows of the random walk."""
        return self.points[self.points.sampler == SAMPLERS[WALK].label]

    @property
    def references(self):
        """The rows of all other samplers."""
        return self.points[self.points.sampler != SAMPLERS[WALK].label]

    def __repr__(self) -> str:
        return f"Frontier(value={self.value:.2f}, points={len(self.points)})"


def hardness_frontier(
    embeddings,
    labels=None,
    batch_size: int = 256,
    *,
    targets=None,
    graphs: Sequence[tuple[int, int]] = ((200, 100), (500, 100), (1000, 100), (1000, 20)),
    restarts: Sequence[float] = (0.05, 0.2, 0.5, 0.8),
    n_batches: int | None = None,
    seed: int | None = None,
    loss_gaps: bool = True,
) -> Frontier:
    """Return hardness and false-negative rate of the random walk over its settings, and of the other samplers.

    Without labels, false negatives are estimated from clusters or, for pairs, from their targets
    (`estimate_false_negatives`).

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        Embeddings of the instances, or with `targets` of their queries. A `SideBySide` object has its own targets,
        number of batches and seed.
    labels : array, shape (N,), optional
        Labels of one type; None, NaN or -1 mean no label.
    batch_size : int
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets.
    graphs : sequence of (n_candidates, n_neighbors)
    restarts : sequence of float
    n_batches : int, optional
        Batches per setting, at most N // B; by default 20. All settings use the same seeds.
    seed : int, optional
        Random seed, by default 0.
    loss_gaps : bool
        Whether to measure variety and loss gap, too; for each setting this takes time proportional to N.

    Raises
    ------
    TypeError, ValueError
        For labels that are not one per row, NaN, Inf and zero rows, settings out of their ranges, and `targets`,
        `n_batches` or `seed` next to a `SideBySide` object.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(500, 8)), np.arange(500) % 5
    >>> found = hardness_frontier(points, labels, 32, graphs=[(100, 10)], restarts=[0.2, 0.5], n_batches=5)
    >>> found.points.sampler.tolist()
    ['Uniform', 'kNN', 'Random walk', 'Random walk']
    """
    import pandas as pd

    some = _samples(embeddings, targets=targets, n_batches=n_batches, seed=seed)
    codes = None if labels is None else _checks.labels("labels", labels, some.n)
    batch_size = _checks.integer("batch_size", batch_size, 2, some.n)
    loss_gaps = _checks.flag("loss_gaps", loss_gaps)
    sizes = [_pair(each) for each in _checks.listed("graphs", graphs, "pairs of n_candidates and n_neighbors")]
    restarts = _checks.listed("restarts", restarts, "restart probabilities")
    restarts = [_checks.restart_probability("restarts", each) for each in restarts]

    rows = [_point(label, batches, codes, some, loss_gaps) for label, batches in some.references(batch_size).items()]
    for n_candidates, n_neighbors in sizes:
        for restart in restarts:
            settings = {"n_candidates": n_candidates, "n_neighbors": n_neighbors, "restart": restart}
            walks, _ = some.walks(batch_size, **settings)
            settings["n_candidates"] = min(n_candidates, some.n - 1)
            rows.append(_point(SAMPLERS[WALK].label, walks, codes, some, loss_gaps) | settings)
    return Frontier(pd.DataFrame(rows), codes is None)


def _samples(embeddings, **arguments) -> SideBySide:
    """Return `embeddings` if it is a `SideBySide` object, or make one with the arguments that are not None."""
    given = {name: value for name, value in arguments.items() if value is not None}
    if not isinstance(embeddings, SideBySide):
        return SideBySide(embeddings, **given)
    if given:
        name = next(iter(given))
        raise TypeError(
            f"{name} must be None if embeddings are a SideBySide object, got both: make the object with it, "
            f"SideBySide(embeddings, {name}={name})"
        )
    return embeddings


def with_references(frontier: Frontier, references, codes: np.ndarray | None, some: SideBySide) -> Frontier:
    """Return the frontier with new rows for all samplers other than the walk, without variety and loss gap.

    Parameters
    ----------
    references : mapping of label to batches
    codes : int array, shape (N,), or None
    some : SideBySide
    """
    import pandas as pd

    rows = [_point(label, batches, codes, some, loss_gaps=False) for label, batches in references.items()]
    return Frontier(pd.concat([pd.DataFrame(rows), frontier.walks], ignore_index=True), frontier.estimated)


def _point(sampler: str, batches, codes: np.ndarray | None, some: SideBySide, loss_gaps: bool) -> dict:
    """Return one row of a frontier: the measurements of some batches."""
    rates = rates_of(batches, codes, some)
    row = {
        "sampler": sampler,
        "n_candidates": np.nan,
        "n_neighbors": np.nan,
        "restart": np.nan,
        "hardness": float(np.mean([_hardness(batch, some) for batch in batches])),
        "false_negative_rate": rates.value,
        "false_negative_half": rates.interval()[1] - rates.value,
        "prior": rates.prior,
    }
    if loss_gaps:
        few = batches[: max(_FEW // len(batches[0]), 1)]
        row["variety"] = batch_variety(few, some.queries, some.targets).value
        row["loss_gap"] = loss_gap(few, some.queries, some.targets).value
    return row


def _hardness(batch, some: SideBySide) -> float:
    """Return the mean similarity of a batch's pairs, in time linear in its size (`batch_hardness` is quadratic)."""
    return mean_similarity(some.vectors[torch.as_tensor(batch, device="cpu")].cpu(), some.paired)


def rates_of(batches, codes: np.ndarray | None, some: SideBySide) -> FalseNegatives | EstimatedFalseNegatives:
    """Return the false negatives of batches, counted by the labels `codes` or else estimated by `some.counter`."""
    if codes is not None:
        return false_negative_rate(batches, codes)
    counter = some.counter
    return EstimatedFalseNegatives(
        counter.rates([np.asarray(batch) for batch in batches]), counter.prior, counter.method
    )


def _pair(sizes) -> tuple[int, int]:
    """Return M and K of a graph, or raise unless they are a valid pair."""
    pair = _checks.listed("graphs", sizes, "pairs of n_candidates and n_neighbors")
    if len(pair) != 2:
        raise ValueError(f"graphs must hold pairs of n_candidates and n_neighbors, got {pair!r}")
    n_candidates = _checks.integer("graphs: n_candidates", pair[0], 1)
    return n_candidates, _checks.integer("graphs: n_neighbors", pair[1], 1, n_candidates)
