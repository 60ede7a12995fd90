"""Linking each instance to the most similar of its random candidates, in blocks that share them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from toolkit.engine import threads
from toolkit.engine.rules import NO_RULES, Groups, Rules

_MIN_BLOCKS = 32  # for the threads to share
_SCORES = 2**18  # at most so many at once, in each thread: some still lie in its cache when they are read
_DEVICE_SCORES = 2**27
_ROWS_AT_ONCE = 2**12


@dataclass(frozen=True, eq=False)
class Links:
    """What linking finds.

    Attributes
    ----------
    neighbors : int32 array, shape (N, K)
    similarities : float32 array, shape (N, K); (N, 0) if they are not kept
    skipped : int32 array, shape (N, skip)
        Candidates that the rule `skip` left out, -1 where there were fewer.
    lacking : int
        Number of rows that have fewer than K candidates by the rules, and so some neighbours several times.
    """

    neighbors: np.ndarray
    similarities: np.ndarray
    skipped: np.ndarray
    lacking: int = 0


def link(
    vectors: torch.Tensor,
    norms: torch.Tensor,
    n_candidates: int,
    n_neighbors: int,
    seed: int,
    n_threads: int,
    rules: Rules = NO_RULES,
    kept: np.ndarray | None = None,
    with_similarities: bool = True,
) -> Links:
    """Link the rows of `vectors`, which may have any real dtype, to their most similar candidates.

    Blocks of at most M / 2 random rows share their candidates, consecutive slices of random permutations of all
    instances. Each row's candidates are then still a uniform draw without itself and without repetition, and all
    instances are candidates equally often, but the work is a few matrix products. `kept` (N, any) are further
    candidates of each row, -1 for none; `vectors` must then be contiguous float32.
    """
    n = len(vectors)
    blocks = list(candidate_blocks(n, n_candidates, seed))
    links = empty_links(n, n_neighbors, rules, with_similarities)
    lacking = _link_in_threads((vectors.numpy(), norms.numpy(), rules, kept, iter(blocks), links), n_threads)
    return replace(links, lacking=lacking)


def link_some(
    vectors: torch.Tensor,
    n_candidates: int,
    n_neighbors: int,
    seed: int,
    n_rows: int,
    rules: Rules = NO_RULES,
    kept: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return at least `n_rows` random rows (all, if there are fewer) and the neighbours that `link` gives them.

    These are the first blocks, so that the work is a matrix product or two. `kept` (N, any) are further candidates, -1
    for none.
    """
    blocks, count = [], 0
    for block in candidate_blocks(len(vectors), n_candidates, seed):
        if count >= n_rows:
            break
        blocks.append(block)
        count += len(block[0])
    rows = np.concatenate([rows for rows, _ in blocks])
    kept = None if kept is None else kept[rows]
    more = [] if kept is None else [kept[kept >= 0]]
    used = np.unique(np.concatenate([*(np.concatenate(block) for block in blocks), *more]))
    some = vectors[torch.from_numpy(used).to(vectors.device)].cpu()
    return rows, link_blocks(used, some, blocks, n_neighbors, 1, rules, kept).neighbors


def link_blocks(
    names: np.ndarray,
    vectors: torch.Tensor,
    blocks: list,
    n_neighbors: int,
    n_threads: int,
    rules: Rules,
    kept: np.ndarray | None = None,
) -> Links:
    """Return what `link` finds for the rows of some blocks, in their order, without similarities.

    The instances that blocks and `rules` speak of lie in `vectors`, in memory; `names` says which, and may repeat one.
    `kept` are further candidates of each of these rows, in the same order, -1 for none.
    """
    from toolkit import _checks

    used, first = np.unique(names, return_index=True)
    first = first.astype(np.int32)
    placed = [tuple(first[np.searchsorted(used, part)] for part in block) for block in blocks]
    rows = np.concatenate([rows for rows, _ in placed])
    if kept is not None:
        vectors, given = vectors.float().contiguous(), kept
        kept = np.full((len(names), given.shape[1]), -1, np.int32)
        kept[rows] = np.where(given < 0, -1, first[np.searchsorted(used, np.maximum(given, used[0]))])
    groups = None if rules.codes is None else Groups(np.unique(rules.codes[names], return_inverse=True)[1])
    rules = replace(rules, groups=groups)
    norms = _checks.norms("embeddings", vectors, rows=names)
    links = empty_links(len(names), n_neighbors, rules, with_similarities=False)
    lacking = _link_in_threads((vectors.numpy(), norms.numpy(), rules, kept, iter(placed), links), n_threads)
    skipped = links.skipped[rows]
    skipped = np.where(skipped < 0, -1, names[skipped])
    return Links(names[links.neighbors[rows]], links.similarities[rows], skipped, lacking)


