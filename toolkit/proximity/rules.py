"""Rules for the neighbours of a graph, checked; pairs as rows."""

import numpy as np
import torch
from torch import Tensor

from toolkit import _checks
from toolkit.engine.rules import Groups, Rules
from toolkit.proximity.sizes import check_skip


def join_pairs(queries, targets) -> Tensor:
    """Return the embeddings of pairs as rows, each query followed by its target, both at the same length.

    Parameters
    ----------
    queries, targets : arrays or tensors, shape (N, d)
        Rows need not be normalised.

    Returns
    -------
    float32 tensor, shape (N, 2 d)
        Rows of length 1, for ``ProximityGraph.build(..., paired=True)``.

    Raises
    ------
    ValueError
        For different shapes, and NaN, Inf or zero rows (the first are named).

    Examples
    --------
    >>> join_pairs([[2.0, 0.0]], [[0.0, 3.0]])
    tensor([[0.7071, 0.0000, 0.0000, 0.7071]])
    """
    sides = {"queries": queries, "targets": targets}
    first, second = (_checks.embeddings(name, values) for name, values in sides.items())
    _checks.shape("targets", second, tuple(first.shape), "that of the queries")
    return torch.cat([first, second.to(first.device)], 1) / 2**0.5


def neighbor_rules(
    n: int, *, n_candidates: int, n_neighbors: int, paired: bool, groups, skip: int, margin: float | None
) -> Rules:
    """Return the rules, or raise unless they fit each other and a graph of `n` instances."""
    skip = check_skip(skip, n_candidates=n_candidates, n_neighbors=n_neighbors)
    if margin is not None:
        margin = _checks.number("margin", margin, "(0, inf)", "it is a factor of a pair's own similarity")
        if not _checks.flag("paired", paired):
            raise ValueError(
                f"margin must be None unless the embeddings are of pairs, got {margin}: it compares with the "
                "similarity of a query and its own target (paired=True, or update(index, queries, targets))"
            )
    return Rules(_checks.flag("paired", paired), None if groups is None else batch_groups(groups, n), skip, margin)


def check_halves(width: int, paired: bool) -> None:
    """Raise unless rows of pairs have two halves."""
    if paired and width % 2:
        raise ValueError(
            f"embeddings of pairs must have an even width, a query and a target of equal size, got {width}: make "
            "them with toolkit.proximity.join_pairs(queries, targets)"
        )


def batch_groups(values, n: int, batch_size: int = 1) -> Groups:
    """Return the groups of `n` instances, or raise if one has more than N / B of them."""
    groups = values if isinstance(values, Groups) else Groups(_codes(values, n))
    _checks.shape("groups", groups.codes, (n,), "one per instance")
    largest = int(np.diff(groups.starts).max())
    if largest > n // batch_size:
        raise ValueError(
            f"groups must have at most N / B = {n // batch_size} instances each, one for each batch of an epoch, got "
            f"one with {largest}: use smaller batches, split the group, or leave some of its instances out"
        )
    return groups


def _codes(values, n: int) -> np.ndarray:
    """Return the code of each instance's group; an instance without a group gets a code of its own."""
    codes = _checks.labels("groups", values, n)
    alone = codes < 0
    return np.where(alone, codes.max(initial=-1) + np.cumsum(alone), codes)
