"""The map of embeddings: what is listed next to it, and pairs of a query and its target on it."""

import numpy as np
import pytest
from map_data import CODES, IMAGES, LABELS, POINTS, RNG, N, floats

from toolkit.explorers import EmbeddingExplorer
from toolkit.plots import projection
from toolkit.proximity import join_pairs

TARGETS = POINTS + 0.8 * RNG.normal(size=POINTS.shape)
QUESTIONS, ANSWERS = [[f"{kind} <{i}>" for i in range(N)] for kind in ("question", "answer")]


def unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def of_pairs(**more):
    given = {"items": QUESTIONS, "targets": TARGETS, "target_items": ANSWERS, "projection": "pca"}
    return EmbeddingExplorer(POINTS, LABELS, **given | more)


def test_listed_are_the_most_similar_ones_or_the_selection():
    explorer = EmbeddingExplorer(POINTS, LABELS, IMAGES, projection="pca")
    explorer.instance.value = 7
    similarities = unit(POINTS) @ unit(POINTS)[7]
    assert explorer.nearest(7).tolist() == np.argsort(-similarities)[:24].tolist()
    assert "Most similar to #7" in explorer.shown.value
    chosen = [3, 8, 13, 200]
    explorer.selection = chosen
    assert "4 selected" in explorer.shown.value
    both = unit(POINTS)[chosen] @ unit(POINTS)[chosen].T
    mean = both[~np.eye(4, dtype=bool)].mean()
    assert f"mean similarity within the selection <b>{mean:.3f}</b>" in explorer.numbers.value


def test_similar_pairs_are_those_that_the_loss_would_confuse():
    explorer = of_pairs()
    cosines = unit(POINTS) @ unit(TARGETS).T
    mean = (cosines + cosines.T) / 2
    for index in (0, 7):
        others = np.delete(np.argsort(-mean[index]), np.flatnonzero(np.argsort(-mean[index]) == index))
        assert explorer.nearest(index).tolist() == [index, *others[:23]]
    explorer.selection = [1, 2, 30]
    expected = (mean[1, 2] + mean[1, 30] + mean[2, 30]) / 3
    assert f"mean similarity within the selection <b>{expected:.3f}</b>" in explorer.numbers.value


def test_a_pair_shows_its_query_and_its_target():
    explorer, sent = of_pairs(columns={"fold": CODES}), []
    np.testing.assert_array_equal(
        floats(explorer.canvas.points).reshape(N, 2), projection.pca(join_pairs(unit(POINTS), unit(TARGETS)))
    )
    explorer.canvas.send = sent.append
    explorer.canvas._handle_custom_msg({"tip": 7}, [])
    assert sent == [{"tip": {"index": 7, "lines": [QUESTIONS[7], f"→ {ANSWERS[7]}", "fold: 2"], "pictures": []}}]
    explorer.search.value = "answer <17>"
    assert explorer.selection.tolist() == [17]
    assert "question &lt;17&gt;" in explorer.shown.value
    assert "answer &lt;17&gt;" in explorer.shown.value
    assert list(explorer.frame()) == ["label", "text", "target", "fold"]
    assert explorer.frame().target.tolist() == [ANSWERS[17]]


def test_pictures_of_both_sides_are_shown_below_the_pointer():
    explorer, sent = of_pairs(items=IMAGES, target_items=IMAGES[::-1]), []
    explorer.canvas.send = sent.append
    explorer.canvas._handle_custom_msg({"tip": 7}, [])
    addresses = [side.address(7) for side in (explorer.thumbnails, explorer.target_thumbnails)]
    assert sent[0]["tip"]["pictures"] == addresses
    assert addresses[0] != addresses[1]


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"targets": TARGETS[1:]}, ValueError, r"targets must have shape \(300, 12\)"),
        ({"targets": None}, TypeError, "target_items must be None unless targets are given"),
        ({"target_items": ANSWERS[1:]}, ValueError, r"target_items must hold one per instance \(300\), got 299"),
    ],
)
def test_bad_input_is_named(arguments, exception, message):
    with pytest.raises(exception, match=message):
        of_pairs(**arguments)
