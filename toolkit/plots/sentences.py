"""Batches as columns of sentences."""

from collections.abc import Mapping, Sequence

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
        Labels of any kind, written below each sentence. Without them nothing is marked.
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
        for row, index in enumerate(list(batch)[:n_shown]):
            false_negative = labels is not None and row > 0 and labels[index] == labels[batch[0]]
            color = FALSE_NEGATIVE if false_negative else INK
            look = {"fontsize": 8.5, "weight": "bold" if row == 0 else "normal", "linespacing": 1.15}
            write(ax.text(0, row + 0.05, "", va="top", color=color, **look), wrap(texts[index], WIDTH, LINES))
            if labels is not None:
                write(ax.text(0, row + 0.93, "", va="bottom", fontsize=6.5, color=color, alpha=0.75), labels[index])
            if row:
                ax.axhline(row, color="#DDDDDD", linewidth=0.6)
    marked = " Vermillion: false negative, of the same class as the first." if labels is not None else ""
    figure.suptitle(f"Bold: the first member of the batch.{marked}", fontsize=10, x=0.01, ha="left")
    return axes
