"""The next graph or plan while a thread computes it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch


class Pending:
    """What follows from a copy of the embeddings (N, d), in a thread once it is started, or else when it is needed.

    Copies, pickled ones too, are made at any moment and are not started.
    """

    def __init__(self, build: Callable[[torch.Tensor, int], Any], vectors: torch.Tensor, seed: int) -> None:
        self.vectors, self.seed = vectors, seed
        self._build = build
        self._future: Future[Any] | None = None

    def start(self) -> None:
        """Compute it in a thread, which ends with the work, so that forks find none."""
        pool = ThreadPoolExecutor(1)
        self._future = pool.submit(self._build, self.vectors, self.seed)
        pool.shutdown(wait=False)

    def result(self) -> Any:
        """Return the result, when it is there."""
        return self._build(self.vectors, self.seed) if self._future is None else self._future.result()

    def state_dict(self) -> dict:
        """Return what it follows from, shared."""
        return {"vectors": self.vectors, "seed": self.seed}

    def __getstate__(self) -> dict:
        return vars(self) | {"_future": None}
