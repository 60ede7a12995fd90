"""Checks of arguments: which one, the value got, what is allowed."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import torch

MOST = 2**63 - 1  # what NumPy's integers hold
STREAM = "a stream has no indices, so it cannot have a batch sampler: load it into a map-style data set or a list"
_CHUNK = 65_536


def integer(name: str, value, low: int, high: int | None = None, remedy: str = "", most: int = MOST) -> int:
    """Return `value` as an int, or raise unless it is a whole number in [low, high], and at most `most`."""
    bounds = f"at least {low}" if high is None else f"between {low} and {high}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer {bounds}, got {value!r}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {bounds}, got {value}" + (f": {remedy}" if remedy else ""))
    if value > most:
        raise ValueError(f"{name} must be between {low} and {most}, got {value}")
    return int(value)


def seed(value) -> int:
    """Return the argument `seed` as an int, or raise unless it is a random seed, of at most 128 bits."""
    return integer("seed", value, 0, most=2**128)


def number(name: str, value, interval: str, remedy: str = "") -> float:
    """Return `value` as a float, or raise unless it is a real number in `interval`, such as ``"[0, 1)"``."""
    low, high = map(float, interval[1:-1].split(","))
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.complexfloating))
    real = real and not (isinstance(value, int) and abs(value) > sys.float_info.max)
    above = real and (value > low or (interval[0] == "[" and value == low))
    if not (above and (value < high or (interval[-1] == "]" and value == high))):
        raise (ValueError if real else TypeError)(
            f"{name} must be a number in {interval}, got {value!r}" + (f": {remedy}" if remedy else "")
        )
    return float(value)


def bounds(name: str, values, interval: str) -> tuple[float, float]:
    """Return a low and a high number, or raise unless `values` are two such numbers in `interval`."""
    found = [number(name, value, interval) for value in iterated(name, values, "two numbers, the lower one first")]
    if len(found) != 2 or found[0] > found[1]:
        raise ValueError(f"{name} must be two numbers, the lower one first, got {values!r}")
    return found[0], found[1]


def restart_probability(name: str, value) -> float:
    """Return `value` as a float, or raise unless it lies in [0, 1)."""
    return number(name, value, "[0, 1)", "a walk that always restarts never leaves its seed")


def choice(name: str, value, allowed: tuple[str, ...]) -> str:
    """Return the one of `allowed` that equals `value`, or raise if there is none."""
    try:
        known = value in set(allowed)
    except TypeError:  # not hashable
        known = False
    if not known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return allowed[allowed.index(value)]


def text(name: str, value) -> str:
    """Return `value`, or raise unless it is a str that can be written to a file."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{name} must be valid Unicode, got a lone surrogate (half a character) in {value!r}"
        ) from None
    return str(value)


def flag(name: str, value) -> bool:
    """Return `value` as a bool, or raise unless it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def function(name: str, value):
    """Return `value`, or raise unless it is None or can be called."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function or None, got {value!r}")
    return value


def listed(name: str, values, meaning: str) -> list:
    """Return `values` as a list, or raise unless they are several things, which `meaning` names."""
    return list(iterated(name, values, meaning))


def iterated(name: str, values, meaning: str) -> Iterator:
    """Return an iterator over `values`, or raise unless they are several things, which `meaning` names."""
    try:
        if isinstance(values, (str, bytes)):
            raise TypeError
        return iter(values)
    except TypeError:
        raise TypeError(f"{name} must be {meaning}, got {values!r}") from None


def array(name: str, values) -> np.ndarray:
    """Return `values` as an array in memory, or raise if they can't be one; dtype and shape may be any."""
    try:
        if isinstance(values, torch.Tensor):
            return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)
        plain = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        given, reason = type(values).__name__, str(error).splitlines()[0]
        raise TypeError(
            f"{name} must be an array of one shape and dtype, in memory, got a {given}: {reason}"
        ) from error
    if np.ma.is_masked(values):
        raise ValueError(f"{name} must not be masked, got {np.ma.count_masked(values)} masked entries: leave them out")
    return plain


def numbers(name: str, values) -> np.ndarray:
    """Return `values` as an array of real numbers, or raise; the shape may be any."""
    found = array(name, values)
    if found.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, got dtype {found.dtype}")
    return found


def class_numbers(name: str, values, n: int, meaning: str) -> np.ndarray:
    """Return `values` as an int64 array, shape (n,), or raise unless they are whole numbers, as classes are."""
    found = shape(name, array(name, values), (n,), meaning)
    if found.dtype.kind not in "iub" or (n and found.max() > np.iinfo(np.int64).max):
        raise TypeError(f"{name} must be class numbers, 0, 1, ..., got dtype {found.dtype}")
    return found.astype(np.int64)


def length(name: str, values) -> int:
    """Return the number of values, or raise if they have none."""
    try:
        return len(values)
    except TypeError:
        raise TypeError(f"{name} must be several values, got {values!r}") from None


def size(name: str, value) -> int:
    """Return the number of instances: `value` itself, or the length of a data set."""
    if isinstance(value, torch.utils.data.IterableDataset):
        raise TypeError(f"{name} must be an integer or a map-style data set, got {type(value).__name__}: {STREAM}")
    with suppress(TypeError):  # numbers have none, 0-d arrays included
        value = len(value)
    return integer(name, value, 2)


def indices(name: str, values, n: int, remedy: str = "") -> np.ndarray:
    """Return `values` as a 1-D int64 array, or raise unless all lie in [0, n)."""
    remedy = f": {remedy}" if remedy else ""
    found = array(name, values)
    if found.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {tuple(found.shape)}{remedy}")
    if not len(found):
        return np.empty(0, np.int64)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {found.dtype}{remedy}")
    if found.min() < 0 or found.max() >= n:
        outside = found[(found < 0) | (found >= n)]
        raise IndexError(f"{name} must lie in [0, {n}), got {outside[0]} ({len(outside)} out of range){remedy}")
    return found.astype(np.int64)


