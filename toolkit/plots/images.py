"""Batches as rows of pictures."""

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit.plots.style import FAINT, FALSE_NEGATIVE, INK, color_of, styled


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
    images : array or tensor, shape (N, C, H, W) or (N, H, W)
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
