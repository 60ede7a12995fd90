"""Batches as columns of sentences."""

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit import _checks
from toolkit.metrics import same_label
from toolkit.plots.style import FALSE_NEGATIVE, INK, color_of, styled
from toolkit.plots.writing import wrap, write

LINES = 2  # of a sentence, at most
WIDTH = 40  # characters of a line


@styled
def batch_sentences(
    batches: Mapping[str, Sequence[int]], texts: Sequence[str], labels=None, n_shown: int = 8, figure=None
):
    """Write the first members of one batch per sampler in columns, false negatives of the first member in vermillion.

    Parameters
    ----------
    batches : mapping of name to index sequence
    texts : sequence of str
        Sentences of all instances; cut to two lines.
    labels : array, shape (N,), optional
        Labels of any type, written below each sentence; None, NaN or -1 mean no label. Without them nothing is
        marked.
    n_shown : int
        Members per column.
    figure : Figure, optional
        Figure to draw into; by default a new one.

    Returns
    -------
    array of Axes, shape (len(batches),)
    """
    import matplotlib.pyplot as plt

    figure = figure or plt.figure(figsize=(3.25 * len(batches), 0.52 * n_shown + 0.7))
    axes = figure.subplots(1, len(batches), squeeze=False)[0]
    for ax, (name, batch) in zip(axes, batches.items(), strict=True):
        ax.set(xlim=(0, 1), ylim=(n_shown, 0))
        ax.set_axis_off()
        write(ax.set_title("", color=color_of(name), fontsize=12, weight="bold", pad=4), name)
        members = list(batch)[:n_shown]
        codes = np.full(len(members), -1)
        if labels is not None:
            codes = _checks.labels("labels", [labels[index] for index in members], len(members))
        for row, index in enumerate(members):
            color = FALSE_NEGATIVE if row and same_label(codes, row, 0) else INK
            look = {"fontsize": 8.5, "weight": "bold" if row == 0 else "normal", "linespacing": 1.15}
            write(ax.text(0, row + 0.05, "", va="top", color=color, **look), wrap(texts[index], WIDTH, LINES))
            if labels is not None:
                name = labels[index] if codes[row] >= 0 else "no label"
                write(ax.text(0, row + 0.93, "", va="bottom", fontsize=6.5, color=color, alpha=0.75), name)
            if row:
                ax.axhline(row, color="#DDDDDD", linewidth=0.6)
    figure.suptitle(legend(labels is not None), fontsize=10, x=0.01, ha="left")
    return axes


def legend(labelled: bool) -> str:
    """Return what the looks of the sentences mean, with or without labels."""
    marked = " Vermillion: false negative, of the same class as the first." if labelled else ""
    return f"Bold: the first member of the batch.{marked}"
