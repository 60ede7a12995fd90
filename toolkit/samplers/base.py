"""What all batch samplers share: epochs, exact length, resume in mid-epoch."""

import inspect
import re
from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler

from toolkit import _checks
from toolkit.engine.rules import Groups
from toolkit.engine.walking import deal_into_batches
from toolkit.proximity.rules import batch_groups
from toolkit.samplers.budget import Budget, Choice


class BatchSampler(Sampler):
    """Yield lists of `batch_size` distinct indices; a subclass plans them.

    Iterating to the end moves on to the next epoch by itself; `set_epoch` goes to any other. An epoch left early
    starts again from its first batch. There is one iterator at a time: a new one ends the one before. A subclass keeps
    each argument of its constructor as an attribute of that name.

    Attributes
    ----------
    chosen : Choice or None
        Settings that the sampler chose by itself for the batches it is planning.
    """

    chosen: Choice | None = None

    def __init__(self, n: int, batch_size: int, drop_last: bool, seed: int, groups=None) -> None:
        self.n = _checks.size("n", n)
        self.batch_size = _checks.integer(
            "batch_size", batch_size, 2, self.n, "a batch holds distinct instances of the data set"
        )
        self.drop_last = _checks.flag("drop_last", drop_last)
        self.groups = None if groups is None else batch_groups(groups, self.n, self.batch_size)
        self.seed = _checks.seed(seed)
        self.epoch = 0
        self._position = 0  # batches of this epoch yielded so far
        self._resumed = False
        self._queue = np.empty(0, np.int64)  # the batches planned, one after the other
        self._iterators = 0  # begun so far

    @classmethod
    def from_embeddings(cls, embeddings, batch_size: int, *, targets=None, **settings) -> "BatchSampler":
        """Return a sampler for known embeddings (N, d), which it uses from the first batch on if it uses any.

        With `targets` (N, d), the embeddings are of queries.

        Raises
        ------
        TypeError, ValueError
            For NaN, Inf or zero rows (the first are named), and for wrong settings.
        """
        n = _checks.integer("number of embeddings", len(_checks.vectors("embeddings", embeddings)), 2)
        return cls(n, batch_size, **settings)

    def update(self, indices, embeddings, targets=None) -> None:
        """Take note of the embeddings that a training step computed; a sampler that uses none ignores them.

        Of pairs, `embeddings` are those of the queries, and `targets` those of their targets.
        """

    @property
    def settings(self) -> dict:
        """Arguments by name with which the constructor makes such a sampler, `n` left out."""
        names = list(inspect.signature(type(self)).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def __len__(self) -> int:
        """Return the exact number of batches in an epoch."""
        return self.n // self.batch_size if self.drop_last else -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        if not self._resumed:
            self.set_epoch(self.epoch)
        self._resumed = False
        self._iterators += 1
        mine = self._iterators
        while self._position < len(self):
            if mine != self._iterators:
                raise RuntimeError(
                    "this iterator of the sampler was replaced by a newer one, and both would share one epoch: iterate "
                    "to the end first, or make a sampler for each"
                )
            self._plan()
            batch, self._queue = np.split(self._queue, [self.batch_size])
            if self.groups is not None:
                batch = batch[batch >= 0]
            self._position += 1
            self._note(batch)
            yield batch.tolist()
        self.set_epoch(self.epoch + 1)

    def _note(self, batch: np.ndarray) -> None:
        """Take note of a batch that is about to be yielded."""

    @abstractmethod
    def _plan(self) -> None:
        """Make sure that `_queue` begins with the next batch."""

    def _cut(self, order: np.ndarray) -> np.ndarray:
        """Return the instances in the order of batches filled as they come, no two of a group in one; -1 for none."""
        if self.groups is None:
            return order
        return deal_into_batches(order, self.batch_size, len(self), self.groups)

    @property
    def sampler(self) -> "BatchSampler":
        """This sampler itself: Lightning and accelerate call ``batch_sampler.sampler.set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch; batches follow from (seed, epoch).

        Right after `load_state_dict`, the loaded epoch keeps its place: frameworks call this before every epoch.
        """
        if self._resumed and epoch == self.epoch:
            return
        self.epoch = _checks.integer("epoch", epoch, 0)
        self._position = 0
        self._resumed = False
        self._queue = np.empty(0, np.int64)

    def state_dict(self) -> dict:
        """Return what is needed to go on in mid-epoch with the same batches (numbers and tensors only)."""
        return {
            "config": self._config(),
            "epoch": self.epoch,
            "position": self._position,
            "queue": torch.from_numpy(self._queue.copy()),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on where `state_dict` was taken: the next iteration continues that epoch.

        Settings must be those of the state. Functions are compared by their names: two lambdas written at the same
        place are not told apart.

        Raises
        ------
        ValueError
            If the state is of another kind of sampler or of other settings (the first that differs is named), or
            damaged. The sampler is then as before.
        """
        theirs = state.get("config", {})
        for name, value in self._config().items():
            if theirs.get(name) != value:
                raise ValueError(
                    f"state is of another sampler: its {name} is {theirs.get(name)!r}, this one's {value!r}; "
                    "build the sampler with the settings of the run to resume"
                )
        try:
            parts = self._parse(state)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"state is damaged: {error or type(error).__name__}; start again without it") from error
        vars(self).update(parts, _resumed=True)

    def _parse(self, state: dict) -> dict:
        """Return the attributes that a state holds, or raise unless each may be what it is."""
        queue = state["queue"].numpy().copy()
        placed = queue if self.groups is None else queue[queue != -1]
        _checks.indices("queue", placed, self.n)
        return {
            "epoch": _checks.integer("epoch", state["epoch"], 0),
            "_position": _checks.integer("position", state["position"], 0, len(self)),
            "_queue": queue,
        }

    def _config(self) -> dict:
        """Return what a state must agree with: numbers and strings only, the same in another process."""
        settings = {name: _portable(value) for name, value in self.settings.items()}
        return {"sampler": type(self).__name__, "n": self.n, **settings}

    def _rng(self, *purpose: int) -> np.random.Generator:
        """Return a generator that follows from (seed, epoch) and the numbers given."""
        return np.random.default_rng([self.seed, self.epoch, *purpose])

    def __repr__(self) -> str:
        settings = {"n": self.n, **self.settings}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"


def _portable(value):
    """Return a setting, or what identifies a function in another process."""
    return (
        re.sub(" at 0x[0-9a-f]+", "", repr(value)) if callable(value) or isinstance(value, (Budget, Groups)) else value
    )
