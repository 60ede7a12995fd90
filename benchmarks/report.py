"""Timings side by side, figures, and the tables of ``benchmarks/README.md``."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

README = Path(__file__).parent / "README.md"


@dataclass(frozen=True)
class Figure:
    """One line of the table: `value` is the median of the ratios of single repeats, `low` to `high` their range."""

    key: str
    value: float
    low: float
    high: float
    target: str
    meaning: str


def ratio(key: str, times: np.ndarray, target: str, meaning: str, scale: float = 1) -> Figure:
    """Compare two rows of interleaved times."""
    above, below = times
    each = above / below * scale
    return Figure(key, np.median(each), each.min(), each.max(), target, meaning)


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleaved(*works: Callable[[], object], repeats: int) -> np.ndarray:
    """Time the works in turn, after one call of each to warm up: seconds, shape (works, repeats)."""
    for work in works:
        work()
    return np.array([[seconds(work) for work in works] for _ in range(repeats)]).T


def markdown(table: pd.DataFrame) -> str:
    """Return a frame without its index as Markdown."""
    rows = [list(table), ["---"] * table.shape[1], *table.to_numpy()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def refresh(section: str, text: str) -> None:
    """Replace what stands between the marks of a section of the README."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, rest = README.read_text().split(begin)
    README.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def grow(path: Path, table: pd.DataFrame | None, rows: Iterable[dict]) -> pd.DataFrame | None:
    """Add rows to a table as they come, print each, and keep the table in a file; return it."""
    for row in rows:
        new = pd.DataFrame([row])
        print(new.T.to_string(header=False), flush=True)
        table = new if table is None else pd.concat([table, new])
        table.to_csv(path, index=False)
    return table


def points(value: float) -> str:
    """Return a share in points."""
    return f"{100 * value:.2f}"


def gain(row) -> str:
    """Return a relative difference in percent with its interval, if there is one; nothing for the baseline."""
    if pd.isna(row.percent):
        return ""
    interval = "" if pd.isna(row.percent_low) else f" ({row.percent_low:+z.1f} to {row.percent_high:+z.1f})"
    return f"{row.percent:+z.1f} %{interval}"
