"""The distribution of embeddings on the sphere: alignment of positive pairs, and uniformity."""

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine.precision import full_precision

_ROWS_AT_ONCE = 1000


def alignment(first, second) -> float:
    """Return the mean squared distance of normalised positive pairs (Wang & Isola 2020, arXiv 2005.10242).

    Parameters
    ----------
    first, second : arrays or tensors, shape (N, d)

    Examples
    --------
    >>> alignment([[1, 0], [0, 2]], [[3, 0], [1, 0]])
    1.0
    """
    a, b = _checks.embeddings("first", first), _checks.embeddings("second", second)
    _checks.shape("second", b, tuple(a.shape), "that of first")
    return float((a - b).square().sum(1).mean())


@full_precision()
def uniformity(embeddings, t: float = 2.0) -> float:
    """Return ``log(mean(exp(-t squared distance)))`` over all pairs of normalised embeddings (Wang & Isola 2020).

    Lower is more uniform; 0 if all are alike.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        Two or more; the memory needed is O(N).
    t : float
        Factor on the squared distances in the Gaussian potential, positive.

    Examples
    --------
    >>> round(uniformity([[1, 0], [-1, 0]]), 6)
    -8.0
    """
    unit = _checks.embeddings("embeddings", embeddings)
    n = _checks.integer("number of embeddings", len(unit), 2)
    t = _checks.number("t", t, "(0, inf)")
    # Squared distance of unit vectors: 2 - 2 cosine; in float64 and as logarithms, since most may be next to nothing.
    logs, memory = [], torch.empty(min(_ROWS_AT_ONCE, n), n, dtype=torch.float64, device=unit.device)
    for rows, first in zip(unit.split(_ROWS_AT_ONCE), range(0, n, _ROWS_AT_ONCE), strict=True):
        # In place: new memory for each step takes longer than the steps.
        exponents = memory[: len(rows)].copy_(rows @ unit.T).sub_(1).mul_(2 * t)
        exponents.diagonal(first).fill_(-torch.inf)  # pairs of each with itself
        largest = exponents.max()
        logs.append((exponents.sub_(largest).exp_().sum().log() + largest).item())
    return float(np.logaddexp.reduce(logs) - np.log(n * (n - 1)))
