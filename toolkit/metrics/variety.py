"""Variety: how many different things a batch contains."""

from dataclasses import dataclass

import numpy as np
import torch

from toolkit import _checks
from toolkit._result import Result
from toolkit.proximity import join_pairs


@dataclass(frozen=True, eq=False)
class Variety(Result):
    """Effective number of different members of a batch (Vendi score): 1 if all are alike, B if all are orthogonal.

    Attributes
    ----------
    values : float64 array, shape (n,)
        Effective number of each batch.
    """

    column = "variety"
    row = "batch"

    def __repr__(self) -> str:
        return f"Variety(value={self.value:.1f}, batches={len(self.values)})"


def batch_variety(batches, embeddings, targets=None) -> Variety:
    """Return the effective rank of each batch's embeddings, the exponential of the entropy of its spectrum.

    Batches of equal hardness can differ in it: all members around one point, or several groups apart from each other
    (Vendi score: Friedman & Dieng 2023, arXiv 2210.02410).

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    embeddings : array or tensor, shape (N, d)
        Embeddings of the instances, or with `targets` of their queries.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets; two pairs are then as similar as both sides are on average.

    Raises
    ------
    ValueError, IndexError
        For an index out of range, a batch of fewer than two, targets of another shape, and NaN, Inf or zero embeddings.

    Examples
    --------
    >>> points = [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [3.0, 0.0]]
    >>> batch_variety([[0, 1], [2, 3]], points).values.round(3).tolist()
    [2.0, 1.0]
    """
    vectors, others = _checks.sides("embeddings", embeddings, "targets", targets)
    vectors = vectors if others is None else join_pairs(vectors, others)
    batches = _checks.batches("batches", batches, len(vectors))
    return Variety(np.array([_effective_rank(vectors[torch.from_numpy(batch)]) for batch in batches]))


def _effective_rank(unit: torch.Tensor) -> float:
    spectrum = torch.linalg.svdvals(unit.double()).square()
    shares = spectrum / spectrum.sum()
    return float(torch.special.entr(shares).sum().exp())
