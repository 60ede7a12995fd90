"""Two embeddings of the same instances: maps with one selection, and what changed."""

import numpy as np
import pytest
from map_data import CODES, LABELS, POINTS, RNG, N, floats, shades

from toolkit.explorers import CompareExplorer
from toolkit.metrics import neighbors_kept
from toolkit.plots import projection

OTHER = np.concatenate([POINTS[:150], RNG.normal(size=(150, 12))])


@pytest.fixture(scope="module")
def explorer():
    return CompareExplorer(POINTS, LABELS, other=OTHER, names=("old", "new"), projection="pca", columns={"fold": CODES})


def test_each_map_has_its_own_positions_and_both_one_instance(explorer):
    for canvas, points, name in zip(explorer._maps, (POINTS, OTHER), ("old", "new"), strict=True):
        np.testing.assert_array_equal(floats(canvas.points).reshape(N, 2), projection.pca(points))
        assert canvas.title == name
    explorer.instance.value = 7
    assert [canvas.selected for canvas in explorer._maps] == [7, 7]
    explorer._maps[1].selected = 9
    assert (explorer.instance.value, explorer._maps[0].selected) == (9, 9)


def test_colours_and_numbers_tell_what_changed(explorer):
    explorer.color_by.value = "neighbours kept"
    kept = neighbors_kept(POINTS, OTHER).values
    np.testing.assert_array_equal(explorer.kept.values, kept)
    for canvas in explorer._maps:
        ranks = np.array([canvas.palette.index(color) for color in shades(canvas)])
        assert ranks[kept == kept.max()].min() > ranks[kept == 0].max()
    assert f"neighbours kept <b>{kept.mean():.1%}</b>" in explorer.numbers.value
    explorer.color_by.value = "fold"
    assert [canvas.legend["title"] for canvas in explorer._maps] == ["colour: fold"] * 2


def test_what_moved_most_is_listed_and_follows_the_selection(explorer):
    explorer.selection = []
    order = explorer.moved()
    assert sorted(order) == list(range(N))
    assert np.all(np.diff(explorer.kept.values[order]) >= 0)
    assert np.mean(np.array(order[:100]) >= 150) > 0.9, "the others are where they were"
    explorer.selection = range(20)
    assert sorted(explorer.moved()) == list(range(20))
    assert "20 selected" in explorer.numbers.value
    assert f"#{explorer.moved()[0]}" in explorer.moved_items.value


def test_pairs_keep_neighbours_that_are_near_on_both_sides():
    queries = {"targets": OTHER, "target_items": [f"answer {i}" for i in range(N)]}
    explorer = CompareExplorer(POINTS, LABELS, other=OTHER, other_targets=POINTS, projection="pca", **queries)
    both = [
        np.hstack([points / np.linalg.norm(points, axis=1, keepdims=True) for points in sides])
        for sides in ((POINTS, OTHER), (OTHER, POINTS))
    ]
    np.testing.assert_allclose(explorer.kept.values, neighbors_kept(*both).values)
    assert explorer.kept.value > 0.99, "the sides change places"
    explorer.selection = [7]
    assert "answer 7" in explorer.moved_items.value


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"targets": OTHER}, TypeError, "targets and other_targets must both be given, or neither"),
        ({"other": POINTS[1:]}, ValueError, "other must be of the same 300 instances as embeddings, got 299"),
        ({"names": ("a",)}, ValueError, "names must be two, one for each embedding, got 1"),
        ({"projection": "tsne"}, ValueError, "projection must be one of"),
        ({"labels": LABELS[1:]}, ValueError, "labels must have shape"),
    ],
)
def test_bad_input_is_named(arguments, exception, message):
    with pytest.raises(exception, match=message):
        CompareExplorer(**{"embeddings": POINTS, "other": OTHER, "projection": "pca", **arguments})
