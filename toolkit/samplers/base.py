"""What all batch samplers share: epochs, exact length, resume in mid-epoch."""

import inspect
import re
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch.utils.data import Sampler

from toolkit import _checks
from toolkit._processes import world_size
from toolkit.engine.precision import full_precision
from toolkit.engine.rules import Groups
from toolkit.engine.walking import deal_into_batches
from toolkit.proximity.rules import batch_groups
from toolkit.samplers.budget import Budget, Choice
from toolkit.samplers.drawn import DrawnBatches

_CUTS = 2  # restarts of one epoch from which on there is a warning; one more without updates, as they may be looks


class _Refusing(Sampler):
    """Refuses the copy of a sampler of instances that Lightning tries to make."""

    def __new__(cls, n=None, *arguments, **settings):
        if isinstance(n, Sampler) and not isinstance(n, _Refusing):
            raise TypeError(
                f"{cls.__name__} can't be made from a {type(n).__name__}: Lightning puts its own sampler into batch "
                "samplers under ddp, in predict and with overfit_batches. For ddp write "
                "Trainer(use_distributed_sampler=False) and toolkit.samplers.DistributedBatches(sampler); for predict "
                "use a loader without this sampler, and limit_train_batches instead of overfit_batches"
            )
        return super().__new__(cls)


