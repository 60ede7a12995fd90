"""Several threads at once, each of them with single-threaded torch operations."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch


def n_cores() -> int:
    """Return how many threads to use: as many as torch does, one in a DataLoader worker."""
    return torch.get_num_threads()


def run(work: Callable[[], None], n_threads: int) -> None:
    """Run `work` in this thread and `n_threads` - 1 others; an error in one of them is raised here.

    All have ended when this returns, so that a fork later on finds none.
    """
    with ThreadPoolExecutor(n_threads) as pool:
        others = [pool.submit(_run_on_one_core, work) for _ in range(n_threads - 1)]
        _run_on_one_core(work)
        for other in others:
            other.result()


def _run_on_one_core(work: Callable[[], None]) -> None:
    """Run `work` in this thread with single-threaded torch operations."""
    before = torch.get_num_threads()
    if before == 1:  # perhaps only because this thread began during another run: the number must not be set again
        work()
        return
    torch.set_num_threads(1)
    try:
        work()
    finally:
        # The number is a thread's own, but also what threads started later begin with.
        torch.set_num_threads(before)
