"""Checks of arguments: which one, the value got, what is allowed."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch

_CHUNK = 65_536


def integer(name: str, value, low: int, high: int | None = None, remedy: str = "") -> int:
    """Return `value` as an int, or raise unless it is a whole number in [low, high]."""
    bounds = f"at least {low}" if high is None else f"between {low} and {high}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer {bounds}, got {value!r}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {bounds}, got {value}" + (f": {remedy}" if remedy else ""))
    return int(value)


def number(name: str, value, interval: str, remedy: str = "") -> float:
    """Return `value` as a float, or raise unless it is a real number in `interval`, such as ``"[0, 1)"``."""
    low, high = map(float, interval[1:-1].split(","))
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.complexfloating))
    above = real and (value > low or (interval[0] == "[" and value == low))
    if not (above and (value < high or (interval[-1] == "]" and value == high))):
        raise (ValueError if real else TypeError)(
            f"{name} must be a number in {interval}, got {value!r}" + (f": {remedy}" if remedy else "")
        )
    return float(value)


def restart_probability(name: str, value) -> float:
    """Return `value` as a float, or raise unless it lies in [0, 1)."""
    return number(name, value, "[0, 1)", "a walk that always restarts never leaves its seed")


def choice(name: str, value, allowed: tuple[str, ...]) -> str:
    """Return `value`, or raise unless it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def size(name: str, value) -> int:
    """Return the number of instances: `value` itself, or the length of a data set."""
    return integer(name, len(value) if hasattr(value, "__len__") else value, 2)


def indices(name: str, values, n: int, remedy: str = "") -> np.ndarray:
    """Return `values` as a 1-D int64 array, or raise unless all lie in [0, n)."""
    remedy = f": {remedy}" if remedy else ""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {tuple(array.shape)}{remedy}")
    if not len(array):
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}{remedy}")
    if array.min() < 0 or array.max() >= n:
        outside = array[(array < 0) | (array >= n)]
        raise IndexError(f"{name} must lie in [0, {n}), got {outside[0]} ({len(outside)} out of range){remedy}")
    return array.astype(np.int64)


def vectors(name: str, values, rows=None) -> torch.Tensor:
    """Return `values` (N, d) as a tensor that shares their memory where it can, or raise on a wrong shape or dtype.

    With `rows`, there must be as many.
    """
    if isinstance(values, torch.Tensor):
        tensor = values.detach()
    else:
        array = np.asarray(values)
        if array.dtype.kind not in "fiucb":
            raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))  # torch knows no other byte order
        if any(stride < 0 for stride in array.strides):
            array = array.copy()  # torch knows no negative strides
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor does anyone write
            tensor = torch.from_numpy(array)
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()  # numpy has none
    if tensor.ndim != 2 or tensor.shape[1] == 0:
        raise ValueError(f"{name} must have shape (N, d) with d >= 1, got {tuple(tensor.shape)}")
    if rows is not None and len(rows) != len(tensor):
        raise ValueError(f"{name} must have one row per index ({len(rows)}), got {len(tensor)}")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must be real numbers, got dtype {tensor.dtype}")
    return tensor


def norms(name: str, tensor: torch.Tensor, rows=None) -> torch.Tensor:
    """Return the norm of each row, or raise on NaN, Inf or zero rows.

    `rows` are the numbers by which to name bad rows, by default their positions. Takes little memory.
    """
    result = torch.cat([torch.linalg.vector_norm(_floating(part), dim=1) for part in tensor.split(_CHUNK)])
    low, high = torch.aminmax(result) if len(result) else (1, 1)
    if low > 1e-15 and high < 1e15:
        return result
    # Not bad yet: squares of very small or large entries vanish or overflow.
    odd = torch.nonzero(~((result > 1e-15) & (result < 1e15)))[:, 0]
    exact = tensor[odd].double()
    scale = exact.abs().amax(1)
    exact = torch.linalg.vector_norm(exact / scale[:, None], dim=1) * scale
    bad = ~torch.isfinite(1 / exact) | ~torch.isfinite(exact)
    if bad.any():
        where = odd[bad].cpu().numpy()
        named = np.unique(where if rows is None else np.asarray(rows)[where])
        raise ValueError(
            f"{name} must be finite and not all zero in every row, got {len(named)} bad row(s), "
            f"first {named[:5].tolist()}: "
            "check for NaN, Inf or zero vectors (a diverged model, an empty input)"
        )
    result = result.double()
    result[odd] = exact
    return result


