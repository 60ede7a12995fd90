"""A metric over the steps or the time of training, and where it pays to choose batches."""

import numpy as np
from matplotlib.axes import Axes

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.plots.comparisons import sampler_label
from toolkit.plots.style import FAINT, color_of, new_axes, note, styled
from toolkit.training.comparison import Comparison

AXES = {"step": "training step", "seconds": "training time (s), the sampler's included"}


@styled
def learning_curves(result: Comparison, over: str = "step", baseline: str = "uniform", ax: Axes | None = None) -> Axes:
    """Draw each sampler's metric over training: the mean over seeds with its 95 % interval.

    A dotted line marks the best mean of the baseline.

    Parameters
    ----------
    result : Comparison
        Results of one data set, model and settings, with curves.
    over : {"step", "seconds"}
        What the horizontal axis counts.
    baseline : str
        Name of a sampler.

    Raises
    ------
    ValueError
        For results without curves, or without the baseline's.
    """
    _checks.choice("over", over, tuple(AXES))
    ax = new_axes(ax)
    table = result.steps_to_best(baseline)
    points = result.curves()
    means = points.groupby(["sampler", "step"], sort=False)[["value", "seconds"]].mean().reset_index()
    best = means.loc[means.sampler == baseline, "value"].max()
    ax.axhline(best, color=FAINT, linewidth=1, linestyle=":", zorder=0)
    ends = []
    for i, (name, curve) in enumerate(means.groupby("sampler", sort=False)):
        color = color_of(sampler_label(name), i)
        seeds = points[points.sampler == name].groupby("step").value
        low, high = np.array([mean_interval(values) for _, values in seeds]).T
        x = curve[over].to_numpy()
        ax.plot(x, curve.value, color=color)
        ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
        ends.append((x[-1], curve.value.iloc[-1], sampler_label(name), color))
    _label_ends(ax, ends)
    ax.set_xlabel(AXES[over])
    ax.set_ylabel("metric on development data")
    ax.set_title("\n".join(_findings(table, over, sampler_label(baseline))))
    return ax


def _label_ends(ax: Axes, ends: list[tuple]) -> None:
    """Write names right of the curves' ends, pushed apart where they would overlap."""
    low, high = ax.get_ylim()
    gap, place = 0.065 * (high - low), -np.inf
    for x, y, name, color in sorted(ends, key=lambda end: end[1]):
        place = max(y, place + gap)
        note(ax, name, (x, place), color=color, annotation_clip=False)


def _findings(table, over: str, base: str) -> list[str]:
    """Say how soon each sampler reaches the baseline's best."""
    unit, lines = {"step": "steps", "seconds": "seconds"}[over], []
    what = "steps" if over == "step" else "time"
    for _, row in table.iterrows():
        start = f"{sampler_label(row.sampler)}: "
        if row.reached == row.runs:
            lines.append(f"{start}at the best of {base.lower()} batches after {row[f'{unit}_ratio']:.0%} of its {what}")
        else:
            lines.append(f"{start}at the best of {base.lower()} batches in {row.reached} of {row.runs} runs")
    return lines
