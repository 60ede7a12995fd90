"""The false-negative explorer by its traits."""

import re

import numpy as np
import pytest
from matplotlib import pyplot as plt

import toolkit
from toolkit import plots
from toolkit.explorers import FalseNegativeExplorer
from toolkit.metrics import estimate_false_negatives, hardest_pairs, hardness_frontier
from toolkit.proximity.graph import ProximityGraph

RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.arange(600) % 10)
POINTS = RNG.normal(size=(10, 16))[LABELS] + RNG.normal(size=(600, 16))
NAMES = np.array([f"class {c}" for c in "abcdefghij"])[LABELS]
IMAGES = RNG.integers(0, 256, (600, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def shared():
    return FalseNegativeExplorer(POINTS, NAMES, IMAGES)


@pytest.fixture
def explorer(shared):
    shared.batch.value = 1
    shared.reset.click()
    return shared


def fail(*args, **kwargs):
    raise RuntimeError("the graph burst")


@pytest.mark.parametrize(("restart", "n_neighbors", "batch_size"), [(0.2, 100, 256), (0.7, 20, 64)])
def test_point_and_frontier_are_those_of_the_metrics_without_a_widget(explorer, restart, n_neighbors, batch_size):
    explorer.restart.value, explorer.n_neighbors.value = restart, n_neighbors
    explorer.batch_size.value = batch_size
    pairs = [(explorer.n_candidates.value, n_neighbors)]
    walk = hardness_frontier(POINTS, LABELS, batch_size, graphs=pairs, restarts=[restart]).walks.iloc[0]
    x, y = (float(values[0]) for values in explorer._sheet.point.get_data())
    assert (x, y) == pytest.approx((walk.hardness, walk.false_negative_rate), rel=1e-6)
    low, high = explorer._sheet.across.get_ydata()
    assert (high - low) / 2 == pytest.approx(walk.false_negative_half)
    assert tuple(explorer._sheet.along.get_xdata()) == explorer.hardness.interval()
    text = explorer.numbers.value
    for form in (f"{walk.hardness:.3f}", f"{walk.false_negative_rate:.1%}", f"± {walk.false_negative_half:.1%}"):
        assert form in text
    ours = explorer.frontier.points
    graphs = explorer.frontier.walks[["n_candidates", "n_neighbors"]].drop_duplicates().astype(int).to_numpy().tolist()
    expected = hardness_frontier(POINTS, LABELS, batch_size, graphs=graphs, restarts=(0.05, 0.2, 0.5, 0.8)).points
    assert ours.sampler.tolist() == expected.sampler.tolist()
    np.testing.assert_allclose(ours.hardness, expected.hardness, rtol=1e-6)


def test_every_setting_moves_the_point_but_not_the_frontier(explorer):
    before = explorer.frontier
    seen = {explorer.png()}
    for name, value in (("restart", 0.8), ("n_neighbors", 20), ("n_candidates", 100)):
        getattr(explorer, name).value = value
        seen.add(explorer.png())
    assert len(seen) == 4
    assert explorer.frontier is before
    assert explorer._sheet.name.get_text() == "● restart 0.8, K / M = 20 / 100"


def test_the_picture_spans_what_the_frontier_spans(explorer):
    close = FalseNegativeExplorer(np.abs(POINTS) + 1, NAMES)  # all similar to each other
    assert close.frontier.points.hardness.min() > 0.5
    for each in (explorer, close):
        assert each._sheet.axes[0].get_xlim() == pytest.approx(plots.frontier(each.frontier).get_xlim())
    plt.close("all")


def test_batch_size_draws_another_frontier_and_the_old_one_comes_back(explorer):
    before, image = explorer.frontier, explorer.png()
    explorer.batch_size.value = 32
    assert explorer.frontier is not before
    explorer.batch_size.value = 256
    assert explorer.frontier is before
    assert explorer.png() == image


def test_code_makes_a_sampler_with_the_setting(explorer):
    explorer.restart.value = 0.35
    explorer.n_neighbors.value = 20
    sampler = eval(explorer.text.value, {"RandomWalkBatchSampler": toolkit.RandomWalkBatchSampler})
    for name, value in explorer.controls.settings.items():
        assert getattr(sampler, name) == pytest.approx(value)
    assert sampler.n == 600
    assert explorer.text.value == explorer.code


def test_false_negatives_shown_are_those_of_the_chosen_batch(explorer):
    explorer.batch_size.value = 64
    for number in (1, 4):
        explorer.batch.value = number
        batch = explorer.batches[number - 1]
        codes = LABELS[batch]
        n_same = int((codes[:, None] == codes).sum() - 64) // 2
        assert f"Batch {number}: {n_same:,} of 2,016 pairs are false negatives" in explorer.pairs.value
        expected = hardest_pairs([batch], POINTS, 5, LABELS, only_false=True)
        shown = [int(index) for index in re.findall(r'alt="#(\d+) class', explorer.pairs.value)]
        assert shown == expected[["first", "second"]].to_numpy().ravel().tolist()
        assert all(f"similarity {value:.2f}" in explorer.pairs.value for value in expected.similarity)
        assert explorer.pairs.value.count("<br>false negative") == len(expected)


def test_there_is_no_batch_beyond_the_last(explorer):
    explorer.batch_size.value = 64
    explorer.batch.value = 20
    assert "Batch 9:" in explorer.pairs.value, "600 instances make nine batches of 64"
    explorer.batch_size.value = 256
    assert explorer.batch.value == 2
    assert "Batch 2:" in explorer.pairs.value, "600 instances make two batches of 256"
    assert explorer.message.value == ""


def test_without_labels_the_panels_show_an_estimate():
    explorer = FalseNegativeExplorer(POINTS[:200])
    explorer.restart.value = 0.8
    assert explorer.frontier.estimated
    expected = estimate_false_negatives(explorer.batches, POINTS[:200]).value
    assert explorer.false_negatives.value == pytest.approx(expected)
    assert "No labels given: false negatives are estimated" in explorer.pairs.value
    assert explorer._sheet.axes[0].get_ylabel() == "estimated false negatives (share of pairs)"
    assert "estimated false negatives" in explorer.numbers.value
    assert repr(explorer) == "FalseNegativeExplorer(n=200, labels=False)"


def test_the_star_is_the_hardest_setting_within_the_budget(explorer):
    walks = explorer.frontier.walks
    assert explorer.budget.value == pytest.approx(0.1 + 0.1 * 0.9, abs=0.011), "a tenth of the true negatives is lost"
    for limit in (0.15, 0.3, 0.6):
        explorer.budget.value = limit
        best = walks[walks.false_negative_rate <= limit].sort_values("hardness").iloc[-1]
        x, y = (float(values[0]) for values in explorer._sheet.star.get_data())
        assert (x, y) == (best.hardness, best.false_negative_rate)
        assert explorer._sheet.limit.get_ydata()[0] == limit
        explorer.use.click()
        settings = {name: getattr(explorer, name).value for name in ("n_candidates", "n_neighbors", "restart")}
        assert settings == explorer.suggested
        found = (float(values[0]) for values in explorer._sheet.point.get_data())
        assert tuple(found) == pytest.approx((best.hardness, best.false_negative_rate))
    explorer.budget.value = 0.01
    assert explorer.suggested == {}
    assert not explorer._sheet.star.get_visible()
    assert explorer.use.disabled
    explorer.budget.value = 0.19


def test_without_items_instances_are_numbers():
    explorer = FalseNegativeExplorer(POINTS[:200], LABELS[:200])
    assert re.search(r"#\d+", explorer.pairs.value)
    assert "<img" not in explorer.pairs.value


@pytest.mark.filterwarnings("error")
def test_labels_that_never_repeat_can_be_shown():
    explorer = FalseNegativeExplorer(POINTS[:100], np.arange(100))
    assert "Batch 1: 0 of" in explorer.pairs.value
    assert "nan" not in explorer.numbers.value


@pytest.mark.parametrize("n", [32, 33, 70])
def test_few_embeddings_work(n):
    explorer = FalseNegativeExplorer(POINTS[:n], LABELS[:n])
    for control in (explorer.n_neighbors, explorer.n_candidates, explorer.batch_size):
        for value in control.options:
            control.value = value
    assert explorer.message.value == ""


def test_error_is_shown_while_the_last_good_picture_stays(explorer, monkeypatch):
    image, pairs = explorer.png(), explorer.pairs.value
    with monkeypatch.context() as patch:
        patch.setattr(ProximityGraph, "build", fail)
        with pytest.raises(RuntimeError, match="the graph burst"):
            explorer.n_candidates.value = 200
    assert "RuntimeError" in explorer.message.value
    assert (explorer.png(), explorer.pairs.value) == (image, pairs)
    explorer.restart.value = 0.5
    assert explorer.message.value == ""
    assert explorer.png() != image


def test_labels_in_captions_are_text_not_markup():
    names = np.where(LABELS[:100] == 0, "<b>zero</b>", "other")
    shown = FalseNegativeExplorer(POINTS[:100], names).pairs.value
    assert "<b>zero" not in shown


@pytest.mark.parametrize(
    ("labels", "items", "exception", "message"),
    [
        (LABELS[:-1], None, ValueError, r"labels must have shape \(600,\)"),
        (LABELS, IMAGES[:-1], ValueError, "items must hold one per instance"),
    ],
)
def test_bad_input_is_named(labels, items, exception, message):
    with pytest.raises(exception, match=message):
        FalseNegativeExplorer(POINTS, labels, items)


def test_missing_labels_are_neither_shown_as_pairs_nor_counted():
    some = [None if i % 2 else int(label) for i, label in enumerate(LABELS)]
    explorer = FalseNegativeExplorer(POINTS, some)
    assert explorer.false_negatives.n_unlabelled == 300
    assert "false negatives" in explorer.numbers.value
    shown = [int(index) for index in re.findall(r">#(\d+)<", explorer.pairs.value)]
    assert shown
    assert all(index % 2 == 0 for index in shown)
