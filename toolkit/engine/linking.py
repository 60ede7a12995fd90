"""Linking each instance to the most similar of its random candidates, in blocks that share them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from toolkit.engine import threads

_MIN_BLOCKS = 32  # for the threads to share
_SCORES = 2**18  # at most so many at once, in each thread: some still lie in its cache when they are read
_DEVICE_SCORES = 2**27
_ROWS_AT_ONCE = 2**12


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
    threads.run(lambda: _link_blocks(*arrays, shared, neighbors, similarities), n_threads)
    return neighbors, similarities


def link_some(
    vectors: torch.Tensor, n_candidates: int, n_neighbors: int, seed: int, n_rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return at least `n_rows` random rows (all, if there are fewer) and the neighbours that `link` gives them.

    These are the first blocks, so that the work is a matrix product or two.
    """
    from toolkit import _checks

    blocks, count = [], 0
    for block in candidate_blocks(len(vectors), n_candidates, seed):
        if count >= n_rows:
            break
        blocks.append(block)
        count += len(block[0])
    used = np.unique(np.concatenate([np.concatenate(block) for block in blocks]))
    some = vectors[torch.from_numpy(used).to(vectors.device)].cpu()
    place = np.zeros(len(vectors), np.int32)
    place[used] = np.arange(len(used))
    neighbors = np.empty((len(used), n_neighbors), np.int32)
    similarities = np.empty((len(used), n_neighbors), np.float32)
    placed = iter([(place[rows], place[candidates]) for rows, candidates in blocks])
    _link_blocks(some.numpy(), _checks.norms("embeddings", some, rows=used).numpy(), placed, neighbors, similarities)
    rows = np.concatenate([rows for rows, _ in blocks])
    return rows, used[neighbors[place[rows]]]


def link_on_device(
    vectors: torch.Tensor, norms: torch.Tensor, n_candidates: int, n_neighbors: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `link` does, with the work done by torch operations where `vectors` lie."""
    n, device = len(vectors), vectors.device
    neighbors = torch.empty(n, n_neighbors, dtype=torch.int32, device=device)
    similarities = torch.empty(n, n_neighbors, dtype=torch.float32, device=device)
    blocks = list(candidate_blocks(n, n_candidates, seed))
    height, width = len(blocks[0][0]), n_candidates + 1
    at_once = max(1, _DEVICE_SCORES // (height * width))
    for start in range(0, len(blocks), at_once):
        some = blocks[start : start + at_once]
        # A block with a row less repeats its last one, which is then not written twice.
        rows = np.stack([np.pad(rows, (0, height - len(rows)), "edge") for rows, _ in some])
        once = torch.from_numpy(np.arange(height) < np.array([[len(rows)] for rows, _ in some])).to(device)
        rows, candidates = (torch.from_numpy(part).to(device) for part in (rows, np.stack([c for _, c in some])))
        anchors, pool = ((vectors[part] / norms[part].unsqueeze(2)).float() for part in (rows, candidates))
        scores = torch.bmm(anchors, pool.transpose(1, 2))
        own = rows.unsqueeze(2) == candidates.unsqueeze(1)
        own[:, :, -1] |= ~own.any(2)
        best, places = scores.masked_fill_(own, -2).topk(n_neighbors, sorted=False)
        neighbors[rows[once]] = candidates.unsqueeze(1).expand_as(scores).gather(2, places)[once]
        similarities[rows[once]] = best[once].clamp_(-1, 1)
    return neighbors.cpu().numpy(), similarities.cpu().numpy()


def narrow(neighbors: np.ndarray, similarities: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best `n_neighbors` of each row and their similarities, as `link` gives them."""
    from toolkit.engine.top_k import narrow_rows

    best = np.empty((len(neighbors), n_neighbors), np.int32)
    best_similarities = np.empty(best.shape, np.float32)
    starts = iter(range(0, len(best), _ROWS_AT_ONCE))

    def work() -> None:
        for start in starts:
            stop = min(start + _ROWS_AT_ONCE, len(best))
            narrow_rows(neighbors, similarities, start, stop, best, best_similarities)

    threads.run(work, min(threads.n_cores(), -(-len(best) // _ROWS_AT_ONCE)))
    return best, best_similarities


def candidate_blocks(n: int, n_candidates: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of rows, each with its M + 1 candidates, of which each row is to leave one out."""
    rng = np.random.default_rng(seed)
    width = n_candidates + 1
    # As many slices as come from whole permutations: no instance is a candidate more often than others.
    n_permutations = max(2, -(-_MIN_BLOCKS * width // n))
    rows = np.array_split(permutation(n, rng), min(n, -(-n_permutations * n // width)))
    yield from zip(rows, candidate_slices(n, width, rng), strict=False)


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
    from toolkit.engine import kernels

    return kernels.permutation(n, rng.integers(2**64, dtype=np.uint64))


def _link_blocks(
    vectors: np.ndarray, norms: np.ndarray, blocks: Iterator, neighbors: np.ndarray, similarities: np.ndarray
) -> None:
    """Write the neighbours of each block of rows."""
    from toolkit.engine.top_k import LANES, select_top_k

    slot = None
    plain = dict[str, Any](dtype=torch.float32, device="cpu")  # whatever the user made torch's defaults
    for rows, candidates in blocks:
        width = len(candidates)
        if slot is None:
            slot = np.full(len(vectors), -1, np.int32)
            pool = torch.zeros(width + -width % LANES, vectors.shape[1], **plain)
            n_rows = min(len(rows), max(1, _SCORES // len(pool)))
            anchors = torch.empty(n_rows, vectors.shape[1], **plain)
            scores = torch.empty(n_rows, len(pool), **plain)
        _gather_unit(vectors, norms, candidates, pool.numpy()[:width])
        for start in range(0, len(rows), n_rows):
            part = rows[start : start + n_rows]
            _gather_unit(vectors, norms, part, anchors.numpy()[: len(part)])
            products = torch.mm(anchors[: len(part)], pool.T, out=scores[: len(part)])
            select_top_k(products.numpy(), candidates, part, slot, neighbors, similarities)


def _gather_unit(vectors: np.ndarray, norms: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Copy the `rows` of `vectors` to `out`, each divided by its norm."""
    from toolkit.engine.kernels import gather_unit

    if vectors.dtype == norms.dtype == np.float32 and vectors.flags.c_contiguous:
        gather_unit(vectors, norms, rows, out)
    else:
        np.divide(vectors[rows], norms[rows, None], out=out, casting="same_kind")
