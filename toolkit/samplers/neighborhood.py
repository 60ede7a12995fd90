"""Batches of neighbourhoods, as in Sample4Geo."""

import numpy as np

from toolkit import _checks
from toolkit.engine.rules import Rules
from toolkit.samplers.planned import PlannedBatchSampler


class NeighborhoodBatchSampler(PlannedBatchSampler):
    """Batches of random instances with neighbours of each, every instance once an epoch (Sample4Geo: arXiv 2303.11851).

    A seed is drawn from the instances that are in no batch yet. Its `n_neighbors` / 2 nearest neighbours join it, and
    as many random ones of its other `n_candidates` nearest, if they are free; then follows the next seed, until the
    batch is full. For up to 50,000 instances, the search for neighbours is exact; for more, it is approximate, with
    inverted lists.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    n_candidates : int, optional
        Number of nearest neighbours to choose from, at most N - 1; by default the batch size. The paper uses 128
        for a batch of 128.
    n_neighbors : int, optional
        Number of them that join a seed: half are the nearest, half random; by default half of the candidates.
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
        Number of nearest neighbours to leave out, the likeliest false negatives.
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, but updates take about three times as long.
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Raises
    ------
    ValueError, TypeError
        For `batch_size` > N, more neighbours than candidates, candidates and `skip` above N - 1, an unknown
        `refresh`, and groups larger than N / B.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.samplers import NeighborhoodBatchSampler
    >>> points = np.repeat(np.eye(5), 20, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(100, 5))
    >>> sampler = NeighborhoodBatchSampler.from_embeddings(points, batch_size=10)
    >>> clusters = [len({index // 20 for index in batch}) for batch in sampler]
    >>> len(clusters), sum(clusters) < 30
    (10, True)
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        n_candidates: int | None = None,
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
        wanted = self.batch_size if n_candidates is None else n_candidates
        self.n_candidates = min(_checks.integer("n_candidates", wanted, 1), others)
        wanted = -(-self.n_candidates // 2) if n_neighbors is None else n_neighbors
        self.n_neighbors = _checks.integer("n_neighbors", wanted, 1, self.n_candidates, "no more than candidates")
        _checks.integer("skip", self.skip, 0, others - self.n_candidates, "no more than there are others beyond those")

    def _arrange(self, unit: np.ndarray, block_size: int, rules: Rules, rng: np.random.Generator) -> np.ndarray:
        from toolkit.engine.nearest import ranked_neighbors

        if len(unit) < 2:
            return np.arange(len(unit))
        neighbors, _ = ranked_neighbors(unit, self.n_candidates, int(rng.integers(2**31)), rules)
        return _neighborhoods(neighbors, self.n_neighbors, self.batch_size, rng)


def _neighborhoods(neighbors: np.ndarray, n_join: int, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """Return all instances in an order: each seed, then up to `n_join` of its neighbours (N, M) that are still free.

    No more join than fit into the seed's batch. The next seed is the first free instance. -1 means no neighbour.
    """
    n_nearest = -(-n_join // 2)
    order, size, free = np.empty(len(neighbors), np.int64), 0, np.ones(len(neighbors), bool)
    for seed in range(len(neighbors)):
        if not free[seed]:
            continue
        near, far = np.split(neighbors[seed], [n_nearest])
        joining = np.append(near, rng.permutation(far)[: n_join - n_nearest])
        joining = joining[(joining >= 0) & free[joining]][: batch_size - size % batch_size - 1]
        order[size], order[size + 1 : size + 1 + len(joining)] = seed, joining
        free[seed] = free[joining] = False
        size += 1 + len(joining)
    return order
