"""Linking each instance to the most similar of its random candidates, in blocks that share them."""

from collections.abc import Iterator

import numpy as np
import torch

from toolkit import _threads


def link(
    vectors: torch.Tensor, norms: torch.Tensor, n_candidates: int, n_neighbors: int, seed: int, n_threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbours (N, K) and similarities (N, K) of the rows of `vectors`, which may have any real dtype.

    Blocks of at most M / 2 random rows share their candidates, consecutive slices of random permutations of all
    instances. Each row's candidates are then still a uniform draw without itself and without repetition, and all
    instances are candidates equally often, but the work is a few matrix products.
    """
    n = len(vectors)
    blocks = list(candidate_blocks(n, n_candidates, seed))
    neighbors = np.empty((n, n_neighbors), np.int32)
    similarities = np.empty((n, n_neighbors), np.float32)
    # One iterator for all threads: each takes the next block when it is done with one.
    shared = iter(blocks)
    arrays = vectors.numpy(), norms.numpy()
    _threads.run(lambda: _link_blocks(*arrays, shared, neighbors, similarities), n_threads)
    return neighbors, similarities


def candidate_blocks(n: int, n_candidates: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of rows, each with its M + 1 candidates, of which each row is to leave one out."""
    rng = np.random.default_rng(seed)
    rows = np.array_split(permutation(n, rng), -(-n // max(1, n_candidates // 2)))
    yield from zip(rows, candidate_slices(n, n_candidates + 1, rng), strict=False)


def candidate_slices(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield endless slices of random permutations of ``range(n)``, each without repetition."""
    rest = permutation(n, rng)
    while True:
        if len(rest) < size:
            # The slice goes on into a new permutation, past the members it has already.
            known = np.zeros(n, bool)
            known[rest] = True
            fresh = permutation(n, rng)
            fresh = fresh[~known[fresh]]
            missing = size - len(rest)
            yield np.concatenate([rest, fresh[:missing]])
            rest = np.concatenate([fresh[missing:], rest])
            rest = rest[permutation(len(rest), rng)]
        else:
            yield rest[:size]
            rest = rest[size:]


def permutation(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the numbers below n, int32, in random order; six times as fast as numpy's."""
    from toolkit import _kernels

    return _kernels.permutation(n, rng.integers(2**64, dtype=np.uint64))


def _link_blocks(
    vectors: np.ndarray, norms: np.ndarray, blocks: Iterator, neighbors: np.ndarray, similarities: np.ndarray
) -> None:
    """Write the neighbours of each block of rows."""
    from toolkit._top_k import LANES, select_top_k

    slot = None
    for rows, candidates in blocks:
        width = len(candidates)
        if slot is None:
            slot = np.full(len(vectors), -1, np.int32)
            pool = torch.zeros(width + -width % LANES, vectors.shape[1])
            anchors = torch.empty(len(rows), vectors.shape[1])
            scores = torch.empty(len(rows), len(pool))
        _gather_unit(vectors, norms, candidates, pool.numpy()[:width])
        _gather_unit(vectors, norms, rows, anchors.numpy()[: len(rows)])
        block = torch.mm(anchors[: len(rows)], pool.T, out=scores[: len(rows)])
        select_top_k(block.numpy(), candidates, rows, slot, neighbors, similarities)


def _gather_unit(vectors: np.ndarray, norms: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Copy the `rows` of `vectors` to `out`, each divided by its norm."""
    from toolkit._kernels import gather_unit

    if vectors.dtype == norms.dtype == np.float32 and vectors.flags.c_contiguous:
        gather_unit(vectors, norms, rows, out)
    else:
        np.divide(vectors[rows], norms[rows, None], out=out, casting="same_kind")
