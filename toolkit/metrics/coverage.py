"""Coverage: how often each instance is in a batch."""

from dataclasses import dataclass, field

import numpy as np

from toolkit import _checks
from toolkit._result import Result


@dataclass(frozen=True, eq=False)
class Coverage(Result):
    """Share of the data set that is in at least one batch.

    Attributes
    ----------
    values : float64 array, shape (N,)
        1 for each instance in a batch, else 0.
    visits : int64 array, shape (N,)
        Batches that hold each instance.
    """

    visits: np.ndarray = field(repr=False)

    column = "covered"
    row = "index"

    def to_frame(self):
        """Return a pandas frame with one row per instance: visits."""
        import pandas as pd

        return pd.DataFrame({"visits": self.visits}).rename_axis(self.row)

    def __repr__(self) -> str:
        return f"Coverage(value={self.value:.3f}, mean={self.visits.mean():.2f}, max={self.visits.max()})"


def batch_coverage(batches, n: int) -> Coverage:
    """Return how often each of `n` instances is in a batch.

    Raises
    ------
    IndexError, TypeError, ValueError
        For n below 2, batches with fewer than two members, and indices outside [0, n).

    Examples
    --------
    >>> batch_coverage([[0, 1], [1, 2]], n=4)
    Coverage(value=0.750, mean=1.00, max=2)
    """
    n = _checks.integer("n", n, 2)
    visits = np.bincount(np.concatenate(_checks.batches("batches", batches, n)), minlength=n)
    return Coverage((visits > 0).astype(float), visits)
