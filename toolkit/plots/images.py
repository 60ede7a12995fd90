"""Batches as rows of pictures."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from toolkit.plots.style import FAINT, FALSE_NEGATIVE, INK, color_of, new_axes, styled
from toolkit.plots.thumbnails import Thumbnails


@styled
def batch_grid(
    batches: Mapping[str, Sequence[int]],
    images,
    labels,
    classes: Sequence[str] | None = None,
    n_shown: int = 12,
):
    """Draw the first members of one batch per sampler, false negatives of the first member outlined.

    Parameters
    ----------
    batches : mapping of name to index sequence
    images : array or tensor, shape (N, C, H, W) or (N, H, W), or Thumbnails
        uint8, or float in [0, 1].
    labels : int array, shape (N,)
    classes : sequence of str, optional
        Names of the labels, written beneath.
    n_shown : int
        Members per row.

    Returns
    -------
    array of Axes, shape (len(batches), n_shown)
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(batches), n_shown, figsize=(0.82 * n_shown, 1.22 * len(batches) + 0.3), squeeze=False
    )
    for row, (name, batch) in zip(axes, batches.items(), strict=True):
        for ax in row[len(batch) :]:
            ax.set_axis_off()
        for column, (ax, index) in enumerate(zip(row, batch[:n_shown], strict=False)):
            false_negative = column > 0 and labels[index] == labels[batch[0]]
            if isinstance(images, Thumbnails):
                images.draw(int(index), ax)
            else:
                picture = np.asarray(images[index])
                picture = np.moveaxis(picture, 0, -1).squeeze() if picture.ndim == 3 else picture
                ax.imshow(picture, cmap="gray_r")
                ax.set(xticks=[], yticks=[])
            color, width = (FALSE_NEGATIVE, 3) if false_negative else (INK, 2.5) if column == 0 else (FAINT, 0.6)
            for spine in ax.spines.values():
                spine.set(visible=True, color=color, linewidth=width)
            if classes is not None:
                ax.set_xlabel(classes[labels[index]], fontsize=7, labelpad=2, color=color if false_negative else INK)
        row[0].set_title(name, color=color_of(name), fontsize=11, pad=4)
    figure.suptitle(
        "Black frame: first member. Vermillion frame: false negative, of the same class as the first.",
        fontsize=10,
        x=0.01,
        ha="left",
    )
    return axes


@styled
def thumbnail_grid(
    thumbnails: Thumbnails,
    indices: Sequence[int],
    captions: Sequence[str] | None = None,
    framed: Sequence[bool] | None = None,
    columns: int = 5,
    ax: Axes | None = None,
) -> Axes:
    """Draw some instances in rows on one axes, or beneath each other if they are sentences.

    Parameters
    ----------
    thumbnails : Thumbnails
    indices : sequence of int
    captions : sequence of str, optional
        Beneath each.
    framed : sequence of bool, optional
        Which are framed in the colour of false negatives.
    columns : int
    ax : Axes, optional

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import plots
    >>> from toolkit.plots.thumbnails import Thumbnails
    >>> images = np.random.default_rng(0).random((10, 28, 28))
    >>> ax = plots.thumbnail_grid(Thumbnails(images), [3, 1, 4], ["three", "one", "four"])
    >>> [text.get_text() for text in ax.texts]
    ['three', 'one', 'four']
    """
    captions = [""] * len(indices) if captions is None else captions
    framed = [False] * len(indices) if framed is None else framed
    sentences = thumbnails.kind == "text"
    columns = 1 if sentences else columns
    rows = -(-len(indices) // columns)
    ax = new_axes(ax, figsize=(1.1 * columns, 1.3 * rows))
    height = 0.3 if sentences else 1.42 if any(captions) else 1.12
    for place, (index, caption, frame) in enumerate(zip(indices, captions, framed, strict=True)):
        left, top = 1.12 * (place % columns), height * (place // columns)
        color, width = (FALSE_NEGATIVE, 2.2) if frame else (FAINT, 0.6)
        if sentences:
            words = textwrap.shorten(f"{caption} {thumbnails.text(int(index))}", 60, placeholder=" …")
            ax.text(left, top, words, va="top", fontsize=7, color=FALSE_NEGATIVE if frame else INK)
            continue
        ax.imshow(thumbnails.pixels(int(index)), extent=(left, left + 1, top + 1, top), interpolation="nearest")
        ax.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=color, linewidth=width))
        ax.text(left + 0.5, top + 1.05, caption, ha="center", va="top", fontsize=7.5)
    ax.set(
        xlim=(-0.05, 1.12 * columns), ylim=(height * rows, -0.05), aspect="auto" if sentences else "equal", anchor="NW"
    )
    ax.set_axis_off()
    return ax


@styled
def pairs(pairs, thumbnails: Thumbnails, labels=None, columns: int = 4, ax: Axes | None = None) -> Axes:
    """Draw pairs of instances with their similarity and labels, false negatives framed and named.

    Parameters
    ----------
    pairs : DataFrame
        From `toolkit.metrics.hardest_pairs`.
    thumbnails : Thumbnails
    labels : array, shape (N,), optional
        Of any kind, written as they are.
    columns : int
        Pairs in a row.
    ax : Axes, optional

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import metrics, plots
    >>> from toolkit.plots.thumbnails import Thumbnails
    >>> images, labels = np.random.default_rng(0).random((4, 8, 8)), np.array(["cat", "dog", "cat", "dog"])
    >>> found = metrics.hardest_pairs([[0, 1, 2]], images.reshape(4, -1), 1, labels, only_false=True)
    >>> ax = plots.pairs(found, Thumbnails(images), labels)
    >>> [text.get_text() for text in ax.texts]
    ['cat', 'cat', '0.76, false negative']
    """
    rows = -(-len(pairs) // columns)
    ax = new_axes(ax, figsize=(2.1 * columns, 1.5 * max(rows, 1)))
    for place, pair in enumerate(pairs.itertuples()):
        left, top = 2.3 * (place % columns), 1.55 * (place // columns)
        false = "same_label" in pairs and pair.same_label
        color, width = (FALSE_NEGATIVE, 2.2) if false else (FAINT, 0.8)
        for at, member in ((left, pair.first), (left + 1, pair.second)):
            ax.imshow(thumbnails.pixels(int(member)), extent=(at, at + 1, top + 1, top), interpolation="nearest")
            name = thumbnails.text(int(member)) if labels is None else str(labels[member])
            ax.text(at + 0.5, top + 1.04, name, ha="center", va="top", fontsize=7)
        ax.add_patch(Rectangle((left, top), 2, 1, fill=False, edgecolor=color, linewidth=width))
        words = f"{pair.similarity:.2f}" + (", false negative" if false else "")
        ax.text(left + 1, top + 1.2, words, ha="center", va="top", fontsize=7.5, color=FALSE_NEGATIVE if false else INK)
    ax.set(xlim=(-0.05, 2.3 * columns - 0.25), ylim=(1.55 * max(rows, 1), -0.05), aspect="equal", anchor="NW")
    ax.set_axis_off()
    return ax
