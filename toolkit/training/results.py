"""A CSV file to which runs add their rows, also from several processes; damaged rows do not count."""

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
    """Return the columns that each file of results has; further ones are named by the test of the task."""
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
    """Return the row that has all values of `key`: the one in the file, or that of a run, made by one process alone.

    The run is called with the path of its checkpoint, which is deleted once the row is on disk; after an error it
    stays. While another process makes the run, wait for it, or return None at once.
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
        # The row is on disk: a process that still waits for the lock finds it, whichever file it locks.
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
    with FileLock(f"{path}.lock"):  # that of the whole file, held for moments only
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
    """Return the names of the columns, the lines of rows and the size of all whole lines."""
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
    """Return a row with its numbers, or raise ValueError if something is missing or is not a number."""
    cells = _cells(line.decode())
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells for {len(header)} columns")
    kinds = [str if name in TEXTS else int if name in INTEGERS else float for name in header]
    return {name: kind(cell) for name, kind, cell in zip(header, kinds, cells, strict=True)}


def _cells(line: str) -> list[str]:
    """Return the cells of one line, none if its quotes do not match."""
    with suppress(csv.Error):
        return next(csv.reader([line], strict=True), [])
    return []


def _line(values) -> bytes:
    """Return the line of a CSV file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    if set("\r\n") & set(buffer.getvalue()):
        raise ValueError(f"names must not hold line breaks, got {buffer.getvalue()!r}")
    return buffer.getvalue().encode() + b"\n"


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)
