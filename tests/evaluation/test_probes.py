"""Probes: kNN against a plain loop, linear ones against scikit-learn's parts."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from toolkit.datasets.vision import Images
from toolkit.evaluation import embed, knn_accuracy, knn_probe, linear_accuracy, linear_probe
from toolkit.evaluation.probes import STRENGTHS


class Probed(nn.Module):
    """A linear encoder."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(16, 8))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Probed()


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return Images(torch.from_numpy(rng.integers(0, 256, (50, 1, 4, 4), dtype=np.uint8)), rng.integers(0, 3, 50))


def reference_accuracy(train, train_labels, test, test_labels, k, temperature):
    """Wu et al. 2018, section 3.4, one test instance at a time."""
    train, test = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, test))
    right = 0
    for row, label in zip(test, test_labels, strict=True):
        cosines = train @ row
        votes = np.zeros(train_labels.max() + 1)
        for i in np.argsort(-cosines)[:k]:
            votes[train_labels[i]] += np.exp(cosines[i] / temperature)
        right += votes.argmax() == label
    return right / len(test)


def random_task(n=80, m=40, n_classes=4, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, dim))
    labels = rng.integers(0, n_classes, n + m)
    points = centres[labels] + rng.normal(size=(n + m, dim))
    return points[:n], labels[:n], points[n:], labels[n:]


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("k", [1, 7, 80])
def test_equals_the_plain_loop(k, temperature):
    task = random_task()
    expected = reference_accuracy(*task, k, temperature)
    assert 0.2 < expected < 1, "the task must tell right from wrong"
    assert knn_accuracy(*task, k=k, temperature=temperature) == pytest.approx(expected)


def test_low_temperatures_do_not_overflow():
    # Near and alike, the neighbours of class 1 win by their number, at any temperature.
    train = [[1.0, 0.0], [1.0, 1e-4], [1.0, -1e-4]]
    assert knn_accuracy(train, [0, 1, 1], [[1.0, 0.0]], [1], k=3, temperature=0.01) == 1


def test_many_test_instances_are_all_counted():
    task = random_task(n=100, m=2100)
    assert knn_accuracy(*task, k=5) == pytest.approx(reference_accuracy(*task, 5, 0.1))


def test_separated_classes_are_told_apart_perfectly():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(5), 20))
    points = np.eye(5)[labels] + 0.05 * rng.normal(size=(100, 5))
    assert knn_accuracy(points[:60], labels[:60], points[60:], labels[60:], k=5) == 1
    assert knn_accuracy(points[:60], labels[:60], points[60:], (labels[60:] + 1) % 5, k=5) == 0


def test_arrays_and_tensors_are_alike():
    task = random_task()
    assert knn_accuracy(*task, k=5) == knn_accuracy(*map(torch.from_numpy, task), k=5)


@pytest.mark.parametrize("k", [0, 81, 2.5])
def test_k_must_fit_the_training_set(k):
    with pytest.raises((ValueError, TypeError), match=r"k must be .*between 1 and 80"):
        knn_accuracy(*random_task(), k=k)


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match="temperature must be a number in"):
        knn_accuracy(*random_task(), k=3, temperature=temperature)


def test_bad_features_are_named():
    train, train_labels, test, test_labels = random_task()
    test[7] = np.nan
    with pytest.raises(ValueError, match=r"test_features must be finite.*\[7\]"):
        knn_accuracy(train, train_labels, test, test_labels, k=3)


@pytest.mark.parametrize(
    ("position", "shorten", "name"),
    [
        (1, lambda labels: labels[:-1], "train_labels"),
        (1, lambda labels: np.append(labels, 0), "train_labels"),
        (3, lambda labels: labels[:1], "test_labels"),
        (3, lambda labels: np.append(labels, 0), "test_labels"),
        (2, lambda points: points[:, :-1], "test_features"),
    ],
    ids=["train labels short", "train labels long", "one test label", "test labels long", "other dimension"],
)
def test_shapes_that_do_not_fit_are_named(position, shorten, name):
    task = list(random_task())
    task[position] = shorten(task[position])
    with pytest.raises(ValueError, match=name):
        knn_accuracy(*task, k=3)


