"""Batches as rows of pictures, by the data of their artists."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from toolkit import plots
from toolkit.plots.items import to_rgb
from toolkit.plots.style import FALSE_NEGATIVE


def test_grid_shows_the_members_and_frames_false_negatives():
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 6, 6), dtype=np.uint8)
    labels = np.arange(20) % 3
    batches = {"Uniform": [4, 5, 7, 9], "Random walk": [2, 5, 8, 11]}
    axes = plots.batch_grid(batches, images, labels, ["cat", "dog", "eel"], n_shown=3)
    assert axes.shape == (2, 3)
    for row, (name, batch) in zip(axes, batches.items(), strict=True):
        assert row[0].get_title(loc="left") == name
        for column, (ax, index) in enumerate(zip(row, batch[:3], strict=True)):
            np.testing.assert_array_equal(ax.images[0].get_array(), to_rgb(images[index]))
            assert ax.get_xlabel() == ["cat", "dog", "eel"][labels[index]]
            outlined = {to_hex(spine.get_edgecolor()).upper() for spine in ax.spines.values()} == {FALSE_NEGATIVE}
            assert outlined == (column > 0 and labels[index] == labels[batch[0]])
            assert all(spine.get_visible() for spine in ax.spines.values())


@pytest.mark.parametrize("shape", [(6, 6), (1, 6, 6), (3, 6, 6)])
def test_grid_takes_grey_and_colour(shape):
    images = np.random.default_rng(0).random((4, *shape))
    axes = plots.batch_grid({"Uniform": [0, 1]}, images, np.arange(4), n_shown=2)
    assert axes[0, 1].images[0].get_array().shape == (6, 6, 3)
    assert axes[0, 1].get_xlabel() == ""


def test_grid_takes_batches_smaller_than_a_row():
    images = np.random.default_rng(0).random((8, 6, 6))
    axes = plots.batch_grid({"Uniform": [0, 1, 2], "kNN": [3, 4, 5, 6]}, images, np.arange(8) % 2)
    assert [sum(len(ax.images) for ax in row) for row in axes] == [3, 4]


def test_grid_never_frames_pictures_without_a_label():
    images = np.random.default_rng(0).random((4, 6, 6))
    axes = plots.batch_grid({"Uniform": [0, 1, 2]}, images, np.array([-1, -1, 0, 0]), ["cat"], n_shown=3)
    assert [ax.get_xlabel() for ax in axes[0]] == ["no label", "no label", "cat"]
    assert {to_hex(spine.get_edgecolor()).upper() for spine in axes[0, 1].spines.values()} != {FALSE_NEGATIVE}
