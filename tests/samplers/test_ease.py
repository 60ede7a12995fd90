"""A walk whose batches are as easy as a shuffle says so once."""

import warnings

import numpy as np
import pytest

from toolkit import RandomWalkBatchSampler

POINTS = np.random.default_rng(0).normal(size=(2000, 32)).astype(np.float32)


def messages(epochs=2, **settings):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        one = RandomWalkBatchSampler.from_embeddings(POINTS, 50, refresh_every=10, **settings)
        for _ in range(epochs):
            for batch in one:
                one.update(batch, POINTS[batch])
    return [str(each.message) for each in record if "no harder than a shuffle" in str(each.message)]


@pytest.mark.parametrize("coverage", ["independent", "partition"])
def test_many_neighbours_of_few_candidates_are_a_shuffle(coverage):
    (said,) = messages(n_candidates=100, n_neighbors=90, restart=0.1, coverage=coverage)
    assert 'pass restart="auto", or fewer than n_neighbors=90 of n_candidates=100' in said
    assert "mean cosine similarity" in said


@pytest.mark.parametrize("coverage", ["independent", "partition"])
def test_hard_batches_are_not_complained_of(coverage):
    assert messages(n_candidates=1000, n_neighbors=10, restart=0.5, coverage=coverage) == []


def test_a_budget_that_allows_nothing_harder_is_named():
    from toolkit.samplers import Budget

    (said,) = messages(n_candidates=100, n_neighbors=90, restart=Budget(hardness=0.001))
    assert "restart=Budget(false_negatives=None, hardness=0.001, labels=None) allows no harder ones" in said
