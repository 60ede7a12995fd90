"""Probes: kNN against a plain loop, linear ones by their promises, and that probing leaves a training alone."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from toolkit.datasets.vision import Images
from toolkit.evaluation import embed, knn_accuracy, knn_probe, linear_accuracy, linear_probe
from toolkit.evaluation.probes import STRENGTHS


class Probed(nn.Module):
    """A model with BatchNorm and dropout, which eval mode must switch off."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)

    def encode(self, images):
        return self.encoder(images)

    def project(self, images):
        return self.head(self.encoder(images))


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
    with pytest.raises(ValueError, match="temperature must be positive"):
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


@pytest.mark.parametrize(("projected", "width"), [(False, 8), (True, 3)])
def test_embed_returns_features_of_eval_mode(model, images, projected, width):
    features, labels = embed(model, images, batch_size=16, projected=projected)
    assert features.shape == (50, width)
    assert not features.requires_grad
    assert labels.tolist() == images.labels.tolist()
    model.eval()
    pixels = images.pixels.float() / 255
    torch.testing.assert_close(features, (model.project if projected else model.encode)(pixels).detach())


@pytest.mark.parametrize("training", [True, False])
def test_embed_leaves_mode_statistics_and_generator_alone(model, images, training):
    model.train(training)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    embed(model, images, batch_size=16)
    assert model.training is training
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_embed_keeps_frozen_parts_frozen(model, images):
    model.train()
    model.encoder[2].eval()
    embed(model, images)
    assert [module.training for module in model.encoder] == [True, True, False, True]


def test_embed_restores_the_mode_after_an_error(model, images):
    def broken(pixels):
        raise RuntimeError("no features today")

    model.train()
    model.encode = broken
    with pytest.raises(RuntimeError, match="no features today"):
        embed(model, images)
    assert model.training


def test_probe_is_embedding_and_knn(model, images):
    expected = knn_accuracy(*embed(model, images), *embed(model, images), k=5, temperature=0.2)
    assert knn_probe(model, images, images, k=5, temperature=0.2) == expected


def overlapping(n=400, dim=30, seed=0):
    """Two classes that differ in one of 30 features: a weak penalty overfits."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    points = rng.normal(size=(n, dim))
    points[:, 0] += 1.5 * labels
    return points, labels


class TestLinear:
    def test_is_the_best_penalty_of_the_validation_part_fitted_to_all(self, monkeypatch):
        (points, labels), (others, truth) = overlapping(400, 300), overlapping(2000, 300, seed=1)
        scaler = StandardScaler().fit(points)
        accuracies = [
            LogisticRegression(C=strength, max_iter=2000)
            .fit(scaler.transform(points), labels)
            .score(scaler.transform(others), truth)
            for strength in STRENGTHS
        ]
        scores = []
        score = LogisticRegression.score

        def recorded(self, features, labels):
            scores.append((score(self, features, labels), -self.C, len(features)))
            return scores[-1][0]

        monkeypatch.setattr(LogisticRegression, "score", recorded)
        got = linear_accuracy(points, labels, others, truth)
        *validated, (tested, best, _) = scores
        assert [n for *_, n in scores] == [80] * len(STRENGTHS) + [2000]
        assert best == max(validated)[1], "the best on the validation part, the strongest penalty of equals"
        assert got == tested == accuracies[STRENGTHS.index(-best)]
        assert len(set(accuracies)) > 3

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
            ({"train_labels": np.zeros(400, int)}, "train_labels must have two classes or more"),
            ({"train_labels": np.arange(400) // 200 + 9 * (np.arange(400) < 3)}, "got 3, the smallest of 3"),
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
