"""Arrays that took long to compute, kept in the user's folder for later processes."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from toolkit._files import user_folder, write_whole


def place(kind: str, about: object, parts: Iterable[bytes | memoryview]) -> Path:
    """Return the file of what is made from these parts, in the folder ``TOOLKIT_CACHE``, or in ``~/.cache/toolkit``.

    Its name stands for the parts, and for whatever else (`about`, as JSON) the result depends on.
    """
    digest = hashlib.sha256(json.dumps(about).encode())
    for part in parts:
        digest.update(part)
    return user_folder("TOOLKIT_CACHE") / kind / f"{digest.hexdigest()[:32]}.npz"


def read(path: Path, **shapes: tuple) -> dict[str, np.ndarray] | None:
    """Return the arrays in a file; None if there is none, a damaged one, or one without arrays of these shapes.

    None in a shape stands for any length.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:  # compares its checksums
            arrays = {name: archive[name] for name in shapes}
    except Exception:  # damaged bytes raise all kinds of errors
        return None
    fit = all(_fits(array.shape, shapes[name]) for name, array in arrays.items())
    return arrays if fit else None


def _fits(shape: tuple, wanted: tuple) -> bool:
    same = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(size in (length, None) for length, size in same)


def write(path: Path, **arrays) -> None:
    """Keep arrays; where nothing can be written they are computed again next time."""
    with suppress(OSError):
        write_whole(path, lambda file: np.savez(file, **arrays))
