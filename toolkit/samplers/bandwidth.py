"""Batches read off a similarity matrix of small bandwidth, as in GCBS."""

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine import threads
from toolkit.engine.rules import Rules
from toolkit.samplers.planned import PlannedBatchSampler

_ROWS, _COLUMNS = 512, 4096  # size of a tile of similarities, computed at once
_SAMPLE = 1024, 4096  # maximum rows and columns of the sample that estimates the quantile
_TIED = 1e-6  # similarities as close to the quantile may differ from it by rounding alone


class BandwidthBatchSampler(PlannedBatchSampler):
    """Batches of consecutive instances in an order that puts similar instances close together (GCBS: arXiv 2210.12874).

    Only the largest similarities, above a quantile, are kept. The reverse Cuthill-McKee algorithm sorts the
    instances so that these lie near the diagonal, and batches are read off along it. All similarities are computed,
    in O(N^2) time, but memory grows only with N K.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    n_neighbors : int, optional
        Mean number of similarities kept per instance (K): the quantile is 1 - K / (N - 1). At most N - 1; by default
        100. Of similarities equal to the quantile, as between copies of one row, each instance keeps at most
        K + `skip` to instances after it.
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
    skip : int
        Number of largest similarities of each instance to leave out: those of the likeliest false negatives.
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, but updates take about three times as long.
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Raises
    ------
    ValueError, TypeError
        For `batch_size` > N, `n_neighbors` or `skip` > N - 1, an unknown `refresh`, and groups larger than N / B.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.samplers import BandwidthBatchSampler
    >>> line = np.stack([np.ones(100), np.linspace(0, 1, 100)], axis=1)
    >>> sampler = BandwidthBatchSampler.from_embeddings(line, batch_size=10, n_neighbors=10)
    >>> [int(np.ptp(batch)) < 15 for batch in sampler]
    [True, True, True, True, True, True, True, True, True, True]
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        n_neighbors: int | None = None,
        refresh_every: int = 100,
        refresh: str = "blocking",
        warmup_epochs: int = 1,
        drop_last: bool = True,
        groups=None,
        skip: int = 0,
        bank_dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(
            n, batch_size, drop_last, refresh_every, refresh, warmup_epochs, seed, groups, skip, bank_dtype
        )
        others = max(self.n - 1, 1)
        self.n_neighbors = _checks.integer(
            "n_neighbors", min(100, others) if n_neighbors is None else n_neighbors, 1, others, "at most N - 1"
        )
        _checks.integer("skip", self.skip, 0, others, "no more than there are others")

    def _arrange(self, unit: np.ndarray, block_size: int, rules: Rules, rng: np.random.Generator) -> np.ndarray:
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        limit = _similarity_quantile(unit, 1 - self.n_neighbors / max(len(unit) - 1, 1), rules, rng)
        kept = _kept_similarities(unit, limit, rules, self.n_neighbors)
        return reverse_cuthill_mckee(kept, symmetric_mode=True).astype(np.int64)


def _similarity_quantile(unit: np.ndarray, quantile: float, rules: Rules, rng: np.random.Generator) -> float:
    """Return a quantile of the similarities of all pairs, estimated from a random sample if there are many."""
    n_rows, n_columns = _SAMPLE
    first = np.arange(len(unit)) if len(unit) <= n_rows else rng.permutation(len(unit))[:n_rows]
    second = np.arange(len(unit)) if len(unit) <= n_columns else rng.permutation(len(unit))[:n_columns]
    scores = []

    def work() -> None:  # on one thread, since splitting the sums over several would change their last digits
        scores.append(rules.seen_from(torch.from_numpy(unit[first])) @ torch.from_numpy(unit[second]).T)

    threads.run(work, 1)
    others = scores[0].numpy()[first[:, None] != second]
    rank = min(int(max(quantile, 0) * len(others)), len(others) - 1)
    return float(np.partition(others, rank)[rank]) if len(others) else np.inf


def _kept_similarities(unit: np.ndarray, limit: float, rules: Rules, n_ties: int):
    """Return a sparse matrix (N, N) with a one for each similarity of at least `limit` that the rules allow.

    Of those that equal the limit, only `n_ties` per instance: all could be as many as there are pairs.
    """
    from scipy.sparse import csr_array

    first, second, values = _kept_pairs(unit, limit, rules, n_ties + rules.skip)
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    if rules.skip:
        allowed = _not_nearest(rows, np.concatenate([values, values]), rules.skip)
        both = np.tile(allowed[: len(first)] & allowed[len(first) :], 2)
        rows, columns = rows[both], columns[both]
    return csr_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(unit), len(unit)))


def _kept_pairs(unit: np.ndarray, limit: float, rules: Rules, n_ties: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first and second instance of each pair with a similarity of at least `limit`, and that similarity.

    Of the pairs that equal the limit, the first `n_ties` of each first instance.
    """
    starts = range(0, len(unit), _ROWS)
    shared, found = iter(starts), {}
    points = torch.from_numpy(unit)
    seen = rules.seen_from(points)

    def work() -> None:
        for start in shared:
            room = np.full(_ROWS, n_ties)
            parts = [
                _pairs_of_tile(seen, points, start, column, limit, rules, room)
                for column in range(start - start % _COLUMNS, len(unit), _COLUMNS)
            ]
            found[start] = [np.concatenate(part) for part in zip(*parts, strict=True)]

    threads.run(work, threads.n_cores())
    first, second, values = (np.concatenate(part) for part in zip(*(found[start] for start in starts), strict=True))
    return first, second, values


def _pairs_of_tile(
    seen: torch.Tensor, points: torch.Tensor, start: int, column: int, limit: float, rules: Rules, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the kept pairs in one tile of the similarity matrix, above the diagonal.

    `room` says how many more ties with the limit each row may keep; those kept are subtracted.
    """
    scores = torch.mm(seen[start : start + _ROWS], points[column : column + _COLUMNS].T).numpy()
    first, second = np.divmod(np.flatnonzero(scores >= limit), scores.shape[1])
    values = scores[first, second]
    first, second = (first + start).astype(np.int32), (second + column).astype(np.int32)
    kept = first < second
    if rules.codes is not None:
        kept &= rules.codes[first] != rules.codes[second]
    first, second, values = first[kept], second[kept], values[kept]
    kept = _within(room, first - start, values <= limit + _TIED)
    return first[kept], second[kept], values[kept]


def _within(room: np.ndarray, rows: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """Return which entries of a matrix, in its order, are not `tied` or among the first ties their row has room for."""
    kept, rows = ~tied, rows[tied]
    counts = np.bincount(rows, minlength=len(room))
    kept[tied] = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows] < room[rows]
    room -= np.minimum(counts, room)
    return kept


def _not_nearest(rows: np.ndarray, values: np.ndarray, skip: int) -> np.ndarray:
    """Return which entries of a sparse matrix are not among the `skip` largest of their row."""
    order = np.lexsort((-values, rows))
    starts = np.append(0, np.cumsum(np.bincount(rows)))
    allowed = np.empty(len(rows), bool)
    allowed[order] = np.arange(len(rows)) - starts[rows[order]] >= skip
    return allowed
