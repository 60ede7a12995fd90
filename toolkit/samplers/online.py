"""Samplers that follow the embeddings: warm-up, updates, refresh."""

import warnings
from abc import abstractmethod

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine.precision import full_precision
from toolkit.samplers.bank import EmbeddingBank
from toolkit.samplers.base import BatchSampler

DTYPES = {"float32": torch.float32, "float16": torch.float16}
_CHUNK = 65_536
_WRAP = "wrap the outermost data set in toolkit.datasets.Indexed, and pass the indices of each batch to `update`"
_NO_INDEX = f"the data set's items must begin with their index: {_WRAP}"


class OnlineBatchSampler(BatchSampler):
    """Uniform batches until every embedding is known, then batches from an index that is rebuilt regularly.

    The index is rebuilt when it is `refresh_every` batches old, counted as they are yielded, and embeddings have
    changed since. DataLoader workers draw a few batches ahead, so a rebuild then uses embeddings that
    are a few batches older. A subclass implements `_plan_batches`, and `_build` if it has an index.

    Raises
    ------
    TypeError, ValueError
        For `refresh_every` below 1, `warmup_epochs` or `skip` below 0, a `margin` that is not positive and an unknown
        `bank_dtype`.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        drop_last: bool,
        refresh_every: int,
        warmup_epochs: int,
        seed: int,
        groups=None,
        skip: int = 0,
        margin: float | None = None,
        bank_dtype: str = "float32",
    ) -> None:
        super().__init__(n, batch_size, drop_last, seed, groups)
        self.refresh_every = _checks.integer("refresh_every", refresh_every, 1)
        self.warmup_epochs = _checks.integer("warmup_epochs", warmup_epochs, 0)
        self.skip = _checks.integer("skip", skip, 0)
        self.margin = None if margin is None else _checks.number("margin", margin, "(0, inf)")
        self.bank_dtype = _checks.choice("bank_dtype", bank_dtype, tuple(DTYPES))
        self.bank = EmbeddingBank(self.n, DTYPES[bank_dtype])
        self._epoch_starts = -1, np.empty(0, np.int64)
        self._changed = False  # whether embeddings arrived since the index was built
        self._built_at = 0  # number of the batch for which the index was built, counted over all epochs
        self._builds = 0
        self._yielded: np.ndarray | None = np.zeros(self.n, bool)  # None after the warning, which is given once
        self._awaiting = False  # whether a batch was yielded since the last update

    @classmethod
    def from_embeddings(cls, embeddings, batch_size: int, *, targets=None, **settings) -> "OnlineBatchSampler":
        """Return a sampler for known embeddings (N, d): no warm-up. `update` may still change them.

        With `targets` (N, d), the embeddings are of queries.

        Raises
        ------
        TypeError, ValueError
            For NaN, Inf or zero rows (the first are named), and for wrong settings.
        """
        settings.setdefault("warmup_epochs", 0)
        sides = {"embeddings": embeddings} if targets is None else {"queries": embeddings, "targets": targets}
        vectors = [_checks.vectors(name, side) for name, side in sides.items()]
        for name, side in zip(sides, vectors, strict=True):
            _checks.norms(name, side)
            _checks.shape(name, side, tuple(vectors[0].shape), "that of the queries")
        n = _checks.integer(f"number of {next(iter(sides))}", len(vectors[0]), 2)
        sampler = cls(n, batch_size, **settings)
        for rows in np.array_split(np.arange(sampler.n), -(-sampler.n // _CHUNK)):
            sampler.update(rows, *(side[rows[0] : rows[-1] + 1] for side in vectors))
        with full_precision():
            sampler._refresh()
        return sampler

    @property
    def warming_up(self) -> bool:
        """Whether batches are still uniform."""
        return self._builds == 0 or self.epoch < self.warmup_epochs

    def _note(self, batch: np.ndarray) -> None:
        if self._yielded is not None:
            self._yielded[batch] = True
        self._awaiting = True

    def update(self, indices, embeddings, targets=None) -> None:
        """Store the embeddings that a training step computed, or newly encoded embeddings of any instances.

        Warns once if the indices of a step are not those that the sampler yielded.

        Parameters
        ----------
        indices : int array or tensor, shape (B,)
            Instances, in [0, N).
        embeddings : array or tensor, shape (B, d)
            Any real dtype, any device; gradients are ignored, rows are normalised. Of pairs, those of the queries.
        targets : array or tensor, shape (B, d), optional
            Embeddings of the queries' targets. The similarity of two pairs is then the mean of the cosines of each
            one's query with the other's target, which is what a symmetric loss sees.

        Raises
        ------
        IndexError, TypeError, ValueError
            For an index out of range, NaN, Inf or zero rows, and a `margin` without targets.
        """
        if self.margin is not None and targets is None:
            raise ValueError(
                f"margin needs pairs, got margin={self.margin} and update without targets: call update(index, queries, "
                "targets), or leave margin out"
            )
        rows = self.bank.update(indices, embeddings, targets, _NO_INDEX)
        step = self._awaiting and len(rows) <= self.batch_size
        if step and self._yielded is not None and not self._yielded[rows].all():
            strange = rows[~self._yielded[rows]]
            self._yielded = None
            warnings.warn(
                f"{type(self).__name__}.update got {len(strange)} of {len(rows)} indices that it did not yield, "
                f"such as {strange[:3].tolist()}: is this a Subset or ConcatDataset of indexed sets? If so, {_WRAP}",
                stacklevel=2,
            )
        self._awaiting = False
        self._changed = self._trained = True
        self._share()

    def _plan(self) -> None:
        age = abs(self._batch_number - self._built_at)  # it may go back, as by `set_epoch(0)`
        due = self._builds == 0 or (self._outdated and age >= self.refresh_every)
        if due and self.epoch >= self.warmup_epochs and self.bank.complete:
            self._refresh()
            self._queue = self._plan_batches(self._queue)
        elif len(self._queue) == 0:
            self._queue = self._plan_uniform() if self.warming_up else self._plan_batches(self._queue)

    @property
    def _batch_number(self) -> int:
        """Number of the next batch, counted over all epochs."""
        return self.epoch * len(self) + self._position

    @property
    def _outdated(self) -> bool:
        """Whether a rebuild would change the index."""
        return self._changed

    def _refresh(self) -> None:
        """Rebuild the index from the bank as it is now."""
        self._build()
        self._builds += 1
        self._changed = False
        self._built_at = self._batch_number

    def _plan_uniform(self) -> np.ndarray:
        """Plan the whole epoch uniformly, instances without an embedding first."""
        self._warn_of_gaps()
        order = self._rng().permutation(self.n)
        return self._cut(order[np.argsort(self.bank.known[order], kind="stable")])

    def _warn_of_gaps(self) -> None:
        """Warn if instances have no embedding although the epochs so far should have covered them."""
        missing = np.flatnonzero(~self.bank.known)
        # The first epoch leaves out N mod B instances; the second begins with them.
        remainder = self.n % self.batch_size if self.drop_last and self.epoch == 1 else 0
        if self.epoch < max(self.warmup_epochs, 1) or len(missing) <= remainder:
            return
        warnings.warn(
            f"{type(self).__name__} has no embedding of {len(missing)} of {self.n} instances, such as "
            f"{missing[:3].tolist()}, so batches stay uniform in epoch {self.epoch}. Usual causes: "
            "sampler.update(indices, embeddings) is not called in each training step; the data set returns other "
            f"indices (Subset, ConcatDataset); a collate_fn drops items; epochs end early. Remedy: {_WRAP}",
            stacklevel=6,
        )

    def _chunk(self) -> range:
        """Return the positions in this epoch of the batches to plan now."""
        return range(self._position, min(self._position + self.refresh_every, len(self)))

    def _starts(self, chunk: range) -> np.ndarray:
        """Return the first members of some of this epoch's batches, drawn without replacement."""
        epoch, starts = self._epoch_starts
        if epoch != self.epoch:
            starts = self._rng(1).permutation(self.n)[: len(self)].copy()
            self._epoch_starts = self.epoch, starts
        return starts[chunk.start : chunk.stop]

    def _build(self) -> None:
        """Build an index from the bank, if there is one."""

    @abstractmethod
    def _plan_batches(self, planned: np.ndarray) -> np.ndarray:
        """Return new batches, concatenated; they replace `planned`, which is empty at the start of an epoch."""

    def _state(self) -> dict:
        return super()._state() | {
            "bank": self.bank.state_dict(),
            "changed": self._changed,
            "built_at": self._built_at,
            "builds": self._builds,
        }

    def _parse(self, state: dict) -> dict:
        return super()._parse(state) | {
            "bank": self.bank.restored(state["bank"]),
            "_changed": bool(state["changed"]),
            "_built_at": _checks.integer("built_at", state["built_at"], 0),
            "_builds": _checks.integer("builds", state["builds"], 0),
        }
