"""One batch for all processes of a training: each gets its slice."""

import copy
import zlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from toolkit import _checks
from toolkit._processes import Peers
from toolkit.samplers.base import BatchSampler
from toolkit.samplers.random_walk import RandomWalkBatchSampler
from toolkit.samplers.sharded import ShardedBank


class DistributedBatches(BatchSampler):
    """The batches of a sampler, shared by the processes of a training run (torch.distributed).

    If the loss gathers the embeddings of all processes (`toolkit.models.losses.gathered`), its negatives are the whole
    batch, so that batch is planned once: in the first process, from the embeddings of all. That process sends each
    batch to the others and receives their embeddings, in a separate gloo group. Without torch.distributed, it behaves
    like the sampler itself.

    Every process creates it from a sampler with the same settings, and all iterate and call `update` in step. States
    hold whole batches: any number of processes can resume from them.

    Parameters
    ----------
    sampler : BatchSampler
        Sampler of the whole batches, whose size is a multiple of the number of processes and which leaves out a smaller
        last batch. Only that of the first process is used, unless `everywhere` or `sharded`.
    everywhere : bool
        Whether every process keeps embeddings and a graph and plans for itself, if each must hold a whole state. Each
        batch is checked to be the same in all of them.
    sharded : bool
        Whether the embeddings are spread over the processes, for banks that do not fit into one: each keeps those of N
        / R instances and builds a share of the graph, which the first process keeps and walks on (4 N K bytes, twice
        during a rebuild). Batches are the same. For random walks with a fixed `restart`, blocking refresh and
        ``fresh=1``. Each process saves its own state, and the same number of processes must resume from them.

        A build sends 12 N d (R - 1) / R bytes of embeddings between the processes (half of that in float16) and 4 N K
        (R - 1) / R of neighbours to the first; an update sends the embeddings of the batch to all.
    sliced : bool
        Whether to yield this process's slice of each batch; False for frameworks that slice batches themselves.

    Raises
    ------
    TypeError, ValueError
        For a sampler from elsewhere, a batch size that is not a multiple, batches that are not full, and
        processes whose samplers differ. With `sharded`, for samplers that it is not for, and any that have embeddings.

    Examples
    --------
    Under ``torchrun``, after ``torch.distributed.init_process_group()``:

    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.samplers import DistributedBatches
    >>> batches = DistributedBatches(RandomWalkBatchSampler(1000, batch_size=256))
    >>> index = next(iter(batches))  # loader = DataLoader(dataset, batch_sampler=batches)
    >>> batches.update(index, torch.randn(len(index), 32))
    """

    def __init__(
        self, sampler: BatchSampler, *, everywhere: bool = False, sharded: bool = False, sliced: bool = True
    ) -> None:
        if not isinstance(sampler, BatchSampler) or isinstance(sampler, DistributedBatches):
            raise TypeError(f"sampler must be one of toolkit's batch samplers, got {type(sampler).__name__}")
        if not sampler.drop_last:
            raise ValueError("sampler must leave out the last, smaller batch, got drop_last=False: pass drop_last=True")
        super().__init__(sampler.n, sampler.batch_size, True, sampler.seed)
        self.planner = sampler
        self._alone = sampler._alone = False
        sampler._cuts = None  # warnings are given here
        if sampler._resumed:
            self._take_over(sampler)
        self.everywhere, self.sliced = _checks.flag("everywhere", everywhere), _checks.flag("sliced", sliced)
        self.sharded = _checks.flag("sharded", sharded)
        self._walk = _shardable(sampler, self.everywhere) if self.sharded else None
        self._planned: Iterator[list[int]] = iter(())
        self._connected = False
        self._connect(required=False)

    def _take_over(self, sampler: BatchSampler) -> None:
        """Continue where the sampler's loaded state was taken; the sampler itself goes on after what it has drawn."""
        self.epoch, self._position, self._resumed = sampler.epoch, sampler._position, True
        self._drawn = copy.deepcopy(sampler._drawn)
        sampler._position = self._drawn.count if self._drawn.epoch == self.epoch else 0

    def _connect(self, required: bool = True) -> None:
        """Find the other processes; try again when they are needed, since Lightning connects them only later."""
        if self._connected:
            return
        self.peers = Peers(required)
        self._connected = self.peers.size > 1
        if self.batch_size % self.peers.size:
            raise ValueError(
                f"sampler must have a batch_size that is a multiple of the {self.peers.size} processes, "
                f"got {self.batch_size}: it is that of the whole batch"
            )
        if self._connected:
            place = f"at batch {self._position} of epoch {self.epoch}"
            self._check_alike("sampler", f"{self.planner._config()} {self.sharded} {place}")
            if self._walk is not None:
                self._walk.bank = ShardedBank(self._walk, self.peers)
        self._plans = self.everywhere or self.peers.rank == 0
        self._holds = self._plans or self.sharded  # whether this process stores embeddings

    @property
    def settings(self) -> dict:
        """Arguments of the sampler's constructor by name, without `n`."""
        return self.planner.settings

    def __iter__(self) -> Iterator[list[int]]:
        for batch in super().__iter__():
            size = len(batch) // self.peers.size if self.sliced else len(batch)
            first = self.peers.rank * size if self.sliced else 0
            yield batch[first : first + size]

    def _begin(self) -> None:
        self._connect()
        goes_on = self._repeats and not self._resumed and self._drawn.count > 0
        super()._begin()
        if self._plans and not goes_on:
            self.planner.set_epoch(self.epoch)
            self._planned = iter(self.planner)

    def _plan(self) -> None:
        batch = np.full(self.batch_size, -1)
        bank = None if self._walk is None else self._walk.bank
        if isinstance(bank, ShardedBank) and not self._plans:
            bank.serve()
        if self._plans:
            members = next(self._planned)
            self.chosen = self.planner.chosen
            batch[: len(members)] = members
        if isinstance(bank, ShardedBank) and self._plans:
            bank.finish()
        sent = self.peers.sent(torch.from_numpy(batch.copy())).numpy()
        if self._plans and not np.array_equal(sent, batch):
            raise RuntimeError(
                f"process {self.peers.rank} planned another batch than the first process: with everywhere=True, all "
                "must get the same embeddings and compute alike; leave it out, and the first process plans for all"
            )
        self._queue = sent

    def _note(self, batch: np.ndarray) -> None:
        if self._holds:
            self.planner._note(batch)

    def update(self, indices, embeddings, targets=None) -> None:
        """Pass the embeddings of all processes' slices to the sampler.

        Raises
        ------
        ValueError
            If the processes pass different numbers of instances or of dimensions; raised in all of them.
        """
        self.take(self.exchange(indices, embeddings, targets))

    def exchange(self, indices, embeddings, targets=None, *, everywhere: bool = False) -> tuple:
        """Return the arguments of `update` from all processes, joined in the order of the batch.

        The result is empty in a process that does not plan, unless `everywhere` is set.
        """
        self._connect()
        sides = {"embeddings": embeddings} if targets is None else {"embeddings": embeddings, "targets": targets}
        if self.peers.size == 1:
            return indices, *sides.values()
        rows = torch.from_numpy(np.ascontiguousarray(_checks.array("indices", indices)))
        vectors = [_checks.vectors(name, side, rows=rows) for name, side in sides.items()]
        parts = [rows, *map(_sendable, vectors)]
        shapes = [size for part in parts for size in part.shape]
        self._check_alike("update", f"{rows.dtype} {shapes}")
        join = self.peers.joined if everywhere or self.everywhere or self.sharded else self.peers.joined_at_first
        index, *whole = [join(part) for part in parts]
        return () if index is None else (index, *(part.to(vectors[0].device) for part in whole if part is not None))

    def take(self, exchanged: tuple) -> None:
        """Update the sampler with what `exchange` returned, if this process stores embeddings."""
        self._trained = True
        if self._holds:
            self.planner.update(*exchanged)
            self._share()

    def _check_alike(self, what: str, description: str) -> None:
        """Raise in all processes unless they all describe `what` in the same way."""
        code = zlib.crc32(description.encode())
        codes = self.peers.joined(torch.tensor([code], device="cpu"))
        if not (codes == code).all():
            raise ValueError(
                f"{what} must be the same in all processes, got in process {self.peers.rank}: {description}"
            )

    def _state(self) -> dict:
        return super()._state() | {"planner": self.planner.state_dict() if self._holds else None}

    def load_state_dict(self, state: dict) -> None:
        """Resume where `state_dict` was taken, as `BatchSampler.load_state_dict` does; all processes do it.

        A state of the sampler itself is also accepted. Processes that do not plan only read the position; with
        `sharded`, each needs its own state.
        """
        self._connect()
        state = self._own(state)
        if not self._holds:
            super().load_state_dict(state)
            return
        planner, before = state.get("shared", {}).get("planner"), dict(vars(self.planner))
        if planner is None:
            raise ValueError("state is of a process that does not plan batches: load that of the first process")
        self.planner.load_state_dict(planner)
        try:
            super().load_state_dict(state)
        except ValueError:
            vars(self.planner).update(before)
            raise

    def _own(self, state: dict) -> dict:
        shared = state.get("shared")
        if not isinstance(shared, dict) or "planner" in shared or not {"drawn", "epoch", "queue"} <= shared.keys():
            return state
        drawn = shared["drawn"]
        position = drawn["count"] if drawn["epoch"] == shared["epoch"] else 0
        planner = {**state, "epoch": shared["epoch"], "position": position}
        whole = {"epoch": shared["epoch"], "drawn": drawn, "queue": shared["queue"][:0], "planner": planner}
        return {**state, "config": self._config_of(state["config"]), "shared": whole}

    def _config(self) -> dict:
        spread = self.sharded and self._connected
        share = f"share {self.peers.rank} of {self.peers.size}" if spread else None
        return self._config_of(self.planner._config()) | {"sharded": share}

    @staticmethod
    def _config_of(planner: dict) -> dict:
        return {**planner, "sampler": f"DistributedBatches of {planner['sampler']}"}


