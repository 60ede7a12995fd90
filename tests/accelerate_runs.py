"""Trainings with accelerate, for its tests and for the processes that they start."""

import os

from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from framework_training import KINDS, LENGTH, Encoder, Views, make_optimizer
from torch.utils.data import DataLoader

from toolkit.integrations.accelerate import ResumableBatches
from toolkit.samplers import DistributedBatches

SPLIT = DataLoaderConfiguration(split_batches=True)


def run(sampler, n_epochs=4, *, workers=0, folder=None, save=(), resume=None, config=None):
    """Train as accelerate's examples do; return the batches and the weights. Save after some numbers of batches."""
    accelerator = Accelerator(cpu=True, dataloader_config=config)
    batches, model = ResumableBatches(sampler), Encoder()
    loader = DataLoader(Views(), batch_sampler=batches, num_workers=workers)
    model, optimizer, loader = accelerator.prepare(model, make_optimizer(model), loader)
    accelerator.register_for_checkpointing(batches)
    drawn, first, skipped = [], 0, 0
    if resume is not None:
        accelerator.load_state(f"{folder}/{resume}")
        first, skipped = divmod(resume, LENGTH)
        assert (batches.epoch, batches.trained) == (first, skipped)
    for epoch in range(first, n_epochs):
        part = accelerator.skip_first_batches(loader, skipped) if epoch == first and skipped else loader
        for index, *views in part:
            loss, embeddings = model(*views)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            batches.update(index, embeddings)
            drawn.append(index.tolist())
            if len(drawn) in save and resume is None:
                accelerator.save_state(f"{folder}/{len(drawn)}")
    return drawn, accelerator.unwrap_model(model).layer.weight.detach()


def failing(sampler, config=None):
    """Return the error of a training that is set up wrongly."""
    try:
        run(sampler, 1, config=config)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def make_shared():
    return DistributedBatches(KINDS["independent"](), sliced=False)


def all_shared(folder, save):
    """Train in this process and the others, without and with workers; resume; make mistakes."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}  # asked for, though the processes are connected
    settings = {"folder": folder, "config": SPLIT}
    runs = []
    for workers in (0, 2):
        sampler = make_shared()
        whole, weights = run(sampler, 3, workers=workers, save=save, **settings)
        rests = [run(make_shared(), 3, workers=workers, resume=number, **settings)[0] for number in save]
        runs.append((whole, rests, weights, sampler.planner.bank))
    plain = KINDS["independent"]()
    wrong = {
        "plain": failing(plain, SPLIT),
        "sliced": failing(DistributedBatches(plain), SPLIT),
        "not split": failing(make_shared()),
        "dispatched": failing(make_shared(), DataLoaderConfiguration(dispatch_batches=True)),
        "dispatched and split": failing(
            make_shared(), DataLoaderConfiguration(dispatch_batches=True, split_batches=True)
        ),
    }
    return runs, wrong
