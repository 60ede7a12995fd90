"""The next graph while a thread builds it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from toolkit.proximity.graph import ProximityGraph


class PendingGraph:
    """The graph of a copy of the embeddings (N, d), built in a thread once it is started, or else when it is needed.

    Copies, pickled ones too, are made at any moment and are not started.
    """

    def __init__(self, build: Callable[[torch.Tensor, int], ProximityGraph], vectors: torch.Tensor, seed: int) -> None:
        self.vectors, self.seed = vectors, seed
        self._build = build
        self._future: Future[ProximityGraph] | None = None

    def start(self) -> None:
        """Build it in a thread, which ends with the build, so that forks find none."""
        pool = ThreadPoolExecutor(1)
        self._future = pool.submit(self._build, self.vectors, self.seed)
        pool.shutdown(wait=False)

    def result(self) -> ProximityGraph:
        """Return the graph, when it is built."""
        return self._build(self.vectors, self.seed) if self._future is None else self._future.result()

    def state_dict(self) -> dict:
        """Return what it is built from, shared."""
        return {"vectors": self.vectors, "seed": self.seed}

    def __getstate__(self) -> dict:
        return vars(self) | {"_future": None}
