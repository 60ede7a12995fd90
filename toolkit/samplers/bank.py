"""The embedding bank: the latest embedding of each instance."""

import copy

import numpy as np
import torch

from toolkit import _checks


class EmbeddingBank:
    """The latest embedding of each of `n` instances, normalised to length 1.

    For pairs it holds both sides: each row is a query followed by its target, as from `toolkit.proximity.join_pairs`.
    It needs 4 N d bytes (8 N d for pairs), half of that in float16. They are allocated at the first update, on the
    device of the embeddings.

    Attributes
    ----------
    vectors : float32 or float16 tensor, shape (N, d)
        The embeddings; d is 0 until the first update.
    known : bool array, shape (N,)
        Which instances have an embedding.
    paired : bool
        Whether the embeddings are those of pairs.
    """

    def __init__(self, n: int, dtype: torch.dtype = torch.float32) -> None:
        self.n = n
        self.known = np.zeros(n, bool)
        self.vectors = torch.empty(n, 0, dtype=dtype, device="cpu")  # whatever torch's default device is
        self.paired = False

    def update(self, indices, embeddings, targets=None, remedy: str = "") -> np.ndarray:
        """Store the embeddings (B, d) of the instances `indices` (B,), and return these, checked.

        With `targets` (B, d), the embeddings are of queries. An error about the indices ends with `remedy`.
        """
        rows = _checks.array("indices", indices)
        sides = (embeddings,) if targets is None else (embeddings, targets)
        if not self._write_at_once(rows, *sides):
            rows = _checks.indices("indices", rows, self.n, remedy)
            self._write(rows, *sides)
        self.known[rows] = True
        return rows

    def _write(self, rows: np.ndarray, *sides) -> None:
        names = ("embeddings",) if len(sides) == 1 else ("queries", "targets")
        checked = [_checks.vectors(name, side, rows=rows) for name, side in zip(names, sides, strict=True)]
        norms = [_checks.norms(name, side, rows=rows) for name, side in zip(names, checked, strict=True)]
        paired, width = len(sides) > 1, checked[0].shape[1]
        if paired:
            _checks.shape("targets", checked[1], tuple(checked[0].shape), "that of the queries")
        if self.vectors.shape[1] and paired != self.paired:
            kinds = "one embedding", "a query and a target"
            raise ValueError(
                f"update must get the same as in its first call, {kinds[self.paired]} per instance, got {kinds[paired]}"
            )
        dim = self.vectors.shape[1] // len(sides) or width
        if width != dim:
            raise ValueError(f"{names[0]} must keep the dimension of the first update, {dim}, got {width}")
        with torch.inference_mode(False):  # also for what is moved to another device
            device = checked[0].device
            if not self.vectors.shape[1]:
                self.vectors, self.paired = self._empty(dim * len(sides), device), paired
            self.vectors = self.vectors.to(device)
            for first, side, norm in zip((0, dim), checked, norms, strict=False):
                scaled = side.to(device) / (norm.to(device)[:, None] * len(sides) ** 0.5)
                self.vectors[rows, first : first + dim] = scaled.to(self.vectors.dtype)

    def _write_at_once(self, rows: np.ndarray, *sides) -> bool:
        """Store plain float32 embeddings in memory by one compiled loop; return False for all others.

        In a training step, the loop takes less time than a single small tensor operation.
        """
        from toolkit.engine.kernels import scatter_pairs, scatter_unit

        paired, is_first = len(sides) > 1, not self.vectors.shape[1]
        width = np.shape(sides[0])[-1] if is_first and np.ndim(sides[0]) else self.vectors.shape[1] // len(sides)
        shape = *rows.shape, width
        ordinary = (
            rows.dtype == np.int64
            and rows.ndim == 1
            and width > 0
            and (is_first or self.paired == paired)
            and self.vectors.device.type == "cpu"
            and self.vectors.dtype == torch.float32
            and all(_is_plain(side, shape) for side in sides)
        )
        if not ordinary:
            return False
        vectors = self._empty(width * len(sides), self.vectors.device) if is_first else self.vectors
        scatter = scatter_pairs if paired else scatter_unit
        written = scatter(*(side.detach().numpy() for side in sides), rows, vectors.numpy())
        if written:
            self.vectors, self.paired = vectors, paired
        return written

    def _empty(self, width: int, device: torch.device) -> torch.Tensor:
        # A tensor allocated in inference mode could not be written to outside of it.
        with torch.inference_mode(False):
            return torch.zeros(len(self.vectors), width, dtype=self.vectors.dtype, device=device)

    @property
    def whole(self) -> bool:
        """Whether the embeddings of all instances lie in this process."""
        return len(self.vectors) == self.n

    def rows(self, indices: np.ndarray) -> torch.Tensor:
        """Return the embeddings of some instances, in memory."""
        return self.vectors.index_select(0, torch.from_numpy(indices).to(self.vectors.device)).cpu()

    @property
    def complete(self) -> bool:
        """Whether every instance has an embedding."""
        return bool(self.known.all())

    def state_dict(self) -> dict:
        """Return the vectors, which of them are known, and whether they are of pairs; both arrays are shared."""
        state = {"vectors": self.vectors, "known": torch.from_numpy(self.known), "paired": self.paired}
        return state | {"device": str(self.vectors.device)}

    def restored(self, state: dict) -> "EmbeddingBank":
        """Return the bank of `state_dict`, or raise unless it is of as many instances as this one and of its dtype."""
        bank = copy.copy(self)
        # On another device, a graph built before the next update would differ in its last digits.
        on_gpu = torch.cuda.is_available() and str(state.get("device")).startswith("cuda")
        vectors, known = state["vectors"].to("cuda" if on_gpu else "cpu", copy=True), state["known"].numpy().copy()
        _checks.shape("vectors", vectors, (len(self.vectors), vectors.shape[1]), "one row per instance")
        _checks.shape("known", known, (self.n,), "one per instance")
        if vectors.dtype != self.vectors.dtype or known.dtype != bool or not vectors.isfinite().all():
            raise ValueError(f"the bank's vectors must be finite {self.vectors.dtype}, and known must be bool")
        bank.vectors, bank.known, bank.paired = vectors, known, bool(state.get("paired", False))
        return bank


def _is_plain(values, shape: tuple[int, ...]) -> bool:
    """Return whether `values` are contiguous float32 in memory, of that shape."""
    return (
        isinstance(values, torch.Tensor)
        and values.dtype == torch.float32
        and values.device.type == "cpu"
        and values.shape == shape
        and values.is_contiguous()
    )
