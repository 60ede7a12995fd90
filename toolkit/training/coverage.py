"""The share of the data seen in recent steps, at a cost per step that does not grow with the data."""

from collections import deque
from itertools import pairwise

import numpy as np


class RunningCoverage:
    """Share of `n` instances seen in the last `width` steps.

    Parameters
    ----------
    n : int
        Number of instances.
    width : int
        Number of steps that count.

    Attributes
    ----------
    last_seen : int array, shape (n,)
        Last step of each instance, counted from 0; ``-width`` for one that was never seen.

    Examples
    --------
    >>> coverage = RunningCoverage(4, width=2)
    >>> [coverage.add(np.array(batch)) for batch in ([0, 1], [1, 2], [1, 3])]
    [0.5, 0.75, 0.75]
    """

    def __init__(self, n: int, width: int) -> None:
        self.width = width
        self.load(np.full(n, -width), 0)

    def load(self, last_seen: np.ndarray, step: int) -> None:
        """Go on from the last step of each instance (n,), which is taken over, as it was before step `step`."""
        self.last_seen, self._step = last_seen, step
        order = np.argsort(last_seen, kind="stable")
        starts = np.searchsorted(last_seen[order], np.arange(step - self.width, step + 1))
        parts = [order[start:end] for start, end in pairwise(starts)]
        self._recent = deque(parts[max(self.width - step, 0) :])  # the instances last seen in each step that counts
        self._count = sum(map(len, self._recent))

    def add(self, batch: np.ndarray) -> float:
        """Count the instances (B,) of the next step, and return the share seen in the last `width` steps."""
        batch, leaving = np.unique(batch), self._step - self.width
        if len(self._recent) == self.width:
            self._count -= int(np.count_nonzero(self.last_seen[self._recent.popleft()] == leaving))
        self._count += int(np.count_nonzero(self.last_seen[batch] <= leaving))
        self.last_seen[batch] = self._step
        self._recent.append(batch)
        self._step += 1
        return self._count / len(self.last_seen)
