"""The picture of a suggestion: its points, the limit and the star."""

import numpy as np
import pytest

from toolkit import plots
from toolkit.metrics import suggest_settings

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 20, 1500)
POINTS = RNG.normal(size=(20, 16))[LABELS] + 0.7 * RNG.normal(size=(1500, 16))


def test_shows_all_that_was_tried_the_limit_and_the_suggestion():
    found = suggest_settings(POINTS, 30, labels=LABELS)
    ax = plots.suggestion(found)
    drawn = np.concatenate([dots.get_offsets() for dots in ax.collections])
    tried = found.points.iloc[1:]
    assert sorted(drawn.tolist()) == sorted(tried[["hardness", "false_negative_rate"]].values.tolist())
    assert (found.hardness, found.false_negative_rate) in {(*line.get_xdata(), *line.get_ydata()) for line in ax.lines}
    assert ax.get_ylabel() == "false negatives (share of pairs)"
    assert f"limit {found.limit:.1%}" in {text.get_text() for text in ax.texts}
    gain = found.hardness - found.points.hardness.iloc[0]
    assert ax.get_title(loc="left") == f"Hardest within the limit: {gain:+.2f} over a shuffle"


def test_a_shuffle_has_no_star():
    found = suggest_settings(POINTS, 30, labels=LABELS % 2, max_false_negatives=0.4)
    ax = plots.suggestion(found)
    assert ax.get_title(loc="left") == "Shuffle: nothing harder"
    assert not any(line.get_marker() == "*" for line in ax.lines)


@pytest.mark.parametrize("labels", [None, LABELS])
def test_says_whether_false_negatives_are_estimated(labels):
    ax = plots.suggestion(suggest_settings(POINTS, 30, labels=labels))
    assert ax.get_ylabel().startswith("estimated") == (labels is None)


def test_a_pinned_suggestion_is_a_diamond():
    found, pinned = (suggest_settings(POINTS, 30, labels=LABELS, max_false_negatives=limit) for limit in (0.5, 0.05))
    diamond = next(line for line in plots.suggestion(found, pinned=pinned).lines if line.get_marker() == "D")
    assert diamond.get_xydata().ravel().tolist() == [pinned.hardness, pinned.false_negative_rate]
