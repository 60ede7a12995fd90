"""What makes a candidate similar, and which candidates may not become neighbours, however similar they are."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch


class Groups:
    """Instances that must not share a batch.

    Attributes
    ----------
    codes : int32 array, shape (N,)
        Group of each instance, 0, 1, ...
    """

    def __init__(self, codes: np.ndarray) -> None:
        self.codes = codes.astype(np.int32)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __repr__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        """What identifies them; kept, since each state of a sampler holds it."""
        sizes = np.diff(self.starts)
        digest = hashlib.sha256(self.codes.tobytes()).hexdigest()[:12]
        return f"Groups(n={len(sizes)}, largest={sizes.max(initial=0)}, digest={digest!r})"

    @cached_property
    def members(self) -> np.ndarray:
        """Instances, those of one group next to each other; int32, shape (N,)."""
        return np.argsort(self.codes, kind="stable").astype(np.int32)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each group begins in `members`, and their number; int64, shape (groups + 1,)."""
        return np.append(0, np.cumsum(np.bincount(self.codes)))


@dataclass(frozen=True, eq=False)
class Rules:
    """Rules for the neighbours of a graph.

    Attributes
    ----------
    paired : bool
        Whether a row is a query followed by its target, each as long as the other. The similarity of two rows is then
        that of each one's query with the other's target, ``q_i . t_j + q_j . t_i``.
    groups : Groups, optional
        Instances of one group are not neighbours.
    skip : int
        Number of most similar candidates to leave out.
    margin : float, optional
        Leave out candidates whose similarity is at least `margin` times that of the row's own query and target.
    """

    paired: bool = False
    groups: Groups | None = None
    skip: int = 0
    margin: float | None = None

    @property
    def codes(self) -> np.ndarray | None:
        """Group of each instance, or None without groups."""
        return None if self.groups is None else self.groups.codes

    def limits(self, anchors: torch.Tensor, seen: torch.Tensor) -> torch.Tensor | None:
        """Return the similarity from which on candidates of unit rows, `seen_from` them, are left out."""
        # The similarity of a pair to itself counts its query and target twice.
        return None if self.margin is None else self.margin * torch.linalg.vecdot(anchors, seen)

    def seen_from(self, anchors: torch.Tensor) -> torch.Tensor:
        """Return what to multiply the candidates' rows with for their similarity to `anchors`."""
        return crossed(anchors) if self.paired else anchors


NO_RULES = Rules()


def crossed(vectors: torch.Tensor) -> torch.Tensor:
    """Return the rows with their halves, query and target, in each other's place."""
    return vectors.roll(vectors.shape[-1] // 2, -1)
