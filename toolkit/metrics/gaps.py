"""The loss gap: the part of the contrastive loss that a batch does not see."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from toolkit import _checks
from toolkit._result import Result
from toolkit.engine.precision import full_precision

TEMPERATURE = 0.1
_SCORES = 2**24  # maximum number of similarities in memory at once


@dataclass(frozen=True, eq=False)
class LossGap(Result):
    """InfoNCE over the whole data set minus InfoNCE over the batch, in nats.

    Attributes
    ----------
    values : float64 array, shape (n,)
        Mean over the members of each batch: 0 if nothing outside of the batch counts, log(N / B) if all similarities
        are equal.
    """

    column = "loss_gap"
    row = "batch"

    def __repr__(self) -> str:
        return f"LossGap(value={self.value:.3f}, batches={len(self.values)})"


@full_precision()
def loss_gap(batches, queries, targets=None, temperature: float = TEMPERATURE) -> LossGap:
    """Return how much lower the loss over each batch is than the loss over the whole data set.

    For pairs, the loss is the symmetric InfoNCE. Without targets, it is that of an instance against all others, and the
    pull of its other view, which is the same in both losses, is left out. The smaller the gap, the more of
    the full contrast a batch shows (in-batch against global loss: arXiv 2505.11293, theorem 1).

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    queries : array or tensor, shape (N, d)
        Embeddings of the instances, or with `targets` of their queries.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets.
    temperature : float
        Temperature of the loss; positive.

    Raises
    ------
    ValueError, IndexError
        For an index out of range, a batch of fewer than two, targets of another shape, and NaN, Inf or zero embeddings.

    Examples
    --------
    >>> points = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> loss_gap([[0, 1]], points).value < loss_gap([[0, 2]], points).value
    True
    >>> loss_gap([[0, 1, 2, 3]], points)
    LossGap(value=0.000, batches=1)
    """
    sides = _checks.sides("queries", queries, "targets", targets)
    batches = [torch.from_numpy(batch) for batch in _checks.batches("batches", batches, len(sides[0]))]
    temperature = _checks.number("temperature", temperature, "(0, inf)")
    members, places = torch.unique(torch.cat(batches), return_inverse=True)
    whole = contrast(members, *sides, temperature)[places].split([len(batch) for batch in batches])
    return LossGap(np.array([each.mean().item() for each in whole]) - seen(batches, *sides, temperature))


def contrast(
    rows: torch.Tensor, first: torch.Tensor, second: torch.Tensor | None, temperature: float = TEMPERATURE
) -> torch.Tensor:
    """Return the log-sum-exp of the similarities of each instance in `rows` (n,) to all other instances.

    `first` and `second` are unit rows (N, d); `second` is None unless the instances are pairs. For pairs, it holds the
    targets, each row's own target is included, and the mean over both directions is returned.
    """
    parts, paired = rows.split(max(1, _SCORES // len(first))), second is not None
    sums = [
        torch.cat([_log_sums(anchors[some], others, temperature, None if paired else some) for some in parts])
        for anchors, others in _directions(first, second)
    ]
    return torch.stack(sums).mean(0)


def seen(
    batches: Sequence[torch.Tensor], first: torch.Tensor, second: torch.Tensor | None, temperature: float = TEMPERATURE
) -> np.ndarray:
    """Return the mean `contrast` of each batch's members, computed within the batch only.

    This is cheap, and it ranks plans that hold each instance once by their loss gap: the other term of the gap, the
    contrast with all instances, is the same for all of them.
    """
    sides = _directions(first, second)
    return np.array(
        [np.mean([_seen_by(batch, *side, temperature, second is not None) for side in sides]) for batch in batches]
    )


def _seen_by(
    batch: torch.Tensor, anchors: torch.Tensor, others: torch.Tensor, temperature: float, paired: bool
) -> float:
    own = None if paired else torch.arange(len(batch), device=batch.device)
    return _log_sums(anchors[batch], others[batch], temperature, own).mean().item()


def _directions(first: torch.Tensor, second: torch.Tensor | None) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the anchors and the rows to compare them with: one such pair, or for pairs one in each direction."""
    return [(first, first)] if second is None else [(first, second), (second, first)]


def _log_sums(
    anchors: torch.Tensor, others: torch.Tensor, temperature: float, own: torch.Tensor | None
) -> torch.Tensor:
    """Return the log-sum-exp of each anchor's similarities, without the column `own`, which is the anchor itself."""
    scores = anchors @ others.T / temperature
    if own is not None:
        scores[torch.arange(len(anchors), device=anchors.device), own] = -torch.inf
    return scores.logsumexp(1).double()
