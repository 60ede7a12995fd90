"""False negatives without labels: against labels that the estimate does not see."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.metrics import class_prior, estimate_false_negatives, false_negative_rate

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 40, 1500)
POINTS = RNG.normal(size=(40, 16))[CLASSES] + 0.8 * RNG.normal(size=(1500, 16))
POSITIVES = POINTS + 0.3 * RNG.normal(size=POINTS.shape)


@pytest.fixture(scope="module")
def batches():
    """Batches of all kinds, from a shuffle to nearest neighbours."""
    settings = [{"n_candidates": m, "n_neighbors": 10, "restart": r} for m in (100, 500) for r in (0.1, 0.5)]
    samplers = [RandomWalkBatchSampler.from_embeddings(POINTS, 30, seed=0, **some) for some in settings]
    samplers += [UniformBatchSampler(1500, 30, seed=0), KNNBatchSampler.from_embeddings(POINTS, 30, seed=0)]
    return [batch for sampler in samplers for batch in list(sampler)[:20]]


@pytest.mark.parametrize("positives", [None, POSITIVES], ids=["clusters", "positives"])
def test_ranks_batches_as_labels_do(batches, positives):
    true = false_negative_rate(batches, CLASSES)
    found = estimate_false_negatives(batches, POINTS, positives, ratio=0.7)
    assert spearmanr(found.values, true.values).statistic > 0.9
    assert found.prior == pytest.approx(found.values[80:100].mean(), rel=0.2), "what a shuffle gives"
    assert found.method == ("clusters" if positives is None else "positives")
    assert repr(found).endswith(f"batches=120, method={found.method!r})")


def test_what_is_as_similar_as_the_own_positive_is_false():
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    others = POSITIVES / np.linalg.norm(POSITIVES, axis=1, keepdims=True)
    chosen = [RNG.choice(1500, 12, replace=False) for _ in range(5)]
    for ratio in (0.5, 0.95):
        expected = [
            np.mean([unit[i] @ others[j] >= ratio * (unit[i] @ others[i]) for i in batch for j in batch if i != j])
            for batch in chosen
        ]
        found = estimate_false_negatives(chosen, 2 * POINTS, POSITIVES, ratio=ratio)
        np.testing.assert_allclose(found.values, expected, atol=0.01)


def test_clusters_apart_from_each_other_are_found_at_any_number():
    classes = np.arange(600) % 10
    points = 10 * np.eye(10)[classes] + 0.01 * RNG.normal(size=(600, 10))
    found = estimate_false_negatives([range(10), range(0, 100, 10), range(20)], points)
    # Ten clusters are nearly the classes; thirty are parts of them, or the same.
    assert found.values[0] < 0.05
    assert 0.5 < found.values[1] <= 1
    assert found.values[2] > 0
    assert 0.5 * class_prior(classes) < found.prior <= class_prior(classes)


def test_a_seed_gives_the_same_estimate(batches):
    first, again = (estimate_false_negatives(batches, POINTS, seed=3).values for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"embeddings": POINTS[:199]}, ValueError, "embeddings must be 200 or more to be clustered, got 199"),
        ({"batches": [[0, 1500]]}, IndexError, r"batches must lie in \[0, 1500\), got 1500"),
        ({"positives": POSITIVES[:5]}, ValueError, r"positives must have shape \(1500, 16\)"),
        ({"positives": POSITIVES, "ratio": 0}, ValueError, r"ratio must be a number in \(0, inf\), got 0"),
        ({"embeddings": POINTS * np.inf}, ValueError, "embeddings must be finite"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        estimate_false_negatives(**{"batches": [[0, 1]], "embeddings": POINTS} | arguments)
