"""Training histories and probe results."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from toolkit import _checks
from toolkit.plots.style import FAINT, RANDOM_WALK, UNIFORM, color_of, new_axes, side_labels, styled

LABELS = {
    "loss": "loss",
    "hardness": "hardness (mean cosine similarity)",
    "false_negative_rate": "false negatives (share of pairs)",
    "coverage": "share of data seen in an epoch's steps",
}
PANELS = {
    "loss": ("loss", ""),
    "hardness": ("hardness", ""),
    "false_negative_rate": ("false negatives", "no labels given"),
    "coverage": ("coverage", ""),
    "staleness": ("staleness of the graph", "no graph measured yet"),
    "probes": ("probe accuracy", "no probe yet"),
}
SHARES = ("false_negative_rate", "coverage", "staleness", "probes")


@styled
def training(histories: Mapping, column: str = "loss", window: int = 10, ax: Axes | None = None) -> Axes:
    """Draw one column of training histories over steps, as a running mean.

    Parameters
    ----------
    histories : mapping of name to History
    column : {"loss", "hardness", "false_negative_rate", "coverage"}
    window : int
        Steps to average over.
    ax : Axes, optional

    Raises
    ------
    ValueError
        For another column.
    """
    _checks.choice("column", column, tuple(LABELS))
    ax = new_axes(ax)
    _draw_curves(histories, column, window, ax)
    side_labels(ax, {name: name for name in histories})
    ax.set_xlabel("training step")
    ax.set_ylabel(LABELS[column])
    return ax


@styled
def training_panels(histories: Mapping, window: int = 10, figure=None) -> np.ndarray:
    """Draw all that training histories hold: columns as running means, staleness of the graph, probe results.

    Parameters
    ----------
    histories : mapping of name to History
    window : int
        Steps to average over.
    figure : Figure, optional
        To draw on, emptied before.

    Returns
    -------
    array of Axes, shape (2, 3)

    Examples
    --------
    >>> from toolkit import plots
    >>> from toolkit.training.history import History
    >>> axes = plots.training_panels({"Uniform": History()})
    >>> axes[1, 2].get_title(loc="left")
    'probe accuracy'
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(9, 5))
    figure.clear()
    axes = figure.subplots(2, 3)
    for ax, (column, (title, empty)) in zip(axes.flat, PANELS.items(), strict=True):
        _draw_curves(histories, column, window, ax)
        ax.set_title(title, fontsize=10.5, pad=5)
        ax.tick_params(labelsize=9)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_xlim(0, max([*map(len, histories.values()), 1]))
        if not any(len(line.get_xdata()) for line in ax.lines):
            ax.set(xticks=[], yticks=[])
            words = empty if any(map(len, histories.values())) else "no step yet"
            ax.text(0.5, 0.5, words, ha="center", va="center", color="#666666", fontsize=10, transform=ax.transAxes)
    for ax in axes[1]:
        ax.set_xlabel("training step", fontsize=9.5)
    handles, names = axes[0, 0].get_legend_handles_labels()
    if len(names) > 1:
        figure.legend(handles, names, loc="outside upper left", ncols=4, fontsize=10, borderaxespad=0.2)
    return axes


def _draw_curves(histories: Mapping, column: str, window: int, ax: Axes) -> None:
    """Draw one line per history, without the values that are not there."""
    for i, (name, history) in enumerate(histories.items()):
        steps, values = curve(history, column, window)
        sparse = {"marker": "o", "markersize": 4, "clip_on": False} if column in ("staleness", "probes") else {}
        ax.plot(steps, values, color=color_of(name, i), label=name, **sparse)
    if column in SHARES:
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")


def curve(history, column: str, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and values of a column, its running mean, or of a list of (step, value)."""
    if column in history.columns:
        import pandas as pd

        values = pd.Series(history.columns[column], dtype=float).rolling(window, min_periods=1).mean().to_numpy()
        steps = np.arange(1, len(values) + 1)
    else:
        steps, values = np.array(getattr(history, column), float).reshape(-1, 2).T
    known = np.isfinite(values)
    return steps[known], values[known]


@styled
def accuracies(results: Mapping[str, Sequence[float]], baseline: Mapping[str, float] | None = None, ax=None) -> Axes:
    """Draw probe accuracies of several seeds by sampler; lines join the runs of one seed.

    Parameters
    ----------
    results : mapping of name to accuracies
        In the same order of seeds.
    baseline : mapping of name to accuracy, optional
        Drawn as thin dotted lines with their names.
    ax : Axes, optional
    """
    ax = new_axes(ax, figsize=(6.4, 3.6))
    values = np.array(list(results.values()))
    ax.plot(values, color="#CCCCCC", linewidth=1, zorder=1)
    for i, (name, scores) in enumerate(results.items()):
        ax.plot([i] * len(scores), scores, "o", color=color_of(name, i), markersize=6, alpha=0.8)
        ax.plot([i - 0.12, i + 0.12], [np.mean(scores)] * 2, color="black", linewidth=2)
    for name, score in (baseline or {}).items():
        ax.axhline(score, color=FAINT, linewidth=1, linestyle=":", zorder=0)
        ax.annotate(
            f"{name} {score:.1%}",
            (1, score),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color="#666666",
        )
    ax.set_xticks(range(len(results)), [f"{name}\nmean {np.mean(scores):.1%}" for name, scores in results.items()])
    ax.set_xlim(-0.5, len(results) - 0.3)
    ax.margins(y=0.15)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    ax.set_ylabel("kNN probe accuracy on the test set")
    if {UNIFORM, RANDOM_WALK} <= results.keys():
        gain = np.mean(results[RANDOM_WALK]) - np.mean(results[UNIFORM])
        side = "above" if gain > 0 else "below"
        ax.set_title(f"Random walk {side} uniform by {abs(gain) * 100:.1f} points, mean of {values.shape[1]} seeds")
    return ax