def vectors(name: str, values, rows=None) -> torch.Tensor:
    """Return `values` (N, d) as a tensor that shares their memory where it can, or raise on a wrong shape or dtype.

    With `rows`, there must be as many.
    """
    if isinstance(values, torch.Tensor):
        tensor = dense(name, values).detach()
    else:
        rows_given = array(name, values)
        if rows_given.dtype.kind not in "fiub":
            raise TypeError(f"{name} must be real numbers, got dtype {rows_given.dtype}")
        tensor = _tensor(rows_given)
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()  # numpy has none
    if tensor.ndim != 2 or tensor.shape[1] == 0:
        raise ValueError(f"{name} must have shape (N, d) with d >= 1, got {tuple(tensor.shape)}")
    if rows is not None and len(rows) != len(tensor):
        raise ValueError(f"{name} must have one row per index ({len(rows)}), got {len(tensor)}")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must be real numbers, got dtype {tensor.dtype}")
    return tensor


def float_tensor(name: str, value) -> torch.Tensor:
    """Return `value`, or raise unless it is a dense float tensor."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        given = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a float tensor, got {given}")
    return dense(name, value)


def dense(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor, or raise unless it is dense, in memory, and of a dtype that can be computed with."""
    if tensor.layout is not torch.strided or tensor.is_meta:
        where = "on the meta device" if tensor.is_meta else f"of layout {tensor.layout}"
        raise TypeError(f"{name} must be a dense tensor in memory, got one {where}: call to_dense() on a sparse one")
    if tensor.is_floating_point() and tensor.dtype.itemsize < 2:
        raise TypeError(f"{name} must be of float16, bfloat16, float32 or float64, got dtype {tensor.dtype}")
    return tensor


def _tensor(array: np.ndarray) -> torch.Tensor:
    """Return a tensor that shares an array's memory where it can."""
    if array.dtype.itemsize > 8 or (array.dtype.kind == "u" and array.dtype.itemsize > 1):
        array = array.astype(np.float64)  # torch has no long doubles, and hardly computes with large unsigned integers
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))  # torch knows no other byte order
    if any(stride < 0 for stride in array.strides):
        array = array.copy()  # torch knows no negative strides
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor does anyone write
        return torch.from_numpy(array)


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


def sides(name: str, first, other: str, second) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return two sides of the same shape, or one and None, as `embeddings` on the CPU."""
    one, two = embeddings(name, first).cpu(), None if second is None else embeddings(other, second).cpu()
    return one, None if two is None else shape(other, two, tuple(one.shape), f"that of the {name}")


def shape(name: str, array, expected: tuple[int, ...], meaning: str):
    """Return `array`, or raise unless it has the shape `expected`, which `meaning` explains."""
    if tuple(array.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, {meaning}, got {tuple(array.shape)}")
    return array


def labels(name: str, values, n: int) -> np.ndarray:
    """Return the class of each instance as a 1-D int64 array of codes 0, 1, ..., or raise on a wrong shape.

    Instances without a label (None, NaN, NaT, -1) have the code -1. Labels that are such codes are not sorted again.
    """
    return classes(name, values, n)[0]


def classes(name: str, values, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of `labels`, and the label that each code stands for."""
    found = shape(name, _plain(name, values), (n,), "one per instance")
    if n and found.dtype.kind in "iu" and found.min() >= -1 and found.max() < n:
        counts = np.bincount(found.astype(np.int64, copy=False) + 1)[1:]
        if counts.all():
            return found.astype(np.int64, copy=False), np.arange(len(counts))
    known = _known(name, found)
    codes = np.full(n, -1, np.int64)
    try:
        names, codes[known] = np.unique(found[known], return_inverse=True)
    except TypeError as error:
        raise TypeError(f"{name} must be labels that can be sorted, got dtype {found.dtype}: {error}") from error
    return codes, names


def _plain(name: str, values) -> np.ndarray:
    """Return labels as an array; a list of texts and None or NaN as objects, of which NumPy would make texts."""
    found = array(name, values)
    return np.asarray(values, object) if found.dtype.kind in "US" and isinstance(values, Sequence) else found


def _known(name: str, array: np.ndarray) -> np.ndarray:
    """Return which instances have a label, or raise if labels are of several kinds."""
    if array.dtype.kind in "iu":
        return array != -1
    if array.dtype.kind == "f":
        return ~np.isnan(array) & (array != -1)
    if array.dtype.kind != "O":
        return ~np.isnat(array) if array.dtype.kind in "mM" else np.ones(len(array), bool)
    import pandas as pd

    known = ~pd.isna(array)
    kinds = {type(label) for label in array[known]}
    if len(kinds) > 1 and not all(issubclass(kind, (int, float, np.number)) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"{name} must all have one type (or None or NaN where one is missing), got {names}")
    known[known] = array[known] != -1
    return known


def batches(name: str, values, n: int) -> list[np.ndarray]:
    """Return `values` as a list of index arrays, or raise unless each has two or more indices in [0, n)."""
    arrays = [indices(name, batch, n) for batch in listed(name, values, "batches of indices")]
    if not arrays:
        raise ValueError(f"{name} must hold at least one batch, got none")
    short = min(map(len, arrays))
    if short < 2:
        raise ValueError(f"{name} must hold at least 2 instances each, got one with {short}")
    if any(len(np.unique(array)) < len(array) for array in arrays):
        raise ValueError(f"{name} must hold distinct instances, got one with an instance twice")
    return arrays
