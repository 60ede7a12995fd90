"""A budget for batches: how hard they may be, and with how many false negatives."""

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from toolkit import _checks
from toolkit.proximity.false_negatives import ByClusters, ByLabels, ByPositives, Counter, class_prior

LOST = 0.1  # share of a shuffle's true negatives that a batch may lose, by default
PER_MEMBER = 3  # and of pairs, how many of them each member may lose


@dataclass(frozen=True, eq=False)
class Budget:
    """Limits for a random walk's batches: the hardest batches within them are chosen again at each rebuild.

    Pass it as ``RandomWalkBatchSampler(..., restart=Budget(...))``; ``restart="auto"`` is ``Budget()``. False negatives
    are counted by `labels` if given, or else estimated: for pairs by their targets, otherwise by clusters
    (`toolkit.metrics.estimate_false_negatives`).

    Parameters
    ----------
    false_negatives : float, optional
        Largest share of in-batch pairs that may be false negatives, in (0, 1]. By default, a tenth of the true
        negatives of a shuffle may be lost: chance + 0.1 (1 - chance). Where instances are pairs, each may also lose at
        most three, so the share falls to 3 / (B - 1) in batches of more than 31. With `hardness` alone there is no
        limit.
    hardness : float, optional
        Mean cosine similarity of in-batch pairs to stay below, in (-1, 1].
    labels : array, shape (N,), optional
        Labels of one type; None, NaN or -1 mean no label. They choose settings, never instances.

    Raises
    ------
    ValueError, TypeError
        For numbers out of their ranges, labels of several types, and fewer than two known labels.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.samplers import Budget
    >>> labels = np.arange(2000) % 20
    >>> points = np.random.default_rng(0).normal(size=(2000, 16)) + 2 * np.eye(20, 16)[labels]
    >>> budget = Budget(false_negatives=0.07, labels=labels)
    >>> sampler = RandomWalkBatchSampler.from_embeddings(points, batch_size=50, restart=budget)
    >>> batches = list(sampler)
    >>> 0.06 < sampler.chosen.false_negative_rate <= 0.07
    True
    """

    false_negatives: float | None = None
    hardness: float | None = None
    labels: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        intervals = {"false_negatives": "(0, 1]", "hardness": "(-1, 1]"}
        for name, interval in intervals.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _checks.number(name, getattr(self, name), interval))
        if self.labels is not None:
            object.__setattr__(
                self, "labels", _checks.labels("labels", self.labels, _checks.length("labels", self.labels))
            )
            class_prior(self.labels)  # raises now rather than in the middle of training

    def __repr__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        """Text that identifies this budget; cached, because every state of a sampler contains it."""
        labels = None if self.labels is None else f"{len(self.labels)} with CRC {zlib.crc32(self.labels.tobytes()):08x}"
        return f"Budget(false_negatives={self.false_negatives}, hardness={self.hardness}, labels={labels})"

    def counter(self, vectors: torch.Tensor, paired: bool, seed: int) -> Counter:
        """Return the counter of false negatives for instances with these unit rows."""
        if self.labels is not None:
            return ByLabels(self.labels)
        if paired:
            queries, targets = (torch.nn.functional.normalize(side.cpu().float()) for side in vectors.chunk(2, 1))
            return ByPositives(queries, targets, seed=seed)
        return ByClusters(vectors, seed)

    def limits(self, prior: float, batch_size: int, paired: bool) -> tuple[float, float]:
        """Return the largest false-negative rate and hardness, where `prior` is the rate of a shuffle."""
        rate = self.false_negatives
        if rate is None:
            lost = min(LOST, PER_MEMBER / (batch_size - 1)) if paired else LOST
            rate = 1.0 if self.hardness is not None else prior + lost * (1 - prior)
        return rate, 1.0 if self.hardness is None else self.hardness


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Settings of the walk, with the measured hardness and false negatives of their batches.

    Attributes
    ----------
    n_neighbors : int
    restart : float
    hardness : float
        Mean cosine similarity of in-batch pairs, in the embeddings that the graph was built from.
    false_negative_rate : float
        Share of in-batch pairs, by labels or estimated.
    """

    n_neighbors: int
    restart: float
    hardness: float
    false_negative_rate: float


def checked_restart(n: int, *, restart):
    """Return `restart`, or raise unless it is "auto", a budget for `n` instances, a probability or a function."""
    if isinstance(restart, Budget):
        if restart.labels is not None and len(restart.labels) != n:
            raise ValueError(
                f"restart must be a budget with one label for each of the {n} instances, got {len(restart.labels)}"
            )
        return restart
    if isinstance(restart, str) and restart != "auto":
        raise ValueError(f'restart must be "auto", a Budget, a probability or a function of the batch, got {restart!r}')
    return restart if callable(restart) or isinstance(restart, str) else _checks.restart_probability("restart", restart)
