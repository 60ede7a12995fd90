"""Trainings with Lightning, for its tests and for the processes that they start."""

import warnings
from unittest import mock

import lightning as L
from framework_training import KINDS, Encoder, Views, make_optimizer
from lightning.pytorch.callbacks import Checkpoint
from torch.utils.data import DataLoader

from toolkit.integrations.lightning import BatchSamplerCallback
from toolkit.samplers import DistributedBatches

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Model(L.LightningModule):
    """Notes the batches that it is trained with."""

    def __init__(self):
        super().__init__()
        self.encoder, self.drawn, self.epochs = Encoder(), [], []

    def training_step(self, batch, batch_idx):
        index, *views = batch
        loss, embeddings = self.encoder(*views)
        self.drawn.append(index.tolist())
        self.epochs.append(self.current_epoch)
        return {"loss": loss, "index": index, "embeddings": embeddings}

    def validation_step(self, batch, batch_idx):
        self.encoder(*batch[1:])

    def configure_optimizers(self):
        return make_optimizer(self.encoder)


class Saver(Checkpoint):
    """Saves checkpoints wherever Lightning's own callback may."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_end(self, trainer, *_):
        trainer.save_checkpoint(f"{self.folder}/batch{len(trainer.lightning_module.drawn)}.ckpt")

    def on_validation_end(self, trainer, *_):
        if not trainer.sanity_checking:
            trainer.save_checkpoint(f"{self.folder}/validation{trainer.current_epoch}.ckpt")

    def on_train_epoch_end(self, trainer, *_):
        trainer.save_checkpoint(f"{self.folder}/epoch{trainer.current_epoch}.ckpt")


def fit(sampler, *, folder=None, resume=None, workers=0, validate=False, callbacks=(), feed=True, **settings):
    """Train; return the model. In `folder`, a checkpoint is saved after each step, epoch and validation."""
    savers = [] if folder is None else [Saver(folder)]
    model = Model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", "the checkpoint was saved")
        feed = [BatchSamplerCallback(sampler)] if feed else []
        trainer = L.Trainer(
            callbacks=[*feed, *savers, *callbacks], enable_checkpointing=bool(savers), **QUIET | settings
        )
        loader = DataLoader(Views(), batch_sampler=sampler, num_workers=workers)
        validation = DataLoader(Views(), batch_size=32) if validate else None
        trainer.fit(model, loader, validation, ckpt_path=resume)
    return model


DDP = {"devices": 2, "strategy": "ddp", "use_distributed_sampler": False}


def make_shared(kind="independent"):
    """Return a sampler as a script makes it, before Lightning starts the processes."""
    with mock.patch("torch.distributed.is_initialized", return_value=False):
        return DistributedBatches(KINDS[kind]())


def shared_runs(folder, workers, names):
    """Train in this process and the others; return its slices, the same of resumed runs, sampler and weights."""
    sampler, settings = make_shared(), {"workers": workers, "max_epochs": 3, **DDP}
    whole = fit(sampler, folder=folder, **settings)
    rests = [fit(make_shared(), resume=f"{folder}/{name}.ckpt", **settings).drawn for name in names]
    return whole.drawn, rests, sampler.planner, whole.encoder.layer.weight.detach()


def all_shared(folder, names):
    """Return `shared_runs` without and with workers, and the errors of wrong uses."""
    return [shared_runs(f"{folder}/{workers}", workers, names) for workers in (0, 2)], shared_refusals()


def failing(**settings):
    """Return the error of a training that is set up wrongly."""
    try:
        fit(max_epochs=1, **settings)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def shared_refusals():
    """Return what wrong uses are answered in this process."""
    return {
        "plain": failing(sampler=KINDS["independent"](), **DDP),
        "injected": failing(sampler=make_shared(), **DDP | {"use_distributed_sampler": True}),
        "whole": failing(sampler=DistributedBatches(KINDS["knn"](), sliced=False), **DDP),
    }
