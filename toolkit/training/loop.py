"""One training loop for all models: progress, history, checkpoints, exact resume."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit.metrics import same_label_share
from toolkit.samplers.base import BatchSampler
from toolkit.samplers.online import OnlineBatchSampler
from toolkit.training import checkpoint as checkpoints
from toolkit.training.history import History
from toolkit.training.stepper import PRECISIONS, Stepper


def train(
    model: nn.Module,
    dataset: Dataset,
    sampler: BatchSampler,
    steps: int,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    precision: str = "float32",
    clip_norm: float | None = None,
    augmentation: Callable[[Tensor], Tensor] | None = None,
    labels=None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    probe: Callable[[nn.Module], float] | None = None,
    probe_every: int = 1000,
    on_step: Callable[[History], bool | None] | None = None,
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
        Items are (index, view, ...). A method `collate` makes a batch of them where they are no plain tensors.
    sampler : BatchSampler
        Online samplers are given the embeddings of each step.
    steps : int
        Batches to train on in all, those before a resume included.
    optimizer : Optimizer, optional
        By default Adam with learning rate 1e-3.
    scheduler : LRScheduler, optional
        Of that optimizer, stepped after each of its steps; see `toolkit.training.schedules.warmup_cosine`.
    precision : {"float32", "bfloat16", "float16"}
        Of the model's operations where it is safe (autocast). With "float16" gradients are scaled.
    clip_norm : float, optional
        Gradients are scaled down to this norm where theirs is larger.
    augmentation : callable, optional
        Turns a batch of what follows the index in the items into a random view, on the model's device; called twice.
        By default the data set makes the views.
    labels : array, shape (N,), optional
        For the false-negative rate in the history; training does not see them.
    checkpoint : path, optional
        File to write every `checkpoint_every` steps and at the end. If it is there, training goes on from it. A write
        replaces the file in one move, so that a kill leaves the old one or the new one whole.
    probe : callable, optional
        Called with the model every `probe_every` steps and at the end; its value goes into the history.
    on_step : callable, optional
        Called with the history after each step. If it returns true, training ends there as after Ctrl-C.
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
    _checks.choice("precision", precision, tuple(PRECISIONS))
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm must be positive, got {clip_norm}")
    codes = None if labels is None else _checks.labels(labels, len(dataset))
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-3)
    run = _Run(model, sampler, Stepper(optimizer, scheduler, precision, clip_norm), augmentation, codes)
    path = None if checkpoint is None else Path(checkpoint)
    if path and path.exists():
        run.load(path)
    history = run.history
    history.steps = steps
    # A generator of its own: starting an epoch must not advance the one that augmentation draws from.
    generator = torch.Generator().manual_seed(torch.initial_seed() + len(history))
    loader = DataLoader(
        dataset,
        batch_sampler=run.batches,
        collate_fn=getattr(dataset, "collate", None),
        num_workers=num_workers,
        generator=generator,
    )
    if len(history) >= steps:
        return history
    model.train()
    with _interrupts() as interrupted, tqdm(total=steps, initial=len(history), disable=not progress) as bar:
        began = time.perf_counter()
        for epoch, (index, *parts) in _endless(loader, sampler):
            run.step(epoch, torch.as_tensor(index), parts, began)
            bar.set_postfix(loss=f"{history.columns['loss'][-1]:.3f}", refresh=False)
            bar.update()
            n = len(history)
            if probe is not None and (n >= steps or interrupted.is_set() or n % probe_every == 0):
                history.probes.append((n, float(probe(model))))
                model.train()  # whatever mode the probe left it in
            if on_step is not None and on_step(history):
                interrupted.set()
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

    def __init__(self, model: nn.Module, sampler: BatchSampler, stepper: Stepper, augmentation, codes) -> None:
        self.model, self.sampler, self.stepper, self.codes = model, sampler, stepper, codes
        self.augmentation = augmentation
        self.batches = _TimedBatches(sampler)
        self.history = History()
        self.device = next(model.parameters()).device
        self.last_seen = np.full(sampler.n, -len(sampler))

    def step(self, epoch: int, index: Tensor, parts: list, began: float) -> None:
        """Train on one batch and record it."""
        parts = [part.to(self.device, non_blocking=True) for part in parts]
        if self.augmentation is not None:
            parts = [self.augmentation(*parts) for _ in range(2)]
        with self.stepper.autocast():
            loss, embeddings = self.model(*parts)
        self.stepper.step(loss)
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
        """Write a checkpoint."""
        state = {
            "model": self.model.state_dict(),
            **self.stepper.state_dicts(),
            "sampler": self.sampler.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "columns": {name: torch.from_numpy(np.array(values)) for name, values in self.history.columns.items()},
            "probes": self.history.probes,
            "staleness": self.history.staleness,
            "last_seen": torch.from_numpy(self.last_seen),
        }
        checkpoints.write(path, state)

    def load(self, path: Path) -> None:
        """Take over a checkpoint; raise, with nothing changed, if it is not one of this run."""
        state = checkpoints.read(path, self.model.state_dict(), **self.stepper.state_dicts())
        try:
            self.sampler.load_state_dict(state["sampler"])
        except ValueError as error:
            raise ValueError(f"checkpoint is of another run: {error}; {checkpoints.remedy(path)}") from error
        self.model.load_state_dict(state["model"])
        self.stepper.load(state)
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and state["cuda_rng"] is not None:
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)
        columns = {name: values.tolist() for name, values in state["columns"].items()}
        pairs = ([tuple(pair) for pair in state[name]] for name in ("probes", "staleness"))
        self.history = History(columns, *pairs)
        self.last_seen = state["last_seen"].numpy().copy()


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
    return float("nan") if codes is None else same_label_share(codes[index.numpy()])


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
