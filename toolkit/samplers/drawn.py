"""The batches of an epoch as they were drawn: loaders draw ahead of the training, and a resume repeats them."""

import numpy as np
import torch

from toolkit import _checks


class DrawnBatches:
    """The batches drawn so far in one epoch; they take 4 bytes per instance.

    Attributes
    ----------
    epoch : int
    count : int
        Number of batches.
    """

    def __init__(self, epoch: int, n_batches: int, batch_size: int) -> None:
        self.epoch, self.count = epoch, 0
        self._rows = np.full((n_batches, batch_size), -1, np.int32)

    def append(self, batch: np.ndarray) -> None:
        """Add the next batch (B,)."""
        self._rows[self.count, : len(batch)] = batch
        self.count += 1

    def __getitem__(self, position: int) -> np.ndarray:
        row = self._rows[position]
        return row[row >= 0].astype(np.int64)

    def state_dict(self) -> dict:
        """Return the batches; the array is shared, not copied."""
        return {"epoch": self.epoch, "count": self.count, "rows": torch.from_numpy(self._rows)}

    @classmethod
    def from_state(cls, state: dict, n: int, n_batches: int, batch_size: int) -> "DrawnBatches":
        """Return a copy of the batches in a state of `state_dict`, or raise unless they fit such an epoch."""
        drawn = cls(_checks.integer("epoch of the batches drawn", state["epoch"], 0), 0, batch_size)
        drawn.count = _checks.integer("number of batches drawn", state["count"], 0, n_batches)
        rows = state["rows"].numpy().copy()
        _checks.shape("batches drawn", rows, (n_batches, batch_size), "all of an epoch")
        if rows.dtype != np.int32:
            raise ValueError(f"batches drawn must be int32, got {rows.dtype}")
        _checks.indices("batches drawn", rows[rows != -1], n)
        empty = np.flatnonzero(~(rows[: drawn.count] >= 0).any(1))
        if len(empty):
            raise ValueError(f"batches drawn must have members, got none in batch {empty[0]}")
        drawn._rows = rows
        return drawn
