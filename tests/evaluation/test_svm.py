"""Ten-fold evaluation against scikit-learn's own tools put together in the obvious way."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import SVC, LinearSVC

from toolkit.evaluation import linear_accuracy, linear_fold_accuracy, svm_accuracy
from toolkit.evaluation.svm import PENALTIES


def make_points(n=80, spread=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 2)
    points = rng.normal(size=(n, 3))
    points[:, 0] += spread * labels
    return points.astype(np.float32), labels


def folds(points, labels, seed):
    return StratifiedKFold(10, shuffle=True, random_state=seed).split(points, labels)


def test_rbf_is_the_grid_search_in_each_fold():
    seed = 1
    points, labels = make_points(60, seed=seed)
    scores = []
    for train, test in folds(points, labels, seed):
        gamma = 1 / (points.shape[1] * points[train].var())
        inner = StratifiedKFold(5, shuffle=True, random_state=seed)
        search = GridSearchCV(SVC(gamma=gamma), {"C": PENALTIES}, cv=inner)
        scores.append(search.fit(points[train], labels[train]).score(points[test], labels[test]))
    assert svm_accuracy(points, labels, seed=seed) == pytest.approx(np.mean(scores))
    assert 0.5 < np.mean(scores) < 1


def test_linear_is_liblinears_grid_search_in_each_fold():
    points, labels = make_points(60)
    scores = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for train, test in folds(points, labels, 3):
            inner = StratifiedKFold(5, shuffle=True, random_state=3)
            search = GridSearchCV(LinearSVC(dual=True, random_state=0), {"C": PENALTIES}, cv=inner)
            scores.append(search.fit(points[train], labels[train]).score(points[test], labels[test]))
    assert svm_accuracy(points, labels, "linear", seed=3) == pytest.approx(np.mean(scores))


def test_linear_folds_are_those_of_the_support_vector_machine():
    points, labels = make_points(60)
    expected = [
        linear_accuracy(points[train], labels[train], points[test], labels[test], seed=2)
        for train, test in folds(points, labels, 2)
    ]
    assert linear_fold_accuracy(points, labels, seed=2) == pytest.approx(np.mean(expected))


def test_classes_may_have_any_names_and_be_more_than_two():
    points, labels = make_points(90, spread=20)
    points[:30, 1] += 40
    names = np.where(np.arange(90) < 30, "c", np.array(["a", "b"])[labels])
    assert svm_accuracy(points, names) == 1
    assert svm_accuracy(torch.from_numpy(points), np.unique(names, return_inverse=True)[1]) == 1


def test_shuffled_labels_are_guessed():
    # 200 points: chance is 0.5, its standard deviation 0.035.
    points, labels = make_points(200, spread=5)
    assert svm_accuracy(points, labels) > 0.95
    assert 0.35 < svm_accuracy(points, np.random.default_rng(1).permutation(labels)) < 0.65


def test_features_that_are_all_alike_can_be_evaluated():
    _, labels = make_points(40)
    assert svm_accuracy(np.ones((40, 2)), labels) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (
            np.ones((20, 2)),
            np.zeros(20),
            "at least 2 classes with at least 10 instances .* got 1 classes, the smallest with 20",
        ),
        (np.ones((20, 2)), [0] * 11 + [1] * 9, "got 2 classes, the smallest with 9 instances"),
        (np.ones((21, 2)), [0] * 10 + [1] * 10 + [-1], "labels must be known, got 1 missing labels"),
        (np.ones((20, 2)), np.arange(19) % 2, r"labels must have shape \(20,\)"),
        (np.full((20, 2), np.nan), np.arange(20) % 2, "features must be finite, got NaN or Inf in rows"),
        (np.ones(20), np.arange(20) % 2, "features must have shape"),
    ],
)
@pytest.mark.parametrize("accuracy", [svm_accuracy, linear_fold_accuracy])
def test_bad_input_is_named(accuracy, features, labels, message):
    with pytest.raises(ValueError, match=message):
        accuracy(features, labels)


def test_unknown_kernel_is_named():
    with pytest.raises(ValueError, match="kernel must be one of 'rbf', 'linear', got 'poly'"):
        svm_accuracy(*make_points(), "poly")
