"""What Trainers of Hugging Face need: samplers' states in checkpoints, the same batches in all processes, checks."""

from pathlib import Path

import numpy as np
import torch
from transformers import TrainerCallback

from toolkit._files import write_whole
from toolkit.samplers import BatchSampler, DistributedBatches

FILE = "batch_samplers.pt"


class SamplerStates(TrainerCallback):
    """Callback that keeps the states of samplers in a Trainer's checkpoints.

    `SamplerTrainer` and `toolkit.integrations.sentence_transformers.SentenceBatches` contain one.

    Parameters
    ----------
    samplers : dict of str to BatchSampler
        Samplers by name.

    Raises
    ------
    TypeError
        If a sampler is not one of the toolkit's.
    """

    def __init__(self, samplers: dict[str, BatchSampler]) -> None:
        for name, sampler in samplers.items():
            if not isinstance(sampler, BatchSampler):
                kind = type(sampler).__name__
                raise TypeError(
                    f"sampler must be one of toolkit's batch samplers, got {kind}" + (f" for {name!r}" if name else "")
                )
        self.samplers = dict(samplers)
        self.updated = False  # embeddings came in since the last optimizer step

    def __getstate__(self) -> dict:
        return {}  # the trainer pickles its arguments, which may refer to this object, into each checkpoint

    def __deepcopy__(self, memo) -> "SamplerStates":
        return self

    def share(self, args) -> None:
        """Let several processes have the same batches; all of them call it.

        Raises
        ------
        ValueError
            For settings of accelerate, or samplers, with which processes would not share batches.
        """
        if args.world_size == 1:
            return
        if args.accelerator_config.dispatch_batches:
            raise ValueError(
                "accelerator_config must not set dispatch_batches, got True: each process has to draw the batches; "
                'pass accelerator_config={"split_batches": True}'
            )
        for name, sampler in self.samplers.items():
            if not isinstance(sampler, DistributedBatches):
                self.samplers[name] = DistributedBatches(sampler, sliced=False)
            elif sampler.sliced:
                raise ValueError("sliced must be False, got True: accelerate slices the batches itself")

    def update(self, name: str, index, *sides) -> None:
        """Pass the embeddings of a training step, or those of queries and of targets, to a sampler."""
        self.samplers[name].update(index, *sides)
        self.updated = True

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        """Load the samplers' states if the training resumes."""
        self.share(args)
        self.updated = False
        if not state.global_step:
            return
        path = _path(args, state)
        if not path.is_file():
            raise FileNotFoundError(
                f"resume_from_checkpoint must have the samplers' states in {path}, found no such file: copy the "
                "checkpoint into args.output_dir, or resume from one that was saved with this callback"
            )
        states = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        if states.keys() != self.samplers.keys():
            raise ValueError(f"samplers must be those of {path}, {list(states)}, got {list(self.samplers)}")
        for name, sampler in self.samplers.items():
            sampler.load_state_dict(states[name])

    def on_epoch_begin(self, args, state, control, train_dataloader=None, **kwargs) -> None:
        """Tell the epoch to samplers that the Trainer does not reach when several processes resume."""
        sampler = innermost(train_dataloader)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(int(state.epoch))

    def on_step_end(self, args, state, control, **kwargs) -> None:
        """Raise RuntimeError if no embeddings came in."""
        if not self.updated:
            raise RuntimeError(
                f"samplers must get embeddings in each training step, got none in step {state.global_step}: call "
                "update with the indices and embeddings of the batch"
            )
        self.updated = False

    def on_save(self, args, state, control, **kwargs) -> None:
        """Write the samplers' states into the checkpoint."""
        if args.should_save and not args.save_only_model:
            # The Trainer itself skips what an epoch has trained.
            states = {name: sampler.state_dict(trained=0) for name, sampler in self.samplers.items()}
            write_whole(_path(args, state), lambda file: torch.save(states, file))


def check_size(sampler: BatchSampler, batch_size: int) -> None:
    """Raise ValueError unless the Trainer's batch size is the sampler's."""
    if batch_size != sampler.batch_size:
        raise ValueError(
            f"args.per_device_train_batch_size must be the sampler's batch_size, {sampler.batch_size}, got "
            f"{batch_size}; with split_batches it is that of the whole batch, too"
        )


def check_dataset(sampler: BatchSampler, dataset, column: str, remedy: str) -> None:
    """Raise ValueError unless a data set has the sampler's size, and its row numbers in a column if it has columns."""
    if len(dataset) != sampler.n:
        raise ValueError(
            f"train_dataset must have the sampler's {sampler.n} items, got {len(dataset)}: make the sampler with their "
            "number"
        )
    names = getattr(dataset, "column_names", [column])
    if column in names and hasattr(dataset, "with_format"):
        numbers = dataset.with_format("numpy", columns=[column])[:][column]
        if np.array_equal(numbers, np.arange(len(dataset))):
            return
        raise ValueError(
            f"column {column!r} of train_dataset must hold its row numbers, got {numbers[:4].tolist()}, ...: {remedy}"
        )
    if column not in names:
        raise ValueError(f"train_dataset must have a column {column!r} with its row numbers, got {names}: {remedy}")


def innermost(loader):
    """Return the batch sampler of a loader inside those that frameworks wrap around it, the loader if there is none."""
    while (inner := getattr(loader, "batch_sampler", None)) is not None:
        loader = inner
    return loader


def _path(args, state) -> Path:
    return Path(args.output_dir, f"checkpoint-{state.global_step}", FILE)