def _sendable(rows: Tensor) -> Tensor:
    """Return embeddings as a contiguous CPU tensor in a precision that gloo can send."""
    rows = rows.detach().cpu()
    return (rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows).contiguous()


def _shardable(sampler: BatchSampler, everywhere: bool) -> RandomWalkBatchSampler:
    """Return the sampler, or raise if its embeddings can't be spread over processes."""
    if not isinstance(sampler, RandomWalkBatchSampler):
        raise TypeError(
            f"sampler must be a RandomWalkBatchSampler with sharded=True, got a {type(sampler).__name__}: leave it out"
        )
    if everywhere:
        raise ValueError("sharded must be False with everywhere=True, got True: only the first process has a graph")
    allowed = {
        "restart": (sampler.budget is None, "a probability or a function: a budget is chosen from all embeddings"),
        "refresh": (
            sampler.refresh == "blocking",
            '"blocking": the processes build the graph together while none of them trains',
        ),
        "fresh": (sampler.fresh == 1, "1: only the first process knows the previous neighbours"),
    }
    for name, (fits, words) in allowed.items():
        if not fits:
            raise ValueError(
                f"with sharded=True, {name} of the sampler must be {words}; got {getattr(sampler, name)!r}"
            )
    if sampler.bank.known.any():
        raise ValueError(
            f"sampler must have no embeddings yet with sharded=True, got {sampler.bank.known.sum()} of them: pass them "
            "to `DistributedBatches.update` instead, a part in each process"
        )
    return sampler
