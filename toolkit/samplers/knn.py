"""Very hard batches: an instance and its nearest neighbours."""

import numpy as np

from toolkit.samplers.online import OnlineBatchSampler


class KNNBatchSampler(OnlineBatchSampler):
    """Batches of a random instance and its B - 1 nearest neighbours in cosine similarity, exact through faiss.

    The paper's second reference sampler: very hard, and full of false negatives. An epoch is N // B batches, whose
    first members are drawn without replacement; batches may overlap.

    Parameters
    ----------
    n : int or data set
        Number of instances (N), or the data set itself.
    batch_size : int
        Instances per batch (B), at most N.
    refresh_every : int
        Batches that are planned at once from the embeddings known then.
    warmup_epochs : int
        Epochs of uniform batches at the start; they go on until every embedding is known.
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
        self, n: int, batch_size: int, *, refresh_every: int = 100, warmup_epochs: int = 1, seed: int = 0
    ) -> None:
        super().__init__(n, batch_size, True, refresh_every, warmup_epochs, seed)

    def _build(self) -> None:
        """Exact search needs no index."""

    def _plan_batches(self, planned: np.ndarray) -> np.ndarray:
        from toolkit.engine.nearest import exact_neighbors

        starts = self._rng(1).permutation(self.n)[self._chunk()]
        others, _ = exact_neighbors(self.bank.vectors.cpu().numpy(), starts, self.batch_size - 1)
        return np.column_stack([starts, others]).ravel()
