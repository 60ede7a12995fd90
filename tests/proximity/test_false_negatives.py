"""Three ways to count false negatives: the same pairs, however they are told."""

import numpy as np
import pytest
import torch

from toolkit.proximity.false_negatives import ByClusters, ByLabels, ByPositives, class_prior, same_label_share

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 10, 1000)
APART = torch.nn.functional.normalize(
    torch.eye(10)[CODES] + 0.01 * torch.from_numpy(RNG.normal(size=(1000, 10))).float()
)
BATCHES = [RNG.choice(np.flatnonzero(k > CODES), 40, replace=False) for k in range(1, 11)]  # ever more classes


def share(batch):
    pairs = [CODES[i] == CODES[j] for i in batch for j in batch if i != j]
    return sum(pairs) / len(pairs)


def test_labels_are_counted_pair_by_pair():
    counter = ByLabels(CODES)
    np.testing.assert_allclose(counter.rates(BATCHES), [share(batch) for batch in BATCHES])
    assert counter.prior == pytest.approx(share(range(1000)), rel=0.05)


def test_positives_tell_classes_that_lie_apart():
    counter = ByPositives(APART, APART, ratio=0.5)
    np.testing.assert_allclose(counter.rates(BATCHES), [share(batch) for batch in BATCHES], atol=1e-3)
    assert counter.prior == pytest.approx(class_prior(CODES), rel=0.05)


def test_clusters_tell_classes_that_lie_apart_as_far_as_their_number_fits():
    """With 10 clusters exactly, with 30 a part of each class: so the estimate ranks, and is too low."""
    counter = ByClusters(APART)
    rates = counter.rates(BATCHES)
    assert np.corrcoef(rates, [share(batch) for batch in BATCHES])[0, 1] > 0.9
    assert 0.4 * class_prior(CODES) < counter.prior < 1.05 * class_prior(CODES)


def test_few_instances_have_few_clusters():
    assert len(ByClusters(APART[:60]).each) == 1
    assert ByClusters(APART[:5]).prior == 1  # one cluster


def test_pairs_are_known_if_both_have_labels():
    codes = np.where(np.arange(1000) % 3 == 0, CODES, -1)
    expected = [np.mean([codes[i] >= 0 and codes[j] >= 0 for i in some for j in some if i != j]) for some in BATCHES]
    np.testing.assert_allclose(ByLabels(codes).known(BATCHES), expected)
    for counter in (ByLabels(CODES), ByPositives(APART, APART), ByClusters(APART)):
        assert counter.known(BATCHES).tolist() == [1] * len(BATCHES)


def test_what_has_no_label_is_neither_true_nor_false():
    assert same_label_share(np.array([0, 0, 1, -1, -1])) == pytest.approx(1 / 3)
    assert np.isnan(same_label_share(np.array([0, -1])))
    with pytest.raises(ValueError, match="known for 2 instances or more, got 1 of 2"):
        class_prior(np.array([0, -1]))
