"""Quick measurements of hardness and false negatives, for choosing settings."""

from functools import lru_cache

import numpy as np
import torch

from toolkit.proximity import ProximityGraph, partition_batches, walk_batches
from toolkit.proximity.false_negatives import Counter
from toolkit.samplers.budget import Choice
from toolkit.samplers.choosing import Measure

_MEMBERS = 8192  # approximate number of instances in the batches that are measured
_MOST = 4 * _MEMBERS
_FALSE = 1000  # pairs of false negatives: with fewer, their rate would be too uncertain


def members_for(rate: float, batch_size: int) -> int:
    """Return how many instances batches must hold to measure a rate of false negatives: more for a low one."""
    return int(np.clip(2 * _FALSE / (rate * (batch_size - 1)), _MEMBERS, _MOST))


def measurer(
    graph: ProximityGraph,
    vectors: torch.Tensor,
    counter: Counter,
    batch_size: int,
    coverage: str,
    seed: int,
    n_members: int = _MEMBERS,
) -> Measure:
    """Return a function that measures the batches of a walk on `graph`, given K and the restart probability.

    The batches that are measured hold about `n_members` instances.
    """
    narrow = lru_cache(graph.narrow)
    order = np.random.default_rng(seed).permutation(graph.n_nodes)

    def measure(n_neighbors: int, restart: float) -> Choice:
        settings = {"restart": restart, "seed": seed}
        if coverage == "partition":
            batches, _ = partition_batches(narrow(n_neighbors), order, batch_size, **settings)
        else:
            starts = order[: max(n_members // batch_size, 1)]
            batches, _ = walk_batches(narrow(n_neighbors), starts, batch_size, **settings)
        hardness, rate = measured(batches.ravel(), batch_size, vectors, graph.rules.paired, counter, n_members)
        return Choice(n_neighbors=n_neighbors, restart=restart, hardness=hardness, false_negative_rate=rate)

    return measure


def measured(
    queue: np.ndarray,
    batch_size: int,
    vectors: torch.Tensor,
    paired: bool,
    counter: Counter,
    n_members: int = _MEMBERS,
) -> tuple[float, float]:
    """Return hardness and false-negative rate of a plan: concatenated batches, padded with -1.

    Only batches with about `n_members` instances in total are measured.
    """
    some = sample(queue, batch_size, n_members)
    hardness = [mean_similarity(vectors[torch.from_numpy(batch)].cpu(), paired) for batch in some]
    return float(np.mean(hardness)), float(np.nanmean(counter.rates(some)))


def sample(queue: np.ndarray, batch_size: int, n_members: int = _MEMBERS) -> list[np.ndarray]:
    """Return some of a plan's batches, evenly spaced."""
    starts = range(0, max(len(queue) - batch_size, 0) + 1, batch_size * max(len(queue) // n_members, 1))
    batches = [queue[start : start + batch_size] for start in starts]
    return [members for batch in batches if len(members := batch[batch >= 0]) > 1]


def mean_similarity(unit: torch.Tensor, paired: bool) -> float:
    """Return the mean similarity of two different unit rows (n, d), in linear time."""
    n, unit = len(unit), unit.double()
    if paired:
        queries, targets = unit.chunk(2, 1)
        both = 2 * (queries.sum(0) @ targets.sum(0) - (queries * targets).sum())
        return both.item() / (n * (n - 1))
    total = unit.sum(0)
    return ((total @ total).item() - n) / (n * (n - 1))
