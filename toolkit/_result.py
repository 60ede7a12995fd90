"""What all results share: one number, its interval, a table."""

import warnings
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit import _checks


@dataclass(frozen=True, eq=False)
class Result:
    """Numbers, one per batch, instance or row, with their mean, its 95 % interval and a table.

    Attributes
    ----------
    values : array, shape (n,)
        The numbers; NaN where there is none.
    """

    values: np.ndarray = field(repr=False)

    column: ClassVar[str]
    row: ClassVar[str]  # what a row of the table stands for

    @property
    def value(self) -> float:
        """Mean of the numbers."""
        known = self.values[~np.isnan(self.values)]
        return float(known.mean()) if len(known) else float("nan")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the mean (Student's t); NaN for fewer than two numbers."""
        return mean_interval(self.values, level)

    def to_frame(self):
        """Return a pandas frame with one row per number."""
        import pandas as pd

        return pd.DataFrame({self.column: self.values}).rename_axis(self.row)


def mean_interval(values, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of the mean of independent `values` (Student's t), NaN for fewer than two.

    Examples
    --------
    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    from scipy.stats import ttest_1samp

    level = _checks.number("level", level, "(0, 1)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of one value, or several that are equal
        low, high = ttest_1samp(np.asarray(values, float), 0, nan_policy="omit").confidence_interval(level)
    return float(low), float(high)
