"""The study's pictures: the gain over a shuffle against hardness, one picture for each training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.doses import CONSTANT, LABELS
from toolkit._result import mean_interval
from toolkit.plots.style import FAINT, note, style

BESIDE = [(7, 0, "left"), (-7, 0, "right"), (0, 10, "center"), (0, -10, "center")]
BESIDE += [(side * 5, up * 11, name) for up in (1, -1) for side, name in ((1, "left"), (-1, "right"))]


def is_drawn(rows: pd.DataFrame) -> bool:
    """Return whether enough is known of a trial's doses for a picture."""
    return rows.hardness.notna().sum() > 2


def name(trial: str) -> str:
    """Return the name of a trial's picture."""
    return f"{trial.replace(' ', '_')}.png"


def draw(trial: str, rows: pd.DataFrame, shuffles: pd.Series) -> Figure:
    """Draw the gains of one trial with their intervals, coloured by false negatives.

    `shuffles` are the results of shuffled batches, whose own interval is a band. Doses that change over the training
    have no hardness of their own, and a panel to themselves.
    """
    gains = rows.assign(percent=rows.percent.fillna(0))
    constant = gains[gains.sampler.isin(CONSTANT)].dropna(subset="hardness")
    changing = gains[~gains.sampler.isin(CONSTANT)]
    with style():
        figure = Figure(figsize=(7.6, 4.2), layout="constrained")
        ax, beside = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1.5))
        for panel in (ax, beside):
            panel.axhline(0, color=FAINT, linewidth=1)
            if len(shuffles) > 1:
                low, high = 100 * (np.array(mean_interval(shuffles)) / shuffles.mean() - 1)
                panel.axhspan(low, high, color=FAINT, alpha=0.2, linewidth=0)
        rates = 100 * constant.false_negative_rate.fillna(constant.estimated_false_negatives)
        whiskers(ax, constant.hardness, constant)
        dots = ax.scatter(constant.hardness, constant.percent, c=rates, cmap="viridis", s=46, zorder=3)
        whiskers(beside, range(len(changing)), changing)
        beside.scatter(range(len(changing)), changing.percent, color="#666666", s=46, zorder=3)
        beside.set_xticks(range(len(changing)), changing.sampler.map(LABELS), rotation=35, ha="right", fontsize=8)
        beside.set_xlim(-0.6, len(changing) - 0.4)
        estimated = " (estimated)" if constant.false_negative_rate.isna().all() else ""
        figure.colorbar(dots, ax=beside, label=f"false negatives{estimated}, %")
        ax.margins(x=0.28, y=0.12)
        ax.set_xlabel("hardness (mean cosine similarity, before the training)")
        ax.set_ylabel("gain over a shuffle, %")
        ax.set_title(title(trial, rows))
        figure.draw_without_rendering()
        write_names(ax, constant)
    return figure


def whiskers(ax, places, rows: pd.DataFrame) -> None:
    """Draw the intervals of gains."""
    ax.vlines(places, rows.percent_low, rows.percent_high, color="#888888", linewidth=1.4, zorder=2)


def title(trial: str, rows: pd.DataFrame) -> str:
    """Return what a trial shows, at 95 %."""
    clear = rows[(rows.percent_low > 0) | (rows.percent_high < 0)]
    if rows.percent_low.isna().all():
        return f"{trial}: one run of each dose"
    if clear.empty:
        return f"{trial}: no interval excludes zero"
    best = clear.loc[clear.percent.idxmax()]
    return (
        f"{trial}: {LABELS[best.sampler]}, {best.percent:+.1f} % ({best.percent_low:+.1f} to {best.percent_high:+.1f})"
    )


def write_names(ax, rows: pd.DataFrame) -> None:
    """Write the name of each dose beside its point, where it covers the least of what is there."""
    taken = [ax.transData.transform(point) for point in rows[["hardness", "percent"]].to_numpy()]
    boxes = [(x - 5, y - 5, x + 5, y + 5) for x, y in taken]
    left, bottom, right, top = ax.get_window_extent().extents
    boxes += [(left - 500, bottom, left, top), (right, bottom, right + 500, top)]
    for row in rows.itertuples():
        tried = []
        for across, up, side in BESIDE:
            note(ax, LABELS[row.sampler], (row.hardness, row.percent), (across, up), ha=side, fontsize=8)
            text = ax.texts[-1]
            tried.append((sum(overlap(text.get_window_extent().extents, box) for box in boxes), len(tried), text))
        _, chosen, _ = min(tried)
        for _, place, text in tried:
            if place != chosen:
                text.remove()
        boxes.append(tried[chosen][2].get_window_extent().extents)


def overlap(first, second) -> float:
    """Return the area that two boxes (left, bottom, right, top) share."""
    width, height = (min(first[axis + 2], second[axis + 2]) - max(first[axis], second[axis]) for axis in (0, 1))
    return max(width, 0) * max(height, 0)
