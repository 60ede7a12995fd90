"""Alignment and uniformity against slow, obvious versions."""

import numpy as np
import pytest
import torch

from toolkit.evaluation import alignment, uniformity

POINTS = np.random.default_rng(0).normal(size=(60, 5))


def test_alignment_is_the_mean_squared_distance_of_pairs():
    a, b = POINTS[:30], POINTS[30:]
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    assert alignment(a, b) == pytest.approx(
        np.mean([((p - q) ** 2).sum() for p, q in zip(*unit, strict=True)]), rel=1e-5
    )
    assert alignment(a, 3 * a) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("t", [0.5, 2.0])
def test_uniformity_is_the_log_of_the_mean_potential(t):
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    pairs = [np.exp(-t * ((unit[i] - unit[j]) ** 2).sum()) for i in range(60) for j in range(60) if i != j]
    assert uniformity(POINTS, t) == pytest.approx(np.log(np.mean(pairs)), rel=1e-5)
    assert uniformity(np.ones((10, 3))) == pytest.approx(0, abs=1e-6)


def test_uniformity_in_blocks():
    points = np.random.default_rng(1).normal(size=(2100, 3))
    unit = torch.nn.functional.normalize(torch.from_numpy(points), dim=1)
    expected = torch.pdist(unit).square().mul(-2).exp().mean().log()
    assert uniformity(points) == pytest.approx(float(expected), rel=1e-5)


def test_uniformity_of_pairs_that_are_nearly_nothing():
    # The potential of a pair is exp(-4 t): no float32, and in the end no float64 either.
    opposite = [[1, 0, 0], [-1, 0, 0]]
    for t in (30, 1000):
        assert uniformity(opposite, t) == pytest.approx(-4 * t)
    close = np.concatenate([np.ones((2, 3)), -np.ones((2, 3))])
    assert uniformity(close, 1000) == pytest.approx(np.log(4 / 12), rel=1e-3)


def test_bad_arguments():
    with pytest.raises(ValueError, match="second must have shape"):
        alignment(POINTS, POINTS[:5])
    with pytest.raises(ValueError, match=r"t must be a number in \(0, inf\), got 0"):
        uniformity(POINTS, 0)
    with pytest.raises(ValueError, match="number of embeddings must be at least 2"):
        uniformity(POINTS[:1])
