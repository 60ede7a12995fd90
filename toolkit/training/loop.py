"""One training loop for all models: progress, history, checkpoints, exact resume."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit._processes import world_size
from toolkit.samplers.base import BatchSampler
from toolkit.training.checkpoint import check_writable
from toolkit.training.history import History
from toolkit.training.processes import own_losses, warn_of_batch_norm, whole_losses
from toolkit.training.run import Run

PRECISIONS = ("float32", "bfloat16")


def train(
    model: nn.Module,
    dataset: Dataset,
    sampler: BatchSampler,
    steps: int,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    precision: str = "float32",
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

    If the loss or the weights are not finite, training stops before they are saved: the error names the step, and the
    checkpoint is that of an earlier step. If a checkpoint cannot be written, for example on a full disk, there is a
    warning, and training continues.

    Ctrl-C, or the stop button of a notebook, ends training after the current step: the model keeps what it
    learned, and the history is returned. A second Ctrl-C raises `KeyboardInterrupt` immediately.

    Under ``torchrun``, after ``torch.distributed.init_process_group()``, every process calls this with the same
    arguments and trains on its slice of each batch. The sampler's batch size is that of the whole batch, and the
    loss is computed over the whole batch (`toolkit.models.losses.gathered`). The history is the same in all processes,
    and the first process shows the progress and writes the checkpoint. Each of the others gets a random seed of its own
    for augmentations and dropout, which follows from that of the script. With batch normalisation, each process
    normalises its own slice, and there is a warning; on CUDA, `torch.nn.SyncBatchNorm` normalises the whole batch.

    Parameters
    ----------
    model : nn.Module
        Model to train in place, on its device. When called with the views of a batch, it returns (loss, embeddings), or
        (loss, queries, targets) for pairs.
    dataset : Dataset
        Data set with items (index, view, ...). If these are not plain tensors, its `collate` makes batches of them.
    sampler : BatchSampler
        Source of the batches; it receives the embeddings of each step.
    steps : int
        Total number of training steps, including those before a resume.
    optimizer : Optimizer, optional
        By default Adam with learning rate 1e-3, or SparseAdam for a model of embeddings with sparse gradients.
    scheduler : LRScheduler, optional
        Schedule of that optimizer, stepped after each of its steps; see `toolkit.training.warmup_cosine`.
    precision : {"float32", "bfloat16"}
        Precision of the model's operations where it is safe (autocast).
    augmentation : callable, optional
        Turns a batch of items (without their index) into a random view, on the model's device; called twice.
        By default, the data set makes the views.
    labels : array, shape (N,), optional
        Classes for measuring the false-negative rate in the history; training does not see them.
    checkpoint : path, optional
        File to write every `checkpoint_every` steps and at the end. If it exists, training resumes from it. A write
        replaces the file in one move, so that a kill leaves either the old or the new one.
    checkpoint_every : int
        Number of steps between checkpoints.
    probe : callable, optional
        Called with the model every `probe_every` steps and at the end; its value goes into the history. If it raises,
        a run that resumes from the checkpoint calls it again. Of several processes, only the first one calls it, and
        the model's loss then covers only the rows that it gets.
    probe_every : int
        Number of steps between probes.
    on_step : callable, optional
        Called with the history after each step. If it returns true, training ends as after Ctrl-C.
    num_workers : int
        Number of processes that load data. With 0, a resumed run repeats the uninterrupted one exactly on a CPU; with
        more, it repeats the batches, but the random views that the processes make differ.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If the data set and the sampler differ in size, the sampler leaves one instance for the last batch of an epoch,
        the items do not begin with their index, the model has both sparse and dense gradients and no optimizer is
        given, or the checkpoint is damaged or was written by another run or another version. A resumed run keeps its
        settings: an optimizer with another learning rate or weight decay is refused, too.

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
    _check_arguments(dataset, sampler, precision, checkpoint)
    for name, function in (("augmentation", augmentation), ("probe", probe), ("on_step", on_step)):
        _checks.function(name, function)
    if optimizer is not None and not hasattr(optimizer, "zero_grad"):
        raise TypeError(f"optimizer must be one of torch.optim or None, got {optimizer!r}")
    if scheduler is not None and not hasattr(scheduler, "step"):
        raise TypeError(f"scheduler must be one of torch.optim.lr_scheduler or None, got {scheduler!r}")
    num_workers, progress = _checks.integer("num_workers", num_workers, 0), _checks.flag("progress", progress)
    steps = _checks.integer("steps", steps, 1)
    checkpoint_every = _checks.integer("checkpoint_every", checkpoint_every, 1)
    probe_every = _checks.integer("probe_every", probe_every, 1)
    codes = None if labels is None else _checks.labels("labels", labels, sampler.n)
    optimizer = optimizer or _default_optimizer(model)
    run = Run(model, sampler, optimizer, scheduler, precision, augmentation, codes)
    path = None if checkpoint is None else Path(checkpoint)
    if path and run.peers.any(path.exists()):
        run.load(path)
    else:
        run.separate_randomness()
    if path:
        check_writable(path)
    history = run.history
    history.steps = steps
    if probe is not None and path and _lacks_probe(history, probe_every):
        _probe_again(probe, run, path)
    if len(history) >= steps:
        return history
    if run.peers.size > 1 and run.peers.rank == 0:
        warn_of_batch_norm(model)
    model.train()
    bar = tqdm(total=steps, initial=len(history), disable=not progress or run.peers.rank > 0)
    with _interrupts() as interrupted, whole_losses(model), bar:
        try:
            for n, _ in enumerate(run.steps(_loader(dataset, run, num_workers)), len(history) + 1):
                bar.set_postfix(loss=f"{history.columns['loss'][-1]:.3f}", refresh=False)
                bar.update()
                last = n >= steps or run.peers.any(interrupted.is_set())
                if probe is not None and (last or n % probe_every == 0):
                    history.probes.append((n, _probed(probe, run, path)))
                    model.train()  # the probe may have left it in evaluation mode
                if on_step is not None and on_step(history):
                    interrupted.set()
                if on_step is not None:
                    last = last or run.peers.any(interrupted.is_set())
                history.interrupted = n < steps and last
                if path and (last or n % checkpoint_every == 0):
                    run.save(path)
                if last:
                    break
        except FloatingPointError as error:
            raise DivergedError(error, history, path if path and path.exists() else None) from error
    return history


class DivergedError(FloatingPointError):
    """Raised when training stops because the loss or the weights are not finite.

    Attributes
    ----------
    history : History
        History of the steps before the failure.
    """

    def __init__(self, reason: Exception, history: History, checkpoint: Path | None = None) -> None:
        kept = f"; to use other settings, delete the checkpoint {str(checkpoint)!r} or give another path"
        super().__init__(
            f"training stopped after step {len(history)}: {reason}; try a lower learning rate, a warm-up, a higher "
            "temperature or precision='float32', and look for NaN in the data. The earlier steps are in the attribute "
            f"`history` of this error{kept if checkpoint else ''}"
        )
        self.history = history


def _probed(probe: Callable[[nn.Module], float], run: Run, path: Path | None) -> float:
    """Call the probe in the first process and return its value in all; if it raises, save a checkpoint first."""
    value, failure = float("nan"), None
    if run.peers.rank == 0:
        try:
            with own_losses(run.model):  # a loss over all processes would wait for the others
                value = _number(probe(run.model))
        except BaseException as error:
            failure = error
    if run.peers.any(failure is not None):
        if path:
            run.save(path)
        raise failure or RuntimeError("the probe has failed in the first process")
    return run.peers.sent(torch.tensor(value, dtype=torch.float64)).item()


def _lacks_probe(history: History, probe_every: int) -> bool:
    """Return whether a resumed run lacks the value of a probe that was due at its last step, but raised."""
    n = len(history)
    due = n >= history.steps or n % probe_every == 0
    return n > 0 and due and n not in dict(history.probes)


def _probe_again(probe: Callable[[nn.Module], float], run: Run, path: Path) -> None:
    """Add the value of the probe at the last step of a resumed run, also to its checkpoint."""
    run.model.train()  # as after a step
    run.history.probes.append((len(run.history), _probed(probe, run, path)))
    run.save(path)


def _number(found) -> float:
    try:
        return float(found)
    except (TypeError, ValueError) as error:
        raise TypeError(f"probe must return a number, got {found!r}") from error


def _default_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Return Adam, or SparseAdam if all gradients are sparse; raise for a model with both kinds of gradients."""
    layers = [layer for layer in model.modules() if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) and layer.sparse]
    tables = {id(layer.weight) for layer in layers if layer.weight.requires_grad}
    dense = [name for name, value in model.named_parameters() if value.requires_grad and id(value) not in tables]
    if tables and dense:
        raise ValueError(
            f"optimizer must be given for a model with sparse gradients ({type(layers[0]).__name__} with sparse=True) "
            f"and dense ones (as of {dense[0]!r}), since Adam takes only dense ones and SparseAdam only sparse ones: "
            "pass one that takes both, such as torch.optim.Adagrad, or build the embeddings with sparse=False"
        )
    kind = torch.optim.SparseAdam if tables else torch.optim.Adam
    return kind([value for value in model.parameters() if not tables or value.requires_grad], lr=1e-3)


