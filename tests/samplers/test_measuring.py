"""Quick measurements of batches against the metrics that users see."""

import warnings

import numpy as np
import pytest
import torch

from toolkit import ProximityGraph
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.proximity import join_pairs, partition_batches, walk_batches
from toolkit.proximity.false_negatives import ByLabels
from toolkit.samplers.measuring import (
    known_share,
    mean_similarity,
    measured,
    measurer,
    members_for,
    sample,
    warn_of_few_labels,
)

RNG = np.random.default_rng(0)
POINTS, TARGETS = RNG.normal(size=(2, 600, 12)).astype(np.float32)
LABELS = RNG.integers(0, 5, 600)
UNIT = torch.nn.functional.normalize(torch.from_numpy(POINTS))


def test_the_mean_similarity_is_the_hardness():
    batch = RNG.permutation(600)[:50]
    assert mean_similarity(UNIT[batch], False) == pytest.approx(batch_hardness([batch], POINTS).value, abs=1e-6)
    joined = join_pairs(POINTS, TARGETS)[batch]
    assert mean_similarity(joined, True) == pytest.approx(batch_hardness([batch], POINTS, TARGETS).value, abs=1e-6)


def test_empty_places_are_left_out():
    queue = np.concatenate([np.arange(10), [-1, -1], np.arange(10, 18), [-1] * 10])
    assert [len(batch) for batch in sample(queue, 10)] == [10, 8]
    some = measured(queue, 10, UNIT, False, ByLabels(LABELS))
    batches = [range(10), range(10, 18)]
    expected = batch_hardness(batches, POINTS).value, false_negative_rate(batches, LABELS).value
    assert some == pytest.approx(expected, abs=1e-6)


def test_pairs_with_labels_count_alike_whatever_batch_they_are_in():
    codes = np.full(600, -1)
    codes[[0, 1]] = 0  # the only known pair of its batch
    codes[10:20] = np.arange(10)
    batches = np.arange(30)  # the third has no label
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measured(batches, 10, UNIT, False, ByLabels(codes))[1] == pytest.approx(1 / 46)
        assert np.isnan(measured(batches[20:], 10, UNIT, False, ByLabels(codes))[1])


def test_a_long_plan_is_sampled_all_over():
    some = sample(np.arange(100_000), 100)
    assert 70 < len(some) < 110
    assert some[-1][0] > 90_000


@pytest.mark.parametrize("coverage", ["independent", "partition"])
def test_settings_are_measured_on_their_batches(coverage):
    graph = ProximityGraph.build(POINTS, n_candidates=100, n_neighbors=20, seed=3)
    found = measurer(graph, UNIT, ByLabels(LABELS), 30, coverage, 7)(5, 0.4)
    order = np.random.default_rng(7).permutation(600)
    draw = partition_batches if coverage == "partition" else walk_batches
    batches = draw(graph.narrow(5), order, 30, restart=0.4, seed=7)[0].reshape(-1, 30)
    assert found.hardness == pytest.approx(batch_hardness(batches, POINTS).value, abs=0.02)
    assert found.false_negative_rate == pytest.approx(false_negative_rate(batches, LABELS).value, abs=0.02)


def test_a_low_rate_is_measured_on_batches_with_a_thousand_false_negatives():
    assert members_for(0.1, 256) == 8192, "more than enough"
    assert members_for(0.003, 32) * 0.003 * 31 / 2 == pytest.approx(1000, rel=1e-3)
    assert members_for(1e-6, 32) == 4 * 8192, "the most"


def test_missing_labels_are_made_up_for_by_more_batches():
    codes = np.where(np.random.default_rng(3).random(600) < 0.2, LABELS, -1)
    known = known_share(ByLabels(codes), 600)
    assert known == pytest.approx(0.04, rel=0.2)
    assert members_for(0.1, 32, known) * 0.1 * 31 / 2 * known == pytest.approx(1000, rel=1e-3)
    assert members_for(1e-6, 32, known) == 8 * 4 * 8192, "the most"


def test_too_few_labels_are_named_unless_there_are_no_more_pairs():
    with pytest.warns(UserWarning, match="hold only about 124 pairs with both labels known, and at least 500"):
        assert warn_of_few_labels("It", 0.01, 800, 32, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not warn_of_few_labels("It", 0.05, 800, 32, 1)
        assert not warn_of_few_labels("It", 0.9, 30, 4, 1)


@pytest.mark.parametrize("coverage", ["independent", "partition"])
def test_as_many_batches_are_measured_as_asked_for(coverage):
    graph = ProximityGraph.build(POINTS, n_candidates=100, n_neighbors=20, seed=3)
    counted, by_labels = [], ByLabels(LABELS)

    class Counted:
        def rates(self, batches):
            counted.append(len(batches))
            return by_labels.rates(batches)

        def known(self, batches):
            return by_labels.known(batches)

    measurer(graph, UNIT, Counted(), 30, coverage, 7, 300)(5, 0.4)
    assert counted == [10]
