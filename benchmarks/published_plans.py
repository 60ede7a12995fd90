"""How published methods plan an epoch, written out from their descriptions: baselines for the cost of our samplers.

Each function takes unit embeddings, float32 (N, d), and returns batches, int64 (n, B), in which no instance is
repeated. An incomplete last batch is left out. They use the libraries that the published code uses, and run on the
number of threads that these are set to.
"""

import numpy as np
import torch

from benchmarks import published

_STEP = 1000  # rows of similarities at once


def proximity_walks(
    unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, n_candidates: int, n_neighbors: int, restart: float
) -> np.ndarray:
    """BatchSampler (arXiv 2306.03355): a walk for each batch; the only plan whose batches overlap."""
    torch.manual_seed(int(rng.integers(2**31)))
    neighbors = published.graph(torch.from_numpy(unit), n_candidates, n_neighbors)
    seeds = rng.permutation(len(unit))[: len(unit) // batch_size].tolist()
    return np.array([published.walk(neighbors, seed, batch_size, restart) for seed in seeds])


def nearest_neighbors(unit: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """The kNN sampler of the same paper: a random instance and its nearest neighbours; batches overlap."""
    import faiss

    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    seeds = rng.permutation(len(unit))[: len(unit) // batch_size]
    return index.search(unit[seeds], batch_size)[1]


def halved_clusters(unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, cluster_size: int) -> np.ndarray:
    """NGAME (arXiv 2207.04452): balanced 2-means, again and again until the parts are small enough."""
    parts = [np.arange(len(unit))]
    while max(map(len, parts)) > cluster_size:
        parts = [half for part in parts for half in _halves(unit[part], part, rng)]
    return _cut(np.concatenate([parts[place] for place in rng.permutation(len(parts))]), batch_size)


def kmeans_clusters(unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, cluster_size: int) -> np.ndarray:
    """CDE (arXiv 2410.02525): clusters of spherical k-means, one after another in random order, cut into batches."""
    import faiss

    n_clusters, seed = -(-len(unit) // cluster_size), int(rng.integers(2**31))
    sizes = {"min_points_per_centroid": 1, "max_points_per_centroid": 512}
    kmeans = faiss.Kmeans(unit.shape[1], n_clusters, niter=30, nredo=2, spherical=True, seed=seed, **sizes)
    kmeans.train(unit)
    found = kmeans.index.search(unit, 1)[1][:, 0]
    return _cut(np.lexsort([rng.random(len(unit)), rng.permutation(n_clusters)[found]]), batch_size)


def mutual_parts(
    unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, n_neighbors: int, skip: int, cluster_size: int
) -> np.ndarray:
    """B3 (arXiv 2505.11293): METIS' parts of the graph of mutual neighbours, from rank `skip` on; random parts."""
    import pymetis
    from scipy.sparse import csr_array

    ranks = _ranked(unit, skip + n_neighbors)[:, skip:]
    starts = np.arange(len(unit) + 1) * n_neighbors
    directed = csr_array((np.ones(ranks.size, np.int8), ranks.ravel(), starts), shape=(len(unit), len(unit)))
    mutual = directed.multiply(directed.T).tocsr()
    graph = pymetis.CSRAdjacency(mutual.indptr, mutual.indices)
    n_parts = len(unit) // cluster_size
    _, part_of = pymetis.part_graph(n_parts, graph, options=pymetis.Options(seed=int(rng.integers(2**31))))
    parts: list[list[int]] = [[] for _ in range(n_parts)]
    for instance, part in enumerate(part_of):
        parts[part].append(instance)
    parts = _evened(parts, cluster_size)
    return _cut(np.concatenate([parts[place] for place in rng.permutation(len(parts))]), batch_size)


def banded(unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, n_neighbors: int) -> np.ndarray:
    """GCBS (arXiv 2210.12874): all similarities, those above a quantile, reverse Cuthill-McKee; memory of N^2."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    similarities = unit @ unit.T
    limit = np.quantile(similarities, 1 - n_neighbors / (len(unit) - 1))
    order = reverse_cuthill_mckee(csr_array(similarities > limit), symmetric_mode=True)
    return rng.permutation(_cut(order.astype(np.int64), batch_size))


def greedy_chains(unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, n_candidates: int) -> np.ndarray:
    """GRIT-VLP (arXiv 2208.04060): in each random search space, on to the most similar instance that is left."""
    shuffled = rng.permutation(len(unit))
    chains = []
    for space in np.split(shuffled, range(n_candidates, len(unit), n_candidates)):
        rows = torch.from_numpy(unit[space])
        similarities, at = rows @ rows.T, int(rng.integers(len(space)))
        chain = [at]
        while len(chain) < len(space):
            similarities[:, at] = -torch.inf
            at = int(similarities[at].argmax())
            chain.append(at)
        chains.append(space[chain])
    return rng.permutation(_cut(np.concatenate(chains), batch_size))


def neighborhoods(
    unit: np.ndarray, batch_size: int, rng: np.random.Generator, *, n_candidates: int, n_neighbors: int
) -> np.ndarray:
    """Sample4Geo (arXiv 2303.11851): seeds, half of `n_neighbors` the nearest, half random ones of the candidates."""
    ranks, half = _ranked(unit, n_candidates).tolist(), n_neighbors // 2
    used: set[int] = set()
    batches, batch = [], []
    for seed in rng.permutation(len(unit)).tolist():
        if seed in used:
            continue
        far = ranks[seed][half:]
        chosen = [seed, *ranks[seed][:half], *(far[place] for place in rng.permutation(len(far))[:half])]
        free = [instance for instance in chosen if instance not in used][: batch_size - len(batch)]
        used.update(free)
        batch += free
        if len(batch) == batch_size:
            batches.append(batch)
            batch = []
    return np.array(batches)


def _cut(order: np.ndarray, batch_size: int) -> np.ndarray:
    """Return consecutive batches of an order of instances."""
    return order[: len(order) // batch_size * batch_size].reshape(-1, batch_size)


def _ranked(unit: np.ndarray, k: int) -> np.ndarray:
    """Return the k most similar others of each instance, in order, int64 (N, k)."""
    rows, ranks = torch.from_numpy(unit), []
    for start in range(0, len(unit), _STEP):
        similarities = rows[start : start + _STEP] @ rows.T
        similarities.diagonal(start).fill_(-torch.inf)
        ranks.append(similarities.topk(k).indices)
    return torch.cat(ranks).numpy()


def _halves(points: np.ndarray, members: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split members by balanced 2-means of their points, until the mean similarity grows by less than 0.0001."""
    centres = points[rng.choice(len(points), 2, replace=False)]
    before, similarity = -np.inf, -2.0
    while similarity - before >= 1e-4:
        leaning = np.subtract(*(points @ centres.T).T)
        second, first = np.array_split(np.argsort(leaning), 2)
        centres = np.stack([points[first].mean(0), points[second].mean(0)])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        scores = points @ centres.T
        before, similarity = similarity, (scores[first, 0].sum() + scores[second, 1].sum()) / len(points)
    return members[first], members[second]


def _evened(parts: list[list[int]], size: int) -> list[list[int]]:
    """Give what the largest parts have too many of to the smaller parts, and make more parts of the rest."""
    spare: list[int] = []
    for part in (parts := sorted(parts, key=len, reverse=True)):
        while len(part) > size:
            spare.append(part.pop())
        while len(part) < size and spare:
            part.append(spare.pop())
    return parts + [spare[start : start + size] for start in range(0, len(spare), size)]
