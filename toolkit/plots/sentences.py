"""Batches as columns of sentences."""

import textwrap
from collections.abc import Mapping, Sequence

from toolkit.plots.style import FALSE_NEGATIVE, INK, color_of, styled

LINES = 2  # of a sentence, at most
WIDTH = 40  # characters of a line


@styled
def batch_sentences(
    batches: Mapping[str, Sequence[int]],
    texts: Sequence[str],
    labels=None,
    n_shown: int = 8,
    figure=None,
):
    """Write the first members of one batch per sampler in columns, false negatives of the first member in vermillion.

    Parameters
    ----------
    batches : mapping of name to index sequence
    texts : sequence of str
        Of all instances; cut to two lines.
    labels : array, shape (N,), optional
        Of any kind, written beneath each sentence as they are. Without them nothing is marked.
    n_shown : int
        Members per column.
    figure : Figure, optional
        To draw into; by default a new one.

    Returns
    -------
    array of Axes, shape (len(batches),)
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(3.25 * len(batches), 0.52 * n_shown + 0.7))
    axes = figure.subplots(1, len(batches), squeeze=False)[0]
    for ax, (name, batch) in zip(axes, batches.items(), strict=True):
        ax.set(xlim=(0, 1), ylim=(n_shown, 0))
        ax.set_axis_off()
        ax.set_title(name, color=color_of(name), fontsize=12, weight="bold", pad=4)
        for row, index in enumerate(list(batch)[:n_shown]):
            false_negative = labels is not None and row > 0 and labels[index] == labels[batch[0]]
            color = FALSE_NEGATIVE if false_negative else INK
            text = "\n".join(textwrap.wrap(texts[index], WIDTH, max_lines=LINES, placeholder=" …"))
            weight = "bold" if row == 0 else "normal"
            ax.text(0, row + 0.05, text, va="top", fontsize=8.5, color=color, weight=weight, linespacing=1.15)
            if labels is not None:
                ax.text(0, row + 0.93, str(labels[index]), va="bottom", fontsize=6.5, color=color, alpha=0.75)
            if row:
                ax.axhline(row, color="#DDDDDD", linewidth=0.6)
    marked = " Vermillion: false negative, of the same class as the first." if labels is not None else ""
    figure.suptitle(f"Bold: the first member of the batch.{marked}", fontsize=10, x=0.01, ha="left")
    return axes
