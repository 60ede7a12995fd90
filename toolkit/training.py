"""One training loop for all models: progress, history, checkpoints, exact resume."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit.metrics import same_pairs
from toolkit.samplers.base import BatchSampler
from toolkit.samplers.online import OnlineBatchSampler

CHECKPOINT_FORMAT = "batchsampler-toolkit 1"
CHECKPOINT_PARTS = {"format", "model", "optimizer", "sampler", "rng", "cuda_rng", "columns", "probes", "last_seen"}
COLUMNS = ("epoch", "loss", "hardness", "false_negative_rate", "coverage", "sampler_seconds", "seconds")


@dataclass
class History:
    """What happened in each training step.

    Attributes
    ----------
    columns : dict of lists, one entry per step
        ``epoch``; ``loss``; ``hardness``: mean cosine similarity of in-batch negatives in the embeddings of the step;
        ``false_negative_rate``: share of in-batch pairs with the same label (NaN without labels);
        ``coverage``: share of the data set seen in the last N // B steps; ``sampler_seconds``: time spent drawing
        the batch and updating the sampler; ``seconds``: time of the whole step.
    probes : list of (step, value)
        Results of the probe.
    interrupted : bool
        Whether the user stopped the training before its last step.
    """

    columns: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    probes: list[tuple[int, float]] = field(default_factory=list)
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.columns["loss"])

    def to_frame(self):
        """Return a pandas frame with one row per step."""
        import pandas as pd

        frame = pd.DataFrame(self.columns).rename_axis("step")
        frame.index += 1
        return frame

    @property
    def sampler_share(self) -> float:
        """Share of the training time spent in the sampler."""
        return sum(self.columns["sampler_seconds"]) / sum(self.columns["seconds"])

    def __repr__(self) -> str:
        loss = f", loss={self.columns['loss'][-1]:.3f}" if len(self) else ""
        return f"History(steps={len(self)}{loss}{', interrupted=True' if self.interrupted else ''})"


def train(
    model: nn.Module,
    dataset: Dataset,
    sampler: BatchSampler,
    steps: int,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    labels=None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    probe: Callable[[nn.Module], float] | None = None,
    probe_every: int = 1000,
    num_workers: int = 0,
    progress: bool = True,
) -> History:
    """Train a contrastive model with batches from a sampler.

    Ctrl-C, or the stop button of a notebook, ends the training after the current step: the model keeps what it
    learned and the history is returned. A second one raises `KeyboardInterrupt` at once.

    Parameters
    ----------
    model : nn.Module
        Called with the views of a batch, returns (loss, embeddings); trained in place, on its device.
    dataset : Dataset
        Items are (index, view, ...).
    sampler : BatchSampler
        Online samplers are given the embeddings of each step.
    steps : int
        Batches to train on in all, those before a resume included.
    optimizer : Optimizer, optional
        By default Adam with learning rate 1e-3.
    labels : array, shape (N,), optional
        For the false-negative rate in the history; training does not see them.
    checkpoint : path, optional
        File to write every `checkpoint_every` steps and at the end. If it is there, training goes on from it. A write
        replaces the file in one move, so that a kill leaves the old one or the new one whole.
    probe : callable, optional
        Called with the model every `probe_every` steps and at the end; its value goes into the history.
    num_workers : int
        Processes that load data. With 0, a resumed run repeats the uninterrupted one exactly on a CPU; with
        more, they draw batches ahead, and a resume skips those.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If the data set and the sampler differ in size, or the checkpoint is damaged or of another run.

    Examples
    --------
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.datasets import vision
    >>> from toolkit.models import SimCLR
    >>> from toolkit.training import train
    >>> data = vision.bundled()
    >>> sampler = RandomWalkBatchSampler(len(data.views), batch_size=64)
    >>> history = train(SimCLR(), data.views, sampler, steps=2, labels=data.views.labels, progress=False)
    >>> len(history), history.to_frame().columns[:3].tolist()
    (2, ['epoch', 'loss', 'hardness'])
    """
    _check_arguments(dataset, sampler, steps, checkpoint_every, probe_every, checkpoint)
    codes = None if labels is None else _checks.labels(labels, len(dataset))
    run = _Run(model, sampler, optimizer or torch.optim.Adam(model.parameters(), lr=1e-3), codes)
    path = None if checkpoint is None else Path(checkpoint)
    if path and path.exists():
        run.load(path)
    history = run.history
    # A generator of its own: starting an epoch must not advance the one that augmentation draws from.
    generator = torch.Generator().manual_seed(torch.initial_seed() + len(history))
    loader = DataLoader(dataset, batch_sampler=run.batches, num_workers=num_workers, generator=generator)
    if len(history) >= steps:
        return history
    model.train()
    with _interrupts() as interrupted, tqdm(total=steps, initial=len(history), disable=not progress) as bar:
        began = time.perf_counter()
        for epoch, (index, *views) in _endless(loader, sampler):
            run.step(epoch, index, views, began)
            bar.set_postfix(loss=f"{history.columns['loss'][-1]:.3f}", refresh=False)
            bar.update()
            n = len(history)
            if probe is not None and (n >= steps or interrupted.is_set() or n % probe_every == 0):
                history.probes.append((n, float(probe(model))))
                model.train()  # whatever mode the probe left it in
            last = n >= steps or interrupted.is_set()
            history.interrupted = n < steps and last
            if path and (last or n % checkpoint_every == 0):
                run.save(path)
            if last:
                break
            began = time.perf_counter()
    return history


def _endless(loader: DataLoader, sampler: BatchSampler) -> Iterator[tuple[int, list[Tensor]]]:
    """Yield batches epoch after epoch, each with its epoch: with workers the sampler itself is ahead."""
    while True:
        epoch = sampler.epoch
        for batch in loader:
            yield epoch, batch


class _Run:
    """Everything that a training step changes."""

    def __init__(self, model: nn.Module, sampler: BatchSampler, optimizer, codes: np.ndarray | None) -> None:
        self.model, self.sampler, self.optimizer, self.codes = model, sampler, optimizer, codes
        self.batches = _TimedBatches(sampler)
        self.history = History()
        self.device = next(model.parameters()).device
        self.last_seen = np.full(sampler.n, -len(sampler))

    def step(self, epoch: int, index: Tensor, views: list[Tensor], began: float) -> None:
        """Train on one batch and record it."""
        loss, embeddings = self.model(*(view.to(self.device) for view in views))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if isinstance(self.sampler, OnlineBatchSampler):
            with self.batches.clock():
                self.sampler.update(index, embeddings)
        n = len(self.history)
        self.last_seen[index.numpy()] = n
        row = {
            "epoch": epoch,
            "loss": loss.item(),
            "hardness": _mean_cosine(embeddings),
            "false_negative_rate": _same_label_share(self.codes, index),
            "coverage": float((self.last_seen > n - len(self.sampler)).mean()),
            "sampler_seconds": self.batches.take_seconds(),
            "seconds": time.perf_counter() - began,
        }
        for name, value in row.items():
            self.history.columns[name].append(value)

    def save(self, path: Path) -> None:
        """Write a checkpoint in one move: a kill leaves the old file or the new one, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "format": CHECKPOINT_FORMAT,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sampler": self.sampler.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "columns": {name: torch.from_numpy(np.array(values)) for name, values in self.history.columns.items()},
            "probes": self.history.probes,
            "last_seen": torch.from_numpy(self.last_seen),
        }
        temporary = path.with_name(path.name + ".part")
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def load(self, path: Path) -> None:
        """Take over a checkpoint; raise, with nothing changed, if it is not one of this run."""
        remedy = f"delete it to start anew, or give another path as checkpoint (got {str(path)!r})"
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if not state.keys() >= CHECKPOINT_PARTS or state["format"] != CHECKPOINT_FORMAT:
                raise KeyError("format")
        except Exception as error:  # unpickling damaged bytes raises all kinds of errors
            raise ValueError(f"checkpoint is damaged or not of this toolkit: {remedy}") from error
        ours, theirs = self.model.state_dict(), state["model"]
        for name in sorted(ours.keys() | theirs.keys()):
            shapes = [tuple(side[name].shape) if name in side else "absent" for side in (theirs, ours)]
            if shapes[0] != shapes[1]:
                raise ValueError(
                    f"checkpoint is of another model: its {name} is {shapes[0]}, this one's {shapes[1]}; {remedy}"
                )
        groups = [_groups(optimizer) for optimizer in (state["optimizer"], self.optimizer.state_dict())]
        if groups[0] != groups[1]:
            raise ValueError(
                f"checkpoint is of another optimizer: its groups are {groups[0]}, not {groups[1]}; {remedy}"
            )
        try:
            self.sampler.load_state_dict(state["sampler"])
        except ValueError as error:
            raise ValueError(f"checkpoint is of another run: {error}; {remedy}") from error
        self.model.load_state_dict(theirs)
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)
        columns = {name: values.tolist() for name, values in state["columns"].items()}
        self.history = History(columns, [tuple(probe) for probe in state["probes"]])
        self.last_seen = state["last_seen"].numpy().copy()


