"""Training histories and probe results."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from toolkit import _checks
from toolkit.plots.style import FAINT, RANDOM_WALK, UNIFORM, color_of, new_axes, side_labels, styled

LABELS = {
    "loss": "loss",
    "hardness": "hardness (mean cosine similarity)",
    "false_negative_rate": "false negatives (share of pairs)",
    "coverage": "share of data seen in an epoch's steps",
}


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
    """
    _checks.choice("column", column, tuple(LABELS))
    ax = new_axes(ax)
    for i, (name, history) in enumerate(histories.items()):
        smooth = history.to_frame()[column].rolling(window, min_periods=1).mean()
        ax.plot(smooth.index, smooth, color=color_of(name, i))
    side_labels(ax, {name: name for name in histories})
    ax.set_xlabel("training step")
    ax.set_ylabel(LABELS[column])
    if column in ("false_negative_rate", "coverage"):
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return ax


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
