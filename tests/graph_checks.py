"""What the tests of linking and of the proximity graph share."""

import numpy as np
import torch

from toolkit import ProximityGraph

LAYOUTS = {
    "contiguous": lambda points: points,
    "fortran": np.asfortranarray,
    "strided": lambda points: np.repeat(np.repeat(points, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda points: points[::-1].copy()[::-1],
    "list": lambda points: points.tolist(),
    "torch": torch.from_numpy,
    "torch transposed": lambda points: torch.from_numpy(points.T.copy()).T,
    "torch with gradient": lambda points: torch.from_numpy(points).requires_grad_(),
}


def normal(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def assert_valid(graph: ProximityGraph, similarities: np.ndarray) -> None:
    """Rows hold distinct others, with the similarities that belong to them."""
    n, k = len(similarities), graph.n_neighbors
    assert graph.neighbors.shape == graph.similarities.shape == (n, k)
    assert graph.neighbors.dtype == np.int32
    assert graph.similarities.dtype == np.float32
    assert graph.neighbors.min() >= 0
    assert graph.neighbors.max() < n
    assert not (graph.neighbors == np.arange(n)[:, None]).any()
    assert all(len(set(row)) == k for row in graph.neighbors.tolist())
    np.testing.assert_allclose(graph.similarities, np.take_along_axis(similarities, graph.neighbors, 1), atol=2e-6)
    assert np.abs(graph.similarities).max() <= 1


def spoiled(value, *rows) -> np.ndarray:
    points = normal(20)
    points[list(rows)] = value
    return points
