"""A graph or plan that a thread computes while training continues."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch


class Pending:
    """The result of `build` on a copy of the embeddings (N, d), computed in a thread.

    If the thread was not started, the result is computed when it is asked for. A copy or pickle may be made at any
    time; its thread is not started.
    """

    def __init__(self, build: Callable[[torch.Tensor, int], Any], vectors: torch.Tensor, seed: int) -> None:
        self.vectors, self.seed = vectors, seed
        self._build = build
        self._future: Future[Any] | None = None

    def start(self) -> None:
        """Start the thread. It ends with its work, since a process should not fork while threads run."""
        pool = ThreadPoolExecutor(1)
        self._future = pool.submit(self._build, self.vectors, self.seed)
        pool.shutdown(wait=False)

    def result(self) -> Any:
        """Return the result; wait for the thread, or compute it now if there is none."""
        return self._build(self.vectors, self.seed) if self._future is None else self._future.result()

    def state_dict(self) -> dict:
        """Return the embeddings, not copied, and the seed, from which the result can be computed again."""
        return {"vectors": self.vectors, "seed": self.seed}

    def __getstate__(self) -> dict:
        return vars(self) | {"_future": None}
