"""Training histories and probe results."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.plots.style import RANDOM_WALK, UNIFORM, color_of, mark, new_axes, percent, side_labels, styled
from toolkit.training.history import Column, shown_columns

_FEW = 25  # values that can be told apart as dots
_PIECES = 1000  # of a long curve, narrower than a pixel on most screens


@styled
def training(histories: Mapping, column: str = "loss", window: int = 10, ax: Axes | None = None) -> Axes:
    """Draw one column of training histories over steps, as a running mean.

    Parameters
    ----------
    histories : mapping of name to History
    column : {"loss", "hardness", "false_negative_rate", "coverage", "staleness", "probes"}
    window : int
        Steps to average over.
    """
    columns = {shown.name: shown for shown in shown_columns()}
    shown = columns[_checks.choice("column", column, tuple(columns))]
    ax = new_axes(ax)
    lines = sorted(_draw_curves(histories, shown, window, ax), key=_end, reverse=True)
    side_labels(ax, {line.get_label(): line.get_color() for line in lines})
    ax.set_xlabel("training step")
    estimated = any(is_estimated(history, shown) for history in histories.values())
    ax.set_ylabel(f"{'estimated ' * estimated}{shown.label}")
    return ax


@styled
def training_panels(histories: Mapping, window: int = 10, figure=None) -> np.ndarray:
    """Draw all columns of training histories, one panel each: running means, staleness of the graph, probes.

    Parameters
    ----------
    histories : mapping of name to History
    window : int
        Steps to average over.
    figure : Figure, optional
        Figure to draw on; it is cleared first.

    Returns
    -------
    array of Axes, shape (2, 3)
        One for each column that `toolkit.training.history.COLUMNS` shows.

    Examples
    --------
    >>> from toolkit import plots
    >>> from toolkit.training.history import History
    >>> axes = plots.training_panels({"Uniform": History()})
    >>> axes[1, 2].get_title(loc="left")
    'probe accuracy'
    """
    import matplotlib.pyplot as plt

    window = _checks.integer("window", window, 1)
    columns = shown_columns()
    n_rows = -(-len(columns) // 3)
    if figure is not None and not isinstance(figure, FigureBase):
        raise TypeError(f"figure must be one of Matplotlib, got {figure!r}")
    figure = figure or plt.figure(figsize=(9, 2.5 * n_rows))
    figure.clear()
    axes = figure.subplots(n_rows, 3)
    for ax in axes.flat[len(columns) :]:
        ax.remove()
    for ax, column in zip(axes.flat, columns, strict=False):
        _draw_curves(histories, column, window, ax)
        estimated = any(is_estimated(history, column) for history in histories.values())
        ax.set_title(f"{column.title}{' (estimate)' * estimated}", fontsize=10, pad=5)
        ax.tick_params(labelsize=9)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_xlim(0, max([*map(len, histories.values()), 1]))
        if not any(len(line.get_xdata()) for line in ax.lines):
            ax.set(xticks=[], yticks=[])
            words = column.missing if any(map(len, histories.values())) else "no step yet"
            ax.text(0.5, 0.5, words, ha="center", va="center", color="#666666", fontsize=10, transform=ax.transAxes)
    for ax in axes[-1]:
        ax.set_xlabel("training step", fontsize=9.5)
    handles, names = axes[0, 0].get_legend_handles_labels()
    if len(names) > 1:
        figure.legend(handles, names, loc="outside upper left", ncols=4, fontsize=10, borderaxespad=0.2)
    return axes


def _draw_curves(histories: Mapping, column: Column, window: int, ax: Axes) -> list[Line2D]:
    """Draw one line per history, without the values that are not there; return the lines."""
    lines = []
    for i, (name, history) in enumerate(histories.items()):
        steps, values = curve(history, column, window)
        few = column.sparse and len(steps) <= _FEW
        sparse = {"marker": "o", "markersize": 4, "clip_on": False} if few else {}
        lines += ax.plot(steps, values, color=color_of(name, i), label=name, **sparse)
    if column.form.endswith("%"):
        percent(ax.yaxis)
    return lines


def _end(line: Line2D) -> float:
    """Return the last value of a line, or minus infinity if it has none."""
    return float(line.get_ydata()[-1]) if len(line.get_ydata()) else -np.inf


def curve(history, column: Column, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and values of a column, or of its estimate; means over the last steps unless it is sparse."""
    steps, values = history.series(column.estimate if is_estimated(history, column) else column.name)
    if not column.sparse:
        values = _running_mean(steps, values, window)
    known = np.isfinite(values)
    return _thinned(steps[known], values[known])


