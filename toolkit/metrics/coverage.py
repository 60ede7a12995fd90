"""Coverage: how often each instance is in a batch."""

from dataclasses import dataclass, field

import numpy as np

from toolkit import _checks


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often each instance is in a batch.

    Attributes
    ----------
    visits : int64 array, shape (N,)
        Batches that hold each instance.
    """

    visits: np.ndarray = field(repr=False)

    @property
    def share(self) -> float:
        """Share of the data set that is in at least one batch."""
        return float((self.visits > 0).mean())

    def to_frame(self):
        """Return a pandas frame with one row per instance."""
        import pandas as pd

        return pd.DataFrame({"visits": self.visits}).rename_axis("index")

    def __repr__(self) -> str:
        return f"Coverage(share={self.share:.3f}, mean={self.visits.mean():.2f}, max={self.visits.max()})"


def coverage(batches, n: int) -> Coverage:
    """Return how often each of `n` instances is in a batch.

    Raises
    ------
    IndexError, TypeError, ValueError
        For n below 2, batches with less than two members, and indices outside [0, n).

    Examples
    --------
    >>> coverage([[0, 1], [1, 2]], n=4)
    Coverage(share=0.750, mean=1.00, max=2)
    """
    _checks.integer("n", n, 2)
    return Coverage(np.bincount(np.concatenate(_checks.batches(batches, n)), minlength=n))
