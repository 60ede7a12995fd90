"""Batch samplers in Lightning: embeddings from each training step, exact resume, ddp."""

import warnings

from lightning.pytorch import Callback
from lightning.pytorch.utilities import CombinedLoader

from toolkit.samplers import DistributedBatches
from toolkit.samplers.base import BatchSampler

_DDP = "pass DistributedBatches(sampler) (toolkit.samplers) to this callback and to the loader"


class BatchSamplerCallback(Callback):
    """Pass the embeddings of each training step to a batch sampler, and save its state in checkpoints.

    `training_step` returns a dict with "loss", "index" (the instances of the batch) and "embeddings"; of pairs also
    "targets". A resumed training continues with the batches that the interrupted one would have had, also with
    DataLoader workers, gradient accumulation, `limit_train_batches` and `max_steps`. Lightning keeps no gradients in
    checkpoints: one that was saved before accumulated gradients were applied is resumed with the right batches, but
    without those gradients, and a warning says so.

    Under ddp, pass ``DistributedBatches(sampler)`` here and to the loader, write
    ``Trainer(use_distributed_sampler=False)``, and wrap the loss in `toolkit.models.losses.gathered`.

    Parameters
    ----------
    sampler : BatchSampler
        The `batch_sampler` of the training loader.

    Raises
    ------
    TypeError, ValueError
        For a sampler that is not from the toolkit or not that of the training loader, for a Trainer that would
        replace it, and if `training_step` does not return the dict.

    Examples
    --------
    >>> import lightning as L, torch
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.datasets import Indexed
    >>> from toolkit.integrations.lightning import BatchSamplerCallback
    >>> from toolkit.models.losses import nt_xent
    >>> class Model(L.LightningModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.encoder = torch.nn.Linear(8, 4)
    ...     def training_step(self, batch):
    ...         index, rows = batch
    ...         first, second = (self.encoder(rows + 0.1 * torch.randn_like(rows)) for _ in range(2))
    ...         return {"loss": nt_xent(first, second), "index": index, "embeddings": first}
    ...     def configure_optimizers(self):
    ...         return torch.optim.SGD(self.parameters(), lr=0.1)
    >>> sampler = RandomWalkBatchSampler(100, batch_size=10, n_candidates=50, n_neighbors=5)
    >>> loader = torch.utils.data.DataLoader(Indexed(torch.randn(100, 8)), batch_sampler=sampler)
    >>> quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    >>> trainer = L.Trainer(max_epochs=2, accelerator="cpu", callbacks=BatchSamplerCallback(sampler),
    ...     enable_checkpointing=False, **quiet)
    >>> trainer.fit(Model(), loader)
    >>> sampler.graph
    ProximityGraph(n_nodes=100, n_neighbors=5, n_candidates=50)
    """

    def __init__(self, sampler: BatchSampler) -> None:
        if not isinstance(sampler, BatchSampler):
            raise TypeError(f"sampler must be one of toolkit's batch samplers, got {type(sampler).__name__}")
        self.sampler = sampler
        self._loaded = False
        self._epoch = 0  # of the sampler; Lightning counts one too many in some resumed runs
        self._trained = 0  # batches of that epoch
        self._ended = False  # Lightning takes the epoch of the checkpoint that is being loaded for ended

    def setup(self, trainer, pl_module, stage) -> None:
        """Refuse a Trainer under which the processes would not share batches."""
        if stage != "fit" or trainer.world_size == 1:
            return
        if not isinstance(self.sampler, DistributedBatches):
            raise ValueError(
                f"sampler must share its batches among the {trainer.world_size} processes, got "
                f"{type(self.sampler).__name__}, with which all would train on the same batches: {_DDP}"
            )
        if not self.sampler.sliced:
            raise ValueError(
                "sampler must give each process its slice, got DistributedBatches(sliced=False): leave sliced out"
            )
        if trainer._accelerator_connector.use_distributed_sampler:
            raise ValueError(
                "the Trainer must leave the sampler as it is, got use_distributed_sampler=True: write "
                "Trainer(use_distributed_sampler=False)"
            )

    def on_train_start(self, trainer, pl_module) -> None:
        """Check that the loader draws from the sampler."""
        if self._loaded:
            self._resume(trainer)
        else:
            self._epoch, self._trained = trainer.current_epoch, 0
        self._loaded = False
        loaders = CombinedLoader(trainer.train_dataloader).flattened
        found = [getattr(loader, "batch_sampler", None) for loader in loaders]
        if not any(one is self.sampler for one in found):
            raise ValueError(
                "sampler must be the batch_sampler of the training loader, which has "
                f"{', '.join(type(one).__name__ for one in found)}: write DataLoader(..., batch_sampler=sampler)"
            )

    def _resume(self, trainer) -> None:
        """Mend Lightning's counts if the checkpoint needs it; warn of what the checkpoint lacks."""
        loop = trainer.fit_loop
        if loop.restarted_on_epoch_end:  # only with max_steps
            progress = loop.epoch_progress
            if self._trained:  # max_steps had cut the epoch, which goes on, but is counted already
                progress.total.processed -= 1
                progress.current.processed -= 1
            else:
                # Lightning would train one more batch of this epoch, and leave out the others of the next. This is what
                # it does without max_steps.
                progress.increment_completed()
                loop.epoch_loop.restarting = loop._restarting = False
                loop.reset_restart_stage()
        lost = self._trained % trainer.accumulate_grad_batches
        if lost:
            warnings.warn(
                f"the checkpoint was saved {lost} batches into a window of accumulate_grad_batches="
                f"{trainer.accumulate_grad_batches}, and Lightning keeps no gradients: those of these batches are "
                "missing in the next step, the batches are the right ones. Save after optimizer steps, as "
                "ModelCheckpoint(every_n_train_steps=...) does",
                stacklevel=2,
            )

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        """Go to the epoch that follows the last one trained."""
        self.sampler.set_epoch(self._epoch)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Update the sampler with what `training_step` returned."""
        self._trained += 1
        if outputs:  # empty for a step that was skipped
            missing = [name for name in ("index", "embeddings") if name not in outputs]
            if missing:
                raise ValueError(
                    "training_step must return a dict with 'loss', 'index' and 'embeddings', got one without "
                    f"{' and '.join(map(repr, missing))}: "
                    'return {"loss": loss, "index": index, "embeddings": embeddings}'
                )
            self.sampler.update(outputs["index"], outputs["embeddings"], outputs.get("targets"))
        if self._trained == trainer.num_training_batches:
            self._end_epoch()

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        """Go to the next epoch if this one was cut; unless by `max_steps`, which a later training may raise."""
        if self._trained and not 0 < trainer.max_steps <= trainer.global_step:
            self._end_epoch()

    def _end_epoch(self) -> None:
        """Go to the next epoch, so that checkpoints saved now begin with it; `limit_train_batches` cuts epochs."""
        self._epoch, self._trained = self._epoch + 1, 0
        self.sampler.set_epoch(self._epoch)

    def state_dict(self) -> dict:
        """Return the sampler's state after the batches trained."""
        return self.sampler.state_dict(self._trained)

    def on_load_checkpoint(self, trainer, pl_module, checkpoint) -> None:
        """Find out where Lightning will go on: in an epoch that was cut at its end only with `max_steps`."""
        progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
        self._ended = trainer.max_steps == -1 and progress["ready"] == progress["processed"]

    def load_state_dict(self, state_dict) -> None:
        """Resume where the checkpoint was saved."""
        self.sampler.load_state_dict(state_dict)
        self._epoch, self._trained, self._loaded = self.sampler.epoch, self.sampler._position, True
        if self._trained and self._ended:
            self._end_epoch()
