"""Samplers whose batches are read off an order in which similar instances are next to each other."""

from abc import abstractmethod
from functools import partial

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine import threads
from toolkit.engine.rules import Groups, Rules
from toolkit.engine.walking import cut_in_order
from toolkit.samplers.bank import EmbeddingBank
from toolkit.samplers.online import DTYPES, OnlineBatchSampler
from toolkit.samplers.pending import Pending


class PlannedBatchSampler(OnlineBatchSampler):
    """Batches of consecutive instances of an order that follows from the embeddings; each instance once an epoch.

    The order is computed when an epoch begins, and again for the instances that are left when it is `refresh_every`
    batches old and embeddings have changed since. With ``refresh="background"`` a thread computes it from a copy of the
    embeddings while batches of the old one go on, and it takes over `refresh_every` batches later or when the next
    epoch begins. A subclass writes `_arrange`.

    Raises
    ------
    TypeError, ValueError
        For an unknown `refresh`, and as `OnlineBatchSampler`.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        drop_last: bool,
        refresh_every: int,
        refresh: str,
        warmup_epochs: int,
        seed: int,
        groups=None,
        skip: int = 0,
        bank_dtype: str = "float32",
    ) -> None:
        self.refresh = _checks.choice("refresh", refresh, ("blocking", "background"))
        super().__init__(n, batch_size, drop_last, refresh_every, warmup_epochs, seed, groups, skip, None, bank_dtype)
        self._asked = False  # whether to start a new order with this batch
        self._next_rows, self._next_size = np.empty(0, np.int64), 1  # instances and block size of the next order
        self._next_order: Pending | None = None

    @abstractmethod
    def _arrange(self, unit: np.ndarray, block_size: int, rules: Rules, rng: np.random.Generator) -> np.ndarray:
        """Return an order of instances whose float32 unit rows (n, d), already shuffled, are `unit`.

        It may run in another thread, so it must depend on nothing but its arguments and the sampler's settings.
        """

    def _block_size(self) -> int:
        """Return how many consecutive instances stay together; batches are filled with random blocks."""
        return self.batch_size

    def _build(self) -> None:
        self._asked = self.refresh == "background" and self._changed

    @property
    def _outdated(self) -> bool:
        return self._changed or self._next_order is not None

    def _plan_batches(self, planned: np.ndarray) -> np.ndarray:
        ready, self._next_order = self._next_order, None
        left = planned[planned >= 0]
        if ready is not None and self._awaits(left):
            queue = self._read_off(ready.result(), len(planned))
        elif self.refresh == "background" and len(planned):
            queue = planned
        else:
            rng = self._rng(3, self._position)
            rows = self._chosen_rows(left, rng)
            vectors, seed = self.bank.vectors[rows], int(rng.integers(2**63))
            order = self._ordered(rows, self._block_size(), self.bank.paired, vectors, seed)
            queue = self._read_off(order, len(planned))
            self._asked, self._changed, self._built_at = False, False, self._batch_number
        if self._asked:
            self._asked = False
            self._ask(queue)
        return queue

    def _awaits(self, left: np.ndarray) -> bool:
        """Return whether the next order covers exactly the instances that are left, or an epoch if none are left."""
        if len(left) == 0:
            return len(self._next_rows) == min(self.n, len(self) * self.batch_size)
        return np.array_equal(np.sort(self._next_rows), np.sort(left))

    def _chosen_rows(self, left: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the instances to plan, shuffled: those left or, at the start of an epoch, as many as it holds."""
        return rng.permutation(left if len(left) else self.n)[: (len(self) - self._position) * self.batch_size]

    def _ask(self, queue: np.ndarray) -> None:
        """Start a thread that orders what will be left of `queue` when it is due, or else the next epoch."""
        rng = self._rng(5, self._position)
        left = queue[self.refresh_every * self.batch_size :]
        rows = rng.permutation(left[left >= 0] if len(left) else self.n)
        self._next_rows = rows if len(left) else rows[: len(self) * self.batch_size]
        vectors, seed = self.bank.vectors[self._next_rows], int(rng.integers(2**63))
        self._next_size = self._block_size()
        self._next_order = self._pending(self._next_rows, self._next_size, self.bank.paired, vectors, seed)
        self._next_order.start()

    def _pending(self, rows: np.ndarray, block_size: int, paired: bool, vectors: torch.Tensor, seed: int) -> Pending:
        """Return a pending order of `rows`; it uses one thread, so that training keeps the other cores."""
        return Pending(partial(_alone, self._ordered, rows, block_size, paired), vectors, seed)

    def _ordered(self, rows: np.ndarray, block_size: int, paired: bool, vectors: torch.Tensor, seed: int) -> np.ndarray:
        """Return the instances `rows` in the order that `_arrange` gives them."""
        groups = None if self.groups is None else Groups(self.groups.codes[rows])
        unit = np.ascontiguousarray(vectors.cpu().float().numpy())
        return rows[self._arrange(unit, block_size, Rules(paired, groups, self.skip), np.random.default_rng(seed))]

    def _read_off(self, order: np.ndarray, n_places: int) -> np.ndarray:
        """Return the batches of an order, shuffled and concatenated; -1 where no instance could be placed."""
        rng = self._rng(4, self._position)
        queue = _shuffled_blocks(order, self._block_size(), rng)
        if self.groups is not None:
            queue = cut_in_order(queue, self.batch_size, n_places or len(queue), self.groups)
        return _shuffled_blocks(queue, self.batch_size, rng)

    def _state(self) -> dict:
        places = {"rows": torch.from_numpy(self._next_rows), "block_size": self._next_size}
        coming = None if self._next_order is None else places | self._next_order.state_dict()
        return super()._state() | {"next_order": coming}

    def _parse(self, state: dict) -> dict:
        parts, coming = super()._parse(state), state["next_order"]
        rows, size, pending = np.empty(0, np.int64), 1, None
        if coming is not None:
            rows = _checks.indices("instances of the next order", coming["rows"].numpy().copy(), self.n)
            known = torch.ones(len(rows), dtype=torch.bool, device="cpu")
            given = {"vectors": coming["vectors"], "known": known}
            vectors = EmbeddingBank(len(rows), DTYPES[self.bank_dtype]).restored(given).vectors
            bank, size = parts["bank"], _checks.integer("block_size", coming["block_size"], 1, self.n)
            _checks.shape("vectors of the next order", vectors, (len(rows), bank.vectors.shape[1]), "those of the bank")
            pending = self._pending(rows, size, bank.paired, vectors, _checks.seed(coming["seed"]))
        return parts | {"_next_rows": rows, "_next_size": size, "_next_order": pending}


def _shuffled_blocks(order: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return an order with its blocks of `size` shuffled; a smaller block at the end stays there."""
    whole = len(order) // size * size
    return np.concatenate([rng.permutation(order[:whole].reshape(-1, size)).ravel(), order[whole:]])


def _alone(work, *arguments):
    """Return the result of `work`, computed on one thread."""
    results = []
    threads.run(lambda: results.append(work(*arguments)), 1)
    return results[0]
