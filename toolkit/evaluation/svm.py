"""Evaluation of graph features: classifiers in ten-fold cross-validation, as usual in the field."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from toolkit import _checks
from toolkit.evaluation.probes import finite_matrix, linear_accuracy

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)  # values of C that cross-validation chooses from
FOLDS, INNER_FOLDS = 10, 5


def svm_accuracy(features, labels, kernel: str = "rbf", seed: int = 0) -> float:
    """Return the mean accuracy of a support vector machine over ten stratified folds.

    In each fold, the penalty C is chosen from seven values by five-fold cross-validation on the training part only. The
    width of the RBF kernel is scikit-learn's "scale", computed on the training part. This is the evaluation of GraphCL
    ("rbf") and of MVGRL ("linear", the dual problem of LIBLINEAR) in their authors' code.

    Parameters
    ----------
    features : array or tensor, shape (N, d)
        Features of graphs; not standardised, as in the authors' code.
    labels : int array, shape (N,)
    kernel : {"rbf", "linear"}
        Kernel of the support vector machine.
    seed : int
        Random seed of the folds.

    Raises
    ------
    ValueError
        For wrong shapes, NaN or Inf, missing labels, fewer than two classes, and fewer than ten instances in a class.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> points[:, 0] += 8 * labels
    >>> svm_accuracy(points, labels)
    1.0
    """
    _checks.choice("kernel", kernel, ("rbf", "linear"))
    seed = _checks.seed(seed) % 2**32  # scikit-learn accepts no larger seeds
    return _cross_validated(partial(_svm, kernel, seed), features, labels, seed)


def linear_fold_accuracy(features, labels, seed: int = 0) -> float:
    """Return the mean accuracy of `linear_accuracy` over the same ten stratified folds as in `svm_accuracy`.

    Parameters
    ----------
    features : array or tensor, shape (N, d)
        Features of graphs.
    labels : int array, shape (N,)
    seed : int
        Random seed of the folds and of the probe.

    Raises
    ------
    ValueError
        As `svm_accuracy`.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> points[:, 0] += 8 * labels
    >>> linear_fold_accuracy(points, labels)
    1.0
    """
    seed = _checks.seed(seed) % 2**32  # scikit-learn accepts no larger seeds
    return _cross_validated(
        lambda x, y, train, test: linear_accuracy(x[train], y[train], x[test], y[test], seed), features, labels, seed
    )


def _cross_validated(score: Callable[..., float], features, labels, seed: int) -> float:
    """Return the mean over the folds of ``score(features, codes, training rows, test rows)``."""
    from sklearn.model_selection import StratifiedKFold

    x = finite_matrix(features, "features")
    codes = _checks.labels("labels", labels, len(x))
    if codes.min(initial=0) < 0:
        raise ValueError(f"labels must be known, got {(codes < 0).sum()} missing labels: leave out these instances")
    counts = np.bincount(codes)
    if len(counts) < 2 or counts.min() < FOLDS:
        raise ValueError(
            f"labels must have at least 2 classes with at least {FOLDS} instances each, one for each fold, got "
            f"{len(counts)} classes, the smallest with {counts.min()} instances: merge or leave out small classes"
        )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, codes)
    return float(np.mean([score(x, codes, train, test) for train, test in folds]))


def _svm(kernel: str, seed: int, x: np.ndarray, codes: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Return the accuracy of a support vector machine on one fold."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.svm import SVC, LinearSVC

    if kernel == "rbf":
        spread = x.shape[1] * x[train].var()
        if not np.isfinite(spread):
            raise ValueError(f"features must have finite squares, got values up to {np.abs(x).max():.1e}: scale them")
        x = rbf_kernel(x, x[train], gamma=1 / spread if spread > 0 else 1)  # once for all fits
        machine = SVC(kernel="precomputed", cache_size=1000)
    else:
        # The default when the method was published; the primal problem takes several times as long.
        machine = LinearSVC(dual=True, random_state=0)
    inner = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=seed)  # shuffled, since some data sets are sorted
    with warnings.catch_warnings():
        # The published evaluation also stops LIBLINEAR before it converges.
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        search = GridSearchCV(machine, {"C": PENALTIES}, cv=inner).fit(x[train], codes[train])
    return search.score(x[test], codes[test])
