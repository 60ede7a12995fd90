"""Checks of a graph's arrays, which the compiled loops index without checks of their own."""

import numpy as np

from toolkit import _checks


def graph_arrays(neighbors, similarities, skipped, skip: int) -> dict[str, np.ndarray | None]:
    """Return the arrays of a graph as the compiled loops read them, or raise unless they fit each other."""
    neighbors, similarities = np.asarray(neighbors), np.asarray(similarities)
    if neighbors.ndim != 2 or neighbors.dtype.kind not in "iu" or not neighbors.size:
        raise ValueError(
            f"neighbors must be integers of shape (N, K) with K >= 1, got {neighbors.dtype} of shape {neighbors.shape}"
        )
    n = len(neighbors)
    _check_range("neighbors", neighbors, 0, n)
    if similarities.shape != (n, 0):
        _checks.shape("similarities", similarities, neighbors.shape, "that of the neighbors")
    if skipped is not None:
        skipped = np.asarray(skipped)
        _checks.shape("skipped", skipped, (n, skip), "a column for each that the rule `skip` left out")
        _check_range("skipped", skipped, -1, n)
        skipped = np.ascontiguousarray(skipped, np.int32)
    return {
        "neighbors": np.ascontiguousarray(neighbors, np.int32),
        "similarities": np.ascontiguousarray(similarities, np.float32),
        "skipped": skipped,
    }


def with_skipped(neighbors: np.ndarray, skipped: np.ndarray | None) -> np.ndarray:
    """Return the candidates of each row that a graph still knows: its neighbours and those that it skipped."""
    return neighbors if skipped is None else np.hstack([neighbors, skipped])


def check_similarities(similarities: np.ndarray) -> None:
    """Raise if a graph was built without similarities."""
    if not similarities.shape[1]:
        raise ValueError(
            "similarities must have been stored, got a graph without them, like that of a sampler with a fixed "
            "restart probability: build one from its embeddings, "
            "ProximityGraph.build(sampler.bank.vectors, seed=graph.seed, ...)"
        )


def _check_range(name: str, array: np.ndarray, low: int, high: int) -> None:
    """Raise unless all values lie in [low, high)."""
    if array.size and not low <= array.min() <= array.max() < high:
        odd = array[(array < low) | (array >= high)]
        raise IndexError(f"{name} must lie in [{low}, {high}), got {odd[0]} ({len(odd)} out of range)")
