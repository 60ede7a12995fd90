"""Batches of equal-sized clusters, as in NGAME."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine import threads
from toolkit.engine.rules import Rules
from toolkit.samplers.planned import PlannedBatchSampler

_ROUNDS, _TOLERANCE = 20, 1e-4  # 2-means ends after these rounds, or when the mean similarity grows by less


@dataclass(frozen=True)
class DoublingSize:
    """A cluster size that begins with `start` and doubles every `every` batches, up to `most`.

    NGAME doubles the size of its clusters as training proceeds.

    Examples
    --------
    >>> schedule = DoublingSize(start=8, most=64, every=1000)
    >>> [schedule(step) for step in (0, 999, 1000, 2000, 100_000)]
    [8, 8, 16, 32, 64]
    """

    start: int
    most: int
    every: int = 1000

    def __post_init__(self) -> None:
        _checks.integer("start", self.start, 1)
        _checks.integer("most", self.most, self.start)
        _checks.integer("every", self.every, 1)

    def __call__(self, step: int) -> int:
        """Return the cluster size at batch number `step`."""
        doublings = min(step // self.every, int(self.most).bit_length())
        return min(self.start << doublings, self.most)


class ClusterBatchSampler(PlannedBatchSampler):
    """Batches of equal-sized clusters of the current embeddings (NGAME: arXiv 2207.04452).

    Spherical 2-means with equal sizes splits the instances into halves, each half again, and so on down to
    `cluster_size` instances. If that is the batch size, each batch is a cluster, as in CDE (arXiv 2410.02525); if it is
    smaller, a batch holds several random clusters, as in B3; if it is larger, a random part of one, as in TAS-B
    (arXiv 2104.06967). For pairs, sums of query and target are clustered. The time is O(N d log N).

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    cluster_size : int or callable, optional
        Instances per cluster, at most N; by default B. Or a function of the batch number, counted over all epochs,
        such as `DoublingSize`.
    refresh_every : int
        Batches between plans; each plan covers the rest of the epoch.
    refresh : {"blocking", "background"}
        ``"blocking"``: a plan delays the next batch. ``"background"``: training continues with the old plan
        while a thread makes the new one from a copy of the embeddings; it takes over `refresh_every` batches later, or
        when the next epoch begins. An epoch that begins without one waits for it.
    warmup_epochs : int
        Epochs of uniform batches at the start; they continue until every embedding is known.
    drop_last : bool
        Whether to leave out random instances instead of making a smaller last batch. An epoch then has N // B batches,
        like that of the other samplers.
    groups : array, shape (N,), optional
        Group of each instance: two of one group never share a batch. None, NaN and -1 mean no group; a group has
        at most N / B instances.
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, but updates take about three times as long.
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Raises
    ------
    ValueError, TypeError
        For `batch_size` or `cluster_size` > N, an unknown `refresh`, and groups larger than N / B.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.samplers import ClusterBatchSampler
    >>> points = np.repeat(np.eye(5), 20, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(100, 5))
    >>> sampler = ClusterBatchSampler.from_embeddings(points, batch_size=20)
    >>> [len({index // 20 for index in batch}) for batch in sampler]
    [1, 1, 1, 1, 1]
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        cluster_size: int | Callable[[int], int] | None = None,
        refresh_every: int = 100,
        refresh: str = "blocking",
        warmup_epochs: int = 1,
        drop_last: bool = True,
        groups=None,
        bank_dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(
            n, batch_size, drop_last, refresh_every, refresh, warmup_epochs, seed, groups, bank_dtype=bank_dtype
        )
        size = self.batch_size if cluster_size is None else cluster_size
        self.cluster_size = size if callable(size) else self._checked_size(size)

    def _checked_size(self, size) -> int:
        return _checks.integer("cluster_size", size, 1, self.n, "a cluster holds distinct instances of the data set")

    def _block_size(self) -> int:
        size = self.cluster_size
        return self._checked_size(size(self._batch_number)) if callable(size) else size

    def _arrange(self, unit: np.ndarray, block_size: int, rules: Rules, rng: np.random.Generator) -> np.ndarray:
        return _balanced_clusters(cluster_points(unit, rules.paired), block_size, rng)


def cluster_points(unit: np.ndarray, paired: bool) -> np.ndarray:
    """Return the unit rows to cluster: the given ones or, for pairs, the normalised sums of query and target."""
    if not paired:
        return unit
    queries, targets = np.split(unit, 2, axis=1)
    sums = queries + targets
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def some_clusters(unit: np.ndarray, size: int, members: int, seed: int) -> Iterator[tuple[int, np.ndarray, float]]:
    """Yield some clusters of unit rows (N, d), first of `size` instances, then of half as many, and so on.

    Each item holds the size, an int array (n, size) of randomly drawn clusters with about `members` instances in total,
    and the estimated seconds to find all clusters of this size. Each level of the tree splits only as many parts as are
    needed, to save time.
    """
    points, order, rng = torch.from_numpy(unit.copy()), np.arange(len(unit)), np.random.default_rng(seed)
    parts, seconds = [(0, len(unit))], 0.0
    while size > 1:
        while larger := _larger(parts, size):
            began, share = time.perf_counter(), sum(stop - start for start, stop in parts) / len(unit)
            parts = sorted({*parts} - {*larger} | {*_halves(points, order, larger, size, seed)})
            seconds += (time.perf_counter() - began) / share
            parts = [parts[i] for i in rng.permutation(len(parts))[: max(members // size, 1)]]
        starts = np.array([start for start, stop in parts if stop - start == size])
        yield size, order[starts[:, None] + np.arange(size)], seconds
        size //= 2


def _balanced_clusters(unit: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return an order of the instances whose blocks of `size` are clusters, similar clusters close together."""
    points, order = torch.from_numpy(unit.copy()), np.arange(len(unit))
    parts, seed = [(0, len(unit))], int(rng.integers(2**63))
    while parts:
        parts = _larger(_halves(points, order, parts, size, seed), size)
    whole = len(order) // size * size
    # Shuffled, so that a batch smaller than a cluster is a random part of it.
    rng.permuted(order[:whole].reshape(-1, size), axis=1, out=order[:whole].reshape(-1, size))
    return order


def _halves(
    points: torch.Tensor, order: np.ndarray, parts: list[tuple[int, int]], size: int, seed: int
) -> list[tuple[int, int]]:
    """Sort each part of the points and of the order into two halves; return the halves. A single cluster has none."""
    halves: list[tuple[int, int]] = []
    threads.run(partial(_split_each, points, order, iter(parts), size, seed, halves), threads.n_cores())
    return sorted(halves)


def _larger(parts: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Return the parts that are larger than a cluster."""
    return [(start, stop) for start, stop in parts if stop - start > size]


def _split_each(
    points: torch.Tensor, order: np.ndarray, parts: Iterator[tuple[int, int]], size: int, seed: int, halves: list
) -> None:
    """Sort each part of the points and of the order into two halves, each a whole number of clusters."""
    for start, stop in parts:
        middle = start + -(-(stop - start) // size) // 2 * size
        if middle == start:
            continue
        some = points[start:stop]
        places = _two_means(some, middle - start, np.random.default_rng([seed, start, stop]))
        points[start:stop], order[start:stop] = some[torch.from_numpy(places)], order[start:stop][places]
        halves += [(start, middle), (middle, stop)]


def _two_means(points: torch.Tensor, n_first: int, rng: np.random.Generator) -> np.ndarray:
    """Split unit rows (n, d) in two; return the positions of the first cluster's `n_first` rows, then the others'."""
    first, second = points[torch.from_numpy(rng.choice(len(points), 2, replace=False))]
    total, best = points.sum(0), -np.inf
    for _ in range(_ROUNDS):
        leaning = torch.mv(points, first - second).numpy()
        chosen = np.zeros(len(points), np.float32)
        chosen[np.argpartition(-leaning, n_first - 1)[:n_first]] = 1
        sums = torch.mv(points.T, torch.from_numpy(chosen))
        lengths = torch.stack([sums.norm(), (total - sums).norm()])
        similarity = float(lengths.sum()) / len(points)
        if similarity < best + _TOLERANCE:
            break
        best = similarity
        first, second = sums / lengths[0].clamp_min(1e-12), (total - sums) / lengths[1].clamp_min(1e-12)
    return np.argsort(chosen == 0, kind="stable")
