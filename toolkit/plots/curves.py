"""A metric over training steps or time, and a map of where choosing batches pays."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.plots.comparisons import check_single, sampler_label
from toolkit.plots.style import FAINT, INK, color_of, new_axes, note, styled
from toolkit.training.comparison import Comparison

GAIN, LOSS, PALE = "#0072B2", "#D55E00", "#F2F2F2"
AXES = {"step": "training step", "seconds": "training time (s), the sampler's included"}


@styled
def learning_curves(result: Comparison, over: str = "step", baseline: str = "uniform", ax: Axes | None = None) -> Axes:
    """Draw each sampler's metric over training: the mean over seeds with its 95 % interval.

    A dotted line marks the best mean of the baseline.

    Parameters
    ----------
    result : Comparison
        Results of one data set, model, loss and settings, with curves.
    over : {"step", "seconds"}
        Quantity on the horizontal axis.
    baseline : str
        Name of a sampler.

    Raises
    ------
    ValueError
        For results without curves, or without the baseline's, and for those of several data sets, models, losses or
        settings.
    """
    check_single(result.to_frame(), ("set", "model", "loss", "steps", "settings"))
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
        ratio, start = (
            row[f"{unit}_ratio"],
            f"{sampler_label(row.sampler)} reaches the best of {base.lower()} batches in ",
        )
        whole = row.reached == row.runs
        lines.append(start + (f"{ratio:.0%} of the {what}" if whole else f"{row.reached} of {row.runs} runs"))
    return lines


@styled
def gain_map(cells, rows: str, columns: str, ax: Axes | None = None, full: float | None = None) -> Axes:
    """Draw relative differences from a baseline as a map: two settings across, the gain by colour and in figures.

    Gains are blue and losses vermillion; a cell whose 95 % interval holds zero is pale, its figures grey.

    Parameters
    ----------
    cells : DataFrame
        One row for each cell, with the columns `rows` and `columns` and ``percent``, ``percent_low``,
        ``percent_high``, as `Comparison.differences` has them. Settings are drawn in the order in which they come.
    rows, columns : str
        Names of the columns that hold the settings, which also name the axes.
    full : float, optional
        Difference in percent that has the full colour, the same for maps side by side; by default the largest one.

    Raises
    ------
    ValueError
        If a cell appears twice.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"B": [8, 512], "K / M": ["1 %", "1 %"], "percent": [36.0, 0.1]})
    >>> cells = cells.assign(percent_low=cells.percent - 2, percent_high=cells.percent + 2)
    >>> ax = gain_map(cells, "B", "K / M")
    >>> [text.get_text() for text in ax.texts]
    ['+36.0\\n34.0 to 38.0', '+0.1\\n−1.9 to 2.1']
    """
    for name, column in (("rows", rows), ("columns", columns)):
        _checks.choice(name, column, tuple(cells.columns))
    repeated = cells[cells.duplicated([rows, columns])]
    if len(repeated):
        pair = " and ".join(str(repeated[name].iloc[0]) for name in (rows, columns))
        raise ValueError(
            f"cells must hold each pair of {rows!r} and {columns!r} once, got {pair} again: select one row per pair"
        )
    ys, xs = (list(dict.fromkeys(cells[name])) for name in (rows, columns))
    ax = new_axes(ax, figsize=(1.6 + 1.25 * len(xs), 1.3 + 0.62 * len(ys)))
    shades = mpl.colors.LinearSegmentedColormap.from_list("gain", [LOSS, "white", GAIN])
    reach = cells.percent.abs().max() if full is None else _checks.number("full", full, "(0, inf)")
    for _, cell in cells.iterrows():
        x, y = xs.index(cell[columns]), ys.index(cell[rows])
        clear = cell.percent_low > 0 or cell.percent_high < 0
        color = shades(0.5 + 0.5 * cell.percent / max(reach, 1e-9))
        ax.add_patch(
            mpl.patches.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color if clear else PALE, edgecolor="white")
        )
        bounds = f"{cell.percent_low:.1f} to {cell.percent_high:.1f}"
        text = f"{cell.percent:+.1f}\n{bounds}".replace("-", "−")
        dark = clear and abs(cell.percent) > 0.65 * reach
        ax.text(
            x, y, text, ha="center", va="center", fontsize=9, color="white" if dark else INK if clear else "#777777"
        )
    ax.set_xlim(-0.5, len(xs) - 0.5)
    ax.set_ylim(len(ys) - 0.5, -0.5)
    ax.set_xticks(range(len(xs)), map(str, xs))
    ax.set_yticks(range(len(ys)), map(str, ys))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(columns)
    ax.set_ylabel(rows)
    return ax
