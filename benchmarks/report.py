"""Timings side by side, and the tables of ``benchmarks/README.md``."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

README = Path(__file__).parent / "README.md"


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


def refresh(section: str, text: str) -> None:
    """Replace what stands between the marks of a section of the README."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, rest = README.read_text().split(begin)
    README.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")
