"""Meetings: how often chosen instances share a batch."""

from dataclasses import dataclass

import numpy as np

from toolkit import _checks
from toolkit._result import Result


@dataclass(frozen=True, eq=False)
class Meetings(Result):
    """How often chosen instances share a batch; `value` is their mean number per batch.

    Attributes
    ----------
    values : float64 array, shape (n_batches,)
        Chosen instances in each batch.
    chosen, n : int
        Number of chosen instances, and of all.
    pairs : int
        Number of meetings of their pairs.
    times : float
        Mean number of meetings per pair in these batches.
    over_chance : float
        The same as a multiple of what random batches of these sizes would give.
    same_label : float
        Share of the meetings that are false negatives; NaN without labels or meetings.
    """

    column = "members"
    row = "batch"

    chosen: int
    n: int
    pairs: int
    times: float
    over_chance: float
    same_label: float

    @property
    def holding(self) -> int:
        """Number of batches with at least one chosen instance."""
        return int((self.values > 0).sum())

    def __repr__(self) -> str:
        return f"Meetings(holding={self.holding}, batches={len(self.values)}, over_chance={self.over_chance:.2f})"


def meetings(batches, chosen, n: int, labels=None) -> Meetings:
    """Count how often chosen instances share a batch, and how many of these pairs are false negatives.

    Parameters
    ----------
    batches : sequence of index sequences
    chosen : index sequence
        The instances; each counts once.
    n : int
        Number of all instances (N).
    labels : array, shape (N,), optional
        Labels of one type; None, NaN or -1 mean no label, which equals no other.

    Raises
    ------
    TypeError, ValueError
        For instances outside of [0, N), fewer than two chosen ones, and labels that are not one per instance.

    Examples
    --------
    >>> found = meetings([[0, 1, 2, 3], [0, 4, 5, 6]], [0, 1, 4], n=8)
    >>> found.values.tolist(), found.pairs, found.times
    ([2.0, 2.0], 2, 0.6666666666666666)
    """
    n = _checks.integer("n", n, 2)
    rows = _checks.batches("batches", batches, n)
    members = np.unique(_checks.indices("chosen", chosen, n))
    if len(members) < 2:
        raise ValueError(f"chosen must hold at least two instances, got {len(members)}")
    codes = None if labels is None else _checks.classes("labels", labels, n)[0]
    is_chosen = np.zeros(n, bool)
    is_chosen[members] = True
    counts, same, expected = np.zeros(len(rows)), 0, 0.0
    for k, row in enumerate(rows):
        found = row[is_chosen[row]]
        counts[k] = len(found)
        expected += len(row) * (len(row) - 1) / (n * (n - 1))
        if codes is not None:
            known = codes[found]
            sizes = np.bincount(known[known >= 0]) if len(known) else np.zeros(0, int)
            same += int((sizes * (sizes - 1) // 2).sum())
    pairs = int((counts * (counts - 1) / 2).sum())
    times = pairs / (len(members) * (len(members) - 1) / 2)
    share = same / pairs if codes is not None and pairs else float("nan")
    return Meetings(counts, len(members), n, pairs, times, times / expected if expected else float("nan"), share)
