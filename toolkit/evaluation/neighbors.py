"""How often the nearest neighbours of an instance share its label."""

import torch

from toolkit import _checks
from toolkit.engine.precision import full_precision


@full_precision()
def same_label_precision(embeddings, labels, k: int = 10) -> float:
    """Return the share of each instance's `k` nearest others, by cosine, that have its label.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    labels : array, shape (N,)
        Classes; instances whose label is missing (None, NaN, -1) are left out, also as neighbours.
    k : int
        Neighbours, fewer than N.

    Examples
    --------
    >>> same_label_precision([[0, 1], [0.1, 1], [1, 0], [1, 0.1]], [0, 0, 1, 1], k=1)
    1.0
    """
    unit = _checks.embeddings("embeddings", embeddings)
    codes = torch.from_numpy(_checks.labels("labels", labels, len(unit))).to(unit.device)
    unit, codes = unit[codes >= 0], codes[codes >= 0]
    n = len(unit)
    k = _checks.integer("k", k, 1, n - 1, "no more neighbours than there are others")
    same = 0
    for rows in torch.arange(n, device=unit.device).split(1000):
        similarity = unit[rows] @ unit.T
        similarity[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
        same += int((codes[similarity.topk(k).indices] == codes[rows, None]).sum())
    return same / (n * k)