def _thinned(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first, lowest, highest and last value of each of `_PIECES` pieces of a long curve.

    Where a piece is no wider than a pixel, the curve looks the same (M4, Jugel et al. 2014).
    """
    size = len(values) // _PIECES
    if size <= 4:
        return steps, values
    begins = np.arange(_PIECES) * size
    pieces = values[: _PIECES * size].reshape(_PIECES, size)
    rows = [begins, begins + pieces.argmin(1), begins + pieces.argmax(1), begins + size - 1]
    kept = np.unique(np.concatenate([*rows, np.arange(_PIECES * size, len(values))]))
    return steps[kept], values[kept]


def _running_mean(steps: np.ndarray, values: np.ndarray, window: int) -> np.ndarray:
    """Return means over the last `window` steps, not all of which need have a value."""
    import pandas as pd

    rows = pd.Series(values, index=pd.to_timedelta(steps, unit="s"))
    longest = int(steps.max(initial=1))  # a much longer window would overflow in pandas
    return rows.rolling(f"{min(window, longest)}s").mean().to_numpy()


def is_estimated(history, column: Column) -> bool:
    """Return whether a column has no values but an estimate of them."""
    return (
        bool(column.estimate)
        and not np.isfinite(history.series(column.name)[1]).any()
        and len(history.series(column.estimate)[1]) > 0
    )


@styled
def accuracies(results: Mapping[str, Sequence[float]], baseline: Mapping[str, float] | None = None, ax=None) -> Axes:
    """Draw probe accuracies of several seeds by sampler; lines join the runs of one seed.

    The title says whether the 95 % interval of the difference between random-walk and uniform batches excludes zero.

    Parameters
    ----------
    results : mapping of name to accuracies
        In the same order of seeds.
    baseline : mapping of name to accuracy, optional
        Drawn as thin dotted lines with their names.
    """
    ax = new_axes(ax, figsize=(6.4, 3.6))
    values = np.array(list(results.values()))
    ax.plot(values, color="#CCCCCC", linewidth=1, zorder=1)
    for i, (name, scores) in enumerate(results.items()):
        ax.plot([i] * len(scores), scores, "o", color=color_of(name, i), markersize=6, alpha=0.8)
        ax.plot([i - 0.12, i + 0.12], [np.mean(scores)] * 2, color="black", linewidth=2)
    for name, score in (baseline or {}).items():
        mark(ax, score, f"{name} {score:.1%}", vertical=False)
    ax.set_xticks(range(len(results)), [f"{name}\nmean {np.mean(scores):.1%}" for name, scores in results.items()])
    ax.set_xlim(-0.5, len(results) - 0.3)
    ax.margins(y=0.15)
    percent(ax.yaxis)
    ax.set_ylabel("kNN probe accuracy on the test set")
    if {UNIFORM, RANDOM_WALK} <= results.keys():
        gains = 100 * (np.array(results[RANDOM_WALK]) - np.array(results[UNIFORM]))
        low, high = mean_interval(gains)
        side = "above uniform" if low > 0 else "below uniform" if high < 0 else "no clear difference from uniform"
        ax.set_title(f"Random walk: {side} ({gains.mean():+.1f} points, mean of {len(gains)} seeds)")
    return ax
