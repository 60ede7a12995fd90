"""Audits: the batches of any loader compared with a shuffle of the same data."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine.precision import full_precision
from toolkit.metrics.coverage import batch_coverage
from toolkit.metrics.false_negatives import FalseNegatives
from toolkit.metrics.gaps import loss_gap
from toolkit.metrics.hardness import Hardness, batch_hardness, hardest_pairs
from toolkit.metrics.variety import batch_variety
from toolkit.proximity import join_pairs
from toolkit.proximity.false_negatives import FEWEST, Counter
from toolkit.samplers.budget import Budget

if TYPE_CHECKING:
    import pandas as pd

DUPLICATE = 0.99  # cosine similarity of near-duplicates
_ANCHORS = 1024  # variety and loss gap are measured on batches with at least this many members in total
_PARTS = ("mean", "std", "min", "25%", "50%", "75%", "max")


@dataclass(frozen=True, eq=False)
class Audit:
    """Measures of batches, compared with a shuffle of the same data into batches of the same sizes.

    Attributes
    ----------
    table : DataFrame
        One row per figure, the columns "batches" and "shuffle": hardness (mean cosine similarity of in-batch pairs),
        false negatives (share of pairs, by labels or estimated), near-duplicates (share of pairs with a similarity of
        0.99 or more), variety (effective number of different members), loss gap (nats), instances covered (share),
        most batches with one instance.
    similarities : DataFrame
        Distribution of the similarities of negatives, and of queries to their own targets if there are any.
    pairs : DataFrame
        The most similar pairs that share a batch: first, second, similarity, and with labels same_label.
    hardness : dict of name to Hardness
    false_negatives : dict of name to FalseNegatives or EstimatedFalseNegatives
    method : {"labels", "positives", "clusters", "none"}
        How false negatives were counted; positives and clusters give an estimate. With "none" they are NaN, because
        fewer than 200 instances without labels or targets are too few to be clustered.
    """

    table: "pd.DataFrame" = field(repr=False)
    similarities: "pd.DataFrame" = field(repr=False)
    pairs: "pd.DataFrame" = field(repr=False)
    hardness: dict = field(repr=False)
    false_negatives: dict = field(repr=False)
    method: str
    n_batches: int
    n_instances: int

    def to_frame(self) -> "pd.DataFrame":
        """Return the table, a pandas frame."""
        return self.table.copy()

    @property
    def value(self) -> float:
        """Hardness of the batches."""
        return self.hardness["batches"].value

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the hardness (Student's t over batches)."""
        return self.hardness["batches"].interval(level)

    @property
    def summary(self) -> str:
        """The main findings, in a sentence or two."""
        hard, rate = (self.table.loc[name] for name in ("hardness", self.rate_name))
        gain = hard.batches - hard.shuffle
        spread = self.hardness["shuffle"].values.std() / max(len(self.hardness["shuffle"].values), 1) ** 0.5
        harder = "harder than" if gain > 3 * spread else "easier than" if gain < -3 * spread else "as hard as"
        found = (
            f"The batches are {harder} a shuffle (mean cosine similarity {hard.batches:.3f} against {hard.shuffle:.3f})"
        )
        if self.method == "none":
            return (
                f"{found}. False negatives are not estimated, because {self.n_instances} instances without labels are "
                f"fewer than {FEWEST}: give labels to count them."
            )
        return f"{found}, with {rate.batches:.1%} {self.rate_name} (shuffle: {rate.shuffle:.1%})."

    @property
    def rate_name(self) -> str:
        """Name of the row of the table that holds the share of false negatives."""
        return "false negatives" if self.method == "labels" else "estimated false negatives"

    def __repr__(self) -> str:
        return (
            f"Audit(hardness={self.table.batches['hardness']:.3f}, false_negatives="
            f"{self.table.batches[self.rate_name]:.3f}, method={self.method!r}, batches={self.n_batches})"
        )


