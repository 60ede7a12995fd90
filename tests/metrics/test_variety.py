"""Variety: the effective number of different members, by hand and from the spectrum of the Gram matrix."""

import numpy as np
import pytest

from toolkit.metrics import batch_variety

RNG = np.random.default_rng(0)


def vendi(rows):
    """Return the exponential of the entropy of the eigenvalues of the similarities over n (Vendi score)."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    eigenvalues = np.linalg.eigvalsh(unit @ unit.T / len(rows))
    eigenvalues = eigenvalues[eigenvalues > 1e-12]
    return np.exp(-(eigenvalues * np.log(eigenvalues)).sum())


def test_equals_the_vendi_score():
    points = RNG.normal(size=(100, 12)) + 1
    batches = [RNG.choice(100, size, replace=False) for size in (2, 5, 12, 40)]
    found = batch_variety(batches, points)
    np.testing.assert_allclose(found.values, [vendi(points[batch]) for batch in batches], rtol=1e-5)
    assert repr(found) == f"Variety(value={found.value:.1f}, batches=4)"


def test_groups_apart_from_each_other_count_one_each():
    points = np.repeat(np.eye(6), 10, axis=0)
    batches = [range(10), range(20), range(60), range(0, 60, 10)]
    assert batch_variety(batches, points).values == pytest.approx([1, 2, 6, 6])
    assert batch_variety([[0, 10, 20]], np.vstack([points[:30], -points[:30]])).value == pytest.approx(3)


def test_pairs_are_as_similar_as_both_sides_on_average():
    queries, targets = RNG.normal(size=(2, 30, 5))
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (queries, targets)]
    expected = vendi(np.hstack(unit)[:10])
    assert batch_variety([range(10)], 2 * queries, targets).value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0, 4]], np.eye(4)), IndexError, r"batches must lie in \[0, 4\), got 4"),
        (([[0, 1]], np.zeros((4, 2))), ValueError, "embeddings must be finite and not all zero"),
        (([[0, 1]], np.eye(4), np.eye(3)), ValueError, r"targets must have shape \(4, 4\)"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        batch_variety(*arguments)
