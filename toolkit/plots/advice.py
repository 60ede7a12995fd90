"""Suggested settings among all that were tried."""

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from toolkit.metrics import Suggestion
from toolkit.plots.style import INK, UNIFORM, color_of, mark, new_axes, note, percent, styled
from toolkit.samplers.registry import SAMPLERS

_OUTLINE = [withStroke(linewidth=2.5, foreground="white")]  # what is written over dots and lines stays readable


@styled
def suggestion(result: Suggestion, ax: Axes | None = None, *, pinned: Suggestion | None = None) -> Axes:
    """Draw false-negative rate against hardness of all settings tried, the limit, and the suggestion as a star.

    Each sampler has its colour, and its name at the best of its settings.

    Parameters
    ----------
    result : Suggestion
    pinned : Suggestion, optional
        Another suggestion to compare with, drawn as a diamond.

    Raises
    ------
    TypeError
        If `pinned` is not a Suggestion.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import metrics, plots
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> plots.suggestion(metrics.suggest_settings(points, 32)).get_xlabel()
    'hardness (mean cosine similarity of in-batch pairs)'
    """
    if not (pinned is None or isinstance(pinned, Suggestion)):
        raise TypeError(f"pinned must be a Suggestion (of metrics.suggest_settings), got {type(pinned).__name__}")
    ax = new_axes(ax, figsize=(6.4, 4.2))
    shuffle = result.points.iloc[0]
    for name, tried in result.points.iloc[1:].groupby("sampler", sort=False):
        _dots(ax, tried, SAMPLERS[name].color)
    at = shuffle.hardness, shuffle.false_negative_rate
    ax.plot(*at, "s", markersize=8, color=color_of(UNIFORM))
    note(ax, "shuffle", at, (0, 9), ha="center", va="bottom", color=color_of(UNIFORM))
    for row in result.compared.iloc[1:].itertuples():
        if row.sampler != result.sampler:
            at, color = (row.hardness, row.false_negative_rate), SAMPLERS[row.sampler].color
            note(ax, SAMPLERS[row.sampler].label.lower(), at, (6, -4), va="top", color=color, path_effects=_OUTLINE)
    if pinned is not None:
        at = pinned.hardness, pinned.false_negative_rate
        ax.plot(*at, "D", markersize=11, color="white", markeredgecolor=INK, markeredgewidth=1.6)
        note(ax, "pinned", at, (0, -9), ha="center", va="top")
    if result.settings:
        at, color = (result.hardness, result.false_negative_rate), SAMPLERS[result.sampler].color
        ax.plot(*at, "*", markersize=17, color=color, markeredgecolor=INK, markeredgewidth=1.2)
        left = result.hardness < result.points.hardness.agg(["min", "max"]).mean()  # the name goes where there is room
        offset, ha = ((-4, 12), "left") if left else ((4, 12), "right")
        look = {"va": "bottom", "weight": "bold", "color": color, "path_effects": _OUTLINE}
        note(ax, _settings(result), at, offset, ha=ha, **look)
    mark(ax, result.limit, f"limit {result.limit:.1%}", vertical=False)
    ax.margins(0.1)
    ax.set_ylim(bottom=0)
    ax.locator_params(axis="y", steps=[1, 2, 5, 10])
    percent(ax.yaxis)
    ax.set_xlabel("hardness (mean cosine similarity of in-batch pairs)")
    estimated = "" if result.method == "labels" else "estimated "
    ax.set_ylabel(f"{estimated}false negatives (share of pairs)")
    ax.set_title(_title(result))
    return ax


def _dots(ax: Axes, tried, color: str) -> None:
    """Draw the settings of a sampler, those of fewer candidates for walks paler; others are joined by a line."""
    walks = tried.restart.notna()
    for n_candidates, shade in zip(tried.n_candidates[walks].unique(), (0.35, 0.8), strict=False):
        some = tried[tried.n_candidates == n_candidates]
        ax.scatter(some.hardness, some.false_negative_rate, s=22, color=color, alpha=shade, linewidths=0)
    others = tried[~walks].sort_values("hardness")
    if len(others):
        ax.scatter(others.hardness, others.false_negative_rate, s=22, color=color, linewidths=0)
        ax.plot(others.hardness, others.false_negative_rate, color=color, linewidth=1, alpha=0.5)


def _settings(result: Suggestion) -> str:
    """Return the settings as they are written next to the star."""
    settings = result.settings
    if result.sampler == "cluster":
        return f"clusters of {settings['cluster_size']}"
    if result.sampler == "chain":
        return f"chain, M = {settings['n_candidates']:,}"
    return f"K / M = {settings['n_neighbors']} / {settings['n_candidates']:,}, restart {settings['restart']:g}"


def _title(result: Suggestion) -> str:
    """Return the finding: by loss gaps where samplers are compared, or else by hardness."""
    shuffle = result.compared.iloc[0]
    if not result.settings:
        return "Shuffle: nothing harder"
    if len(result.compared) > 2:
        name = SAMPLERS[result.sampler].label
        return f"{name}: misses {result.loss_gap:.1f} nats of the loss, a shuffle {shuffle.loss_gap:.1f}"
    return f"Hardest within the limit: {result.hardness - shuffle.hardness:+.2f} over a shuffle"