@full_precision()
def audit(batches, embeddings, *, targets=None, labels=None, n_pairs: int = 20, seed: int = 0) -> Audit:
    """Compare the batches of any sampler or loader with a shuffle.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    embeddings : array or tensor, shape (N, d)
        Embeddings of the instances, or with `targets` of their queries.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets.
    labels : array, shape (N,), optional
        Labels for counting false negatives; None, NaN or -1 mean no label. Without labels they are
        estimated (`estimate_false_negatives`), unless there are fewer than 200 instances and no targets.
    n_pairs : int
        Most similar pairs to list.
    seed : int
        Random seed of the shuffle, and of estimates.

    Raises
    ------
    IndexError, TypeError, ValueError
        For batches with fewer than two members or indices outside [0, N), NaN, Inf and zero rows, and targets or labels
        that are not one per row.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(400, 8))
    >>> found = audit(np.argsort(points[:, 0]).reshape(20, 20), points, labels=np.arange(400) % 10)
    >>> bool(found.table.batches["hardness"] > found.table.shuffle["hardness"] + 0.05)
    True
    """
    import pandas as pd

    queries, others = _checks.sides("embeddings", embeddings, "targets", targets)
    batches = _checks.batches("batches", batches, len(queries))
    codes = None if labels is None else _checks.labels("labels", labels, len(queries))
    n_pairs, seed = _checks.integer("n_pairs", n_pairs, 1), _checks.seed(seed)
    unit = queries if others is None else join_pairs(queries, others)
    counter = _counter(codes, unit, others is not None, seed)
    kinds = {"batches": batches, "shuffle": shuffled(batches, len(queries), seed)}
    hardness = {name: batch_hardness(some, queries, others) for name, some in kinds.items()}
    rates = {name: FalseNegatives(counter.rates(some), counter.prior) for name, some in kinds.items()}
    name = "false negatives" if counter.method == "labels" else "estimated false negatives"
    columns = {kind: _figures(some, queries, others, hardness[kind], rates[kind], name) for kind, some in kinds.items()}
    return Audit(
        table=pd.DataFrame(columns),
        similarities=_distribution(hardness["batches"], queries, others),
        pairs=hardest_pairs(batches, queries, n_pairs, labels, targets=others),
        hardness=hardness,
        false_negatives=rates,
        method=counter.method,
        n_batches=len(batches),
        n_instances=len(queries),
    )


class _NotEstimated:
    """A counter that knows of no pair whether it is a false negative."""

    method, prior = "none", float("nan")

    def rates(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return NaN for each batch."""
        return np.full(len(batches), np.nan)

    def known(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return 0 for each batch."""
        return np.zeros(len(batches))


def _counter(codes: np.ndarray | None, unit: torch.Tensor, paired: bool, seed: int) -> Counter:
    """Return the counter of false negatives; it does not estimate them for instances too few to be clustered."""
    if codes is None and not paired and len(unit) < FEWEST:
        return _NotEstimated()
    return Budget(labels=codes).counter(unit, paired, seed)


def shuffled(batches: list[np.ndarray], n: int, seed: int) -> list[np.ndarray]:
    """Return batches of the same sizes from shuffled instances; the order is shuffled again when it runs out."""
    rng, left, found = np.random.default_rng(seed), np.empty(0, np.int64), []
    for batch in batches:
        if len(left) < len(batch):
            left = rng.permutation(n)
        some, left = np.split(left, [len(batch)])
        found.append(some)
    return found


def _figures(batches, queries, targets, hardness: Hardness, rates: FalseNegatives, rate_name: str) -> dict[str, float]:
    """Return one column of the audit's table."""
    coverage = batch_coverage(batches, len(queries))
    near = Hardness.edges[:-1] >= DUPLICATE - 1e-9
    members = np.cumsum([len(batch) for batch in batches])
    some = batches[: int(np.searchsorted(members, _ANCHORS)) + 1]
    return {
        "hardness": hardness.value,
        rate_name: rates.value,
        "near-duplicates": hardness.histogram[near].sum() / hardness.histogram.sum(),
        "variety": batch_variety(some, queries, targets).value,
        "loss gap": loss_gap(some, queries, targets).value,
        "instances covered": coverage.value,
        "most batches with one instance": int(coverage.visits.max()),
    }


def _distribution(hardness: Hardness, queries: torch.Tensor, targets: torch.Tensor | None) -> "pd.DataFrame":
    """Return mean, deviation and quantiles of similarities; those of negatives come from bins of width 0.01."""
    import pandas as pd

    middles = (Hardness.edges[1:] + Hardness.edges[:-1]) / 2
    counts = hardness.histogram
    negatives = pd.Series(np.repeat(middles, np.ceil(counts * min(1, 1e6 / max(counts.sum(), 1))).astype(int)))
    columns = {"negatives": negatives}
    if targets is not None:
        columns["positives"] = pd.Series(torch.linalg.vecdot(queries, targets).numpy())
    frame = pd.DataFrame({name: values.describe()[list(_PARTS)] for name, values in columns.items()})
    if targets is not None:
        frame["difference"] = frame.positives - frame.negatives
    return frame
