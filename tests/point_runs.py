"""Small trainings of points with the Trainer of transformers, which note what the model sees."""

from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from ranks import as_launched
from shared_training import failing
from torch import nn
from torch.nn import functional as F
from transformers import TrainingArguments

from toolkit import RandomWalkBatchSampler
from toolkit.integrations.transformers import SamplerTrainer
from toolkit.models.losses import gathered, nt_xent
from toolkit.samplers import DistributedBatches

N, BATCH, EPOCHS = 96, 16, 3
STEPS = N // BATCH


def walk(**settings):
    defaults = {
        "n_candidates": 20,
        "n_neighbors": 4,
        "restart": 0.2,
        "refresh_every": 2,
        "coverage": "partition",
        "drop_last": True,
    }
    return RandomWalkBatchSampler(N, BATCH, **defaults | settings)


def points():
    """Return two views of points in clusters, with a column that no model takes."""
    draw = np.random.default_rng(0)
    centers = np.repeat(draw.normal(size=(12, 6)), N // 12, axis=0)
    views = [(centers + 0.4 * draw.normal(size=(N, 6))).astype(np.float32) for _ in range(2)]
    columns = {"index": np.arange(N), "first": views[0], "second": views[1], "name": [str(i) for i in range(N)]}
    return Dataset.from_dict(columns)


class Items(torch.utils.data.Dataset):
    """The same points as a data set of torch."""

    def __init__(self):
        columns = points().with_format("numpy")[:]
        self.items = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Encoder(nn.Module):
    """Embeds both views, and notes the points it was trained on and their embeddings."""

    def __init__(self, dropout=0.0, paired=False):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 8))
        self.paired, self.seen, self.bank = paired, [], np.zeros((N, 16 if paired else 8))
        self.rows = {tuple(point): row for row, point in enumerate(np.float32(points()["first"]))}

    def forward(self, first, second):
        sides = self.layers(first), self.layers(second)
        loss = gathered(nt_xent)(*sides) if self.training else nt_xent(*sides)
        if self.training:
            self.seen.append([self.rows[tuple(point)] for point in first.numpy()])
            both = [F.normalize(side.detach(), dim=1).numpy() for side in sides]
            self.bank[self.seen[-1]] = np.hstack(both) / 2**0.5 if self.paired else both[0]
        names = ("queries", "targets") if self.paired else ("embeddings",)
        return {"loss": loss, **dict(zip(names, sides, strict=False))}


def trainer(folder, sampler=None, model=None, data=None, **settings):
    settings = {
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": EPOCHS,
        "learning_rate": 0.01,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "use_cpu": True,
    } | settings
    data = points() if data is None else data
    return SamplerTrainer(
        model or Encoder(),
        TrainingArguments(folder, **settings),
        train_dataset=data,
        eval_dataset=points(),
        batch_sampler=sampler or walk(),
    )


def weights(trained):
    return torch.cat([parameter.detach().ravel() for parameter in trained.model.parameters()])


def point_ranks(folder):
    """Train in several processes, split and not, resume, and return what each has seen."""
    as_launched()
    split = {"accelerator_config": {"split_batches": True}, "save_strategy": "steps", "save_steps": 4}
    workers = split | {"dataloader_num_workers": 2}
    runs = {
        "split": (split, None),
        "ended": (split, f"{folder}/split/checkpoint-12"),
        "workers": (workers, None),
        "resumed": (workers, f"{folder}/workers/checkpoint-8"),
        "each": ({}, None),
    }
    found = {}
    for name, (settings, resumed) in runs.items():
        sampler = walk()
        one = trainer(f"{folder}/{name}" if resumed is None else Path(resumed).parent, sampler, **settings)
        one.train(resume_from_checkpoint=resumed)
        found[name] = {"seen": one.model.seen, "bank": sampler.bank.vectors.numpy(), "weights": weights(one)}
    sliced = trainer(folder, DistributedBatches(walk()))
    dispatched = trainer(folder, accelerator_config={"dispatch_batches": True})
    return found | {"sliced": failing(sliced.train), "dispatched": failing(dispatched.train)}
