"""Retrieval: how high the right targets of each query rank among all targets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from toolkit import _checks
from toolkit._result import Result
from toolkit.evaluation.embedding import encode_all

if TYPE_CHECKING:
    from toolkit.datasets.pairs import RetrievalSet

DEPTH = 10  # MRR and NDCG look at the ten best targets
_SCORES = 2**24  # held at once


@dataclass(frozen=True, eq=False)
class RetrievalScores(Result):
    """Mean reciprocal rank (MRR@10), NDCG@10 and recall@k over queries.

    Attributes
    ----------
    values : float64 array, shape (Q,)
        Reciprocal of each query's `ranks`, 0 beyond rank 10.
    ranks : int64 array, shape (Q,)
        Rank of the best right target of each query; 1 is the top.
    gains : float64 array, shape (Q,)
        NDCG@10 of each query.
    found : dict of int to float64 array, shape (Q,)
        Share of each query's right targets among its k best.

    Examples
    --------
    The right target of the second query is the second best:

    >>> scores = retrieval_scores([[1, 0], [1, 0.1]], [[1, 0], [0, 1]], relevant=[[0], [1]], cutoffs=(1, 2))
    >>> scores
    RetrievalScores(mrr=0.750, ndcg=0.815, recall@1=0.500, recall@2=1.000, queries=2)
    >>> scores.to_frame().loc[1].round(2).to_dict()
    {'rank': 2.0, 'reciprocal_rank': 0.5, 'ndcg': 0.63, 'recall@1': 0.0, 'recall@2': 1.0}
    """

    ranks: np.ndarray = field(repr=False)
    gains: np.ndarray = field(repr=False)
    found: dict[int, np.ndarray] = field(repr=False)

    column = "reciprocal_rank"
    row = "query"

    @property
    def ndcg(self) -> float:
        """Normalised discounted cumulative gain at 10, with gains 0 and 1."""
        return float(self.gains.mean())

    @property
    def recall(self) -> dict[int, float]:
        """Share of the right targets among the k best, the mean over queries, for each k."""
        return {k: float(shares.mean()) for k, shares in self.found.items()}

    def to_frame(self):
        """Return a pandas frame with one row per query: rank, reciprocal rank, NDCG@10 and recall@k."""
        frame = super().to_frame()
        frame.insert(0, "rank", self.ranks)
        recalls = {f"recall@{k}": shares for k, shares in self.found.items()}
        return frame.assign(ndcg=self.gains, **recalls)

    def __repr__(self) -> str:
        recalls = "".join(f"recall@{k}={value:.3f}, " for k, value in self.recall.items())
        return f"RetrievalScores(mrr={self.value:.3f}, ndcg={self.ndcg:.3f}, {recalls}queries={len(self.values)})"


def retrieve(
    model: nn.Module,
    retrieval_set: "RetrievalSet",
    batch_size: int = 256,
    cutoffs: Sequence[int] = (1, 10, 100),
    progress: bool = False,
) -> RetrievalScores:
    """Return how high a model ranks the right targets of each query in the whole pool.

    The model is temporarily in eval mode and is not changed.

    Parameters
    ----------
    model : nn.Module
        A `PairModel`, or another model with the methods ``encode_queries`` and ``encode_targets``.
    retrieval_set : RetrievalSet
        Queries, the pool of targets, and which targets are right.
    batch_size : int
        Queries or targets that are encoded together.
    cutoffs : sequence of int
        The k of recall@k.
    progress : bool
        Whether to show progress bars.

    Raises
    ------
    TypeError, ValueError
        For a model without these methods, and embeddings that are NaN, Inf or zero.

    Examples
    --------
    >>> from toolkit.datasets.pairs import RetrievalSet
    >>> from toolkit.models import PairModel
    >>> held_out = RetrievalSet(torch.eye(3), torch.eye(5, 3) + 0.1, relevant=[[0], [1], [2]])
    >>> retrieve(PairModel(torch.nn.Identity()), held_out, cutoffs=[1])
    RetrievalScores(mrr=1.000, ndcg=1.000, recall@1=1.000, queries=3)
    """
    sides = []
    for name, side in (("encode_queries", retrieval_set.queries), ("encode_targets", retrieval_set.targets)):
        encode = getattr(model, name, None)
        if not callable(encode):
            raise TypeError(f"model must have a method {name}, as PairModel has, got {type(model).__name__} without it")
        sides.append(encode_all(model, encode, side, batch_size, progress))
    queries, targets = sides
    device = next(model.parameters(), queries).device
    return retrieval_scores(queries.to(device), targets.to(device), retrieval_set.relevant, cutoffs)


def retrieval_scores(queries, targets, relevant, cutoffs: Sequence[int] = (1, 10, 100)) -> RetrievalScores:
    """Return how high the right targets of each query rank by cosine similarity (exact search).

    Among targets with equal cosine, the wrong ones come first, so a model that gives all texts the same embedding
    scores next to nothing. Without such ties the results are those of sentence-transformers'
    `InformationRetrievalEvaluator`. Memory: 2**25 cosines at most, or two rows of them.

    Parameters
    ----------
    queries : array or tensor, shape (Q, d)
        Embeddings of the queries; the work is done on their device.
    targets : array or tensor, shape (T, d)
        Embeddings of all targets.
    relevant : sequence of int sequences, or int array of shape (Q,)
        The right targets of each query, one or several; an array names one each.
    cutoffs : sequence of int
        The k of recall@k.

    Raises
    ------
    TypeError, ValueError, IndexError
        For embeddings that are NaN, Inf, zero or of different widths, a query without a right target, a target outside
        [0, T), and cutoffs below 1.

    Examples
    --------
    >>> retrieval_scores(torch.eye(3), torch.eye(3), relevant=[0, 1, 2], cutoffs=[1])
    RetrievalScores(mrr=1.000, ndcg=1.000, recall@1=1.000, queries=3)
    """
    q, t = _checks.embeddings("queries", queries), _checks.embeddings("targets", targets)
    if q.shape[1] != t.shape[1]:
        raise ValueError(f"queries and targets must have embeddings of one width, got {q.shape[1]} and {t.shape[1]}")
    cutoffs = [_checks.integer("cutoffs", k, 1) for k in _checks.listed("cutoffs", cutoffs, "whole numbers")]
    rows, columns = _right_pairs(relevant, len(q), len(t))
    counts = np.bincount(rows, minlength=len(q))
    ranks = _ranks(q, t.to(q.device), columns, counts)

    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    ideal = discounts.cumsum()[np.minimum(counts, DEPTH) - 1]
    gained = np.where(ranks <= DEPTH, 1 / np.log2(ranks + 1), 0)
    best = ranks[counts.cumsum() - counts]
    return RetrievalScores(
        np.where(best <= DEPTH, 1 / best, 0),
        best,
        np.bincount(rows, gained) / ideal,
        {k: np.bincount(rows, ranks <= k) / counts for k in cutoffs},
    )


def _right_pairs(relevant, n_queries: int, n_targets: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct pairs of a query and a right target of it, ordered by query."""
    relevant = _checks.array("relevant", relevant) if isinstance(relevant, Tensor) else relevant
    relevant = _checks.listed("relevant", relevant, "the right targets of each query")
    if len(relevant) != n_queries:
        raise ValueError(f"relevant must have the right targets of each of {n_queries} queries, got {len(relevant)}")
    parts = [np.atleast_1d(_checks.array("relevant", part)) for part in relevant]
    lengths = np.array([len(part) for part in parts])
    if not lengths.all():
        lacking = np.flatnonzero(lengths == 0)[:5].tolist()
        raise ValueError(f"relevant must name a right target for every query, got none for {lacking}: leave them out")
    columns = _checks.indices("relevant", np.concatenate(parts), n_targets)
    return np.divmod(np.unique(np.repeat(np.arange(n_queries), lengths) * n_targets + columns), n_targets)


