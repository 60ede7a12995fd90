"""A CSV file to which runs, also in several processes, append their rows; damaged rows are ignored."""

import csv
import hashlib
import io
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from toolkit.training import curves
from toolkit.training.history import compared_columns

GROUP = ("set", "model", "loss", "settings")
KEY = (*GROUP, "sampler", "seed", "steps")
TEXTS = {*GROUP, "sampler", "metric"}
INTEGERS = {"seed", "steps"}


def required_columns() -> list[str]:
    """Return the columns that every file of results has; a task's test may add more."""
    return [*KEY, "metric", "value", *(column.name for column in compared_columns())]


def check(path: Path, curve: Sequence[str] = ()) -> None:
    """Raise ValueError unless `path` is a file of results with the columns of a curve, or can become one."""
    if not path.exists():
        return
    with warnings.catch_warnings(action="ignore"):
        header, _, _ = _split(path)
    found = curves.steps_of(header)
    if header and found != curves.steps_of(curve):
        raise ValueError(
            f"out must be a file of results with a curve at the steps {curves.steps_of(curve)}, got one with those at "
            f"{found}: {str(path)!r}; give another path"
        )


def read(path: Path) -> list[dict]:
    """Return all rows; damaged ones are left out with a warning."""
    header, lines, _ = _split(path)
    rows = []
    for number, line in enumerate(lines, 2):
        try:
            if line.strip():
                rows.append(_parse(header, line))
        except ValueError as error:
            _warn(f"line {number} of {str(path)!r} is damaged ({error}) and is ignored: delete it")
    return rows


def once(path: Path, key: dict, run: Callable[[Path], dict], wait: bool = True) -> dict | None:
    """Return the row with all values of `key`: from the file, or from a new run, which only one process makes.

    `run` is called with the path of its checkpoint, which is deleted once the row is on disk and kept after an error.
    If another process is making the run, wait for it, or return None immediately if `wait` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{path.stem}-{hashlib.sha256(_line(key.values())).hexdigest()[:16]}"
    checkpoint, lock = path.with_name(f"{name}.pt"), path.with_name(f"{name}.lock")
    try:
        held = FileLock(lock).acquire(blocking=wait)
    except Timeout:
        return None
    with held:
        row = _find(path, key)
        if row is None:
            row = run(checkpoint)
            append(path, row)
        checkpoint.unlink(missing_ok=True)
        # Safe, because the row is on disk: a process that waited for this lock, or locks a new file, finds the row.
        with suppress(OSError):
            lock.unlink()
    return row


def _find(path: Path, key: dict) -> dict | None:
    if not path.exists():
        return None
    with FileLock(f"{path}.lock"):
        return next((row for row in read(path) if row.items() >= key.items()), None)


def append(path: Path, row: dict) -> None:
    """Add a row and wait until it is on disk, or raise ValueError if the file has other columns."""
    with FileLock(f"{path}.lock"):  # the lock of the whole file, held only briefly
        header, _, size = _split(path) if path.exists() else ([], [], 0)
        if header and set(header) != set(row):
            odd = sorted(set(header) ^ set(row))
            raise ValueError(
                f"evaluate must return the results that out has columns for, got a difference in {odd[:5]}: rename "
                f"the file {str(path)!r} or change evaluate; the training is kept, and the next call continues from "
                "its checkpoint"
            )
        lines = [] if header else [_line(row)]
        lines.append(_line(row[name] for name in header or row))
        with open(path, "ab") as file:
            file.truncate(size)
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())


def _split(path: Path) -> tuple[list[str], list[bytes], int]:
    """Return the column names, the lines of the rows, and the size in bytes of all complete lines."""
    *lines, torn = path.read_bytes().split(b"\n")
    header, required = _cells(lines[0].decode(errors="replace")) if lines else [], required_columns()
    begun = _line(required)[:-1]
    if lines or not (begun.startswith(torn) or torn.startswith(begun)):
        missing = [name for name in required if name not in header]
        if missing:
            raise ValueError(
                f"out must be a file of results, got one without the column {missing[0]!r}: {str(path)!r}; "
                "give another path"
            )
    if torn:
        _warn(f"the last line of {str(path)!r} is incomplete, so its run is repeated")
    return header, lines[1:], sum(len(line) + 1 for line in lines)


def _parse(header: list[str], line: bytes) -> dict:
    """Return a row with its numbers converted, or raise ValueError if a cell is missing or not a number."""
    cells = _cells(line.decode())
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells for {len(header)} columns")
    kinds = [str if name in TEXTS else int if name in INTEGERS else float for name in header]
    return {name: kind(cell) for name, kind, cell in zip(header, kinds, cells, strict=True)}


def _cells(line: str) -> list[str]:
    """Return the cells of one line, or an empty list if its quotes do not match."""
    with suppress(csv.Error):
        return next(csv.reader([line], strict=True), [])
    return []


def _line(values) -> bytes:
    """Return values as one line of a CSV file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    if set("\r\n") & set(buffer.getvalue()):
        raise ValueError(f"names must not hold line breaks, got {buffer.getvalue()!r}")
    return buffer.getvalue().encode() + b"\n"


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)
