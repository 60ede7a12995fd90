"""False negatives: in-batch pairs with the same label."""

from dataclasses import dataclass, field

import numpy as np

from toolkit import _checks
from toolkit.metrics._interval import interval


@dataclass(frozen=True, eq=False)
class FalseNegatives:
    """Share of in-batch pairs whose members have the same label.

    Attributes
    ----------
    per_batch : float64 array, shape (n,)
        Share in each batch.
    prior : float
        Share among all pairs of the data set: what uniform batches have on average.
    """

    per_batch: np.ndarray = field(repr=False)
    prior: float

    @property
    def rate(self) -> float:
        """Mean over the batches."""
        return float(self.per_batch.mean())

    @property
    def over_chance(self) -> float:
        """Rate over the prior; NaN if no label occurs twice."""
        return self.rate / self.prior if self.prior > 0 else float("nan")

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the rate over batches."""
        return interval(self.per_batch)

    def to_frame(self):
        """Return a pandas frame with one row per batch."""
        import pandas as pd

        return pd.DataFrame({"false_negative_rate": self.per_batch}).rename_axis("batch")

    def __repr__(self) -> str:
        return f"FalseNegatives(rate={self.rate:.3f}, prior={self.prior:.3f}, batches={len(self.per_batch)})"


def false_negative_rate(batches, labels) -> FalseNegatives:
    """Return the share of pairs with the same label within each batch, and the share to expect by chance.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    labels : array, shape (N,)
        Any kind of label. Only a diagnostic: samplers never see it.

    Raises
    ------
    IndexError, TypeError, ValueError
        For batches with less than two members or with indices outside [0, N).

    Examples
    --------
    >>> false_negative_rate([[0, 1, 2]], ["cat", "cat", "dog", "dog"])
    FalseNegatives(rate=0.333, prior=0.333, batches=1)
    """
    codes = _checks.labels(labels, len(labels))
    batches = _checks.batches(batches, len(codes))
    shares = [same_pairs(np.bincount(codes[batch])) for batch in batches]
    return FalseNegatives(np.array(shares), same_pairs(np.bincount(codes)))


def same_pairs(counts: np.ndarray) -> float:
    """Return the share of pairs within a class, given how many instances each class has."""
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))
