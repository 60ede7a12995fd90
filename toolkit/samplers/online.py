"""Samplers that follow the embeddings: warm-up, updates, refresh."""

import warnings
from abc import abstractmethod

import numpy as np

from toolkit import _checks
from toolkit.samplers.bank import EmbeddingBank
from toolkit.samplers.base import BatchSampler

_CHUNK = 65_536


class OnlineBatchSampler(BatchSampler):
    """Uniform batches until every embedding is known, then batches from an index that is rebuilt now and then.

    The index is rebuilt when it is `refresh_every` batches old, counted as they are yielded, and embeddings have
    changed since. DataLoader workers draw a few batches ahead, so that a rebuild then uses embeddings that
    are as many batches older.

    Raises
    ------
    TypeError, ValueError
        For `refresh_every` below 1 and `warmup_epochs` below 0.
    """

    def __init__(
        self, n: int, batch_size: int, drop_last: bool, refresh_every: int, warmup_epochs: int, seed: int
    ) -> None:
        super().__init__(n, batch_size, drop_last, seed)
        self.refresh_every = _checks.integer("refresh_every", refresh_every, 1)
        self.warmup_epochs = _checks.integer("warmup_epochs", warmup_epochs, 0)
        self.bank = EmbeddingBank(n)
        self._changed = False  # embeddings came in since the index was built
        self._age = 0  # batches yielded since then
        self._builds = 0

    @classmethod
    def from_embeddings(cls, embeddings, batch_size: int = 256, **settings):
        """Build the sampler for known embeddings (N, d): no warm-up. `update` may still change them.

        Raises
        ------
        ValueError
            For NaN, Inf or zero rows (the first are named), and for wrong settings.
        """
        settings.setdefault("warmup_epochs", 0)
        vectors = _checks.vectors(embeddings)
        _checks.norms(vectors)
        sampler = cls(len(vectors), batch_size, **settings)
        for rows in np.array_split(np.arange(len(vectors)), -(-len(vectors) // _CHUNK)):
            sampler.update(rows, vectors[rows[0] : rows[-1] + 1])
        sampler._refresh()
        return sampler

    @property
    def warming_up(self) -> bool:
        """Whether batches are still uniform."""
        return self._builds == 0 or self.epoch < self.warmup_epochs

    def update(self, indices, embeddings) -> None:
        """Store the embeddings that a training step computed.

        Parameters
        ----------
        indices : int array or tensor, shape (B,)
            Which instances, in [0, N).
        embeddings : array or tensor, shape (B, d)
            Any real dtype, any device; gradients are ignored, rows are normalised.

        Raises
        ------
        IndexError, TypeError, ValueError
            For an index out of range, and for NaN, Inf or zero rows.
        """
        self.bank.update(indices, embeddings)
        self._changed = True

    def _plan(self) -> None:
        due = self._builds == 0 or (self._outdated and self._age >= self.refresh_every)
        if due and self.epoch >= self.warmup_epochs and self.bank.complete:
            self._refresh()
            self._queue = self._draw(self._queue)
        elif len(self._queue) == 0:
            self._queue = self._draw_uniform() if self.warming_up else self._draw(self._queue)
        self._age += 1

    @property
    def _outdated(self) -> bool:
        """Whether a rebuild would give another index."""
        return self._changed

    def _refresh(self) -> None:
        """Rebuild the index from the bank as it is now."""
        self._build()
        self._builds += 1
        self._changed = False
        self._age = 0

    def _draw_uniform(self) -> np.ndarray:
        """Plan the whole epoch uniformly, instances without an embedding first."""
        if self.epoch >= max(self.warmup_epochs, 1) and not self.bank.known.any():
            warnings.warn(
                f"{type(self).__name__} is in epoch {self.epoch} and got no embeddings, so that its batches stay "
                "uniform: call sampler.update(indices, embeddings) in each training step",
                stacklevel=4,
            )
        order = self._rng().permutation(self.n)
        return order[np.argsort(self.bank.known[order], kind="stable")]

    def _chunk(self) -> range:
        """Return the numbers of the batches to plan at once."""
        return range(self._position, min(self._position + self.refresh_every, len(self)))

    @abstractmethod
    def _build(self) -> None:
        """Build the index from the bank."""

    @abstractmethod
    def _draw(self, planned: np.ndarray) -> np.ndarray:
        """Plan batches from the index; `planned` are those that it replaces (none at the start of an epoch)."""

    def state_dict(self) -> dict:
        """Return what is needed to go on in mid-epoch with the same batches, the embeddings included."""
        return super().state_dict() | {
            "bank": self.bank.state_dict(),
            "changed": self._changed,
            "age": self._age,
            "builds": self._builds,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on where `state_dict` was taken: the next iteration continues that epoch."""
        super().load_state_dict(state)
        self.bank.load_state_dict(state["bank"])
        self._changed, self._age, self._builds = state["changed"], state["age"], state["builds"]

    def _config(self) -> dict:
        return super()._config() | {
            "refresh_every": self.refresh_every,
            "warmup_epochs": self.warmup_epochs,
        }
