"""Metrics against naive loops and closed forms."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import cosine, false_negatives, hardness, pairs

from toolkit import UniformBatchSampler, _checks
from toolkit.metrics import (
    batch_coverage,
    batch_hardness,
    false_negative_rate,
    hardest_pairs,
)

POINTS = np.random.default_rng(0).normal(size=(60, 5))
LABELS = np.random.default_rng(1).integers(0, 4, 60)
BATCHES = [[0, 5, 9, 33], [59, 1], list(range(20, 45)), [7, 3, 2]]
METRICS = {
    "hardness": lambda batches: batch_hardness(batches, POINTS),
    "false negatives": lambda batches: false_negative_rate(batches, LABELS),
    "coverage": lambda batches: batch_coverage(batches, 60),
}


@given(
    batches=st.lists(st.lists(st.integers(0, 59), min_size=2, max_size=12, unique=True), min_size=1, max_size=8),
    convert=st.sampled_from([list, np.array, torch.tensor]),
)
def test_naive_loops(batches, convert):
    given_batches = [convert(batch) for batch in batches]
    hard = batch_hardness(given_batches, POINTS)
    np.testing.assert_allclose(hard.values, [hardness(batch, POINTS) for batch in batches], atol=1e-6)
    assert hard.value == pytest.approx(np.mean(hard.values))
    wrong = false_negative_rate(given_batches, LABELS)
    np.testing.assert_allclose(wrong.values, [false_negatives(batch, LABELS) for batch in batches])
    assert wrong.value == pytest.approx(np.mean(wrong.values))
    covered = batch_coverage(given_batches, 60)
    assert covered.visits.tolist() == [sum(index in batch for batch in batches) for index in range(60)]
    assert covered.value == len({index for batch in batches for index in batch}) / 60


def test_histogram_of_all_pairs():
    values = np.array([cosine(POINTS)[i, j] for batch in BATCHES for i, j in pairs(batch)])
    hard = batch_hardness(BATCHES, POINTS)
    assert len(hard.edges) == len(hard.histogram) + 1 == 201
    np.testing.assert_array_equal(hard.histogram, np.histogram(values, hard.edges)[0])


def test_similarities_of_one_and_minus_one_are_in_the_outer_bins():
    hard = batch_hardness([[0, 1], [0, 2], [1, 3]], np.array([[1.0, 1, 1], [3, 3, 3], [-2, -2, -2], [1, -1, 0]]))
    np.testing.assert_allclose(hard.values, [1, -1, 0], atol=1e-6)
    assert (hard.histogram[0], hard.histogram[-1], hard.histogram.sum()) == (1, 1, 3)
    assert hard.histogram[99:101].sum() == 1


@pytest.mark.parametrize("container", [np.asarray, torch.as_tensor, lambda points: points.tolist()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_closed_forms(container, dtype):
    n = 6
    assert batch_hardness([range(n)], container(np.eye(n, dtype=dtype) * 3)).value == pytest.approx(0, abs=1e-7)
    # n unit vectors at the corners of a simplex have similarity -1 / (n - 1).
    simplex = np.eye(n, dtype=dtype) - 1 / n
    assert batch_hardness([range(n)], container(simplex.astype(dtype))).value == pytest.approx(-1 / (n - 1))


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 1, 2], list("aaabbc"), np.array([5.0, 5, 5, 2, 2, 0])])
def test_prior_and_extremes(labels):
    # 3 + 1 of the 15 pairs have the same label.
    found = false_negative_rate([[0, 1, 2], [0, 3, 5], range(6)], labels)
    assert found.prior == pytest.approx(4 / 15)
    assert found.values.tolist() == pytest.approx([1, 0, 4 / 15])
    assert false_negative_rate([[0, 1]], torch.tensor([7, 7, 7])).prior == 1
    assert false_negative_rate([[0, 1]], [0, 1, 2]).prior == 0


@pytest.mark.parametrize(
    ("labels", "n_unlabelled"),
    [
        (["a", "a", None, "b", float("nan"), "a"], 2),
        ([0, 0, -1, 1, -1, 0], 2),
        (np.array([0, 0, np.nan, 1, np.nan, 0]), 2),
        (pd.Series(["a", "a", None, "b", None, "a"], dtype="string"), 2),
        (pd.to_datetime(pd.Series(["2024-01-01", "2024-01-01", None, "2024-01-02", None, "2024-01-01"])), 2),
        (np.array([0, 0, "NaT", 1, "NaT", 0], "timedelta64[D]"), 2),
        (torch.tensor([7, 7, -1, 9, -1, 7]), 2),
    ],
)
def test_instances_without_a_label_count_as_neither_true_nor_false(labels, n_unlabelled):
    found = false_negative_rate([[0, 1, 2, 3], [2, 4], [3, 5, 4]], labels)
    np.testing.assert_allclose(found.values, [1 / 3, np.nan, 0])  # of 3, no and one pair with known labels
    assert found.value == pytest.approx(1 / 6)
    assert found.prior == pytest.approx(3 / 6)
    assert found.n_unlabelled == n_unlabelled
    assert repr(found).endswith("batches=3, n_unlabelled=2)")
    pairs = hardest_pairs([range(6)], POINTS[:6], 15, labels)
    same = {tuple(pair) for pair in pairs[pairs.same_label][["first", "second"]].to_numpy().tolist()}
    assert same == {(0, 1), (0, 5), (1, 5)}
    assert len(hardest_pairs([range(6)], POINTS[:6], 15, labels, only_false=True)) == 3


def test_labels_of_several_kinds_and_no_labels_are_refused():
    with pytest.raises(TypeError, match=r"labels must all have one type .*, got int, str"):
        false_negative_rate([[0, 1]], ["a", 1, None])
    with pytest.raises(ValueError, match="labels must be known for 2 instances or more, got 1 of 3"):
        false_negative_rate([[0, 1]], ["a", None, None])


def test_uniform_batches_have_the_prior(clusters):
    sampler = UniformBatchSampler(5000, 100, seed=1)
    found = false_negative_rate([batch for _ in range(10) for batch in sampler], clusters.labels)
    # 500 batches: the interval is +- 0.0005 and misses the prior in one of 20 seeds; five half-widths do not.
    half = found.interval()[1] - found.value
    assert found.prior == pytest.approx(499 / 4999)
    assert abs(found.value - found.prior) < 5 * half
    assert half < 0.001


@pytest.mark.parametrize("measure", [METRICS["hardness"], METRICS["false negatives"]])
def test_interval(measure):
    found = measure(BATCHES)
    low, high = found.interval()
    mean, half = found.values.mean(), 3.182446 * found.values.std(ddof=1) / 2  # Student's t of 4 batches
    assert (low, high) == pytest.approx((mean - half, mean + half))
    assert np.isnan(measure(BATCHES[:1]).interval()).all()


def test_to_frame():
    for name, column in (("hardness", "hardness"), ("false negatives", "false_negative_rate")):
        found = METRICS[name](BATCHES)
        table = found.to_frame()
        assert (table.shape, list(table), table.index.name) == ((4, 1), [column], "batch")
        np.testing.assert_array_equal(table[column], found.values)
    covered = METRICS["coverage"](BATCHES)
    table = covered.to_frame()
    assert (table.shape, list(table), table.index.name) == ((60, 1), ["visits"], "index")
    np.testing.assert_array_equal(table.visits, covered.visits)


def test_repr():
    assert repr(batch_hardness([[0, 1], [0, 2]], np.eye(3))) == "Hardness(value=0.000, batches=2)"
    assert repr(false_negative_rate([[0, 1, 2]], [0, 0, 1])) == "FalseNegatives(value=0.333, prior=0.333, batches=1)"
    assert repr(batch_coverage([[0, 1], [1, 2]], 4)) == "Coverage(value=0.750, mean=1.00, max=2)"


@pytest.mark.parametrize("measure", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    ("batches", "exception", "message"),
    [
        ([], ValueError, "batches must hold at least one batch"),
        ([[0, 1], [2]], ValueError, "batches must hold at least 2 instances each, got one with 1"),
        ([[0, 1], []], ValueError, "batches must hold at least 2 instances each, got one with 0"),
        ([[0, 1], [3, 4, 3]], ValueError, "batches must hold distinct instances, got one with an instance twice"),
        ([[0, 60]], IndexError, "batches must lie in [0, 60), got 60"),
        ([[0, -1]], IndexError, "batches must lie in [0, 60), got -1"),
        ([[0.0, 1.0]], TypeError, "batches must be integers, got dtype float64"),
        ([[[0, 1]]], ValueError, "batches must be one-dimensional"),
        ([0, 1], ValueError, "batches must be one-dimensional"),
    ],
)
def test_bad_batches(measure, batches, exception, message):
    with pytest.raises(exception) as error:
        measure(batches)
    assert message in str(error.value)


def test_bad_embeddings_and_labels():
    points = POINTS.copy()
    points[[5, 20]] = np.nan
    with pytest.raises(ValueError, match=r"2 bad row\(s\), first \[5, 20\]"):
        batch_hardness(BATCHES, points)
    assert batch_hardness([[0, 1]], points).value == batch_hardness([[0, 1]], POINTS).value  # only members count
    with pytest.raises(ValueError, match=r"embeddings must have shape \(N, d\)"):
        batch_hardness(BATCHES, POINTS[:, 0])
    with pytest.raises(ValueError, match=r"labels must have shape \(60,\), one per instance, got \(60, 5\)"):
        false_negative_rate(BATCHES, POINTS)
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        batch_coverage([[0, 1]], 1)


# The most similar pairs


@pytest.mark.parametrize("only_false", [False, True])
def test_hardest_pairs_are_those_of_a_search_through_all(clusters, only_false):
    rng = np.random.default_rng(1)
    batches = [rng.permutation(300)[:40] for _ in range(5)]
    points, labels = clusters.points[:300].astype(float), clusters.labels[:300]
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    pairs = {tuple(sorted(pair)) for batch in batches for pair in itertools.combinations(batch.tolist(), 2)}
    if only_false:
        pairs = {(i, j) for i, j in pairs if labels[i] == labels[j]}
    expected = sorted(pairs, key=lambda pair: -unit[pair[0]] @ unit[pair[1]])[:25]
    found = hardest_pairs(batches, points, 25, labels, only_false)
    assert list(zip(found["first"], found["second"], strict=True)) == expected
    np.testing.assert_allclose(found.similarity, [unit[i] @ unit[j] for i, j in expected], rtol=1e-5)
    assert found.same_label.tolist() == [labels[i] == labels[j] for i, j in expected]


def test_hardest_pairs_may_be_fewer_than_asked_for():
    found = hardest_pairs([[0, 1], [1, 2]], np.eye(3) + 0.1, 10, [0, 0, 1], only_false=True)
    assert list(zip(found["first"], found["second"], strict=True)) == [(0, 1)]
    assert len(hardest_pairs([[0, 1]], np.eye(3), 10, [0, 1, 1], only_false=True)) == 0
    assert "same_label" not in hardest_pairs([[0, 1]], np.eye(3))


def test_hardest_pairs_without_labels_cannot_be_false():
    with pytest.raises(ValueError, match="labels must be given with only_false=True"):
        hardest_pairs([[0, 1]], np.eye(2), only_false=True)


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        ([2, 0, 1, 0], [2, 0, 1, 0]),
        (np.array([2, 0, 1, 0], np.uint8), [2, 0, 1, 0]),
        ([5, 0, 3, 0], [2, 0, 1, 0]),
        ([0, 0, 2, 2], [0, 0, 1, 1]),
        ([-1, 0, 1, 0], [-1, 0, 1, 0]),
        ([-1, 5, 9, 5], [-1, 0, 1, 0]),
        ([None, 5, 9, 5], [-1, 0, 1, 0]),
        ([True, False, True, True], [1, 0, 1, 1]),
        (["b", "a", "b", "a"], [1, 0, 1, 0]),
    ],
)
def test_labels_become_codes_without_gaps(labels, codes):
    found = _checks.labels("labels", labels, 4)
    assert found.tolist() == codes
    assert found.dtype == np.int64


def test_labels_that_are_codes_are_not_sorted_again(monkeypatch):
    monkeypatch.setattr(np, "unique", None)
    assert _checks.labels("labels", np.arange(6) % 3, 6).tolist() == [0, 1, 2, 0, 1, 2]
