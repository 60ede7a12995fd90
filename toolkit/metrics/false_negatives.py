"""False negatives: in-batch pairs with the same label."""

from dataclasses import dataclass

import numpy as np

from toolkit import _checks
from toolkit._result import Result
from toolkit.proximity.false_negatives import ByLabels


@dataclass(frozen=True, eq=False)
class FalseNegatives(Result):
    """Share of in-batch pairs whose members have the same label.

    Attributes
    ----------
    values : float64 array, shape (n,)
        Share in each batch among the pairs whose labels are known; NaN without any.
    prior : float
        Share among all pairs of the data set: the expected mean for uniform batches.
    n_unlabelled : int
        Instances of the data set without a label. Their pairs count as neither true nor false.
    """

    prior: float
    n_unlabelled: int = 0

    column = "false_negative_rate"
    row = "batch"

    @property
    def over_chance(self) -> float:
        """Rate divided by the prior; NaN if no label occurs twice."""
        return self.value / self.prior if self.prior > 0 else float("nan")

    def __repr__(self) -> str:
        missing = f", n_unlabelled={self.n_unlabelled}" if self.n_unlabelled else ""
        return f"FalseNegatives(value={self.value:.3f}, prior={self.prior:.3f}, batches={len(self.values)}{missing})"


def false_negative_rate(batches, labels) -> FalseNegatives:
    """Return the share of pairs with the same label within each batch, and the share to expect by chance.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    labels : array, shape (N,)
        Labels of one type; None, NaN or -1 mean no label. Only a diagnostic: samplers never see it.

    Raises
    ------
    IndexError, TypeError, ValueError
        For batches with fewer than two members or with indices outside [0, N), labels of several types, and fewer than
        two known labels.

    Examples
    --------
    >>> false_negative_rate([[0, 1, 2]], ["cat", "cat", "dog", "dog"])
    FalseNegatives(value=0.333, prior=0.333, batches=1)
    >>> false_negative_rate([[0, 1, 2]], ["cat", "cat", None, "dog"])
    FalseNegatives(value=1.000, prior=0.333, batches=1, n_unlabelled=1)
    """
    codes = _checks.labels("labels", labels, _checks.length("labels", labels))
    batches = _checks.batches("batches", batches, len(codes))
    counter = ByLabels(codes)
    return FalseNegatives(counter.rates(batches), counter.prior, int((codes < 0).sum()))


def same_label(codes: np.ndarray, first, second) -> np.ndarray:
    """Return whether instances `first` and `second` (indices) have the same label; False if either has none."""
    return (codes[first] == codes[second]) & (codes[first] >= 0)
