"""Arguments as people and programs really pass them: odd forms of a right value, and wrong ones."""

import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import torch

NAN, INF = float("nan"), float("inf")

# Wrong nearly everywhere, whatever is asked for.
ANYTHING: dict[str, Callable] = {
    "None": lambda: None,
    "object": object,
    "text": lambda: "x",
    "empty text": lambda: "",
    "bytes": lambda: b"x",
    "True": lambda: True,
    "False": lambda: False,
    "numpy True": lambda: np.True_,
    "0": lambda: 0,
    "-1": lambda: -1,
    "2**63": lambda: 2**63,
    "-2**63 - 1": lambda: -(2**63) - 1,
    "10**400": lambda: 10**400,
    "NaN": lambda: NAN,
    "Inf": lambda: INF,
    "-Inf": lambda: -INF,
    "1e308": lambda: 1e308,
    "numpy NaN": lambda: np.float32(NAN),
    "uint64 2**64 - 1": lambda: np.uint64(2**64 - 1),
    "complex": lambda: 1j,
    "Decimal": lambda: Decimal("0.5"),
    "Fraction": lambda: Fraction(1, 2),
    "date": lambda: datetime.date(2023, 6, 5),
    "0-d array": lambda: np.array(NAN),
    "0-d tensor": lambda: torch.tensor(NAN),
    "empty list": list,
    "empty tuple": tuple,
    "empty dict": dict,
    "list of None": lambda: [None],
    "ragged list": lambda: [[1], [1, 2]],
    "list of texts": lambda: ["a", "b"],
    "list of a surrogate": lambda: ["\ud800"],
    "empty array": lambda: np.empty(0),
    "array of no rows": lambda: np.empty((0, 3), np.float32),
    "array of no columns": lambda: np.empty((3, 0), np.float32),
    "empty tensor": lambda: torch.empty(0),
    "exhausted iterator": lambda: iter(()),
    "class": lambda: int,
    "function": lambda: len,
}

# Of an array that is right.
SPOILED: dict[str, Callable] = {
    "with a NaN": lambda a: put(a, NAN),
    "with an Inf": lambda a: put(a, INF),
    "with a huge entry": lambda a: put(a, 1e38),
    "with 2**62": lambda a: put(a, 2**62),
    "with -2**62": lambda a: put(a, -(2**62)),
    "with a -1": lambda a: put(a, -1),
    "all zero": np.zeros_like,
    "all equal": np.ones_like,
    "first row only": lambda a: a[:1],
    "a row short": lambda a: a[:-1],
    "a row more": lambda a: np.concatenate([a, a[:1]]),
    "no rows": lambda a: a[:0],
    "a dimension more": lambda a: a[None],
    "a dimension less": lambda a: a.reshape(-1),
    "turned": lambda a: a.T,
    "of bool": lambda a: a.astype(bool),
    "of complex": lambda a: a.astype(complex),
    "of objects": lambda a: a.astype(object),
    "of texts": lambda a: a.astype(str),
    "of dates": lambda a: np.zeros(a.shape, "datetime64[s]"),
    "of structures": lambda a: np.zeros(a.shape, [("a", int)]),
    "of int8": lambda a: a.astype(np.int8),
    "of uint64": lambda a: np.abs(a).astype(np.uint64),
    "of float16": lambda a: a.astype(np.float16),
    "of long doubles": lambda a: a.astype(np.longdouble),
    "masked": lambda a: np.ma.masked_array(a, np.arange(a.size).reshape(a.shape) % 2 == 0),
    "sparse": lambda a: torch.from_numpy(a.copy()).to_sparse(),
    "scipy sparse": lambda a: __import__("scipy.sparse").sparse.csr_array(np.atleast_2d(a)),
    "without memory": lambda a: torch.from_numpy(a.copy()).to("meta"),
    "float8": lambda a: torch.from_numpy(a.copy()).to(torch.float8_e4m3fn),
    "conjugated": lambda a: torch.from_numpy(a.copy()).to(torch.complex64).conj().imag,
    "a matrix": lambda a: np.asmatrix(a),
}

# The same numbers.
EQUAL: dict[str, Callable] = {
    "read-only": lambda a: frozen(a),
    "strided": lambda a: np.repeat(a, 2, 0)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "by columns": np.asfortranarray,
    "nested lists": lambda a: a.tolist(),
    "a tensor": lambda a: torch.from_numpy(a.copy()),
    "a tensor with gradient": lambda a: torch.from_numpy(a.copy()).requires_grad_(a.dtype.kind == "f"),
    "a frame": lambda a: (pd.Series if a.ndim == 1 else pd.DataFrame)(a),
    "masked nowhere": np.ma.masked_array,
}


def forms(value) -> Iterator[tuple[str, Callable, bool]]:
    """Yield what to pass in place of a right value: a name, a function that makes it, whether it is worth the same."""
    yield from ((name, make, False) for name, make in ANYTHING.items())
    if isinstance(value, (bool, np.bool_)):
        yield "numpy bool", lambda: np.bool_(value), True
    elif isinstance(value, (int, np.integer)):
        for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64):
            if np.iinfo(kind).min <= value <= np.iinfo(kind).max:
                yield kind.__name__, lambda kind=kind: kind(value), True
        yield "0-d array of it", lambda: np.array(value), True
        yield "0-d tensor of it", lambda: torch.tensor(value), True
        yield "a float of it", lambda: float(value), True
        yield "a text of it", lambda: str(value), True
        yield "half more", lambda: value + 0.5, False
        yield "a thousand times", lambda: 1000 * value, False
    elif isinstance(value, (float, np.floating)):
        yield "float64", lambda: np.float64(value), True
        yield "0-d array of it", lambda: np.array(value), True
        yield "0-d tensor of it", lambda: torch.tensor(value, dtype=torch.float64), True
        yield "a text of it", lambda: str(value), True
        yield "negative", lambda: -value, False
        yield "above", lambda: value + 1, False
    elif isinstance(value, str):
        yield "numpy text", lambda: np.str_(value), True
        yield "in capitals", value.upper, False
    elif isinstance(value, (np.ndarray, torch.Tensor)):
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else value
        yield from ((name, lambda make=make: make(array), True) for name, make in EQUAL.items())
        yield from ((name, lambda make=make: make(array), False) for name, make in SPOILED.items())
    elif isinstance(value, (list, tuple)):
        yield "a list", lambda: list(value), True
        yield "a tuple", lambda: tuple(value), True
        yield "an iterator", lambda: iter(value), True
        yield "with None", lambda: [*value, None], False
        yield "with a text", lambda: [*value, "x"], False
        yield "with itself", lambda: [*value, value], False
        yield "one short", lambda: value[:-1], False
        yield "only the first", lambda: value[:1], False
        yield "twice the first", lambda: [value[0], *value], False


def put(array: np.ndarray, entry) -> np.ndarray:
    """Return a copy with an entry in the middle."""
    array = array.copy()
    array.reshape(-1)[array.size // 2] = entry
    return array


def frozen(array: np.ndarray) -> np.ndarray:
    """Return a copy that can't be written."""
    array = array.copy()
    array.flags.writeable = False
    return array
