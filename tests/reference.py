"""Slow, obvious versions of what the toolkit computes fast: the oracles of the tests."""

from contextlib import ExitStack, contextmanager
from random import Random
from unittest.mock import patch

import numpy as np

from toolkit import ProximityGraph
from toolkit.engine import partition_kernels, random_bits, walk_kernels


def published_walk(neighbors, start: int, batch_size: int, restart: float, rng: Random) -> tuple[list[int], int]:
    """Fill one batch by the walk as published: no cap on the steps, no second seed; return (batch, steps)."""
    batch, node, steps = {start: None}, start, 0
    while len(batch) < batch_size:
        node = start if rng.random() < restart else int(rng.choice(neighbors[node]))
        batch[node] = None
        steps += 1
    return list(batch), steps


def cosine(embeddings) -> np.ndarray:
    """Cosine similarity of all pairs, in float64."""
    vectors = np.asarray(embeddings, np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def top_k(similarities, candidates, k: int) -> list[int]:
    """The `k` candidates with the largest similarity, the best first."""
    return sorted(candidates, key=lambda candidate: -similarities[candidate])[:k]


def independent_graph(embeddings, n_candidates: int, n_neighbors: int, seed: int) -> ProximityGraph:
    """The proximity graph with candidates drawn for each row on its own."""
    rng = np.random.default_rng(seed)
    similarities = cosine(embeddings)
    n = len(similarities)
    rows = []
    for i in range(n):
        others = np.delete(np.arange(n), i)
        rows.append(top_k(similarities[i], rng.choice(others, n_candidates, replace=False), n_neighbors))
    neighbors = np.array(rows, np.int32)
    return ProximityGraph(
        neighbors, np.take_along_axis(similarities, neighbors, 1).astype(np.float32), n_candidates=n_candidates
    )


def pairs(batch) -> list[tuple[int, int]]:
    """All pairs of a batch."""
    return [(i, j) for position, i in enumerate(batch) for j in batch[position + 1 :]]


def hardness(batch, embeddings) -> float:
    """Mean cosine similarity of the pairs of a batch."""
    similarities = cosine(embeddings)
    return sum(similarities[i, j] for i, j in pairs(batch)) / len(pairs(batch))


def false_negatives(batch, labels) -> float:
    """Share of the pairs of a batch with the same label."""
    return sum(labels[i] == labels[j] for i, j in pairs(batch)) / len(pairs(batch))


def components(n_components: int, size: int, n_neighbors: int) -> ProximityGraph:
    """A graph of rings that are not linked: node i of each points to the next `n_neighbors`, round its ring."""
    nodes = np.arange(n_components * size)
    ring, place = np.divmod(nodes, size)
    ahead = (place[:, None] + np.arange(1, n_neighbors + 1)) % size
    neighbors = (ring[:, None] * size + ahead).astype(np.int32)
    return ProximityGraph(neighbors, np.full(neighbors.shape, 0.5, np.float32), n_candidates=n_neighbors)


@contextmanager
def interpreted():
    """Run the walks as plain Python: arrays are then checked for their bounds, where compiled code is not."""
    modules = random_bits, walk_kernels, partition_kernels
    loops = {
        name: kernel.py_func
        for module in modules
        for name, kernel in vars(module).items()
        if hasattr(kernel, "py_func")
    }
    with ExitStack() as stack:
        for module in modules:
            mine = {name: loop for name, loop in loops.items() if hasattr(module, name)}
            stack.enter_context(patch.multiple(module, **mine))
        stack.enter_context(patch.object(walk_kernels, "fetch_to_read", lambda address: None))
        stack.enter_context(np.errstate(over="ignore"))
        yield
