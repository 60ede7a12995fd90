"""An embedding bank that is spread over several processes, each of which holds some of the rows."""

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import torch

from toolkit import _checks
from toolkit._processes import Peers
from toolkit.engine.linking import Links
from toolkit.engine.sharding import collected, link_shards
from toolkit.proximity.graph import ProximityGraph
from toolkit.samplers.bank import EmbeddingBank

if TYPE_CHECKING:
    from toolkit.samplers.random_walk import RandomWalkBatchSampler


class _Request(IntEnum):
    """A collective operation that the first process asks the others to join."""

    NOTHING = 0
    LINKS = 1
    ROWS = 2


class ShardedBank(EmbeddingBank):
    """One process's share of the embeddings, in memory: those of instances r, r + R, ... in process r of R.

    Every process receives all updates. The first process plans batches; meanwhile, the others `serve` its requests.

    Parameters
    ----------
    sampler : RandomWalkBatchSampler
        Sampler that uses this bank and whose graphs the processes build together.
    peers : Peers

    Attributes
    ----------
    vectors : float32 or float16 tensor, shape (about N / R, d)
        The embeddings of this process.
    known : bool array, shape (N,)
        Which instances have an embedding in any process.
    """

    def __init__(self, sampler: "RandomWalkBatchSampler", peers: Peers) -> None:
        super().__init__(sampler.n, sampler.bank.vectors.dtype)
        self.vectors = self.vectors[peers.rank :: peers.size]
        self.peers, self._sampler = peers, sampler

    def _write_at_once(self, rows: np.ndarray, *sides) -> bool:
        return False

    def _write(self, rows: np.ndarray, *sides) -> None:
        """Store this process's rows. Every process checks all rows, so that all raise the same error."""
        names = ("embeddings",) if len(sides) == 1 else ("queries", "targets")
        checked = [_checks.vectors(name, side, rows=rows).cpu() for name, side in zip(names, sides, strict=True)]
        for name, side in zip(names, checked, strict=True):
            _checks.norms(name, side, rows=rows)
        own = np.flatnonzero(rows % self.peers.size == self.peers.rank)
        places, parts = rows[own] // self.peers.size, [side[own] for side in checked]
        if not super()._write_at_once(places, *parts):
            super()._write(places, *parts)

    def rows(self, indices: np.ndarray) -> torch.Tensor:
        """Return the embeddings of some instances; only the first process may call this."""
        self._request(_Request.ROWS, len(indices))
        came = self._collected(indices)
        rows = torch.empty_like(came)
        rows[np.argsort(indices % self.peers.size, kind="stable")] = came
        return rows

    def linked_by_all(self, seed: int) -> ProximityGraph:
        """Return the graph that `ProximityGraph.build` would make; only the first process may call this."""
        self._request(_Request.LINKS, seed)
        links, sampler = self._linked(seed), self._sampler
        return ProximityGraph(**vars(links), n_candidates=sampler.n_candidates, seed=seed, rules=sampler._rules)

    def finish(self) -> None:
        """Release the other processes from `serve`; only the first process may call this."""
        self._request(_Request.NOTHING)

    def serve(self) -> None:
        """Join in the operations that the first process asks for, until it calls `finish`."""
        while True:
            request, number = self.peers.sent(torch.empty(2, dtype=torch.int64, device="cpu")).tolist()
            if request == _Request.NOTHING:
                return
            if request == _Request.LINKS:
                self._linked(number)
            else:
                self._collected(np.empty(number, np.int64))

    def _request(self, what: _Request, number: int = 0) -> None:
        self.peers.sent(torch.tensor([what, number], device="cpu"))

    def _linked(self, seed: int) -> Links:
        sampler = self._sampler
        sizes = self.n, sampler.n_candidates, sampler.n_neighbors
        return link_shards(self.vectors, *sizes, seed, sampler._rules, self.peers)

    def _collected(self, indices: np.ndarray) -> torch.Tensor:
        """Send the rows of the first process's `indices` to it, ordered by the process that holds them."""
        indices = self.peers.sent(torch.from_numpy(indices.astype(np.int64))).numpy()
        nothing = [indices[:0]] * (self.peers.size - 1)
        return collected(self.vectors, [indices, *nothing], self.peers)[1]
