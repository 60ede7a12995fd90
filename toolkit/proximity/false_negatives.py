"""Three ways to find false negatives among in-batch pairs: by labels, or without labels by positives or clusters."""

from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch.nn.functional import normalize

from toolkit.engine.precision import full_precision

CLUSTERS = (10, 30, 100, 300)
PER_CLUSTER = 20  # the smallest mean number of instances per cluster
FEWEST = PER_CLUSTER * CLUSTERS[0]  # instances, for an estimate to be shown
RATIO = 0.95  # a negative counts as false from this share of the similarity to the query's own target
_PER_CENTRE, _ROUNDS, _ROWS = 16, 4, 2**16
_PAIRS = 2**16  # random pairs from which the share among all pairs is estimated


class Counter(Protocol):
    """An object that counts or estimates the false negatives of batches.

    Attributes
    ----------
    method : {"labels", "positives", "clusters"}
        What decides whether a pair is a false negative.
    prior : float
        Share of false negatives among all pairs of the data set: the expected mean for uniform batches.
    """

    method: str

    @property
    def prior(self) -> float:
        """Share of false negatives among all pairs."""
        ...

    def rates(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the share of false negatives among the pairs of each batch; NaN if no pair is known."""
        ...

    def known(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the share of each batch's pairs that are known to be false negatives or not."""
        ...


class ByLabels:
    """Counts pairs with the same label."""

    method = "labels"

    def __init__(self, codes: np.ndarray) -> None:
        self.codes, self.prior = codes, class_prior(codes)

    def rates(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the share of false negatives in each batch."""
        return np.array([same_label_share(self.codes[batch]) for batch in batches])

    def known(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the share of each batch's pairs in which both instances have labels."""
        sizes = np.array([(len(batch), np.count_nonzero(self.codes[batch] >= 0)) for batch in batches]).T
        total, labelled = sizes * (sizes - 1)
        return labelled / total


class ByPositives:
    """Counts negatives that are nearly as similar to a query as its own target (NV-Retriever: arXiv 2407.15831)."""

    method = "positives"

    def __init__(self, queries: torch.Tensor, targets: torch.Tensor, ratio: float = RATIO, seed: int = 0) -> None:
        self.queries, self.targets = queries, targets
        self.limits, self.seed = ratio * torch.linalg.vecdot(queries, targets), seed

    @cached_property
    def prior(self) -> float:
        """Share of false negatives among all pairs, estimated from random pairs."""
        rng, n = np.random.default_rng(self.seed), len(self.queries)
        first = rng.integers(n, size=_PAIRS)
        second = (first + rng.integers(1, n, size=_PAIRS)) % n
        near = torch.linalg.vecdot(self.queries[first], self.targets[second]) >= self.limits[first]
        return near.float().mean().item()

    @full_precision()
    def near(self, query: int, others) -> np.ndarray:
        """Return whether the targets of `others` are nearly as similar to a query as its own."""
        return (self.targets[others] @ self.queries[query] >= self.limits[query]).numpy()

    @full_precision()
    def rates(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the share of false negatives in each batch."""
        shares = []
        for batch in map(torch.from_numpy, batches):
            near = self.queries[batch] @ self.targets[batch].T >= self.limits[batch, None]
            shares.append(near.fill_diagonal_(False).sum().item() / (len(batch) * (len(batch) - 1)))
        return np.array(shares)

    def known(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return 1 for each batch: all pairs are judged."""
        return np.ones(len(batches))


class ByClusters:
    """Counts pairs that share a cluster, averaged over several clusterings by spherical k-means."""

    method = "clusters"

    def __init__(self, unit: torch.Tensor, seed: int = 0) -> None:
        sizes = [n for n in CLUSTERS if n * PER_CLUSTER <= len(unit)] or [max(len(unit) // PER_CLUSTER, 1)]
        self.each = [ByLabels(_clusters(unit, n, seed)) for n in sizes]
        self.prior = float(np.mean([each.prior for each in self.each]))

    def rates(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return the share of false negatives in each batch."""
        return np.mean([each.rates(batches) for each in self.each], 0)

    def known(self, batches: list[np.ndarray]) -> np.ndarray:
        """Return 1 for each batch: all pairs are judged."""
        return np.ones(len(batches))


def class_prior(codes: np.ndarray) -> float:
    """Return the share of all pairs that have the same label, or raise if fewer than two instances have a label."""
    if (codes >= 0).sum() < 2:
        raise ValueError(f"labels must be known for 2 instances or more, got {(codes >= 0).sum()} of {len(codes)}")
    return same_label_share(codes)


def same_label_share(codes: np.ndarray) -> float:
    """Return the share of pairs with the same code, ignoring instances without a label (-1); NaN without any pair."""
    counts = np.bincount(codes + 1)[1:]
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 else float("nan")


@full_precision()
def _clusters(unit: torch.Tensor, n_clusters: int, seed: int) -> np.ndarray:
    """Return the cluster of each unit row by spherical k-means, with centres fitted to a random part of the rows."""
    chosen = np.random.default_rng(seed).permutation(len(unit))[: _PER_CENTRE * n_clusters]
    some = unit[torch.from_numpy(chosen).to(unit.device)].float()
    centres = some[:n_clusters]
    for _ in range(_ROUNDS):
        sums = torch.zeros_like(centres).index_add_(0, (some @ centres.T).argmax(1), some)
        centres = torch.where(sums.any(1, keepdim=True), normalize(sums), centres)  # an empty cluster keeps its centre
    return torch.cat([(rows.float() @ centres.T).argmax(1) for rows in unit.split(_ROWS)]).cpu().numpy()
