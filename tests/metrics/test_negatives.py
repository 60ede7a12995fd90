"""The hardest negatives of a query, against a plain loop over its batch."""

import numpy as np
import pytest

from toolkit.metrics import estimate_false_negatives, hardest_negatives

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(60, 6))
TARGETS = QUERIES + 1.5 * RNG.normal(size=QUERIES.shape)
LABELS = np.arange(60) % 3
BATCH = RNG.choice(60, 20, replace=False)


def cosine(query, target):
    q, t = QUERIES[query], TARGETS[target]
    return q @ t / np.linalg.norm(q) / np.linalg.norm(t)


@pytest.mark.parametrize("query", BATCH[:4].tolist())
def test_are_those_of_a_plain_loop(query):
    found = hardest_negatives(BATCH, query, 3 * QUERIES, TARGETS, 5, labels=LABELS)
    others = sorted((index for index in BATCH if index != query), key=lambda index: -cosine(query, index))[:5]
    assert found["index"].tolist() == others
    np.testing.assert_allclose(found.similarity, [cosine(query, index) for index in others], atol=1e-6)
    np.testing.assert_allclose(found.positive, cosine(query, query), atol=1e-6)
    assert found.suspected.tolist() == [cosine(query, index) >= 0.95 * cosine(query, query) for index in others]
    assert found.same_label.tolist() == [LABELS[index] == LABELS[query] for index in others]


def test_those_suspected_are_the_ones_that_the_estimate_counts():
    every = [hardest_negatives(BATCH, query, QUERIES, TARGETS, 19, ratio=0.8).suspected for query in BATCH]
    counted = estimate_false_negatives([BATCH], QUERIES, TARGETS, ratio=0.8).value
    assert 0 < counted < 1
    assert np.mean(every) == pytest.approx(counted)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"query": 61}, "query must be between 0 and 59, got 61"),
        ({"batch": [1, 2], "query": 3}, "batch must hold the query, got query 3"),
        ({"batch": [3, 3], "query": 3}, "batch must hold distinct instances"),
        ({"targets": TARGETS[:, :4]}, r"targets must have shape \(60, 6\)"),
        ({"n_negatives": 0}, "n_negatives must be at least 1, got 0"),
        ({"ratio": 0}, r"ratio must be a number in \(0, inf\)"),
    ],
)
def test_bad_input_is_named(changed, message):
    given = {"batch": BATCH, "query": int(BATCH[0]), "embeddings": QUERIES, "targets": TARGETS} | changed
    with pytest.raises(ValueError, match=message):
        hardest_negatives(**given)
