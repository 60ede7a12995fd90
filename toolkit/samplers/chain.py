"""Batches of chains of similar instances, as in GRIT-VLP."""

from collections.abc import Iterator

import numpy as np
import torch

from toolkit import _checks
from toolkit.engine import threads
from toolkit.engine.rules import Rules
from toolkit.samplers.planned import PlannedBatchSampler

_OUT = -4  # added to a similarity (at least -1) so that the instance follows only if no other is left


class ChainBatchSampler(PlannedBatchSampler):
    """Batches cut from chains in which each instance is followed by the most similar one (GRIT-VLP: arXiv 2208.04060).

    The data set is shuffled and cut into search spaces of `n_candidates`. In each, a chain begins at a random instance
    and continues to the most similar one that is not in it yet; for pairs, in turn from a query to the most similar
    target and from a target to the most similar query. The time is proportional to N M.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    n_candidates : int
        Instances of a search space (M), rounded up to whole batches and capped at N. More give harder batches with more
        false negatives. The paper uses 1,920.
    refresh_every : int
        Batches between plans; each plan covers the rest of the epoch.
    refresh : {"blocking", "background"}
        ``"blocking"``: a plan delays the next batch. ``"background"``: training continues with the old plan
        while a thread makes the new one from a copy of the embeddings; it takes over `refresh_every` batches later, or
        when the next epoch begins. An epoch that begins without one waits for it.
    warmup_epochs : int
        Epochs of uniform batches at the start; they continue until every embedding is known.
    drop_last : bool
        Whether to leave out random instances instead of making a smaller last batch. An epoch then has N // B batches,
        like that of the other samplers.
    groups : array, shape (N,), optional
        Group of each instance: two of one group never share a batch. None, NaN and -1 mean no group; a group has
        at most N / B instances.
    skip : int
        Number of most similar candidates that do not follow an instance, the likeliest false negatives, unless no
        others are left; below M.
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, but updates take about three times as long.
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Raises
    ------
    ValueError, TypeError
        For `batch_size` > N, `skip` >= M, an unknown `refresh`, and groups larger than N / B.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.samplers import ChainBatchSampler
    >>> angles = np.arange(100) * 2 * np.pi / 100
    >>> circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    >>> sampler = ChainBatchSampler.from_embeddings(circle, batch_size=10, n_candidates=100)
    >>> batch = sorted(next(iter(sampler)))
    >>> len(batch), int((np.diff(batch) == 1).sum()) >= 8
    (10, True)
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        n_candidates: int = 1920,
        refresh_every: int = 100,
        refresh: str = "blocking",
        warmup_epochs: int = 1,
        drop_last: bool = True,
        groups=None,
        skip: int = 0,
        bank_dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(
            n, batch_size, drop_last, refresh_every, refresh, warmup_epochs, seed, groups, skip, bank_dtype
        )
        batches = -(-_checks.integer("n_candidates", n_candidates, 2) // self.batch_size)
        self.n_candidates = min(batches * self.batch_size, self.n)
        _checks.integer("skip", self.skip, 0, self.n_candidates - 1, "fewer than candidates")

    def _arrange(self, unit: np.ndarray, block_size: int, rules: Rules, rng: np.random.Generator) -> np.ndarray:
        order, size = np.arange(len(unit)), self.n_candidates
        starts, shared = rng.integers(size, size=-(-len(unit) // size)), iter(range(0, len(unit), size))
        threads.run(lambda: _link_each(unit, rules, starts, shared, size, order), threads.n_cores())
        return order


def _link_each(
    unit: np.ndarray, rules: Rules, starts: np.ndarray, spaces: Iterator[int], size: int, order: np.ndarray
) -> None:
    """Reorder each search space within `order` as its chain."""
    for first in spaces:
        rows = torch.from_numpy(unit[first : first + size])
        codes = None if rules.codes is None else rules.codes[first : first + size]
        sides = rows.chunk(2, 1) if rules.paired else (rows, rows)
        onward = _scores(*sides, codes, rules.skip)
        back = _scores(*sides[::-1], codes, rules.skip) if rules.paired else onward
        order[first : first + size] = first + _chain(onward, back, int(starts[first // size]) % len(rows))


def _scores(anchors: torch.Tensor, others: torch.Tensor, codes: np.ndarray | None, skip: int) -> np.ndarray:
    """Return similarities (n, n), lowered for instances of the same group and for the `skip` most similar ones."""
    scores = (anchors @ others.T).numpy()
    np.fill_diagonal(scores, -np.inf)
    if codes is not None:
        scores[codes[:, None] == codes] += _OUT
    if skip and len(scores) > 1:
        skip = min(skip, len(scores) - 1)
        best = np.argpartition(scores, -skip, axis=1)[:, -skip:]
        np.put_along_axis(scores, best, np.take_along_axis(scores, best, 1) + np.float32(_OUT), 1)
    return scores


def _chain(onward: np.ndarray, back: np.ndarray, start: int) -> np.ndarray:
    """Return the order of a greedy chain that looks for the next instance in two score matrices (n, n) in turn."""
    chain, taken = np.empty(len(onward), np.int64), np.zeros(len(onward), np.float32)
    for place in range(len(chain)):
        chain[place], taken[start] = start, -np.inf
        scores = onward if place % 2 == 0 else back
        start = int((scores[start] + taken).argmax())
    return chain