class BatchSampler(_Refusing):
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
        self._position = 0  # number of batches yielded in this epoch
        # The batches of this epoch, or those of the previous one until the first batch of this one is drawn.
        self._drawn = DrawnBatches(0, len(self), self.batch_size)
        self._resumed = False
        self._trained = False  # whether there was an update since the epoch began
        self._queue = np.empty(0, np.int64)  # the planned batches, concatenated
        self._cuts: int | None = 0  # restarts of this epoch, which was left early; None if there is no warning to give
        self._iterators = 0  # number of iterators made so far
        self._alone = True  # whether no DistributedBatches shares these batches among processes
        self._shared: dict = {}  # what all states share, so that it stays current; empty before the first state

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
        """Receive the embeddings that a training step computed; a sampler that needs none ignores them.

        For pairs, `embeddings` are those of the queries, and `targets` those of their targets.
        """
        self._trained = True

    @property
    def settings(self) -> dict:
        """Constructor arguments by name, without `n`."""
        return {name: getattr(self, name) for name in _setting_names(type(self))}

    def __len__(self) -> int:
        """Return the exact number of batches in an epoch."""
        return self.n // self.batch_size if self.drop_last else -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        self._begin()
        self._iterators += 1
        mine = self._iterators
        while self._position < len(self):
            if self._drawn.epoch != self.epoch:  # `set_epoch` in between
                self._begin()
            if mine != self._iterators:
                raise RuntimeError(
                    "this iterator of the sampler was replaced by a newer one, and both would share one epoch: iterate "
                    "to the end first, or make one sampler for each"
                )
            if self._position == self._drawn.count:
                self._draw()
            batch = self._drawn[self._position]
            self._position += 1
            self._note(batch)
            self._share()
            yield batch.tolist()
        self.set_epoch(self.epoch + 1)

    def __call__(self, *args, **kwargs):
        """Raise TypeError: sentence-transformers calls what it can, and silently ignores other objects.

        Without this, ``args.batch_sampler=sampler`` would train on batches of one text, in the order of the data set.
        """
        raise TypeError(
            f"args.batch_sampler must be a function for sentence-transformers, got a {type(self).__name__}: pass "
            "SentenceBatches(sampler).batch_sampler (toolkit.integrations.sentence_transformers)"
        )

    def _begin(self) -> None:
        """Go to the first batch of the epoch, or to where `load_state_dict` left it."""
        self._warn_of_peers()
        self._warn_of_cuts()
        if not self._resumed:
            self._position = 0
        if not self._repeats:
            self._drawn = DrawnBatches(self.epoch, len(self), self.batch_size)
            self._queue = np.empty(0, np.int64)
        self._resumed = self._trained = False

    def _warn_of_peers(self) -> None:
        """Warn once if several processes draw batches without knowing of each other."""
        if self._alone and world_size() > 1:
            self._alone = False
            warnings.warn(
                f"{type(self).__name__} is used by {world_size()} processes that do not share it: all would draw the "
                "same batches, or plan from their own embeddings only. Wrap it: "
                "toolkit.samplers.DistributedBatches(sampler), with sliced=False where the framework slices batches",
                stacklevel=4,
            )

    def _warn_of_cuts(self) -> None:
        """Warn once if the epoch was left early and started again, and not for the first time."""
        if self._cuts is None:
            return
        if self._resumed or self._drawn.epoch != self.epoch:
            self._cuts = 0
        elif (0 if self._trained else 1) < self._position < len(self):  # a look at the first batch is no training
            self._cuts += 1
        if self._cuts < (_CUTS if self._trained else _CUTS + 1):
            return
        self._cuts = None
        warnings.warn(
            f"{type(self).__name__}: epoch {self.epoch} was left after {self._position} of {len(self)} batches and "
            "restarted, not for the first time: each time its first batches come again, and schedules count from its "
            "start. Iterate to the end, keep one iterator, or call sampler.set_epoch with another number before "
            "each round",
            stacklevel=4,
        )

    @property
    def _repeats(self) -> bool:
        """Whether the epoch that begins repeats batches that were already drawn for it."""
        return self._drawn.epoch == self.epoch and (self._resumed or not self._trained)

    def _draw(self) -> None:
        """Draw the next batch."""
        with full_precision():
            self._plan()
        batch, self._queue = np.split(self._queue, [self.batch_size])
        self._drawn.append(batch[batch >= 0])

    def _note(self, batch: np.ndarray) -> None:
        """Respond to a batch that is about to be yielded; by default, do nothing."""

    @abstractmethod
    def _plan(self) -> None:
        """Plan batches unless `_queue` already begins with the next one."""

    def _cut(self, order: np.ndarray) -> np.ndarray:
        """Deal instances into batches in their order, no two of a group in one; return the batches, padded with -1."""
        if self.groups is None:
            return order
        return deal_into_batches(order, self.batch_size, len(self), self.groups)

    @property
    def sampler(self) -> "BatchSampler":
        """This sampler itself: Lightning and accelerate call ``batch_sampler.sampler.set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Move to the start of an epoch; batches follow from (seed, epoch).

        An epoch that is being iterated, or was loaded by `load_state_dict`, keeps its position: frameworks call this
        before every epoch, some of them after a loader has begun to draw. A new iterator begins at the first batch.
        """
        epoch = _checks.integer("epoch", epoch, 0)
        if self._resumed and epoch in (self.epoch, self._drawn.epoch):
            if epoch != self.epoch:  # one that was drawn to its end, but not trained to it
                self.epoch, self._position = epoch, 0
            return
        if epoch != self.epoch:
            self.epoch, self._position = epoch, 0
        self._resumed = False

    def state_dict(self, trained: int | None = None) -> dict:
        """Return the state needed to resume in mid-epoch with the same batches (numbers and tensors only).

        Like a module's state, it shares memory with the sampler: save it at once, or `copy.deepcopy` it.

        Parameters
        ----------
        trained : int, optional
            Number of batches of the current epoch that were used for training; a resume continues after them. By
            default all that were drawn, but a loader with workers draws more than it uses. 0 for a framework that
            skips the used batches itself.

        Raises
        ------
        ValueError
            For more batches than were drawn.

        Examples
        --------
        >>> from toolkit import UniformBatchSampler
        >>> sampler, resumed = (UniformBatchSampler(100, batch_size=10) for _ in range(2))
        >>> epoch = list(sampler)  # a loader has drawn all of them
        >>> resumed.load_state_dict(sampler.state_dict(trained=3))
        >>> list(resumed) == epoch[3:]
        True
        """
        epoch, position = self.epoch, self._position
        if trained is not None:
            trained = _checks.integer("trained", trained, 0)
            if self._position == 0 and trained:
                epoch = self._drawn.epoch
            drawn = self._drawn.count if self._drawn.epoch == epoch else 0
            position = _checks.integer("trained", trained, 0, drawn, "the number of batches that were drawn")
        self._shared |= self._state()
        return {"config": self._config(), "epoch": epoch, "position": position, "shared": self._shared}

    def _share(self) -> None:
        """Bring the states that `state_dict` returned up to date."""
        if self._shared:
            self._shared |= self._state()

    def _state(self) -> dict:
        """Return everything in a state except the position in the epoch; arrays are shared, not copied."""
        return {"epoch": self.epoch, "drawn": self._drawn.state_dict(), "queue": torch.from_numpy(self._queue)}

    def load_state_dict(self, state: dict) -> None:
        """Resume where `state_dict` was taken: the next iteration continues that epoch.

        Settings must be those of the state. Functions are compared by their names: two lambdas written in the same
        place count as equal.

        Raises
        ------
        ValueError
            If the state belongs to another kind of sampler or other settings (the first difference is named), is
            damaged, or shares memory with a sampler that is already in a later epoch. The sampler is then unchanged.
        """
        state = self._own(state)
        theirs = state.get("config", {})
        for name, value in self._config().items():
            if theirs.get(name) != value:
                raise ValueError(
                    f"state belongs to another sampler: its {name} is {theirs.get(name)!r}, this one's {value!r}; "
                    "build the sampler with the settings of the run to resume"
                )
        try:
            parts = self._parse(state["shared"])
            epoch, position = self._place(state["epoch"], state["position"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"state is damaged: {error or type(error).__name__}; start again without it") from error
        drawn = parts["_drawn"]
        ended = drawn.count == len(self)
        if epoch not in (parts["epoch"], drawn.epoch, drawn.epoch + ended):
            raise ValueError(
                f"state was taken in epoch {epoch}, but the sampler that shares its arrays has gone on to epoch "
                f"{parts['epoch']}: save it, or copy.deepcopy it, as soon as it is taken"
            )
        if position > (drawn.count if drawn.epoch == epoch else 0):
            raise ValueError(f"state is damaged: it lacks some of the first {position} batches; start again without it")
        vars(self).update(parts, epoch=epoch, _position=position, _resumed=True, _shared={})

    def _own(self, state: dict) -> dict:
        """Return the state of this sampler, also from a state of DistributedBatches, which contains it."""
        shared = state.get("shared")
        planner = shared.get("planner") if isinstance(shared, dict) else None
        return {**planner, "epoch": state["epoch"], "position": state["position"]} if planner else state

    def _place(self, epoch, position) -> tuple[int, int]:
        """Return an epoch and its number of trained batches; the end of an epoch becomes the start of the next."""
        epoch, position = _checks.integer("epoch", epoch, 0), _checks.integer("position", position, 0, len(self))
        return (epoch + 1, 0) if position == len(self) else (epoch, position)

    def _parse(self, state: dict) -> dict:
        """Return copies of the attributes in a state of `_state`, or raise if one of them is not valid."""
        queue = state["queue"].numpy().copy()
        placed = queue if self.groups is None else queue[queue != -1]
        _checks.indices("queue", placed, self.n)
        return {
            "epoch": _checks.integer("epoch", state["epoch"], 0),
            "_drawn": DrawnBatches.from_state(state["drawn"], self.n, len(self), self.batch_size),
            "_queue": queue,
        }

    def _config(self) -> dict:
        """Return the settings that a state must match: numbers and strings only, equal in all processes."""
        settings = {name: _portable(value) for name, value in self.settings.items()}
        return {"sampler": type(self).__name__, "n": self.n, **settings}

    def _rng(self, *purpose: int) -> np.random.Generator:
        """Return a random generator seeded by (seed, epoch) and the given numbers, one set for each purpose."""
        return np.random.default_rng([self.seed, self.epoch, *purpose])

    def __repr__(self) -> str:
        settings = {"n": self.n, **self.settings}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"


@cache
def _setting_names(cls: type[BatchSampler]) -> list[str]:
    """Return the names of the arguments of a sampler's constructor, without `n`."""
    # The signature of a subclass without a constructor of its own is that of `__new__` in Python 3.11.2.
    return list(inspect.signature(cls.__init__).parameters)[2:]


def _portable(value):
    """Return a setting or, for functions, budgets and groups, a text that is the same in all processes."""
    return (
        re.sub(" at 0x[0-9a-f]+", "", repr(value)) if callable(value) or isinstance(value, (Budget, Groups)) else value
    )