def _link_in_threads(given: tuple, n_threads: int) -> int:
    """Link blocks in several threads, each of which takes the next one when it is done; return how many rows lack."""
    lacking = []
    threads.run(lambda: lacking.append(_link_blocks(*given)), n_threads)
    return sum(lacking)


def empty_links(n: int, n_neighbors: int, rules: Rules, with_similarities: bool) -> Links:
    """Return links of `n` rows, to be written."""
    similarities = np.empty((n, n_neighbors * with_similarities), np.float32)
    return Links(np.empty((n, n_neighbors), np.int32), similarities, np.empty((n, rules.skip), np.int32))


def narrow(neighbors: np.ndarray, similarities: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the best `n_neighbors` of each row, their similarities, and how many rows lack some, as `link` does."""
    from toolkit.engine.top_k import narrow_rows

    best = np.empty((len(neighbors), n_neighbors), np.int32)
    best_similarities = np.empty(best.shape, np.float32)
    starts = iter(range(0, len(best), _ROWS_AT_ONCE))
    lacking = []

    def work() -> None:
        for start in starts:
            stop = min(start + _ROWS_AT_ONCE, len(best))
            lacking.append(narrow_rows(neighbors, similarities, start, stop, best, best_similarities))

    threads.run(work, min(threads.n_cores(), -(-len(best) // _ROWS_AT_ONCE)))
    return best, best_similarities, sum(lacking)


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
    vectors: np.ndarray,
    norms: np.ndarray,
    rules: Rules,
    kept: np.ndarray | None,
    blocks: Iterator,
    links: Links,
) -> int:
    """Write the links of each block of rows; return how many rows lack some."""
    from toolkit.engine.kernels import cross_halves, score_kept
    from toolkit.engine.top_k import select_top_k

    slot, lacking, n_kept = None, 0, 0 if kept is None else kept.shape[1]
    found = links.neighbors, links.similarities, links.skipped
    plain = dict[str, Any](dtype=torch.float32, device="cpu")  # whatever the user made torch's defaults
    for rows, candidates in blocks:
        width = len(candidates)
        if slot is None:
            slot = np.full(len(vectors), -1, np.int32)
            heads = None if rules.groups is None else np.full(len(rules.groups), -1, np.int32)
            pool = torch.zeros(_padded(width + n_kept), vectors.shape[1], **plain)
            n_rows = rows_at_once(rows, candidates, n_kept)
            anchors, crossed = torch.empty(2, n_rows, vectors.shape[1], **plain)
            own = np.empty(n_rows, np.float32)
            scores = torch.empty(n_rows, len(pool), **plain)
        _gather_unit(vectors, norms, candidates, pool.numpy()[:width])
        for start in range(0, len(rows), n_rows):
            part = rows[start : start + n_rows]
            _gather_unit(vectors, norms, part, anchors.numpy()[: len(part)])
            seen = anchors[: len(part)]
            if rules.paired:
                cross_halves(seen.numpy(), crossed.numpy(), own)
                seen = crossed[: len(part)]
            limits = None if rules.margin is None else rules.margin * own[: len(part)]
            products = torch.mm(seen, pool.T, out=scores[: len(part)]).numpy()
            if kept is not None:
                score_kept(vectors, norms, seen.numpy(), kept, part, products[:, width:])
            lacking += select_top_k(products, candidates, part, slot, rules.codes, heads, limits, kept, *found)
    return lacking


def rows_at_once(rows: np.ndarray, candidates: np.ndarray, n_kept: int = 0) -> int:
    """Return how many rows of a block are compared with its candidates by one matrix product."""
    return min(len(rows), max(1, _SCORES // _padded(len(candidates) + n_kept)))


def _padded(n: int) -> int:
    from toolkit.engine.top_k import LANES

    return n + -n % LANES


def _gather_unit(vectors: np.ndarray, norms: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Copy the `rows` of `vectors` to `out`, each divided by its norm."""
    from toolkit.engine.kernels import gather_unit

    if vectors.dtype == norms.dtype == np.float32 and vectors.flags.c_contiguous:
        gather_unit(vectors, norms, rows, out)
    else:
        np.divide(vectors[rows], norms[rows, None], out=out, casting="same_kind")
