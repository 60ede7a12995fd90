"""Neighbours that two embeddings have in common, against a sort of all similarities."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from toolkit.metrics import neighbors_kept

RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=(120, 6))
SECOND = FIRST[:, :4] + 0.3 * RNG.normal(size=(120, 4))


def nearest(points):
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return NearestNeighbors(n_neighbors=7).fit(unit).kneighbors(return_distance=False)


def test_shares_are_those_of_sorted_neighbours():
    wanted = [len(set(a) & set(b)) / 7 for a, b in zip(nearest(FIRST), nearest(SECOND), strict=True)]
    np.testing.assert_allclose(neighbors_kept(FIRST, SECOND, n_neighbors=7).values, wanted)


def test_numbers_of_instances_must_agree():
    with pytest.raises(ValueError, match="second must be of the same 120 instances as first, got 119"):
        neighbors_kept(FIRST, SECOND[1:])
