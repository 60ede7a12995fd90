"""Probes: nearest neighbours and a linear classifier on the features of a frozen encoder."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.engine.precision import full_precision
from toolkit.evaluation.embedding import embed

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # inverse penalties that the linear probe chooses among


@full_precision()
def knn_accuracy(
    train_features, train_labels, test_features, test_labels, k: int = 200, temperature: float = 0.1
) -> float:
    """Return the test accuracy of the weighted kNN classifier (Wu et al. 2018, section 3.4).

    Each test instance takes the class with the largest sum of ``exp(cosine / temperature)`` over its `k` nearest
    training instances.

    Parameters
    ----------
    train_features, test_features : arrays or tensors, shapes (N, d) and (T, d)
    train_labels, test_labels : int arrays or tensors, shapes (N,) and (T,)
        Classes 0, 1, ...
    k : int
        Number of neighbours, at most N.
    temperature : float
        Temperature of the softmax that weights the votes, positive.

    Examples
    --------
    >>> knn_accuracy([[1, 0], [0, 1]], [0, 1], [[2, 1], [1, 3], [1, 5]], [0, 1, 0], k=2)
    0.6666666666666666
    """
    train = _checks.embeddings("train_features", train_features)
    test = _checks.embeddings("test_features", test_features)
    _checks.integer("number of test_features", len(test), 1)
    k = _checks.integer("k", k, 1, len(train), "no more neighbours than training instances")
    temperature = _checks.number("temperature", temperature, "(0, inf)")
    known, truths = _classes(train, train_labels, test, test_labels)
    n_classes = int(known.max()) + 1
    _checks.indices("train_labels", known, n_classes)
    train_labels, test_labels = (torch.from_numpy(labels).to(train.device) for labels in (known, truths))
    right = 0
    for rows, truth in zip(test.split(1000), test_labels.split(1000), strict=True):
        similarity, nearest = (rows @ train.T).topk(k)
        votes = torch.zeros(len(rows), n_classes, device=rows.device)
        # Relative to the nearest one, or a low temperature would overflow.
        weights = ((similarity - similarity[:, :1]) / temperature).exp()
        votes.scatter_add_(1, train_labels[nearest], weights)
        right += int((votes.argmax(1) == truth).sum())
    return right / len(test)


def linear_accuracy(train_features, train_labels, test_features, test_labels, seed: int = 0) -> float:
    """Return the test accuracy of a linear classifier (multinomial logistic regression, scikit-learn's).

    Features are standardised as in training. The strength of the L2 penalty is chosen among six on a fifth of the
    training instances, set aside by class; the classifier is then fitted to all of them, and sees the test set once.

    Parameters
    ----------
    train_features, train_labels, test_features, test_labels
        As for `knn_accuracy`.
    seed : int
        Seed of the random split into training and validation data.

    Raises
    ------
    ValueError
        For wrong shapes, NaN or Inf, and fewer than five instances in a class of the training set.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> points[:, 0] += 6 * labels
    >>> linear_accuracy(points[:40], labels[:40], points[40:], labels[40:])
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seed = _checks.seed(seed) % 2**32  # scikit-learn accepts no larger seeds
    train, test = finite_matrix(train_features, "train_features"), finite_matrix(test_features, "test_features")
    labels, truth = _classes(train, train_labels, test, test_labels)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2 or counts.min() < 5:
        raise ValueError(
            "train_labels must have at least 2 classes with at least 5 instances each, since a fifth of each class is "
            f"set aside, got {len(classes)} classes, the smallest with {counts.min()} instances: merge or leave out "
            "small classes"
        )

    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        {"logisticregression__C": STRENGTHS},
        cv=StratifiedShuffleSplit(1, test_size=0.2, random_state=seed),
    )
    return float(search.fit(train, labels).score(test, truth))


def _classes(train, train_labels, test, test_labels) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets' classes, int64, or raise unless all shapes fit."""
    _checks.shape("test_features", test, (len(test), train.shape[1]), "of the training features' dimension")
    return (
        _checks.class_numbers("train_labels", train_labels, len(train), "one per training instance"),
        _checks.class_numbers("test_labels", test_labels, len(test), "one per test instance"),
    )


def linear_probe(model: nn.Module, train: Dataset, test: Dataset, seed: int = 0) -> float:
    """Return the accuracy of a linear classifier on a model's frozen features.

    `model` and the labelled sets `train` and `test` are as for `embed`, `seed` as for `linear_accuracy`.
    """
    return linear_accuracy(*_labelled(model, train, "train"), *_labelled(model, test, "test"), seed=seed)


def finite_matrix(features, name: str) -> np.ndarray:
    """Return features (N, d) as float32 rows, or raise on a wrong shape, NaN or Inf (the first are named)."""
    matrix = _checks.vectors(name, features).float().numpy(force=True)
    if not np.isfinite(matrix).all():
        rows = np.flatnonzero(~np.isfinite(matrix).all(1))[:5].tolist()
        raise ValueError(f"{name} must be finite, got NaN or Inf in rows {rows}: check for a diverged model")
    return matrix


def knn_probe(model: nn.Module, train: Dataset, test: Dataset, k: int = 200, temperature: float = 0.1) -> float:
    """Return the weighted kNN accuracy of a model's frozen features.

    `model` and the labelled sets `train` and `test` are as for `embed`, the rest as for `knn_accuracy`.
    """
    sets = *_labelled(model, train, "train"), *_labelled(model, test, "test")
    return knn_accuracy(*sets, k=k, temperature=temperature)


def _labelled(model: nn.Module, dataset: Dataset, name: str) -> tuple[Tensor, Tensor]:
    features, labels = embed(model, dataset)
    if labels is None:
        raise ValueError(f"{name} must have labels, got a data set without: a probe predicts them")
    return features, labels
