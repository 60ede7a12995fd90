"""Samplers of each kind, for the tests."""

import numpy as np

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.samplers import (
    BandwidthBatchSampler,
    ChainBatchSampler,
    ClusterBatchSampler,
    GraphPartitionBatchSampler,
    NeighborhoodBatchSampler,
)

CLASSES = {
    "uniform": UniformBatchSampler,
    "knn": KNNBatchSampler,
    "cluster": ClusterBatchSampler,
    "cluster, background": ClusterBatchSampler,
    "graph_partition": GraphPartitionBatchSampler,
    "bandwidth": BandwidthBatchSampler,
    "chain": ChainBatchSampler,
    "neighborhood": NeighborhoodBatchSampler,
} | dict.fromkeys(["independent", "partition", "background"], RandomWalkBatchSampler)
WALKS = ["independent", "partition"]
PLANNED = list(CLASSES)[2:8]
KINDS = ["uniform", *WALKS, "background", "knn", *PLANNED]
ONLINE = KINDS[1:]
ONCE = ["uniform", "partition", *PLANNED]  # each instance once an epoch, with a setting `drop_last`


def settings_of(kind: str, n: int) -> dict:
    """Settings that leave a sampler of this kind some choice among `n` instances."""
    m, k = max(n // 10, 10), max(n // 100, 3)
    walk = {"n_candidates": m, "n_neighbors": k, "restart": 0.2}
    return {
        "background": walk | {"refresh": "background"},
        "cluster, background": {"refresh": "background"},
        "graph_partition": {"n_neighbors": min(max(n // 50, 10), n - 1)},
        "bandwidth": {"n_neighbors": min(m, n - 1)},
        "chain": {"n_candidates": n // 2},
        "neighborhood": {"n_candidates": m},
    }.get(kind, walk | {"coverage": kind} if kind in WALKS else {})


def new(kind: str, n: int, batch_size: int, **changes):
    """A sampler that has seen no embedding."""
    return CLASSES[kind](n, batch_size, **settings_of(kind, n) | changes)


def built(kind: str, points, batch_size: int, **changes):
    """A sampler that knows the embeddings `points`."""
    return CLASSES[kind].from_embeddings(points, batch_size, **settings_of(kind, len(points)) | changes)


def normal(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def unit(points) -> np.ndarray:
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


APART = np.random.default_rng(0).permutation(np.arange(160) // 8)  # clusters of 8
CLUSTERED = np.eye(20)[APART] + 0.01 * normal(160, 20)


def of_clusters(sampler, clusters: np.ndarray = APART) -> list[list[int]]:
    """How many members of a cluster are in each batch, for each cluster that has any."""
    counts = (np.unique(clusters[batch], return_counts=True)[1] for batch in sampler)
    return [sorted(each.tolist()) for each in counts]


def training(sampler, points, step: int = 0):
    """Train for ever, from step number `step`: yield each batch after the update with its drifting embeddings."""
    while True:
        for batch in sampler:
            sampler.update(batch, points[batch] + normal(len(batch), points.shape[1], step))
            step += 1
            yield batch


def flat(batches) -> list[int]:
    return [index for batch in batches for index in batch]


def cosine_to(points, index: int) -> np.ndarray:
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit @ unit[index]
