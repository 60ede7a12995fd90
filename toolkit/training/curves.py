"""Curves of a metric over the steps of runs, and how soon a sampler reaches a baseline's best value."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from toolkit._result import mean_interval
from toolkit.training.history import History

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"value": "curve", "seconds": "seconds"}  # columns of a curve, with the prefix of their columns in results
UNITS = ("step", "seconds")


def columns(steps: Iterable[int]) -> list[str]:
    """Return the names of the result columns for a curve with points at these steps."""
    return [f"{name}@{step}" for step in steps for name in NAMES.values()]


def stored(names: Iterable[str]) -> list[str]:
    """Return the names of columns that belong to a curve, out of `names`."""
    return [name for name in names if re.fullmatch(rf"({'|'.join(NAMES.values())})@\d+", name)]


def steps_of(names: Iterable[str]) -> list[int]:
    """Return the steps, in order, of the curve in results with these columns."""
    return sorted({int(name.partition("@")[2]) for name in stored(names)})


def of_history(history: History, steps: Iterable[int]) -> dict[str, float]:
    """Return the values of a run's probe and its training seconds so far at these steps; NaN for an untrained model."""
    values, seconds = dict(history.probes), np.cumsum(history.columns["seconds"])
    row = {}
    for step in steps:
        numbers = (values[step], seconds[step - 1]) if len(history) else (np.nan, np.nan)
        row |= dict(zip(columns([step]), map(float, numbers), strict=True))
    return row


def tidy(runs: "pd.DataFrame", names: Iterable[str]) -> "pd.DataFrame":
    """Return one row for each point of each run's curve: the columns `names`, then step, seconds, value."""
    import pandas as pd

    steps, names = steps_of(runs.columns), list(names)
    points = [
        runs[names].assign(step=step, seconds=runs[f"seconds@{step}"], value=runs[f"curve@{step}"]) for step in steps
    ]
    if not points:
        return pd.DataFrame(columns=[*names, "step", "seconds", "value"])
    return pd.concat(points, ignore_index=True).dropna(subset="value", ignore_index=True)


def to_best(curve: "pd.DataFrame", reference: "pd.DataFrame") -> dict[str, float]:
    """Return when a curve first reaches the best value of a reference, relative to when the reference reached it.

    Both are frames of step, seconds and value. Curves are interpolated linearly between points, and a value reached
    before the first point counts as reached there. For a curve that never reaches the value, its last point counts.
    """
    best = reference.loc[reference.value.idxmax()]
    above = np.flatnonzero(curve.value >= best.value)
    at = int(above[0]) if len(above) else len(curve) - 1
    share = 1.0
    if at and len(above):
        before, after = curve.value.iloc[at - 1], curve.value.iloc[at]
        share = (best.value - before) / (after - before)
    found: dict[str, float] = {"reached": len(above) > 0}
    for unit in UNITS:
        points = curve[unit].to_numpy(float)
        found[unit] = ((1 - share) * points[max(at - 1, 0)] + share * points[at]) / best[unit]
    return found


def ratio_columns() -> list[str]:
    """Return the names of the columns for the ratios over several runs."""
    return [f"{unit}{part}" for unit in ("steps", "seconds") for part in ("_ratio", "_low", "_high")]


def mean_ratios(found: "pd.DataFrame") -> list[float]:
    """Return the mean of each ratio over runs and its 95 % interval (Student's t), in the order of `ratio_columns`."""
    return [number for unit in UNITS for number in (found[unit].mean(), *mean_interval(found[unit]))]
