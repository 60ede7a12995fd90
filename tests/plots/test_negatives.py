"""The hardest negatives by their artists' data."""

import numpy as np
import pytest
from matplotlib import colors

from toolkit import metrics, plots
from toolkit.plots.style import FALSE_NEGATIVE, color_of

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(40, 6))
TARGETS = QUERIES + RNG.normal(size=QUERIES.shape)
TEXTS = [f"target ${i}" for i in range(40)]


@pytest.mark.parametrize("labels", [None, np.arange(40) % 2], ids=["estimated", "labels"])
def test_bars_are_the_similarities_and_frames_the_false_negatives(labels):
    found = {
        name: metrics.hardest_negatives(range(start, 40), 36, QUERIES, TARGETS, 6, labels=labels, ratio=0.5)
        for name, start in (("Random walk", 0), ("Uniform", 10))
    }
    axes = plots.hardest_negatives(found, TEXTS)
    false = "suspected" if labels is None else "same_label"
    assert any(rows[false].any() and not rows[false].all() for rows in found.values())
    for ax, (name, rows) in zip(axes, found.items(), strict=True):
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(rows.similarity.tolist())
        framed = [colors.same_color(bar.get_edgecolor(), FALSE_NEGATIVE) for bar in ax.patches]
        assert framed == rows[false].tolist()
        assert colors.same_color(ax.patches[0].get_facecolor()[:3], color_of(name))
        assert [text.get_text() for text in ax.texts[:6]] == [TEXTS[index] for index in rows["index"]]
        assert ax.lines[0].get_xdata()[0] == pytest.approx(rows.positive[0])
        assert ax.get_title(loc="left") == name


def test_without_texts_targets_are_numbers():
    found = metrics.hardest_negatives(range(5), 0, QUERIES, TARGETS)
    (ax,) = plots.hardest_negatives({"Chain": found})
    assert [text.get_text() for text in ax.texts[:4]] == [f"#{index}" for index in found["index"]]


def test_bad_input_is_named():
    found = {"Chain": metrics.hardest_negatives(range(5), 0, QUERIES, TARGETS)}
    with pytest.raises(ValueError, match="texts must hold one for each target shown, got none for 3"):
        plots.hardest_negatives(found, TEXTS[:3])
    with pytest.raises(TypeError, match="figure must be one of Matplotlib, got 3"):
        plots.hardest_negatives(found, figure=3)
