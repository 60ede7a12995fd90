"""The embedding bank: the latest embedding of each instance."""

import numpy as np
import torch

from toolkit import _checks


class EmbeddingBank:
    """The latest embedding of each of `n` instances, normalised to length 1.

    Memory: 4 N d bytes, taken at the first update.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.known = np.zeros(n, bool)
        self.vectors: torch.Tensor | None = None

    def update(self, indices, embeddings) -> None:
        """Store the embeddings (B, d) of the instances `indices` (B,)."""
        indices = _checks.indices("indices", indices, self.n)
        vectors = _checks.embeddings(embeddings, rows=indices).cpu()
        if self.vectors is None:
            self.vectors = torch.zeros(self.n, vectors.shape[1])
        if vectors.shape[1] != self.vectors.shape[1]:
            raise ValueError(
                f"embeddings must keep the dimension of the first update, {self.vectors.shape[1]}, "
                f"got {vectors.shape[1]}"
            )
        self.vectors[indices] = vectors
        self.known[indices] = True

    @property
    def complete(self) -> bool:
        """Whether every instance has an embedding."""
        return bool(self.known.all())

    def state_dict(self) -> dict:
        """Return the vectors and which of them are known."""
        vectors = None if self.vectors is None else self.vectors.clone()
        return {"vectors": vectors, "known": torch.from_numpy(self.known.copy())}

    def load_state_dict(self, state: dict) -> None:
        """Take over the vectors of `state_dict`."""
        self.vectors = None if state["vectors"] is None else state["vectors"].clone()
        self.known = state["known"].numpy().copy()
