"""Data on which the settings of samplers are tried, and what their batches are like."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from toolkit.engine.rules import Rules
from toolkit.metrics.gaps import contrast, seen
from toolkit.metrics.variety import batch_variety
from toolkit.proximity import join_pairs
from toolkit.proximity.false_negatives import Counter
from toolkit.samplers.budget import Budget
from toolkit.samplers.measuring import mean_similarity, measured, sample

_ANCHORS = 256  # whose nearest neighbours are looked for
_CONTRASTED = 512  # instances that are compared with all others


@dataclass(frozen=True, eq=False)
class Instances:
    """Some instances of the data, their embeddings, and what counts false negatives among them.

    Attributes
    ----------
    rows : int array, shape (n,)
        Their indices in the data.
    queries, targets : tensors, shape (n, d)
        Unit rows; no targets if they are not pairs.
    vectors : tensor, shape (n, d) or (n, 2 d)
        Unit rows that a graph is made of.
    counter : Counter
    batch_size, seed : int
    """

    rows: np.ndarray
    queries: torch.Tensor
    targets: torch.Tensor | None
    vectors: torch.Tensor
    counter: Counter
    batch_size: int
    seed: int

    @classmethod
    def of(cls, rows: np.ndarray, queries, targets, budget: Budget, codes, batch_size: int, seed: int) -> "Instances":
        """Return some rows of the data, whose labels are `codes` if there are any."""
        if len(rows) < len(queries):
            queries, targets = queries[rows], None if targets is None else targets[rows]
        vectors = queries if targets is None else join_pairs(queries, targets)
        budget = Budget(budget.false_negatives, labels=None if codes is None else codes[rows])
        counter = budget.counter(vectors, targets is not None, seed)
        return cls(rows, queries, targets, vectors, counter, min(batch_size, len(rows)), seed)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def paired(self) -> bool:
        """Whether instances are pairs."""
        return self.targets is not None

    @cached_property
    def order(self) -> np.ndarray:
        """The instances in random order."""
        return np.random.default_rng(self.seed).permutation(len(self))

    def measured(self, queue: np.ndarray) -> dict[str, float]:
        """Return hardness and false-negative rate of batches that stand one after the other."""
        hardness, rate = measured(queue, self.batch_size, self.vectors, self.paired, self.counter)
        return {"hardness": hardness, "false_negative_rate": rate}

    def similarities(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the hardness of each batch."""
        return np.array([mean_similarity(self.vectors[torch.from_numpy(batch)], self.paired) for batch in batches])

    def nearest(self, n_candidates: int) -> float:
        """Return the mean similarity of some instances to the most similar of so many others."""
        candidates = torch.from_numpy(self.order[:n_candidates])
        some = torch.from_numpy(self.order[-_ANCHORS:])
        scores = Rules(self.paired).seen_from(self.vectors[some]) @ self.vectors[candidates].T
        scores[some[:, None] == candidates] = -1
        return scores.amax(1).mean().item()

    def seen(self, queue: np.ndarray) -> float:
        """Return how much of the contrast with all instances some batches show (`toolkit.metrics.gaps.seen`)."""
        batches = [torch.from_numpy(batch) for batch in sample(queue, self.batch_size)]
        return float(seen(batches, self.queries, self.targets).mean())

    @cached_property
    def contrast(self) -> float:
        """Mean contrast of an instance with all others."""
        return contrast(torch.from_numpy(self.order[:_CONTRASTED]), self.queries, self.targets).mean().item()

    def variety(self, batches: list[np.ndarray]) -> float:
        """Return the effective number of different members of some batches."""
        return batch_variety(batches[: max(_ANCHORS // self.batch_size, 1)], self.queries, self.targets).value


@dataclass(frozen=True, eq=False)
class Found:
    """The best settings of a sampler.

    Attributes
    ----------
    sampler : str
        Its name in the registry.
    settings : dict
        Arguments of its constructor.
    hardness, false_negative_rate : float
        Of its batches.
    on : Instances
        Those that it was tried on.
    queue : int array
        Their batches, one after the other.
    seconds : float
        Time to plan an epoch of all the data.
    """

    sampler: str
    settings: dict
    hardness: float
    false_negative_rate: float
    on: Instances
    queue: np.ndarray
    seconds: float


@dataclass(frozen=True, eq=False)
class Setup:
    """What all trials of one call have in common.

    Attributes
    ----------
    some, whole : Instances
        Those that samplers are tried on whose batches do not depend on how many there are, and all of them.
    limits : (float, float)
        Largest false-negative rate and hardness.
    shuffled : dict
        Hardness and false-negative rate of a shuffle.
    """

    some: Instances
    whole: Instances
    limits: tuple[float, float]
    shuffled: dict[str, float]

    def gain(self, hardness: float, nearest: float) -> float:
        """Return how far batches are on the way from a shuffle's hardness to that of an instance and its nearest."""
        way = nearest - self.shuffled["hardness"]
        return (hardness - self.shuffled["hardness"]) / max(way, 1e-12) if way > 0 else 0.0

    @property
    def refresh_every(self) -> int:
        """Batches after which to plan again: half an epoch."""
        return max(len(self.whole) // (2 * self.whole.batch_size), 1)
