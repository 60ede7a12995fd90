"""Very hard batches: an instance and its nearest neighbours."""

import numpy as np

from toolkit import _checks
from toolkit.engine.rules import Rules
from toolkit.samplers.online import OnlineBatchSampler


class KNNBatchSampler(OnlineBatchSampler):
    """Batches of a random instance and its B - 1 nearest neighbours in cosine similarity, found exactly.

    The paper's second reference sampler: its batches are very hard and full of false negatives. An epoch has N // B
    batches, whose first members are drawn without replacement; batches may overlap.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    refresh_every : int
        Number of batches that are planned at once, from the embeddings known at that time.
    warmup_epochs : int
        Epochs of uniform batches at the start; they continue until every embedding is known.
    groups : array, shape (N,), optional
        Group of each instance: two of one group never share a batch. None, NaN and -1 mean no group; a group has
        at most N / B instances.
    skip : int
        Number of nearest neighbours to leave out, the likeliest false negatives; at most N - B.
    margin : float, optional
        Leave out neighbours whose similarity is at least `margin` times that of the first member's own query and
        target; only for pairs. If too few are left, the least similar of those left out fill the batch.
    bank_dtype : {"float32", "float16"}
        Storage of the embeddings: float16 halves their memory, but updates take about three times as long.
    seed : int
        Random seed. Batches follow from (seed, epoch) and the embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import KNNBatchSampler
    >>> line = np.stack([np.ones(100), np.linspace(0, 1, 100)], axis=1)
    >>> sampler = KNNBatchSampler.from_embeddings(line, batch_size=10, seed=0)
    >>> batch = sorted(next(iter(sampler)))
    >>> batch == list(range(batch[0], batch[0] + 10))
    True
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        refresh_every: int = 100,
        warmup_epochs: int = 1,
        groups=None,
        skip: int = 0,
        margin: float | None = None,
        bank_dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(n, batch_size, True, refresh_every, warmup_epochs, seed, groups, skip, margin, bank_dtype)
        _checks.integer("skip", skip, 0, self.n - self.batch_size, "no more than there are others beyond the batch")

    def _build(self) -> None:
        """Do nothing: exact search needs no index."""

    def _plan_batches(self, planned: np.ndarray) -> np.ndarray:
        from toolkit.engine.nearest import exact_neighbors

        starts = self._starts(self._chunk())
        rules = Rules(self.bank.paired, self.groups, self.skip, self.margin)
        others, _ = exact_neighbors(self.bank.vectors.cpu().float().numpy(), starts, self.batch_size - 1, rules)
        return np.column_stack([starts, others]).ravel()
