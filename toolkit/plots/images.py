"""Batches as rows of pictures."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from toolkit import _checks
from toolkit.plots.style import FAINT, FALSE_NEGATIVE, INK, color_of, new_axes, styled
from toolkit.plots.thumbnails import Thumbnails
from toolkit.plots.writing import wrap, write


@styled
def batch_grid(
    batches: Mapping[str, Sequence[int]], images, labels, classes: Sequence[str] | None = None, n_shown: int = 12
):
    """Draw the first members of one batch of each sampler, with frames around false negatives of the first.

    Parameters
    ----------
    batches : mapping of name to index sequence
    images : Thumbnails, or anything that `Thumbnails` accepts
        Images or drawings of all instances.
    labels : int array, shape (N,)
        Label of each instance; -1 means no label.
    classes : sequence of str, optional
        Names of the labels, written below the pictures.
    n_shown : int
        Members per row.

    Returns
    -------
    array of Axes, shape (len(batches), n_shown)
    """
    import matplotlib.pyplot as plt

    thumbnails = images if isinstance(images, Thumbnails) else Thumbnails(images, len(labels))
    size = 0.82 * n_shown, 1.22 * len(batches) + 0.3
    figure, axes = plt.subplots(len(batches), n_shown, figsize=size, squeeze=False)
    for row, (name, batch) in zip(axes, batches.items(), strict=True):
        for ax in row[len(batch) :]:
            ax.set_axis_off()
        for column, (ax, index) in enumerate(zip(row, batch[:n_shown], strict=False)):
            false_negative = column > 0 and labels[index] == labels[batch[0]] != -1
            thumbnails.render(int(index), ax)
            color, width = (FALSE_NEGATIVE, 3) if false_negative else (INK, 2.5) if column == 0 else (FAINT, 0.6)
            for spine in ax.spines.values():
                spine.set(visible=True, color=color, linewidth=width)
            if classes is not None:
                ax.set_xlabel("", fontsize=7, labelpad=2, color=color if false_negative else INK)
                write(ax.xaxis.label, "no label" if labels[index] == -1 else classes[labels[index]])
        write(row[0].set_title("", color=color_of(name), fontsize=11, pad=4), name)
    words = "Black frame: first member. Vermillion frame: false negative, of the same class as the first."
    figure.suptitle(words, fontsize=10, x=0.01, ha="left")
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
    """Draw some instances in rows on a single Axes; sentences are written below each other.

    Parameters
    ----------
    thumbnails : Thumbnails
    indices : sequence of int
    captions : sequence of str, optional
        Text below each instance.
    framed : sequence of bool, optional
        Which instances to frame in the colour of false negatives.
    columns : int

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import plots
    >>> images = np.random.default_rng(0).random((10, 28, 28))
    >>> ax = plots.thumbnail_grid(plots.Thumbnails(images), [3, 1, 4], ["three", "one", "four"])
    >>> [text.get_text() for text in ax.texts]
    ['three', 'one', 'four']
    """
    rows_shown = _checks.indices("indices", indices, thumbnails.n).tolist()
    captions = _per_instance("captions", captions, len(rows_shown), "")
    framed = [_checks.flag("framed", each) for each in _per_instance("framed", framed, len(rows_shown), False)]
    columns = _checks.integer("columns", columns, 1)
    sentences = thumbnails.kind == "text"
    columns = 1 if sentences else columns
    rows = -(-len(rows_shown) // columns)
    ax = new_axes(ax, figsize=(4.8, 0.25 * rows) if sentences else (1.1 * columns, 1.3 * rows))
    height = 0.3 if sentences else 1.42 if any(map(str, captions)) else 1.12
    for cell, (index, caption, frame) in enumerate(zip(rows_shown, captions, framed, strict=True)):
        left, top = 1.12 * (cell % columns), height * (cell // columns)
        if sentences:
            words = wrap(f"{caption} {thumbnails.text(int(index))}", 60, 1)
            write(ax.text(left, top, "", va="top", fontsize=7, color=FALSE_NEGATIVE if frame else INK), words)
            continue
        _show(ax, thumbnails, index, left, top, caption)
        _frame(ax, left, top, 1, frame)
    _fit(ax, 1.12 * columns, height * rows, "auto" if sentences else "equal")
    return ax


@styled
def pairs(pairs, thumbnails: Thumbnails, labels=None, columns: int = 4, ax: Axes | None = None) -> Axes:
    """Draw pairs of instances with their similarity and labels, and mark false negatives.

    Parameters
    ----------
    pairs : DataFrame
        Result of `toolkit.metrics.hardest_pairs`.
    thumbnails : Thumbnails
    labels : array, shape (N,), optional
        Labels of any type, written below the pictures.
    columns : int
        Number of pairs in a row.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import metrics, plots
    >>> images, labels = np.random.default_rng(0).random((4, 8, 8)), np.array(["cat", "dog", "cat", "dog"])
    >>> found = metrics.hardest_pairs([[0, 1, 2]], images.reshape(4, -1), 1, labels, only_false=True)
    >>> ax = plots.pairs(found, plots.Thumbnails(images), labels)
    >>> [text.get_text() for text in ax.texts]
    ['cat', 'cat', '0.76, false negative']
    """
    columns = _checks.integer("columns", columns, 1)
    if labels is not None:
        labels = _checks.shape("labels", _checks.array("labels", labels), (thumbnails.n,), "one per instance")
    rows = max(-(-len(pairs) // columns), 1)
    ax = new_axes(ax, figsize=(2.1 * columns, 1.5 * rows))
    for cell, pair in enumerate(pairs.itertuples()):
        left, top = 2.3 * (cell % columns), 1.55 * (cell // columns)
        false = "same_label" in pairs and pair.same_label
        for at, member in ((left, pair.first), (left + 1, pair.second)):
            name = thumbnails.text(int(member)) if labels is None else labels[member]
            _show(ax, thumbnails, member, at, top, name)
        _frame(ax, left, top, 2, false)
        words = f"{pair.similarity:.2f}" + (", false negative" if false else "")
        ax.text(left + 1, top + 1.2, words, ha="center", va="top", fontsize=7.5, color=FALSE_NEGATIVE if false else INK)
    _fit(ax, 2.3 * columns - 0.25, 1.55 * rows, "equal")
    return ax


def _per_instance(name: str, values, n: int, default) -> list:
    """Return `values` as a list of length n, or n times the default if they are None; raise for another length."""
    found = [default] * n if values is None else _checks.listed(name, values, "one for each instance")
    if len(found) != n:
        raise ValueError(f"{name} must have one entry for each of the {n} instances, got {len(found)}")
    return found


def _show(ax: Axes, thumbnails: Thumbnails, index: int, left: float, top: float, words) -> None:
    """Draw an instance with a text below."""
    ax.imshow(thumbnails.pixels(int(index)), extent=(left, left + 1, top + 1, top), interpolation="nearest")
    write(ax.text(left + 0.5, top + 1.04, "", ha="center", va="top", fontsize=7), words)


def _frame(ax: Axes, left: float, top: float, width: float, false: bool) -> None:
    look = {"edgecolor": FALSE_NEGATIVE, "linewidth": 2.2} if false else {"edgecolor": FAINT, "linewidth": 0.7}
    ax.add_patch(Rectangle((left, top), width, 1, fill=False, **look))


def _fit(ax: Axes, width: float, height: float, aspect: str) -> None:
    ax.set(xlim=(-0.05, width), ylim=(height, -0.05), aspect=aspect, anchor="NW")
    ax.set_axis_off()