def _loader(dataset: Dataset, run: Run, num_workers: int) -> DataLoader:
    # The loader has its own generator: starting an epoch must not advance the one that augmentations use.
    seed = torch.initial_seed() + len(run.history) + (run.peers.rank << 40)
    generator = torch.Generator().manual_seed(seed % 2**63)
    collate = getattr(dataset, "collate", None)
    return DataLoader(
        dataset,
        batch_sampler=run.batches,
        collate_fn=collate,
        num_workers=num_workers,
        worker_init_fn=_ignore_interrupts,
        generator=generator,
    )


def _ignore_interrupts(worker: int) -> None:
    """Ignore Ctrl-C in a loader worker: it reaches all processes of a terminal, but the training process handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _interrupts() -> Generator[threading.Event]:
    """Turn the first Ctrl-C into an event. Outside the main thread, which alone receives signals, do nothing.

    With several processes, SIGTERM does the same, since that is how launchers end them.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def handle(number, frame):
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    numbers = [signal.SIGINT, signal.SIGTERM] if world_size() > 1 else [signal.SIGINT]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_arguments(dataset, sampler, precision: str, checkpoint) -> None:
    if not isinstance(sampler, BatchSampler):
        raise TypeError(f"sampler must be one of toolkit's batch samplers, got {type(sampler).__name__}")
    if len(dataset) != sampler.n:
        raise ValueError(
            f"sampler must be for the {len(dataset)} instances of the data set, got one for {sampler.n}: make the "
            "sampler from the data set itself"
        )
    if not sampler.drop_last and sampler.n % sampler.batch_size == 1:
        raise ValueError(
            "sampler must not leave one instance for the last batch of an epoch, since it would have no negatives; got "
            f"a {type(sampler).__name__} of {sampler.n} instances with batch_size={sampler.batch_size} and "
            "drop_last=False: pass drop_last=True, or another batch_size"
        )
    _checks.choice("precision", precision, PRECISIONS)
    if checkpoint is not None and not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be the path of a file, got {checkpoint!r}")
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint must be a file, got the folder {str(checkpoint)!r}: add a file name")
