"""Batches of parts of a graph of neighbours, as in B3."""

import numpy as np

from toolkit import _checks
from toolkit.engine.rules import Rules
from toolkit.samplers.planned import PlannedBatchSampler


class GraphPartitionBatchSampler(PlannedBatchSampler):
    """Batches of the parts of a graph of mutual neighbours, cut where it has few edges (B3: arXiv 2505.11293).

    Two instances are linked if each is among the nearest of the other, from rank `skip` on to rank `skip` +
    `n_neighbors`. METIS cuts this graph into parts of about `cluster_size` instances. Those in excess fill the smaller
    parts, and a batch consists of random parts. Needs pymetis, from the extra `rivals`. For up to 50,000 instances, the
    search for neighbours is exact; for more, it is approximate, with inverted lists.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    n_neighbors : int, optional
        Ranks that are linked, at most N - 1; by default 100, as in the paper.
    cluster_size : int, optional
        Instances per part, at most N; by default B. The paper uses 32, and batches of several parts.
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
        Number of nearest neighbours that are not linked, as the likeliest false negatives. The paper uses 30 or 70.
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, but updates take about three times as long.
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Raises
    ------
    ModuleNotFoundError
        Without pymetis.
    ValueError, TypeError
        For `batch_size` or `cluster_size` > N, `n_neighbors` > N - 1, `skip` + `n_neighbors` > N - 1, an unknown
        `refresh`, and groups larger than N / B.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.samplers import GraphPartitionBatchSampler
    >>> points = np.repeat(np.eye(5), 20, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(100, 5))
    >>> sampler = GraphPartitionBatchSampler.from_embeddings(points, batch_size=20, n_neighbors=15)
    >>> [len({index // 20 for index in batch}) for batch in sampler]
    [1, 1, 1, 1, 1]
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        n_neighbors: int | None = None,
        cluster_size: int | None = None,
        refresh_every: int = 100,
        refresh: str = "blocking",
        warmup_epochs: int = 1,
        drop_last: bool = True,
        groups=None,
        skip: int = 0,
        bank_dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        _metis()
        super().__init__(
            n, batch_size, drop_last, refresh_every, refresh, warmup_epochs, seed, groups, skip, bank_dtype
        )
        others = max(self.n - 1, 1)
        self.n_neighbors = _checks.integer(
            "n_neighbors", min(100, others) if n_neighbors is None else n_neighbors, 1, others, "at most N - 1"
        )
        _checks.integer("skip", self.skip, 0, others - self.n_neighbors, "no more than there are others beyond those")
        self.cluster_size = _checks.integer(
            "cluster_size", self.batch_size if cluster_size is None else cluster_size, 1, self.n, "at most N"
        )

    def _block_size(self) -> int:
        return self.cluster_size

    def _arrange(self, unit: np.ndarray, block_size: int, rules: Rules, rng: np.random.Generator) -> np.ndarray:
        from toolkit.engine.nearest import ranked_neighbors

        n_parts = -(-len(unit) // block_size)
        if n_parts < 2:
            return np.arange(len(unit))
        neighbors, _ = ranked_neighbors(unit, self.n_neighbors, int(rng.integers(2**31)), rules)
        starts, others = _mutual_edges(neighbors)
        metis = _metis()
        options = metis.Options(seed=int(rng.integers(2**31)))
        graph = metis.CSRAdjacency(starts, others)
        _, parts = metis.part_graph(n_parts, graph, options=options)
        return _evened(np.asarray(parts), n_parts, block_size)


def _mutual_edges(neighbors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges between mutual neighbours (N, K; -1 for none) in METIS' format: row starts and columns."""
    from scipy.sparse import csr_array

    places = np.nonzero(neighbors >= 0)
    ones = np.ones(len(places[0]), np.int8)
    directed = csr_array((ones, (places[0], neighbors[places])), shape=(len(neighbors), len(neighbors)))
    both = directed.multiply(directed.T).tocsr()
    both.sort_indices()
    return both.indptr, both.indices


def _evened(parts: np.ndarray, n_parts: int, size: int) -> np.ndarray:
    """Return the instances part by part, `size` in each and the rest in the last: those in excess fill other parts."""
    counts = np.bincount(parts, minlength=n_parts)
    rank_of = np.empty(n_parts, np.int64)
    rank_of[np.argsort(-counts, kind="stable")] = np.arange(n_parts)  # the smallest part last
    parts = rank_of[parts]
    order = np.argsort(parts, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(parts, minlength=n_parts)))
    ranks = np.arange(len(parts)) - starts[parts[order]]
    room = np.full(n_parts, size)
    room[-1] = len(parts) - (n_parts - 1) * size
    fits = ranks < room[parts[order]]
    arranged = np.full(len(parts), -1)
    arranged[parts[order[fits]] * size + ranks[fits]] = order[fits]
    arranged[arranged < 0] = order[~fits]
    return arranged


def _metis():
    """Return pymetis, or raise an error that says how to install it."""
    try:
        import pymetis
    except ImportError as error:
        raise ModuleNotFoundError(
            "GraphPartitionBatchSampler needs pymetis, which is not installed: pip install pymetis (it has no wheel "
            "for Windows), or use ClusterBatchSampler, which needs nothing else"
        ) from error
    return pymetis
