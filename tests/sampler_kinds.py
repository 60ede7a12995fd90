"""Samplers of each kind, for the tests."""

import numpy as np

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler

KINDS = ["uniform", "independent", "partition", "background", "knn"]
ONLINE = KINDS[1:]
WALKS = ["independent", "partition"]


def settings_of(kind: str, n: int) -> dict:
    """Settings that leave a sampler of this kind some choice among `n` instances."""
    walk = {"n_candidates": max(n // 10, 10), "n_neighbors": max(n // 100, 3), "restart": 0.2}
    if kind == "background":
        return walk | {"refresh": "background"}
    return walk | {"coverage": kind} if kind in WALKS else {}


def new(kind: str, n: int, batch_size: int, **changes):
    """A sampler that has seen no embedding."""
    make = {"uniform": UniformBatchSampler, "knn": KNNBatchSampler}.get(kind, RandomWalkBatchSampler)
    return make(n, batch_size, **settings_of(kind, n) | changes)


def built(kind: str, points, batch_size: int, **changes):
    """A sampler that knows the embeddings `points`."""
    make = {"uniform": UniformBatchSampler, "knn": KNNBatchSampler}.get(kind, RandomWalkBatchSampler)
    return make.from_embeddings(points, batch_size, **settings_of(kind, len(points)) | changes)


def normal(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


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
