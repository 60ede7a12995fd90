"""The embedding bank: the latest embedding of each instance."""

import numpy as np
import torch

from toolkit import _checks


class EmbeddingBank:
    """The latest embedding of each of `n` instances, normalised to length 1.

    Memory: 4 N d bytes, taken at the first update on the device of the embeddings, to which the bank moves.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.known = np.zeros(n, bool)
        self.vectors = torch.empty(n, 0)  # of no dimension until the first update

    def update(self, indices, embeddings, remedy: str = "") -> np.ndarray:
        """Store the embeddings (B, d) of the instances `indices` (B,), and return these, checked.

        An error about the indices ends with `remedy`.
        """
        rows = np.asarray(indices.cpu() if isinstance(indices, torch.Tensor) else indices)
        if not self._write_at_once(rows, embeddings):
            rows = _checks.indices("indices", rows, self.n, remedy)
            self._write(rows, embeddings)
        self.known[rows] = True
        return rows

    def _write(self, rows: np.ndarray, embeddings) -> None:
        vectors = _checks.vectors("embeddings", embeddings, rows=rows)
        norms = _checks.norms("embeddings", vectors, rows=rows)
        dim = self.vectors.shape[1] or vectors.shape[1]
        if vectors.shape[1] != dim:
            raise ValueError(f"embeddings must keep the dimension of the first update, {dim}, got {vectors.shape[1]}")
        # What inference mode allocates could not be written to outside it.
        with torch.inference_mode(False):
            if not self.vectors.shape[1]:
                self.vectors = torch.zeros(self.n, dim, dtype=torch.float32, device=vectors.device)
            self.vectors = self.vectors.to(vectors.device)
            self.vectors[rows] = (vectors / norms[:, None]).float()

    def _write_at_once(self, rows: np.ndarray, embeddings) -> bool:
        """Store ordinary embeddings by one compiled loop; return whether they were.

        In a training step each tensor operation, however small, takes longer than that.
        """
        from toolkit.engine.kernels import scatter_unit

        if not self.vectors.shape[1] or not isinstance(embeddings, torch.Tensor):
            return False
        vectors = embeddings.detach()
        ordinary = (
            rows.dtype == np.int64
            and vectors.dtype == torch.float32
            and vectors.device.type == self.vectors.device.type == "cpu"
            and vectors.is_contiguous()
            and vectors.shape == (*rows.shape, self.vectors.shape[1])
            and rows.ndim == 1
        )
        return ordinary and scatter_unit(vectors.numpy(), rows, self.vectors.numpy())

    @property
    def complete(self) -> bool:
        """Whether every instance has an embedding."""
        return bool(self.known.all())

    def state_dict(self) -> dict:
        """Return the vectors and which of them are known."""
        return {"vectors": self.vectors.to("cpu", copy=True), "known": torch.from_numpy(self.known.copy())}

    def load_state_dict(self, state: dict) -> None:
        """Take over the vectors of `state_dict`."""
        self.vectors = state["vectors"].clone()
        self.known = state["known"].numpy().copy()
