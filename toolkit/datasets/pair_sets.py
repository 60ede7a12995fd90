"""Data sets of pairs, and queries with the right targets among all of them.

A *side* holds one half of the pairs: `Sentences`, `Images`, any data set with a length and a method `batch(indices)`,
or a tensor with a row for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer

HELD_OUT = 3000  # queries
SAMPLE = 25_000  # pairs to train a tokenizer on: more take longer and hardly change it


class Pairs(Dataset):
    """Pairs of a query and its target; an item is (index, query, target), each a batch of one.

    Parameters
    ----------
    queries, targets : Sentences, data set with ``batch(indices)``, or tensor (N, ...)
        Target i is the right one of query i.
    groups : array, shape (N,), optional
        Group of each pair; pairs of one group are not negatives of each other. See the samplers' argument `groups`.

    Attributes
    ----------
    groups : int64 array, shape (N,), or None
        Codes 0, 1, ... of the groups.

    Raises
    ------
    TypeError, ValueError
        For a side that is neither a data set with ``batch`` nor a tensor, for sides or groups of different lengths, and
        for pairs without a group.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from toolkit import UniformBatchSampler
    >>> pairs = Pairs(torch.arange(8.0), torch.arange(8.0) ** 2)
    >>> sampler = UniformBatchSampler(len(pairs), batch_size=4)
    >>> index, queries, targets = next(iter(DataLoader(pairs, batch_sampler=sampler, collate_fn=pairs.collate)))
    >>> bool((queries == index).all()), bool((targets == index**2).all())
    (True, True)
    """

    def __init__(self, queries, targets, groups=None) -> None:
        _check_side("queries", queries)
        _check_side("targets", targets)
        if len(queries) != len(targets):
            raise ValueError(
                f"queries and targets must have the same length, got {len(queries)} and {len(targets)}: give each "
                "query its target, in the same order"
            )
        self.queries, self.targets = queries, targets
        self.groups = None if groups is None else _checks.labels("groups", groups, len(queries))
        if self.groups is not None and (self.groups < 0).any():
            raise ValueError(f"groups must be given for each pair, got none for pair {int(np.argmin(self.groups))}")

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: int) -> tuple:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> tuple:
        rows = np.asarray(indices, np.int64)
        return torch.from_numpy(rows), _batch(self.queries, rows), _batch(self.targets, rows)

    @staticmethod
    def collate(batch):
        """Return what `__getitems__` has made: a batch already."""
        return batch

    def __repr__(self) -> str:
        groups = "" if self.groups is None else f", groups={int(self.groups.max()) + 1}"
        return f"Pairs(n={len(self)}{groups})"


@dataclass(frozen=True, repr=False)
class RetrievalSet:
    """Queries, and a pool of targets to rank for each.

    Attributes
    ----------
    queries, targets : Sentences, data set with ``batch(indices)``, or tensor (N, ...)
        The queries, and the whole pool of targets.
    relevant : tuple of int64 arrays
        Positions in the pool of each query's right targets: one or several.

    Raises
    ------
    TypeError, ValueError, IndexError
        For an invalid side, different numbers of queries and of lists of right targets, a query without any, and a
        position outside the pool.

    Examples
    --------
    >>> held_out = RetrievalSet(torch.zeros(2, 8), torch.zeros(5, 8), relevant=[[3], [0, 4]])
    >>> held_out, held_out.first(1)
    (RetrievalSet(queries=2, targets=5), RetrievalSet(queries=1, targets=5))
    """

    queries: Any
    targets: Any
    relevant: Sequence

    def __post_init__(self) -> None:
        _check_side("queries", self.queries)
        _check_side("targets", self.targets)
        relevant = _checks.listed("relevant", self.relevant, "the right targets of each query")
        if len(relevant) != len(self.queries):
            raise ValueError(
                f"relevant must hold the right targets of each of the {len(self.queries)} queries, got {len(relevant)}"
            )
        n = len(self.targets)
        object.__setattr__(self, "relevant", tuple(_relevant(i, row, n) for i, row in enumerate(relevant)))

    def first(self, n: int) -> "RetrievalSet":
        """Return the first `n` queries, or all if there are fewer, with the whole pool: a quick look while training."""
        rows = np.arange(min(_checks.integer("n", n, 1), len(self.queries)))
        return RetrievalSet(_part(self.queries, rows), self.targets, self.relevant[: len(rows)])

    def __repr__(self) -> str:
        return f"RetrievalSet(queries={len(self.queries)}, targets={len(self.targets)})"


@dataclass(frozen=True, repr=False)
class PairData:
    """A data set of pairs, split into training, development and test.

    Attributes
    ----------
    train : Pairs
        Pairs for training.
    dev, test : RetrievalSet
        Queries for choosing settings, and for reporting; they share one pool, the distinct targets of all three parts.
    source : str
        Source of the pairs, with versions.
    """

    train: Pairs
    dev: RetrievalSet
    test: RetrievalSet
    source: str = ""

    def __repr__(self) -> str:
        return (
            f"PairData(train={len(self.train)}, dev={len(self.dev.queries)}, test={len(self.test.queries)}, "
            f"targets={len(self.test.targets)})"
        )


def split_pairs(
    queries: Sequence[str] | np.ndarray,
    targets: Sequence[str] | np.ndarray,
    tokenizer=None,
    max_length: int = 32,
    *,
    groups=None,
    n_dev: int | None = None,
    n_test: int | None = None,
    by: str = "group",
    seed: int = 0,
    source: str = "",
) -> PairData:
    """Split pairs of texts at random into training pairs, development queries and test queries.

    Copies of a pair are left out. All targets of the same query are right for it. Pairs with the same query, the same
    target or the same given group are in one group, as are pairs linked by a chain of such pairs.

    Parameters
    ----------
    queries, targets : sequences of str
        Lists, or arrays of numpy's `StringDType`, which take little memory.
    tokenizer : str, path or transformers tokenizer, optional
        Tokenizer of both sides, as for `Sentences`; by default one trained on the training pairs, without special
        tokens at the ends.
    max_length : int
        Maximum number of tokens per text; longer texts are cut.
    groups : array, shape (N,), optional
        Group of each pair.
    n_dev, n_test : int, optional
        Number of distinct queries to hold out; by default 3,000, or a tenth of all queries if that is fewer.
    by : {"group", "query"}
        Unit that is never divided: a group, or only the pairs of one query. With "query", the same target can be on
        both sides, and the groups are the pairs with the same target.
    seed : int
        Random seed.
    source : str
        Description that the result carries.

    Raises
    ------
    ValueError
        If no training pairs would be left, or there are too few small groups to hold out.
    """
    _checks.choice("by", by, ("group", "query"))
    names, query = np.unique(_strings(queries), return_inverse=True)
    pool, target = np.unique(_strings(targets), return_inverse=True)
    if len(query) != len(target):
        raise ValueError(f"queries and targets must have the same length, got {len(query)} and {len(target)}")
    given = [] if groups is None else [_checks.labels("groups", groups, len(query))]
    group = _components(query, target, *given)
    _, kept = np.unique(query * len(pool) + target, return_index=True)
    kept.sort()
    query, target, group = query[kept], target[kept], group[kept]
    part = _parts(group if by == "group" else query, query, {"n_dev": n_dev, "n_test": n_test}, seed)

    train = part == 0
    if tokenizer is None:
        tokenizer = _plain_tokenizer(names[query[train]], pool[target[train]], seed)
    sentences = Sentences(names, tokenizer, max_length)
    everything = Sentences(pool, sentences.tokenizer, max_length)
    group = np.unique(group[train] if by == "group" else target[train], return_inverse=True)[1]
    pairs = Pairs(sentences.select(query[train]), everything.select(target[train]), group)
    right = np.split(target[np.argsort(query, kind="stable")], np.cumsum(np.bincount(query))[:-1])
    held_out = []
    for number in (1, 2):
        codes, first = np.unique(query[part == number], return_index=True)
        codes = codes[np.argsort(first)]
        held_out.append(RetrievalSet(sentences.select(codes), everything, [right[code] for code in codes]))
    return PairData(pairs, *held_out, source)


def _strings(texts: Sequence[str] | np.ndarray) -> np.ndarray:
    return np.asarray(texts, np.dtypes.StringDType())


def _components(*codes: np.ndarray) -> np.ndarray:
    """Return the connected component of each row, where rows with an equal code of one kind are connected."""
    starts = np.cumsum([0, *(int(kind.max()) + 1 for kind in codes)])
    first = codes[0]
    ends = [(first[kind >= 0], kind[kind >= 0] + start) for kind, start in zip(codes, starts[:-1], strict=True)]
    rows, columns = (np.concatenate(part) for part in zip(*ends, strict=True))
    edges = sparse.coo_array((np.ones(len(rows), bool), (rows, columns)), (starts[-1], starts[-1]))
    return sparse.csgraph.connected_components(edges, directed=False)[1][first]


def _parts(units: np.ndarray, query: np.ndarray, sizes: dict[str, int | None], seed: int) -> np.ndarray:
    """Return 0, 1 or 2 for each pair: training, development, test.

    Whole units are drawn at random until their distinct queries are as many as `sizes` says.
    """
    unit_of = np.zeros(query.max() + 1, np.int64)
    unit_of[query] = units
    counts = np.bincount(unit_of)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(counts)).tolist()
    part = np.zeros(len(counts), np.int64)
    for number, (name, size) in enumerate(sizes.items(), start=1):
        size = min(HELD_OUT, max(1, len(unit_of) // 10)) if size is None else _checks.integer(name, size, 1)
        missing = size
        for unit in order:
            if not part[unit] and counts[unit] <= missing:
                part[unit] = number
                missing -= counts[unit]
        if missing:
            raise ValueError(
                f"{name} must be the number of queries of whole groups, got {size} of {len(unit_of)} distinct queries "
                f"in {len(order)} groups: hold out fewer"
            )
    if part[units].all():
        raise ValueError(f"n_dev and n_test must leave pairs to train on, got {sizes} of {len(unit_of)} queries")
    return part[units]


def _plain_tokenizer(queries: np.ndarray, targets: np.ndarray, seed: int):
    """Return a tokenizer trained on a sample of the pairs that puts no special tokens at the ends."""
    sample = np.random.default_rng(seed).permutation(len(queries))[:SAMPLE]
    tokenizer = train_tokenizer(chain(queries[sample], targets[sample]), 16_000)
    tokenizer.backend_tokenizer.post_processor = None
    return tokenizer


def _check_side(name: str, side) -> None:
    if not (isinstance(side, torch.Tensor) and side.ndim) and not (hasattr(side, "batch") and hasattr(side, "__len__")):
        raise TypeError(
            f"{name} must be a tensor with a row for each, or a data set with a length and a method batch(indices), "
            f"such as Sentences, got {type(side).__name__}"
        )


def _batch(side, rows: np.ndarray):
    return side[torch.from_numpy(rows)] if isinstance(side, torch.Tensor) else side.batch(rows)


def _part(side, rows: np.ndarray):
    """Return some rows of a side as a side."""
    if isinstance(side, torch.Tensor):
        return side[torch.from_numpy(rows)]
    return side.select(rows) if hasattr(side, "select") else _Part(side, rows)


class _Part:
    """Some rows of a data set with a method `batch`."""

    def __init__(self, side, rows: np.ndarray) -> None:
        self.side, self.rows = side, rows

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices):
        return self.side.batch(self.rows[np.asarray(indices)])


def _relevant(query: int, positions, n: int) -> np.ndarray:
    positions = np.atleast_1d(_checks.array("relevant", positions))
    found = _checks.indices(f"relevant[{query}]", positions, n, "positions in the pool of targets")
    if not len(found):
        raise ValueError(
            f"relevant must hold at least one right target of each query, got none for query {query}: leave it out"
        )
    return found
