"""The measurements of `toolkit.training.train` for your own training loop."""

import time

import numpy as np
import torch
from torch import Tensor

from toolkit import _checks
from toolkit.proximity.false_negatives import CLUSTERS, FEWEST, PER_CLUSTER
from toolkit.samplers.bank import EmbeddingBank
from toolkit.samplers.base import BatchSampler
from toolkit.samplers.budget import Budget
from toolkit.training.history import History
from toolkit.training.recorder import StepRecorder, add_staleness

_MOST = PER_CLUSTER * CLUSTERS[-1]  # instances to cluster
_EACH_STEP = "hardness", "false_negative_rate", "coverage"


class BatchMonitor:
    """Measurements of the batches of a training loop, step by step.

    Call `log` after each step. It returns a flat dictionary for a logger and adds the step to `history`, which
    `toolkit.plots` and `toolkit.explorers.TrainingMonitor` show. It does not use torch's random numbers and does not
    change the sampler.

    Parameters
    ----------
    sampler : BatchSampler
        Sampler of the loop's batches.
    labels : array, shape (N,), optional
        Labels for counting false negatives; None, NaN or -1 mean no label. Without them, the rate is estimated: from
        `targets`, with the estimate that the sampler chose its settings by, or else from clusters of the sampler's
        embeddings, of which there must be 200 or more. For a sampler without embeddings there is no estimate.
    every : int
        Number of steps between the slower measurements, the graph's staleness and the estimates. With B = 256 and
        d = 128, a step without them takes 0.3 ms, and one with them about 10 to 200 ms.

    Attributes
    ----------
    history : History
        All steps. ``seconds`` is the time between two calls; ``sampler_seconds`` is unknown (NaN).

    Raises
    ------
    TypeError, ValueError
        For a sampler that is not one of the toolkit's, labels that are not one per instance, and `every` below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.training import BatchMonitor
    >>> points = np.random.default_rng(0).normal(size=(1000, 16))
    >>> sampler = RandomWalkBatchSampler(1000, batch_size=50, n_candidates=200)
    >>> monitor = BatchMonitor(sampler, labels=np.arange(1000) % 10, every=10)
    >>> for epoch in range(2):
    ...     for batch in sampler:
    ...         sampler.update(batch, points[batch])
    ...         values = monitor.log(batch, points[batch], loss=0.5)  # wandb.log(values), self.log_dict(values)
    >>> sorted(values)
    ['coverage', 'false_negative_rate', 'hardness', 'n_neighbors', 'restart', 'staleness']
    >>> monitor.history
    History(steps=40, loss=0.500)
    """

    def __init__(self, sampler: BatchSampler, labels=None, every: int = 50) -> None:
        if not isinstance(sampler, BatchSampler):
            raise TypeError(f"sampler must be one of toolkit's batch samplers, got {type(sampler).__name__}")
        self.sampler, self.every = sampler, _checks.integer("every", every, 1)
        codes = None if labels is None else _checks.labels("labels", labels, sampler.n)
        self._recorder = StepRecorder(sampler, codes, self.every)
        self._began = time.perf_counter()

    @property
    def history(self) -> History:
        """Measurements so far."""
        return self._recorder.history

    def log(self, index, embeddings, targets=None, loss=None) -> dict[str, float]:
        """Measure the batch of a step, and return the values by their names in `History`.

        Parameters
        ----------
        index : int array or tensor, shape (B,)
            The batch, in the order of its embeddings. Several processes that share it
            (`toolkit.samplers.DistributedBatches`) pass what ``exchange`` returns, in the first process.
        embeddings : array or tensor, shape (B, d)
            Embeddings that the step computed, the same as for the sampler's ``update``.
        targets : array or tensor, shape (B, d), optional
            For pairs, the embeddings of the targets; for two views, those of the second view. Hardness is then measured
            between the two sides.
        loss : float or tensor, optional
            Loss of the step. It goes into the history only.

        Returns
        -------
        dict of str to float
            ``hardness`` and ``coverage``; with labels ``false_negative_rate``; ``n_neighbors`` and ``restart`` where
            the sampler chooses them; ``staleness`` and ``estimated_false_negatives`` in the steps that measure them.
            Values that are not finite are left out.

        Raises
        ------
        IndexError, TypeError, ValueError
            For an index out of range, embeddings that are not one per index, and a loss that is not one number.
        """
        rows = _checks.indices("index", index, self.sampler.n)
        if not len(rows):
            raise ValueError("index must hold one instance or more, got none")
        sides = [_checks.vectors("embeddings", embeddings, rows=rows)]
        if targets is not None:
            sides.append(_checks.vectors("targets", targets, rows=rows))
            _checks.shape("targets", sides[1], tuple(sides[0].shape), "that of the embeddings")
        # Not `sampler.epoch`, which moves on once the sampler has yielded the last batch of this epoch.
        epoch, unknown = self.sampler._drawn.epoch, float("nan")
        self._recorder.add(rows, sides, epoch=epoch, loss=_number(loss), sampler_seconds=unknown, began=self._began)
        if len(self.history) % self.every == 0:
            self._measure_more(rows, paired=len(sides) > 1)
        self._began = time.perf_counter()
        return self._last_values()

    def _measure_more(self, rows: np.ndarray, paired: bool) -> None:
        """Take the measurements that are too slow for every step: staleness and estimated false negatives."""
        add_staleness(self.history, self.sampler)
        bank = getattr(getattr(self.sampler, "planner", self.sampler), "bank", None)
        estimable = bank is not None and bank.complete and bank.whole and bank.n >= FEWEST and len(rows) > 1
        if self._recorder.codes is None and not paired and self.sampler.chosen is None and estimable:
            found = self.history.measured["estimated_false_negatives"]
            found.append((len(self.history), _estimate(bank, rows)))

    def _last_values(self) -> dict[str, float]:
        history, chosen = self.history, self.sampler.chosen
        values = {name: history.columns[name][-1] for name in _EACH_STEP}
        for name, points in history.measured.items():
            if points and points[-1][0] == len(history):
                values[name] = points[-1][1]
        if chosen is not None:
            values |= {"n_neighbors": float(chosen.n_neighbors), "restart": float(chosen.restart)}
        return {name: value for name, value in values.items() if np.isfinite(value)}

    def state_dict(self) -> dict:
        """Return the state needed to resume after a restart (numbers and tensors only; memory is shared)."""
        return self._recorder.state_dict()

    def load_state_dict(self, state: dict) -> None:
        """Resume where `state_dict` was taken.

        Raises
        ------
        ValueError
            If the state is damaged or belongs to another number of instances. The monitor is then unchanged.
        """
        try:
            self._recorder.load_state_dict(state)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"state must be one of BatchMonitor.state_dict with this sampler ({error})") from error
        self._began = time.perf_counter()

    def __repr__(self) -> str:
        return f"BatchMonitor({len(self.history)} steps of {type(self.sampler).__name__})"


def _estimate(bank: EmbeddingBank, batch: np.ndarray) -> float:
    """Return the estimated share of false negatives in a batch; from a large bank, a random part is clustered."""
    rows = np.arange(bank.n)
    if bank.n > _MOST:
        rows = np.union1d(batch, np.random.default_rng(0).choice(bank.n, _MOST, replace=False))
    counter = Budget().counter(bank.vectors[torch.from_numpy(rows)].cpu(), bank.paired, seed=0)
    return float(counter.rates([np.searchsorted(rows, batch)])[0])


def _number(loss) -> float:
    """Return a loss as a float, NaN for None, or raise unless it is a number."""
    if loss is None:
        return float("nan")
    try:
        if isinstance(loss, (str, bytes)):
            raise TypeError("a text")
        return float(loss.detach() if isinstance(loss, Tensor) else loss)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise TypeError(f"loss must be a number or a tensor of one element, got {loss!r}") from error
