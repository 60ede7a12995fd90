"""A task for comparisons of samplers: a toy model, so that a run takes milliseconds."""

import numpy as np
import torch
from torch import nn

from toolkit.samplers import SAMPLERS
from toolkit.training import Task

N, STEPS = 48, 6
LABELS = np.arange(N) % 4
POINTS = torch.randn(N, 5, generator=torch.Generator().manual_seed(0)) + torch.eye(4, 5)[LABELS] * 3


class Rows(torch.utils.data.Dataset):
    """Items are (index, row)."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return index, POINTS[index]


class Toy(nn.Module):
    """A linear map; the loss is its square or absolute size."""

    def __init__(self, loss):
        super().__init__()
        self.layer, self.loss = nn.Linear(5, 3), loss

    def forward(self, rows):
        out = self.layer(rows)
        return (out.square() if self.loss == "square" else out.abs()).mean(), out.detach()


WALK = {"n_candidates": 20, "n_neighbors": 5}


def make_sampler(name, seed):
    return SAMPLERS[name].cls(N, 8, seed=seed, **(WALK if name == "random_walk" else {}))


def make_task(calls=None, **changes):
    def evaluate(model):
        if calls is not None:
            calls.append(model.loss)
        return {"score": model.layer.weight.sum().item(), "other": 1.5}

    settings = {
        "name": "rows",
        "model": "toy",
        "dataset": Rows(),
        "steps": STEPS,
        "make_model": Toy,
        "batch_size": 8,
        "sampler_settings": {"random_walk": WALK},
        "evaluate": evaluate,
        "labels": LABELS,
        "settings": "B=8",
    }
    return Task(**settings | changes)
