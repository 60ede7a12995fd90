"""Quick measurements of hardness and false negatives, for choosing settings."""

import warnings
from functools import lru_cache

import numpy as np
import torch

from toolkit.proximity import ProximityGraph, partition_batches, walk_batches
from toolkit.proximity.false_negatives import Counter
from toolkit.samplers.budget import Choice
from toolkit.samplers.choosing import Measure

MEMBERS = 8192  # approximate number of instances in the batches that are measured
_MOST = 4 * MEMBERS
_FALSE = 1000  # pairs of false negatives: with fewer, their rate would be too uncertain
_FEWEST = 1 / 8  # share of known pairs below which no more instances are measured, as this would take too long
_KNOWN = 500  # known pairs that are needed: with fewer, settings above the limit look as if they were within it


def members_for(rate: float, batch_size: int, known: float = 1.0) -> int:
    """Return how many instances batches must hold to measure a rate of false negatives: more for a low one.

    If labels are missing, only a share `known` of the pairs tells something, so more instances are needed.
    """
    needed = 2 * _FALSE / (rate * (batch_size - 1) * known)
    return int(np.clip(needed, MEMBERS, _MOST / max(known, _FEWEST)))


def known_share(counter: Counter, n: int) -> float:
    """Return the share of all pairs of `n` instances that are known to be false negatives or not."""
    return float(counter.known([np.arange(n)])[0])


def warn_of_few_labels(who: str, known: float, n_members: int, batch_size: int, stacklevel: int) -> bool:
    """Warn if batches with `n_members` instances hold too few known pairs; return whether they do."""
    possible = n_members * (batch_size - 1) / 2
    pairs = known * possible
    if pairs >= min(_KNOWN, possible / 2):
        return False
    warnings.warn(
        f"{who}: so few labels are known that the batches measured hold only about {pairs:.0f} pairs with both labels "
        f"known, and at least {_KNOWN} are needed, so false negatives may exceed the limit: label more instances, or "
        "leave labels out, and false negatives are estimated",
        stacklevel=stacklevel + 1,
    )
    return True


def measurer(
    graph: ProximityGraph,
    vectors: torch.Tensor,
    counter: Counter,
    batch_size: int,
    coverage: str,
    seed: int,
    n_members: int = MEMBERS,
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
    n_members: int = MEMBERS,
) -> tuple[float, float]:
    """Return hardness and false-negative rate of a plan: concatenated batches, padded with -1.

    Only batches with about `n_members` instances in total are measured.
    """
    some = sample(queue, batch_size, n_members)
    few = some[:: max(n_members // _MOST, 1)]  # missing labels do not make hardness uncertain
    hardness = [mean_similarity(vectors[torch.from_numpy(batch)].cpu(), paired) for batch in few]
    return float(np.mean(hardness)), _pooled_rate(counter, some)


def _pooled_rate(counter: Counter, batches: list[np.ndarray]) -> float:
    """Return the share of false negatives among the known pairs of all batches; NaN if there are none.

    The mean of the batches' rates would give much weight to the few pairs of batches with few labels.
    """
    rates, known = counter.rates(batches), counter.known(batches)
    some = known > 0
    return float(np.average(rates[some], weights=known[some])) if some.any() else float("nan")


def sample(queue: np.ndarray, batch_size: int, n_members: int = MEMBERS) -> list[np.ndarray]:
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
