"""Hardness: how similar the members of a batch are."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from toolkit import _checks
from toolkit._result import Result
from toolkit.engine.rules import crossed
from toolkit.metrics.false_negatives import same_label
from toolkit.proximity import join_pairs

_ROWS_AT_ONCE = 2**14


@dataclass(frozen=True, eq=False)
class Hardness(Result):
    """Cosine similarity of in-batch pairs: of an anchor and its negatives.

    Attributes
    ----------
    values : float64 array, shape (n,)
        Mean over the pairs of each batch.
    histogram : int64 array, shape (200,)
        Pairs of all batches in 200 equal bins from -1 to 1 (`edges`).
    """

    histogram: np.ndarray = field(repr=False)

    column = "hardness"
    row = "batch"
    edges = np.linspace(-1, 1, 201)

    def __repr__(self) -> str:
        return f"Hardness(value={self.value:.3f}, batches={len(self.values)})"


def batch_hardness(batches, embeddings, targets=None) -> Hardness:
    """Return the cosine similarities of all pairs within each batch.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    embeddings : array or tensor, shape (N, d)
        Embeddings of the instances, or with `targets` of their queries.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the queries' targets. The similarity of two instances is then the mean of the cosines of each
        one's query with the other's target.

    Raises
    ------
    ValueError, IndexError
        For an index out of range, a batch of fewer than two, targets of another shape, and NaN, Inf or zero embeddings
        of a member.

    Examples
    --------
    >>> batch_hardness([[0, 1], [0, 2]], [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    Hardness(value=0.500, batches=2)
    """
    from toolkit.engine.kernels import pair_histogram

    histogram = np.zeros(len(Hardness.edges) - 1, np.int64)
    means = [pair_histogram(scores, histogram) for _, scores in _similarities(batches, embeddings, targets)]
    return Hardness(np.array(means), histogram)


def hardest_pairs(batches, embeddings, n_pairs: int = 8, labels=None, only_false: bool = False, targets=None):
    """Return the most similar pairs of instances that share a batch.

    Parameters
    ----------
    batches : sequence of int sequences
    embeddings : array or tensor, shape (N, d)
    n_pairs : int
        Maximum number of pairs; a pair that is in several batches counts once.
    labels : array, shape (N,), optional
    only_false : bool
        Whether to leave out pairs with different labels.
    targets : array or tensor, shape (N, d), optional
        As for `batch_hardness`.

    Returns
    -------
    DataFrame
        One row per pair, the most similar first: first, second, similarity, and with labels same_label.

    Raises
    ------
    IndexError, TypeError, ValueError
        For `n_pairs` below 1, `only_false` without labels, labels that are not one per row, and indices outside [0, N).

    Examples
    --------
    >>> points = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 2.0]]
    >>> hardest_pairs([[0, 1, 3], [0, 1, 2]], points, 1, labels=["a", "a", "b", "b"])
       first  second  similarity  same_label
    0      1       3         1.0       False
    """
    import pandas as pd

    n_pairs = _checks.integer("n_pairs", n_pairs, 1)
    if _checks.flag("only_false", only_false) and labels is None:
        raise ValueError(
            "labels must be given with only_false=True, got None: they determine which negatives are false"
        )
    vectors = _checks.vectors("embeddings", embeddings)
    codes = None if labels is None else _checks.labels("labels", labels, len(vectors))
    found: dict[tuple[int, int], float] = {}
    least = -2.0
    for batch, scores in _similarities(batches, vectors, targets):
        if codes is not None and only_false:
            scores[~same_label(codes, batch[:, None], batch)] = -2
        i, j = np.divmod(np.flatnonzero(scores > least), len(batch))
        i, j = i[i < j], j[i < j]
        if len(i) > n_pairs:
            best = np.argpartition(scores[i, j], -n_pairs)[-n_pairs:]
            i, j = i[best], j[best]
        named = np.sort(np.column_stack([batch[i], batch[j]]), 1).tolist()
        found |= {(first, second): score for (first, second), score in zip(named, scores[i, j].tolist(), strict=True)}
        if len(found) >= n_pairs:
            least = sorted(found.values())[-n_pairs]
    rows = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:n_pairs]
    frame = pd.DataFrame([(*pair, score) for pair, score in rows], columns=["first", "second", "similarity"])
    if codes is not None:
        frame["same_label"] = same_label(codes, *(frame[name].to_numpy(int) for name in ("first", "second")))
    return frame


def _similarities(batches, embeddings, targets) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each batch with its members' cosine similarities (B, B), in an array that the next batch overwrites."""
    vectors = _checks.vectors("embeddings", embeddings)
    others = None if targets is None else _checks.vectors("targets", targets)
    if others is not None:
        _checks.shape("targets", others, tuple(vectors.shape), "that of the queries")
    batches = _checks.batches("batches", batches, len(vectors))
    ends, scores = np.cumsum([len(batch) for batch in batches]), None
    # Rows of many batches are fetched and checked together, which takes less time, but not of all, which takes memory.
    for some in np.split(np.arange(len(batches)), np.flatnonzero(np.diff(ends // _ROWS_AT_ONCE)) + 1):
        rows = np.concatenate([batches[i] for i in some])
        members = _checks.embeddings("embeddings", vectors[rows], rows=rows).cpu()
        seen = members
        if others is not None:
            members = join_pairs(members, _checks.embeddings("targets", others[rows], rows=rows).cpu())
            seen = crossed(members)
        sizes = [len(batches[i]) for i in some]
        for i, part, other in zip(some, seen.split(sizes), members.split(sizes), strict=True):
            if scores is None or len(scores) != len(part):
                scores = part.new_empty(len(part), len(part))
            torch.mm(part, other.T, out=scores)
            yield batches[i], scores.numpy()
