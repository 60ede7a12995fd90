"""One training run: its steps, its history, its checkpoints."""

import math
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from toolkit import _checks
from toolkit._processes import Peers
from toolkit.samplers import BatchSampler, DistributedBatches
from toolkit.training import checkpoint as checkpoints
from toolkit.training.history import History
from toolkit.training.recorder import StepRecorder


class Run:
    """A training run: model, sampler, optimizer and recorder, which every training step changes."""

    def __init__(
        self, model: nn.Module, sampler: BatchSampler, optimizer, scheduler, precision: str, augmentation, codes
    ) -> None:
        self.model, self.sampler, self.optimizer, self.scheduler = model, sampler, optimizer, scheduler
        self.augmentation = augmentation
        self.peers = Peers()
        if self.peers.size > 1 and not isinstance(sampler, DistributedBatches):
            self.sampler = DistributedBatches(sampler)
        self.network = DistributedDataParallel(model) if self.peers.size > 1 else model
        self.batches = TimedBatches(self.sampler)
        self.recorder = StepRecorder(self.sampler, codes)
        self.trained = 0  # number of batches trained in this epoch
        self.device = next(model.parameters()).device
        self.low_precision = precision == "bfloat16"
        self.optimizer_settings = checkpoints.settings_of(optimizer)  # those with which the run began

    @property
    def history(self) -> History:
        """History of the steps so far."""
        return self.recorder.history

    def steps(self, loader: DataLoader) -> Iterator[History]:
        """Train on one batch after the other, epoch after epoch; yield the history after each."""
        began = time.perf_counter()
        while True:
            epoch = self.sampler.epoch  # read now: with workers, the sampler moves on before the training does
            for batch in _fetched(loader):
                self.trained += 1
                index, parts = self._unpack(batch)
                loss, *embeddings = self._descend(parts)
                with self.batches.clock():
                    index, *embeddings = self._hand_over(index, *embeddings)
                seconds = self.batches.take_seconds()
                self.recorder.add(index, embeddings, epoch=epoch, loss=loss, sampler_seconds=seconds, began=began)
                yield self.history
                began = time.perf_counter()
            self.trained = 0

    def _hand_over(self, index: np.ndarray, *embeddings: Tensor) -> tuple:
        """Pass the embeddings to the sampler; return index and embeddings of the whole batch, from all processes."""
        if not isinstance(self.sampler, DistributedBatches):
            self.sampler.update(index, *embeddings)
            return index, *embeddings
        rows, *whole = self.sampler.exchange(index, *embeddings, everywhere=True)
        self.sampler.take((rows, *whole))
        return np.asarray(rows), *whole

    def _unpack(self, batch) -> tuple[np.ndarray, list[Tensor]]:
        """Return the index of a batch and its other parts, or raise unless it starts with the index of its items."""
        first, *parts = batch if isinstance(batch, (list, tuple)) else [batch]
        try:
            index = _checks.indices("index", first, self.sampler.n)
            if len(self.history) == 0 and not set(index) <= set(self.batches.first):
                raise ValueError(f"instances {index[:3]} for {self.batches.first[:3]}")
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(
                "the data set's items must begin with their index: wrap it in toolkit.datasets.Indexed; got a batch "
                f"with another beginning ({error})"
            ) from error
        return index, parts

    def _descend(self, parts: list[Tensor]) -> tuple[float, *tuple[Tensor, ...]]:
        """Take one optimizer step; return the loss and the embeddings that the model returns."""
        parts = [part.to(self.device, non_blocking=True) for part in parts]
        if self.augmentation is not None:
            parts = [self.augmentation(*parts) for _ in range(2)]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.low_precision):
            loss, *embeddings = self.network(*parts)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"loss is {value}")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        if self._on_cuda:
            torch.cuda.synchronize(self.device)  # otherwise the rest of the step would count as sampler time
        return value, *embeddings

    @property
    def _on_cuda(self) -> bool:
        return self.device.type == "cuda"

    def state_dicts(self) -> dict:
        """Return the states of model, optimizer and scheduler (or None), and the optimizer's first settings."""
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        states = {name: part and part.state_dict() for name, part in parts.items()}
        return states | {"optimizer_settings": self.optimizer_settings}

    def save(self, path: Path) -> None:
        """Write a checkpoint, or warn that it could not be written; raise if the weights are not finite.

        With several processes, only the first one writes.
        """
        spoiled = next((name for name, p in self.model.named_parameters() if not p.isfinite().all()), None)
        if spoiled is not None:
            raise FloatingPointError(f"weights are not finite, the first of them in {spoiled!r}")
        state = self._state()
        if self.peers.rank > 0:
            return
        try:
            checkpoints.write(path, state)
        except OSError as error:
            warnings.warn(
                f"checkpoint {str(path)!r} could not be written at step {len(self.history)} ({error}): training "
                "continues, and the previous checkpoint is kept; free some space, or give another path",
                stacklevel=3,
            )

    def _state(self) -> dict:
        return {
            **self.state_dicts(),
            "sampler": self.sampler.state_dict(self.trained),
            "rng": self.peers.joined(torch.get_rng_state()[None]),
            "cuda_rng": self.peers.joined(torch.cuda.get_rng_state(self.device)[None]) if self._on_cuda else None,
            **self.recorder.state_dict(),
        }

    def separate_randomness(self) -> None:
        """Seed each process except the first by its rank, so that processes do not draw the same views and dropout."""
        if self.peers.rank > 0:
            seed = torch.initial_seed() + len(self.history) + (self.peers.rank << 40)
            torch.manual_seed(seed % 2**63)

    def _load_randomness(self, states: Tensor, cuda_states: Tensor | None) -> None:
        """Resume the random states (processes, ...); the number of processes may have grown since."""
        rank = self.peers.rank
        self.separate_randomness()  # remains in force where there is no state
        if rank < len(states):
            torch.set_rng_state(states[rank].clone())
        if self._on_cuda and cuda_states is not None and rank < len(cuda_states):
            torch.cuda.set_rng_state(cuda_states[rank].clone(), self.device)

    def load(self, path: Path) -> None:
        """Load a checkpoint; raise, and change nothing, if it belongs to another run."""
        state = checkpoints.read(path, **self.state_dicts())
        try:
            self.sampler.load_state_dict(state["sampler"])
        except ValueError as error:
            raise ValueError(f"checkpoint is of another run: {error}; {checkpoints.remedy(path)}") from error
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.optimizer_settings = state.get("optimizer_settings", self.optimizer_settings)
        self.recorder.load_state_dict(state)
        self._load_randomness(state["rng"], state["cuda_rng"])
        self.trained = state["sampler"]["position"] % len(self.sampler)


class TimedBatches:
    """The batches of a sampler; measures the time that the sampler takes."""

    def __init__(self, sampler: BatchSampler) -> None:
        self.sampler = sampler
        self.seconds = 0.0
        self.first: list[int] = []  # the first batch that was drawn

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[int]]:
        batches = iter(self.sampler)
        while True:
            with self.clock():
                batch = next(batches, None)
            if batch is None:
                return
            self.first = self.first or batch
            yield batch

    @contextmanager
    def clock(self) -> Generator[None]:
        """Add the time spent in the `with` block."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began

    def take_seconds(self) -> float:
        """Return the seconds counted since the last call."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def _fetched(loader: DataLoader) -> Iterator:
    """Yield the loader's batches; explain the error if the connection to a worker broke."""
    batches, end = iter(loader), object()
    while True:
        try:
            batch = next(batches, end)
        except (ConnectionError, EOFError) as error:
            if not loader.num_workers:
                raise
            raise RuntimeError(
                f"a DataLoader worker could not be reached ({type(error).__name__}: {error}) and may have been killed: "
                "check whether memory ran out, or use fewer workers (num_workers)"
            ) from error
        if batch is end:
            return
        yield batch