def _groups(optimizer: dict) -> list[tuple[int, list[str]]]:
    """Return the number of parameters and the settings' names of each group of an optimizer's state."""
    return [(len(group["params"]), sorted(group.keys() - {"params"})) for group in optimizer["param_groups"]]


class _TimedBatches:
    """A sampler's batches, with the time that the sampler takes."""

    def __init__(self, sampler: BatchSampler) -> None:
        self.sampler = sampler
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[int]]:
        batches = iter(self.sampler)
        while True:
            with self.clock():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Add the time spent inside."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began

    def take_seconds(self) -> float:
        """Return the seconds counted since the last call."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event; signals reach the main thread only, elsewhere nothing changes."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def handle(number, frame):
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def _mean_cosine(embeddings: Tensor) -> float:
    """Return the mean cosine similarity over the pairs of a batch."""
    n = len(embeddings)
    total = F.normalize(embeddings.float(), dim=1).sum(0)
    return ((total @ total - n) / (n * (n - 1))).item()


def _same_label_share(codes: np.ndarray | None, index: Tensor) -> float:
    """Return the share of pairs of a batch with the same label, NaN without labels."""
    return float("nan") if codes is None else same_pairs(np.bincount(codes[index.numpy()]))


def _check_arguments(dataset, sampler, steps, checkpoint_every, probe_every, checkpoint) -> None:
    if not isinstance(sampler, BatchSampler):
        raise TypeError(f"sampler must be one of toolkit's batch samplers, got {type(sampler).__name__}")
    if len(dataset) != sampler.n:
        raise ValueError(f"sampler is for {sampler.n} instances, but the data set has {len(dataset)}")
    _checks.integer("steps", steps, 1)
    _checks.integer("checkpoint_every", checkpoint_every, 1)
    _checks.integer("probe_every", probe_every, 1)
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint must be a file, got the folder {str(checkpoint)!r}: add a file name")
