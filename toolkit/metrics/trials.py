"""The data on which settings of samplers are tried, and measurements of their batches."""

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
from toolkit.samplers.measuring import MEMBERS, known_share, mean_similarity, measured, members_for, sample

_ANCHORS = 256  # number of instances whose nearest candidates are searched
_CONTRASTED = 512  # number of instances that are compared with all others


@dataclass(frozen=True, eq=False)
class Instances:
    """Some instances of the data, their embeddings, and a counter of false negatives among them.

    Attributes
    ----------
    rows : int array, shape (n,)
        Their indices in the data.
    queries, targets : tensors, shape (n, d)
        Unit rows; `targets` is None unless the instances are pairs.
    vectors : tensor, shape (n, d) or (n, 2 d)
        Unit rows from which graphs are built.
    counter : Counter
    batch_size, seed : int
    known : float
        Share of all pairs that are known to be false negatives or not.
    effort : float
        How many times as many instances to measure as if all pairs were known.
    """

    rows: np.ndarray
    queries: torch.Tensor
    targets: torch.Tensor | None
    vectors: torch.Tensor
    counter: Counter
    batch_size: int
    seed: int
    known: float
    effort: float

    @classmethod
    def of(cls, rows: np.ndarray, queries, targets, budget: Budget, codes, batch_size: int, seed: int) -> "Instances":
        """Return the instances `rows` of the data; `codes` are the labels of all data, or None."""
        if len(rows) < len(queries):
            queries, targets = queries[rows], None if targets is None else targets[rows]
        vectors = queries if targets is None else join_pairs(queries, targets)
        budget = Budget(budget.false_negatives, labels=None if codes is None else codes[rows])
        counter = budget.counter(vectors, targets is not None, seed)
        batch_size, known = min(batch_size, len(rows)), known_share(counter, len(rows))
        rate = budget.limits(counter.prior, batch_size, targets is not None)[0]
        effort = members_for(rate, batch_size, known) / members_for(rate, batch_size)
        return cls(rows, queries, targets, vectors, counter, batch_size, seed, known, effort)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def paired(self) -> bool:
        """Whether instances are pairs."""
        return self.targets is not None

    @property
    def n_members(self) -> int:
        """Approximate number of instances in the batches that are measured."""
        return round(MEMBERS * self.effort)

    @cached_property
    def order(self) -> np.ndarray:
        """The instances in random order."""
        return np.random.default_rng(self.seed).permutation(len(self))

    def measured(self, queue: np.ndarray) -> dict[str, float]:
        """Return hardness and false-negative rate of concatenated batches."""
        hardness, rate = measured(queue, self.batch_size, self.vectors, self.paired, self.counter, self.n_members)
        return {"hardness": hardness, "false_negative_rate": rate}

    def similarities(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the hardness of each batch."""
        return np.array([mean_similarity(self.vectors[torch.from_numpy(batch)], self.paired) for batch in batches])

    def nearest(self, n_candidates: int) -> float:
        """Return the mean similarity of some instances to the most similar of `n_candidates` random ones."""
        candidates = torch.from_numpy(self.order[:n_candidates])
        some = torch.from_numpy(self.order[-_ANCHORS:])
        scores = Rules(self.paired).seen_from(self.vectors[some]) @ self.vectors[candidates].T
        scores[some[:, None] == candidates] = -1
        return scores.amax(1).mean().item()

    def seen(self, queue: np.ndarray) -> float:
        """Return the mean contrast within some of the batches (`toolkit.metrics.gaps.seen`)."""
        batches = [torch.from_numpy(batch) for batch in sample(queue, self.batch_size)]
        return float(seen(batches, self.queries, self.targets).mean())

    @cached_property
    def contrast(self) -> float:
        """Mean contrast of an instance with all others (`toolkit.metrics.gaps.contrast`)."""
        return contrast(torch.from_numpy(self.order[:_CONTRASTED]), self.queries, self.targets).mean().item()

    def variety(self, batches: list[np.ndarray]) -> float:
        """Return the effective number of different members of some batches."""
        return batch_variety(batches[: max(_ANCHORS // self.batch_size, 1)], self.queries, self.targets).value


@dataclass(frozen=True, eq=False)
class Found:
    """The best settings of one sampler.

    Attributes
    ----------
    sampler : str
        Name in the registry.
    settings : dict
        Arguments of the sampler's constructor.
    hardness, false_negative_rate : float
        Measurements of the batches.
    on : Instances
        Instances on which the settings were tried.
    queue : int array
        Batches of these instances, concatenated.
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
    """The data and limits that all trials of one call share.

    Attributes
    ----------
    some : Instances
        At most 50,000 instances, for samplers whose batches do not depend on the number of instances.
    whole : Instances
        All instances.
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
        """Return the gain in hardness over a shuffle, as a share of the gap to `nearest`, the largest similarity."""
        way = nearest - self.shuffled["hardness"]
        return (hardness - self.shuffled["hardness"]) / max(way, 1e-12) if way > 0 else 0.0

    @property
    def refresh_every(self) -> int:
        """Number of batches after which to plan again: half an epoch."""
        return max(len(self.whole) // (2 * self.whole.batch_size), 1)