def _floating(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def embeddings(name: str, values, rows=None) -> torch.Tensor:
    """Return `values` (N, d) as float32 rows of length 1, or raise on a wrong shape, NaN, Inf or zero rows.

    Float32 rows of length 1 are returned as they are, without a copy. `rows` are the numbers by which to name bad
    rows, by default their positions.
    """
    tensor = vectors(name, values, rows)
    lengths = norms(name, tensor, rows)
    if tensor.dtype == torch.float32 and len(tensor):
        low, high = torch.aminmax(lengths)
        if 1 - low < 1e-6 and high - 1 < 1e-6:
            return tensor
    return (_floating(tensor) / lengths[:, None]).float()


def shape(name: str, array, expected: tuple[int, ...], meaning: str):
    """Return `array`, or raise unless it has the shape `expected`, which `meaning` explains."""
    if tuple(array.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, {meaning}, got {tuple(array.shape)}")
    return array


def labels(name: str, values, n: int) -> np.ndarray:
    """Return the class of each instance as a 1-D int64 array of codes 0, 1, ..., or raise on a wrong shape.

    Instances without a label (None, NaN, -1) have the code -1. Labels that are such codes already are not sorted again.
    """
    return classes(name, values, n)[0]


def classes(name: str, values, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of `labels`, and the label that each code stands for."""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else _plain(values)
    array = shape(name, array, (n,), "one per instance")
    if n and array.dtype.kind in "iu" and array.min() >= -1 and array.max() < n:
        counts = np.bincount(array.astype(np.int64, copy=False) + 1)[1:]
        if counts.all():
            return array.astype(np.int64, copy=False), np.arange(len(counts))
    known = _known(name, array)
    codes = np.full(n, -1, np.int64)
    found, codes[known] = np.unique(array[known], return_inverse=True)
    return codes, found


def _plain(values) -> np.ndarray:
    """Return labels as an array; a list of texts and None or NaN as objects, of which NumPy would make texts."""
    array = np.asarray(values)
    return np.asarray(values, object) if array.dtype.kind in "US" and isinstance(values, Sequence) else array


def _known(name: str, array: np.ndarray) -> np.ndarray:
    """Return which instances have a label, or raise if labels are of several kinds."""
    if array.dtype.kind in "iu":
        return array != -1
    if array.dtype.kind == "f":
        return ~np.isnan(array) & (array != -1)
    if array.dtype.kind != "O":
        return np.ones(len(array), bool)
    import pandas as pd

    known = ~pd.isna(array)
    kinds = {type(label) for label in array[known]}
    if len(kinds) > 1 and not all(issubclass(kind, (int, float, np.number)) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"{name} must be of one kind, or None or NaN where there is none, got {names}")
    known[known] = array[known] != -1
    return known


def batches(name: str, values, n: int) -> list[np.ndarray]:
    """Return `values` as a list of index arrays, or raise unless each has two or more indices in [0, n)."""
    arrays = [indices(name, batch, n) for batch in values]
    if not arrays:
        raise ValueError(f"{name} must hold at least one batch, got none")
    short = min(map(len, arrays))
    if short < 2:
        raise ValueError(f"{name} must hold at least 2 instances each, got one with {short}")
    if any(len(np.unique(array)) < len(array) for array in arrays):
        raise ValueError(f"{name} must hold distinct instances, got one with an instance twice")
    return arrays
