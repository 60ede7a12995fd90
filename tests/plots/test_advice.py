"""The picture of a suggestion: its points, the limit and the star."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from toolkit import plots
from toolkit.metrics import suggest_settings
from toolkit.samplers import SAMPLERS

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


def test_each_sampler_has_its_colour_and_its_name_at_its_best_settings():
    found = suggest_settings(POINTS, 30, labels=LABELS, max_false_negatives=0.3)
    ax = plots.suggestion(found)
    assert set(found.compared.sampler) == {"uniform", "random_walk", "chain", "cluster"}
    written = {text.get_text(): text for text in ax.texts}
    for row in found.compared.iloc[1:].itertuples():
        color, label = SAMPLERS[row.sampler].color, SAMPLERS[row.sampler].label.lower()
        own = found.points[found.points.sampler == row.sampler]
        drawn = [dots.get_offsets() for dots in ax.collections if to_hex(dots.get_facecolor()[0]) == color.lower()]
        assert len(np.concatenate(drawn)) == len(own)
        if row.sampler == found.sampler:
            star = next(line for line in ax.lines if line.get_marker() == "*")
            assert star.get_color() == color
        else:
            assert written[label].xy == (row.hardness, row.false_negative_rate)
            assert written[label].get_color() == color
    shuffled, label = found.compared.loss_gap.iloc[0], SAMPLERS[found.sampler].label
    title = f"{label}: misses {found.loss_gap:.1f} nats of the loss, a shuffle {shuffled:.1f}"
    assert ax.get_title(loc="left") == title


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("random_walk", "K / M = {n_neighbors} / "),
        ("chain", "chain, M = {n_candidates:,}"),
        ("cluster", "clusters of {cluster_size}"),
    ],
)
def test_one_sampler_alone_is_the_hardest_within_the_limit(name, written):
    found = suggest_settings(POINTS, 30, labels=LABELS, max_false_negatives=0.3, samplers=[name])
    ax = plots.suggestion(found)
    assert any(text.get_text().startswith(written.format(**found.settings)) for text in ax.texts)
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


def test_what_is_pinned_must_be_a_suggestion():
    found = suggest_settings(POINTS[:300], 30)
    with pytest.raises(TypeError, match=r"pinned must be a Suggestion .*, got float"):
        plots.suggestion(found, pinned=0.5)
