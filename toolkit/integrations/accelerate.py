"""Batch samplers in accelerate: exact resume through `skip_first_batches`, several processes."""

from collections.abc import Iterator

from accelerate import PartialState
from accelerate.data_loader import DataLoaderDispatcher
from accelerate.state import GradientState
from torch.utils.data import Sampler

from toolkit.samplers import DistributedBatches
from toolkit.samplers.base import BatchSampler

_SPLIT = "Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True))"


class ResumableBatches(Sampler):
    """A batch sampler for accelerate, whose loaders draw ahead and skip what was trained.

    Give it to the loader, call its `update` in each training step, and register it:
    ``accelerator.register_for_checkpointing(batches)``. After ``accelerator.load_state``, its epoch begins with the
    batches that were trained, for ``accelerator.skip_first_batches`` to skip; if you save after an epoch's last
    batch, the run continues with the next epoch. Epochs are counted independently of those of accelerate's loaders,
    which count from 0 in each run.

    With several processes, pass ``DistributedBatches(sampler, sliced=False)`` (`toolkit.samplers`), made after the
    Accelerator, and let accelerate slice its batches:
    ``Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True))``, without `dispatch_batches`.
    Leave out `use_stateful_dataloader` with any number of them: it would keep the sampler's place a second time.

    Parameters
    ----------
    sampler : BatchSampler
        Sampler of the batches, those of all processes together if there are several.

    Attributes
    ----------
    epoch, trained : int
        Current epoch, and how many of its batches were used.

    Raises
    ------
    TypeError, ValueError
        For a sampler that is not from the toolkit, and for a sampler or loader that does not suit the processes.

    Examples
    --------
    >>> import torch
    >>> from accelerate import Accelerator
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.datasets import Indexed
    >>> from toolkit.integrations.accelerate import ResumableBatches
    >>> from toolkit.models.losses import nt_xent
    >>> accelerator, model = Accelerator(cpu=True), torch.nn.Linear(8, 4)
    >>> batches = ResumableBatches(RandomWalkBatchSampler(100, batch_size=10, n_candidates=50, n_neighbors=5))
    >>> accelerator.register_for_checkpointing(batches)
    >>> loader = torch.utils.data.DataLoader(Indexed(torch.randn(100, 8)), batch_sampler=batches)
    >>> model, loader, optimizer = accelerator.prepare(model, loader, torch.optim.SGD(model.parameters(), lr=0.1))
    >>> for epoch in range(2):
    ...     for index, rows in loader:
    ...         first, second = (model(rows + 0.1 * torch.randn_like(rows)) for _ in range(2))
    ...         accelerator.backward(nt_xent(first, second))
    ...         optimizer.step()
    ...         optimizer.zero_grad()
    ...         batches.update(index, first)
    >>> batches.planner.graph
    ProximityGraph(n_nodes=100, n_neighbors=5, n_candidates=50)

    In a resumed run, after ``accelerator.load_state(folder)``:

    >>> rest = accelerator.skip_first_batches(loader, batches.trained)
    """

    def __init__(self, sampler: BatchSampler) -> None:
        if not isinstance(sampler, BatchSampler):
            raise TypeError(f"sampler must be one of toolkit's batch samplers, got {type(sampler).__name__}")
        processes = PartialState().num_processes
        if processes > 1 and not isinstance(sampler, DistributedBatches):
            raise ValueError(
                f"sampler must share its batches among the {processes} processes, got {type(sampler).__name__}: write "
                f"DistributedBatches(sampler, sliced=False) (toolkit.samplers) and {_SPLIT}"
            )
        if processes > 1 and isinstance(sampler, DistributedBatches) and sampler.sliced:
            raise ValueError(
                "sampler must leave the slicing to accelerate, got DistributedBatches(sliced=True): pass sliced=False, "
                f"and write {_SPLIT}"
            )
        self.planner, self._processes = sampler, processes
        self.batch_size, self.drop_last = sampler.batch_size, sampler.drop_last
        self.epoch, self.trained = sampler.epoch, 0
        self._loaded = False

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.planner)

    def __iter__(self) -> Iterator[list[int]]:
        # Not in `_batches`: with dispatch_batches every process makes an iterator, but only the first draws from it.
        if self._processes > 1 and isinstance(GradientState().active_dataloader, DataLoaderDispatcher):
            raise ValueError(
                "dataloader_config must not set dispatch_batches, got True: each process has to draw the batches; "
                f"write {_SPLIT}"
            )
        return self._batches()

    def _batches(self) -> Iterator[list[int]]:
        if not self._loaded:
            self.epoch, self.trained = self.planner.epoch, 0
        self._loaded = False
        yield from self.planner

    def update(self, indices, embeddings, targets=None) -> None:
        """Hand the embeddings of a training step to the sampler; once for each batch.

        Raises
        ------
        ValueError
            With several processes, for a batch that is not this process's slice; with `use_stateful_dataloader`.
        """
        if getattr(GradientState().active_dataloader, "use_stateful_dataloader", False):
            raise ValueError(
                "dataloader_config must not set use_stateful_dataloader, got True: a resume would move the sampler "
                "twice; leave it out, and call accelerator.skip_first_batches(loader, batches.trained)"
            )
        if self._processes > 1 and len(indices) * self._processes != self.batch_size:
            raise ValueError(
                f"indices must be of a slice of {self.batch_size // self._processes} instances, got {len(indices)}: "
                f"accelerate must slice the batches, write {_SPLIT}"
            )
        self.planner.update(indices, embeddings, targets)
        self.trained += 1
        if self.trained == len(self):
            self.epoch, self.trained = self.epoch + 1, 0

    def state_dict(self) -> dict:
        """Return the state needed to resume in mid-epoch with the same batches."""
        return {"epoch": self.epoch, "trained": self.trained, "sampler": self.planner.state_dict(trained=0)}

    def load_state_dict(self, state: dict) -> None:
        """Resume where `state_dict` was taken: the next epoch is that one, from its first batch."""
        self.planner.load_state_dict(state["sampler"])
        self.planner.set_epoch(state["epoch"])
        self.epoch, self.trained, self._loaded = state["epoch"], state["trained"], True
