"""The baseline: a fresh shuffle every epoch."""

from toolkit.samplers.base import BatchSampler


class UniformBatchSampler(BatchSampler):
    """Batches of a data set reshuffled every epoch.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    drop_last : bool
        Whether to leave out the smaller last batch, whose contrastive loss has fewer negatives. An epoch then has
        N // B batches, like that of the other samplers.
    groups : array, shape (N,), optional
        Group of each instance: two of one group never share a batch. None, NaN and -1 mean no group; a group has
        at most N / B instances.
    seed : int
        Random seed. Batches follow from (seed, epoch).

    Examples
    --------
    >>> from toolkit import UniformBatchSampler
    >>> sampler = UniformBatchSampler(10, batch_size=4, seed=0)
    >>> len(sampler), [len(batch) for batch in sampler]
    (2, [4, 4])
    """

    def __init__(self, n: int, batch_size: int, *, drop_last: bool = True, groups=None, seed: int = 0) -> None:
        super().__init__(n, batch_size, drop_last, seed, groups)

    def _plan(self) -> None:
        if len(self._queue) == 0:
            self._queue = self._cut(self._rng().permutation(self.n))[self._position * self.batch_size :]
