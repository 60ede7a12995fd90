"""Checks of arguments: which one, the value got, what is allowed."""

import numpy as np
import torch


def integer(name: str, value, low: int, high: int | None = None, remedy: str = "") -> int:
    """Return `value` as an int, or raise unless it is a whole number in [low, high]."""
    bounds = f"at least {low}" if high is None else f"between {low} and {high}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer {bounds}, got {value!r}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {bounds}, got {value}" + (f": {remedy}" if remedy else ""))
    return int(value)


def restart_probability(value, name: str = "restart") -> float:
    """Return `value` as a float, or raise unless it lies in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value < 1:
        raise ValueError(
            f"{name} must be a number in [0, 1), got {value!r}: a walk that always restarts never leaves its seed"
        )
    return float(value)


def choice(name: str, value, allowed: tuple[str, ...]) -> str:
    """Return `value`, or raise unless it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def indices(name: str, values, n: int) -> np.ndarray:
    """Return `values` as a 1-D int64 array, or raise unless all lie in [0, n)."""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {tuple(array.shape)}")
    if len(array) and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    outside = array[(array < 0) | (array >= n)]
    if len(outside):
        raise IndexError(f"{name} must lie in [0, {n}), got {outside[0]} ({len(outside)} out of range)")
    return array.astype(np.int64)


def embeddings(values, name: str = "embeddings", rows=None) -> torch.Tensor:
    """Return `values` (N, d) as float32 rows of length 1, or raise on a wrong shape, NaN, Inf or zero rows.

    Float32 rows of length 1 are returned as they are, without a copy. `rows` are the numbers by which to name bad
    rows, by default their positions.
    """
    # torch shares no memory with read-only arrays or negative strides: those are copied.
    array = values.detach() if isinstance(values, torch.Tensor) else torch.from_numpy(np.require(values, None, "CW"))
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must have shape (N, d) with d >= 1, got {tuple(array.shape)}")
    if rows is not None and len(rows) != len(array):
        raise ValueError(f"{name} must have one row per index ({len(rows)}), got {len(array)}")
    if array.is_complex() or array.dtype == torch.bool:
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.dtype != torch.float64:
        array = array.float()
    norms = torch.linalg.vector_norm(array, dim=1)
    odd = ~((norms > 1e-15) & (norms < 1e15))
    if odd.any():
        # Not bad yet: squares of very small or large entries vanish or overflow.
        scale = array[odd].abs().amax(1, keepdim=True)
        bad = ~torch.isfinite(scale[:, 0]) | (scale[:, 0] == 0)
        if bad.any():
            where = torch.nonzero(odd)[:, 0][bad].cpu().numpy()
            named = (where if rows is None else np.asarray(rows)[where])[:5].tolist()
            raise ValueError(
                f"{name} must be finite and not all zero in every row, got {len(where)} bad row(s), first {named}: "
                "check for NaN, Inf or zero vectors (a diverged model, an empty input)"
            )
        array = array.clone()
        array[odd] /= scale
        norms = torch.linalg.vector_norm(array, dim=1)
    if ((norms - 1).abs() < 1e-6).all():
        return array.float()
    return (array / norms[:, None]).float()


def shape(name: str, array, expected: tuple[int, ...], meaning: str):
    """Return `array`, or raise unless it has the shape `expected`, which `meaning` explains."""
    if tuple(array.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, {meaning}, got {tuple(array.shape)}")
    return array


def labels(values, n: int, name: str = "labels") -> np.ndarray:
    """Return one class label per instance as a 1-D array of codes 0, 1, ..., or raise on a wrong shape."""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    return np.unique(shape(name, array, (n,), "one per instance"), return_inverse=True)[1]


def batches(values, n: int) -> list[np.ndarray]:
    """Return `values` as a list of index arrays, or raise unless each has two or more indices in [0, n)."""
    arrays = [indices("batches", batch, n) for batch in values]
    if not arrays:
        raise ValueError("batches must hold at least one batch, got none")
    short = min(map(len, arrays))
    if short < 2:
        raise ValueError(f"batches must hold at least 2 instances each, got one with {short}")
    if any(len(np.unique(array)) < len(array) for array in arrays):
        raise ValueError("batches must hold distinct instances, got one with an instance twice")
    return arrays
