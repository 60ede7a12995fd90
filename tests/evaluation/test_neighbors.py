"""Labels of nearest neighbours against slow, obvious versions."""

import numpy as np
import pytest
from reference import cosine

from toolkit.evaluation import same_label_precision

POINTS = np.random.default_rng(0).normal(size=(60, 5))
LABELS = np.random.default_rng(1).integers(0, 4, 60)


@pytest.mark.parametrize("k", [1, 5, 59])
def test_same_label_precision_by_hand(k):
    similarity = cosine(POINTS)
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, :k]
    expected = np.mean([LABELS[j] == LABELS[i] for i in range(60) for j in nearest[i]])
    assert same_label_precision(POINTS, LABELS, k) == pytest.approx(expected)


def test_same_label_precision_in_blocks(clusters):
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=11, metric="cosine").fit(clusters.points).kneighbors(clusters.points)[1]
    expected = (clusters.labels[nearest[:, 1:]] == clusters.labels[:, None]).mean()
    assert same_label_precision(clusters.points, clusters.labels) == pytest.approx(expected, abs=1e-4)


def test_instances_without_a_label_are_left_out():
    gaps = np.where(np.arange(60) % 3 == 0, -1, LABELS)
    expected = same_label_precision(POINTS[gaps >= 0], LABELS[gaps >= 0], 5)
    assert same_label_precision(POINTS, gaps, 5) == expected
    assert same_label_precision(POINTS, np.where(gaps < 0, np.nan, gaps), 5) == expected


def test_bad_arguments():
    with pytest.raises(ValueError, match="k must be between 1 and 59, got 60"):
        same_label_precision(POINTS, LABELS, 60)
    with pytest.raises(ValueError, match=r"embeddings must be finite"):
        same_label_precision(np.full((3, 2), np.nan), [0, 1, 2], 1)
