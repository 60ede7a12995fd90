"""A CSV file to which runs add their rows, also from several processes."""

import csv
import io
import os
from contextlib import suppress
from pathlib import Path


def append(path: Path, row: dict) -> None:
    """Add a row; a new file begins with the names of the columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path, _line(row))
    with open(path, newline="") as file:
        header = next(csv.reader(file), [])
        if header != list(row):
            odd = sorted(set(header) ^ set(row)) or header
            raise ValueError(
                f"out must hold the columns of the results, got a file that differs in {odd[:5]}: {str(path)!r}; "
                "give another path as out"
            )
    with open(path, "a", newline="") as file:
        file.write(_line(row.values()))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path):
    """Return all rows as a pandas frame."""
    import pandas as pd

    return pd.read_csv(path, keep_default_na=False, na_values=["nan"], dtype={"loss": str, "settings": str})


def find(path: Path, key: dict) -> dict | None:
    """Return the row that has all values of `key`, None if there is none."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    frame = read(path)
    missing = [name for name in key if name not in frame]
    if missing:
        raise ValueError(f"out must be a file of results, got one without the column {missing[0]!r}: {str(path)!r}")
    for name, value in key.items():
        frame = frame[frame[name] == value]
    return None if frame.empty else frame.iloc[-1].to_dict()


def _create(path: Path, header: str) -> None:
    """Make the file with its first line, both at once, unless another process was faster."""
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    mine.write_text(header, newline="")
    with suppress(FileExistsError):
        os.link(mine, path)
    mine.unlink()


def _line(values) -> str:
    """Return the line of a CSV file; written whole, so that those of several processes do not mix."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()
