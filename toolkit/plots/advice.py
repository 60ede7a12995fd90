"""Suggested settings among all that were tried."""

from matplotlib.axes import Axes

from toolkit.metrics import Suggestion
from toolkit.plots.style import INK, RANDOM_WALK, UNIFORM, color_of, mark, new_axes, note, percent, styled


@styled
def suggestion(result: Suggestion, ax: Axes | None = None, *, pinned: Suggestion | None = None) -> Axes:
    """Draw false-negative rate against hardness of all settings tried, the limit, and the suggestion as a star.

    Parameters
    ----------
    result : Suggestion
    pinned : Suggestion, optional
        Another suggestion to compare with, drawn as a diamond.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import metrics, plots
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> plots.suggestion(metrics.suggest_settings(points, 32)).get_xlabel()
    'hardness (mean cosine similarity of in-batch pairs)'
    """
    ax = new_axes(ax, figsize=(6.4, 4.2))
    shuffle, tried = result.points.iloc[0], result.points.iloc[1:]
    color = color_of(RANDOM_WALK)
    for n_candidates, shade in zip(tried.n_candidates.unique(), (0.35, 0.8), strict=False):
        some = tried[tried.n_candidates == n_candidates]
        ax.scatter(some.hardness, some.false_negative_rate, s=22, color=color, alpha=shade, linewidths=0)
    ax.plot(shuffle.hardness, shuffle.false_negative_rate, "s", markersize=8, color=color_of(UNIFORM))
    note(
        ax,
        "shuffle",
        (shuffle.hardness, shuffle.false_negative_rate),
        (0, 9),
        ha="center",
        va="bottom",
        color=color_of(UNIFORM),
    )
    if pinned is not None:
        at = pinned.hardness, pinned.false_negative_rate
        ax.plot(*at, "D", markersize=11, color="white", markeredgecolor=INK, markeredgewidth=1.6)
        note(ax, "pinned", at, (0, -9), ha="center", va="top")
    if result.settings:
        at = result.hardness, result.false_negative_rate
        ax.plot(*at, "*", markersize=17, color=color, markeredgecolor=INK, markeredgewidth=1.2)
        k, m = (result.settings[name] for name in ("n_neighbors", "n_candidates"))
        name = f"K / M = {k} / {m:,}, restart {result.settings['restart']:g}"
        note(ax, name, at, (4, 12), ha="right", va="bottom", weight="bold", color=color)
    mark(ax, result.limit, f"limit {result.limit:.1%}", vertical=False)
    ax.margins(0.1)
    ax.set_ylim(bottom=0)
    ax.locator_params(axis="y", steps=[1, 2, 5, 10])
    percent(ax.yaxis, digits=0 if ax.get_ylim()[1] > 0.06 else 1)
    ax.set_xlabel("hardness (mean cosine similarity of in-batch pairs)")
    estimated = "" if result.method == "labels" else "estimated "
    ax.set_ylabel(f"{estimated}false negatives (share of pairs)")
    gain = result.hardness - shuffle.hardness
    ax.set_title(
        f"Hardest within the limit: {gain:+.2f} over a shuffle" if result.settings else "Shuffle: nothing harder"
    )
    return ax
