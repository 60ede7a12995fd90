"""Nearest neighbours in cosine similarity through faiss: exact, or approximate by inverted lists."""

import numpy as np

EXACT_UP_TO = 50_000  # instances
_PROBES = 64
_RECALL_ROWS = 1000


def nearest_neighbors(unit: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the k nearest others of all rows, int64 (N, k), their similarities, and the share that are true ones."""
    if len(unit) <= EXACT_UP_TO:
        return *exact_neighbors(unit, np.arange(len(unit)), k), 1.0
    return approximate_neighbors(unit, k, seed)


def exact_neighbors(unit: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of some rows of `unit`, int64 (n, k), and their cosine similarities (n, k)."""
    import faiss

    similarities, found = faiss.knn(unit[rows], unit, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    return _others(rows, found, similarities)


def approximate_neighbors(unit: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return about the k nearest others of all rows, their similarities, and which share of the true ones they are.

    A k-means makes 4 sqrt(N) cells, of which a search looks into the nearest 64. The share (recall) is taken over
    1,000 random rows.
    """
    import faiss

    n, dim = unit.shape
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, min(n, int(4 * n**0.5)), faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical, index.cp.seed, index.cp.min_points_per_centroid = True, seed % 2**31, 1
    index.train(unit)
    index.add(unit)
    index.nprobe = _PROBES
    similarities, found = index.search(unit, k + 1)
    found, similarities = _others(np.arange(n), found, similarities)
    # Where those cells hold too few, the rest is -1.
    short = np.flatnonzero((found < 0).any(1))
    if len(short):
        found[short], similarities[short] = exact_neighbors(unit, short, k)
    sample = np.random.default_rng(seed).permutation(n)[:_RECALL_ROWS]
    true, _ = exact_neighbors(unit, sample, k)
    shares = [np.isin(ours, exact).mean() for ours, exact in zip(found[sample], true, strict=True)]
    return found, similarities, float(np.mean(shares))


def _others(rows: np.ndarray, found: np.ndarray, similarities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop each row itself; where duplicates took its place among its own nearest, drop the last one."""
    others = found != rows[:, None]
    others[others.all(1), -1] = False
    shape = len(rows), found.shape[1] - 1
    return found[others].reshape(shape), similarities[others].reshape(shape)
