"""Several threads at once, each of them with single-threaded torch operations."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import torch


def n_cores() -> int:
    """Return how many threads to use: as many as torch does, one in a DataLoader worker."""
    return torch.get_num_threads()


def run(work: Callable[[], None], n_threads: int) -> None:
    """Run `work` in `n_threads` new threads; an error in one of them is raised here, after all have ended.

    The threads end with this call, so that a fork later on finds none.
    """
    before = torch.get_num_threads()
    ready = Barrier(n_threads + 1)

    def single_threaded() -> None:
        torch.set_num_threads(1)
        ready.wait()
        work()

    with ThreadPoolExecutor(n_threads) as pool:
        started = [pool.submit(single_threaded) for _ in range(n_threads)]
        ready.wait()
        # The number is each thread's own, but also what threads started later begin with.
        torch.set_num_threads(before)
        for done in started:
            done.result()
