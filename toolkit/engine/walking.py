"""Filling batches by walks, on several threads."""

import math

import numpy as np

from toolkit.engine import threads
from toolkit.engine.rules import Groups

MAX_IDLE_STEPS = 100_000
_MEMBERS_PER_THREAD = 50_000  # to be worth a thread's start


def random_states(n: int, *seed: int) -> np.ndarray:
    """Return `n` independent uint64 random states that follow from the numbers in `seed`."""
    return np.random.SeedSequence(seed).generate_state(n, np.uint64)


def max_idle_steps(n_neighbors: int, restart: float) -> int:
    """Return the steps without a new member after which a walk takes a fresh seed.

    Eight times the steps that one given neighbour of the seed is expected to take, so that a seed's whole
    neighbourhood is found first (a neighbour is missed with probability exp(-8)); at most 100,000. A walk for a
    batch of B thus ends after at most B times as many steps, on any graph.
    """
    return min(math.ceil(8 * n_neighbors / (1 - restart)), MAX_IDLE_STEPS)


def fill_batches(
    neighbors: np.ndarray,
    starts: np.ndarray,
    batch_size: int,
    restarts: np.ndarray,
    states: np.ndarray,
    groups: Groups | None = None,
) -> tuple[np.ndarray, int, int]:
    """Fill one batch from each start, every walk on its own; return batches (n, B), steps and reseeds in all."""
    from toolkit.engine import walk_kernels

    batches = np.empty((len(starts), batch_size), np.int64)
    idles, codes = _idle_steps(neighbors, restarts), None if groups is None else groups.codes
    n_threads = min(threads.n_cores(), 1 + batches.size // _MEMBERS_PER_THREAD)
    parts = iter(np.array_split(np.arange(len(starts)), n_threads))
    counts = [(0, 0)]

    def work() -> None:
        for part in parts:
            rows = slice(part[0], part[-1] + 1)
            arrays = (array[rows] for array in (starts, restarts, idles, states, batches))
            counts.append(walk_kernels.walks(neighbors, codes, *arrays))

    if len(starts):
        threads.run(work, n_threads)
    steps, reseeds = map(sum, zip(*counts, strict=True))
    return batches, steps, reseeds


def cut_into_batches(
    neighbors: np.ndarray,
    order: np.ndarray,
    batch_size: int,
    restarts: np.ndarray,
    state: np.uint64,
    groups: Groups | None = None,
    n_places: int = 0,
) -> tuple[np.ndarray, int, int, int]:
    """Cut the instances of `order` into batches by walks, with at least `n_places` in all.

    Return them one after the other, with -1 where none is placed; steps, reseeds, and how many were left out.
    """
    from toolkit.engine.partition_kernels import partition

    queue = np.empty(max(n_places, len(order)), np.int64)
    idles = _idle_steps(neighbors, restarts)
    return queue, *partition(neighbors.copy(), *_members(groups), order, batch_size, restarts, idles, state, queue)


def deal_into_batches(order: np.ndarray, batch_size: int, n_batches: int, groups: Groups) -> np.ndarray:
    """Cut the first instances of `order` into `n_batches` as they come; -1 stands where none could be placed."""
    from toolkit.engine.partition_kernels import deal

    queue = np.empty(min(len(order), n_batches * batch_size), np.int64)
    deal(*_members(groups), order, batch_size, queue)
    return queue


def cut_in_order(order: np.ndarray, batch_size: int, n_places: int, groups: Groups) -> np.ndarray:
    """Cut the instances of `order` into batches of the next ones, `n_places` in all; -1 stands where none is."""
    from toolkit.engine.partition_kernels import cut

    queue = np.empty(n_places, np.int64)
    cut(*_members(groups), order, batch_size, queue)
    return queue


def _members(groups: Groups | None) -> tuple:
    return (None, None, None) if groups is None else (groups.codes, groups.members, groups.starts)


def _idle_steps(neighbors: np.ndarray, restarts: np.ndarray) -> np.ndarray:
    return np.array([max_idle_steps(neighbors.shape[1], restart) for restart in restarts], np.int64)