def test_probe_is_embedding_and_knn(model, images):
    expected = knn_accuracy(*embed(model, images), *embed(model, images), k=5, temperature=0.2)
    assert knn_probe(model, images, images, k=5, temperature=0.2) == expected


def test_probes_need_labels(model, images):
    for probe in (knn_probe, linear_probe):
        with pytest.raises(ValueError, match="test must have labels, got a data set without"):
            probe(model, images, Images(images.pixels, None))


def overlapping(n=400, dim=30, seed=0):
    """Two classes that differ in one of 30 features: a weak penalty overfits."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    points = rng.normal(size=(n, dim))
    points[:, 0] += 1.5 * labels
    return points, labels


class TestLinear:
    def test_is_the_best_penalty_of_the_validation_part_fitted_to_all(self):
        (points, labels), (others, truth) = overlapping(400, 300), overlapping(2000, 300, seed=1)

        def accuracies(fit, fit_labels, rest, rest_labels):
            scaler = StandardScaler().fit(fit)
            machines = [LogisticRegression(C=strength, max_iter=2000) for strength in STRENGTHS]
            return [
                machine.fit(scaler.transform(fit), fit_labels).score(scaler.transform(rest), rest_labels)
                for machine in machines
            ]

        fit, rest, fit_labels, rest_labels = train_test_split(
            points, labels, test_size=0.2, stratify=labels, random_state=0
        )
        validated, tested = (accuracies(fit, fit_labels, rest, rest_labels), accuracies(points, labels, others, truth))
        best = int(np.argmax(validated))  # the first, and so the strongest penalty, of equals
        assert linear_accuracy(points, labels, others, truth) == tested[best]
        assert len(rest) == 80
        assert len(set(tested)) > 3

    def test_test_labels_choose_nothing(self):
        (points, labels), (others, truth) = overlapping(80), overlapping(100, seed=1)
        right = linear_accuracy(points, labels, others, truth)
        assert linear_accuracy(points, labels, others, 1 - truth) == pytest.approx(1 - right)

    def test_scale_of_a_feature_does_not_matter(self):
        (points, labels), (others, truth) = overlapping(), overlapping(seed=1)
        scales = np.logspace(-3, 3, 30)
        expected = linear_accuracy(points, labels, others, truth)
        got = linear_accuracy(torch.from_numpy(points * scales), torch.from_numpy(labels), others * scales, truth)
        assert got == pytest.approx(expected, abs=0.01)

    def test_probe_is_embedding_and_classifier(self, model, images):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        expected = linear_accuracy(*embed(model, images), *embed(model, images), seed=3)
        assert linear_probe(model, images, images, seed=3) == expected
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"train_labels": np.zeros(400, int)}, "train_labels must have at least 2 classes"),
            ({"train_labels": np.arange(400) // 200 + 9 * (np.arange(400) < 3)}, "got 3 classes, the smallest with 3 "),
            ({"train_labels": np.zeros(399, int)}, "train_labels must have shape"),
            ({"test_labels": np.zeros(399, int)}, "test_labels must have shape"),
            ({"test_features": np.zeros((400, 29))}, "test_features must have shape"),
            ({"test_features": np.full((400, 30), np.nan)}, "test_features must be finite, got NaN or Inf in rows"),
            ({"train_features": np.zeros(400)}, "train_features must have shape"),
        ],
    )
    def test_bad_arguments(self, change, message):
        names = ("train_features", "train_labels", "test_features", "test_labels")
        arguments = dict(zip(names, (*overlapping(), *overlapping(seed=1)), strict=True)) | change
        with pytest.raises(ValueError, match=message):
            linear_accuracy(**arguments)