def _ranks(q: Tensor, t: Tensor, columns: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the ranks of each query's right targets, the best first; `columns` are those targets, query by query."""
    starts, ranks = counts.cumsum() - counts, np.empty(len(columns), np.int64)
    by_count = np.argsort(counts, kind="stable")  # queries with as many right targets go together
    size = max(1, _SCORES // len(t))
    scores, mask = q.new_empty(2, min(size, len(q)), len(t))
    for some in np.split(by_count, range(size, len(q), size)):
        places = np.arange(counts[some[-1]])
        real = places < counts[some, None]
        pairs = np.where(real, starts[some, None] + places, 0)
        s = torch.mm(q[torch.from_numpy(some).to(q.device)], t.T, out=scores[: len(some)])
        right = s.gather(1, torch.from_numpy(columns[pairs]).to(q.device))
        right[~torch.from_numpy(real).to(q.device)] = -torch.inf
        right = right.sort(1, descending=True).values
        # Comparing into floats and adding them up is the fastest count that torch has.
        above = [torch.ge(s, column[:, None], out=mask[: len(some)]).sum(1) for column in right.T]
        own = torch.searchsorted(-right, -right, right=True)
        block = torch.stack(above, 1).long() - own + 1 + torch.from_numpy(places).to(q.device)
        ranks[pairs[real]] = block.cpu().numpy()[real]
    return ranks
