"""How good features of graphs are: classifiers in ten-fold cross-validation, as the field reports it."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from toolkit import _checks
from toolkit.evaluation._modes import evaluating
from toolkit.evaluation.probes import finite_matrix, linear_accuracy

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)  # C, which the support vector machine chooses among
FOLDS, INNER_FOLDS = 10, 5


def embed_graphs(model: nn.Module, graphs, batch_size: int = 512) -> Tensor:
    """Return the features (N, d) of `toolkit.datasets.graphs.Graphs`, on the CPU.

    The model, with a method ``encode(batch)``, is in eval mode meanwhile and does not change.
    """
    device = next(model.parameters()).device
    with torch.no_grad(), evaluating(model):
        parts = np.array_split(np.arange(len(graphs)), -(-len(graphs) // batch_size))
        return torch.cat([model.encode(graphs.batch(part).to(device)).cpu() for part in parts])


def svm_accuracy(features, labels, kernel: str = "rbf", seed: int = 0) -> float:
    """Return the mean accuracy of a support vector machine over ten stratified folds.

    In each fold the penalty C is chosen among seven by five-fold cross-validation on the training part only. The RBF
    kernel's width is scikit-learn's "scale" on the training part of the outer fold. This is the evaluation of GraphCL
    ("rbf") and MVGRL ("linear", LIBLINEAR's dual) in their authors' code.

    Parameters
    ----------
    features : array or tensor, shape (N, d)
        Not standardised here, as there.
    labels : int array, shape (N,)
    kernel : {"rbf", "linear"}
    seed : int
        Determines the folds.

    Raises
    ------
    ValueError
        For wrong shapes, NaN or Inf, fewer than two classes, and fewer than ten instances in a class.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> points[:, 0] += 8 * labels
    >>> svm_accuracy(points, labels)
    1.0
    """
    _checks.choice("kernel", kernel, ("rbf", "linear"))
    fold = partial(_rbf if kernel == "rbf" else _linear, seed)
    return _cross_validated(fold, features, labels, seed)


def linear_fold_accuracy(features, labels, seed: int = 0) -> float:
    """Return the mean accuracy of `linear_accuracy` over ten stratified folds, those of `svm_accuracy`.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> points[:, 0] += 8 * labels
    >>> linear_fold_accuracy(points, labels)
    1.0
    """

    def score(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
        return linear_accuracy(x[train], y[train], x[test], y[test], seed)

    return _cross_validated(score, features, labels, seed)


def _cross_validated(score: Callable[..., float], features, labels, seed: int) -> float:
    """Return the mean over the folds of ``score(features, codes, training rows, test rows)``."""
    from sklearn.model_selection import StratifiedKFold

    x = finite_matrix(features, "features")
    codes = _checks.labels(labels, len(x))
    counts = np.bincount(codes)
    if len(counts) < 2 or counts.min() < FOLDS:
        raise ValueError(
            f"labels must have two classes or more of {FOLDS} instances or more each, for {FOLDS} folds, "
            f"got {len(counts)}, the smallest of {counts.min()}"
        )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, codes)
    return float(np.mean([score(x, codes, train, test) for train, test in folds]))


def _rbf(seed: int, x: np.ndarray, codes: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Return the accuracy on one fold; the kernel is computed once for all fits."""
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.svm import SVC

    x_train, y_train = x[train], codes[train]
    spread = x.shape[1] * x_train.var()
    kernel = rbf_kernel(x, x_train, gamma=1 / spread if spread > 0 else 1)
    gram = kernel[train]

    def machine(strength: float) -> SVC:
        return SVC(C=strength, kernel="precomputed", cache_size=1000)

    scores = np.zeros(len(PENALTIES))
    for fit, rest in _inner(seed).split(x_train, y_train):
        inner, others = gram[np.ix_(fit, fit)], gram[np.ix_(rest, fit)]
        for i, strength in enumerate(PENALTIES):
            scores[i] += machine(strength).fit(inner, y_train[fit]).score(others, y_train[rest])
    best = machine(PENALTIES[int(np.argmax(scores))]).fit(gram, y_train)
    return best.score(kernel[test], codes[test])


def _linear(seed: int, x: np.ndarray, codes: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Return the accuracy on one fold."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import LinearSVC

    with warnings.catch_warnings():
        # The published evaluation stops LIBLINEAR there too.
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        machine = LinearSVC(dual=True, random_state=0)  # then the default; the primal takes several times as long
        search = GridSearchCV(machine, {"C": PENALTIES}, cv=_inner(seed))
        return search.fit(x[train], codes[train]).score(x[test], codes[test])


def _inner(seed: int):
    """Return the folds in which the penalty is chosen; shuffled, for some sets are stored in an order."""
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=seed)
