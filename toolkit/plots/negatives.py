"""The hardest in-batch negatives of a query next to its positive."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import FigureBase

from toolkit import _checks
from toolkit.plots.style import FALSE_NEGATIVE, color_of, mark, styled
from toolkit.plots.writing import wrap, write

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 34  # characters of a text


@styled
def hardest_negatives(
    results: Mapping[str, "pd.DataFrame"], texts: Sequence[str] | Mapping[int, str] | None = None, figure=None
):
    """Draw the similarity of the hardest negatives of a query by sampler, and that of its positive as a line.

    False negatives, known or suspected, have a frame.

    Parameters
    ----------
    results : mapping of name to DataFrame
        As `toolkit.metrics.hardest_negatives` returns them.
    texts : sequence or mapping of index to str, optional
        What the targets are; by default their numbers.
    figure : Figure, optional
        Figure to draw into; by default a new one.

    Returns
    -------
    array of Axes, shape (len(results),)

    Raises
    ------
    TypeError, ValueError
        For texts that are not one per target, and a `figure` that is not one of Matplotlib.

    Examples
    --------
    >>> from toolkit import metrics, plots
    >>> queries = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> found = metrics.hardest_negatives([0, 1, 2], 0, queries, queries)
    >>> plots.hardest_negatives({"Uniform": found})[0].get_xlabel()
    'similarity to the query'
    """
    import matplotlib.pyplot as plt

    names = _names(results, texts)
    if figure is not None and not isinstance(figure, FigureBase):
        raise TypeError(f"figure must be one of Matplotlib, got {figure!r}")
    longest = max(map(len, results.values()))
    figure = figure or plt.figure(figsize=(4.4 * len(results), 0.4 * longest + 1.2))
    axes = figure.subplots(1, len(results), squeeze=False)[0]
    for i, (ax, (name, found)) in enumerate(zip(axes, results.items(), strict=True)):
        false = found.same_label if "same_label" in found else found.suspected
        edges = np.where(false, FALSE_NEGATIVE, "none")
        rows = np.arange(len(found))
        ax.barh(
            rows, found.similarity, color=to_rgba(color_of(name, i), 0.35), height=0.8, edgecolor=edges, linewidth=2
        )
        for row, index in zip(rows, found["index"], strict=True):
            text = ax.text(0.01, row, "", va="center", fontsize=8, transform=ax.get_yaxis_transform())
            write(text, wrap(names[index], WIDTH, 1))
        mark(ax, found.positive.iloc[0], "positive")
        ax.set(xlim=(min(0, found.similarity.min()), 1), ylim=(longest - 0.4, -0.6), yticks=[])
        ax.set_xlabel("similarity to the query")
        write(ax.set_title("", color=color_of(name, i), pad=16), name)
    return axes


def _names(results: Mapping[str, "pd.DataFrame"], texts) -> dict[int, str]:
    """Return the text of each target that is shown, or raise unless there is one."""
    shown = sorted({int(index) for found in results.values() for index in found["index"]})
    if texts is None:
        return {index: f"#{index}" for index in shown}
    if not isinstance(texts, Mapping):
        texts = dict(enumerate(_checks.listed("texts", texts, "texts of the targets")))
    missing = [index for index in shown if index not in texts]
    if missing:
        raise ValueError(f"texts must hold one for each target shown, got none for {missing[0]}")
    return {index: _checks.text("texts", texts[index]) for index in shown}
