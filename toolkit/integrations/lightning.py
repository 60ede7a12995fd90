"""Batch samplers in Lightning: embeddings from each training step, exact resume, ddp."""

from lightning.pytorch import Callback
from lightning.pytorch.utilities import CombinedLoader

from toolkit.samplers import DistributedBatches
from toolkit.samplers.base import BatchSampler

_DDP = "pass DistributedBatches(sampler) (toolkit.samplers) to this callback and to the loader"


class BatchSamplerCallback(Callback):
    """Pass the embeddings of each training step to a batch sampler, and save its state in checkpoints.

    `training_step` returns a dict with "loss", "index" (the instances of the batch) and "embeddings"; of pairs also
    "targets". A resumed training continues with the batches that the interrupted one would have had, also with
    DataLoader workers, gradient accumulation and `limit_train_batches`. One case is not exact: with `max_steps`,
    Lightning itself miscounts the batches after a checkpoint that was saved at an epoch's end; there save with
    ``ModelCheckpoint(every_n_train_steps=...)``.

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
        if not self._loaded:
            self._epoch = trainer.current_epoch
        self._loaded = False
        loaders = CombinedLoader(trainer.train_dataloader).flattened
        found = [getattr(loader, "batch_sampler", None) for loader in loaders]
        if not any(one is self.sampler for one in found):
            raise ValueError(
                "sampler must be the batch_sampler of the training loader, which has "
                f"{', '.join(type(one).__name__ for one in found)}: write DataLoader(..., batch_sampler=sampler)"
            )

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        """Go to the epoch that follows the last one trained."""
        self._trained = 0
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
        """Go to the next epoch if this one was cut, as by `max_steps`."""
        if self._trained:
            self._end_epoch()

    def _end_epoch(self) -> None:
        """Go to the next epoch, so that checkpoints saved now begin with it; `limit_train_batches` cuts epochs."""
        self._epoch, self._trained = self._epoch + 1, 0
        self.sampler.set_epoch(self._epoch)

    def state_dict(self) -> dict:
        """Return the sampler's state after the batches trained."""
        return self.sampler.state_dict(self._trained)

    def load_state_dict(self, state_dict) -> None:
        """Resume where the checkpoint was saved."""
        self.sampler.load_state_dict(state_dict)
        self._epoch, self._trained, self._loaded = self.sampler.epoch, self.sampler._position, True
