"""`train` in one process or several, on views that are the same in each."""

import os
import warnings

import numpy as np
import torch
import torch.distributed as dist
from shared_training import BATCH, DIM, N, make_model
from torch import nn
from torch.utils.data import Dataset

from toolkit import RandomWalkBatchSampler
from toolkit.models.losses import nt_xent
from toolkit.training import train

EPOCH = N // BATCH
LABELS = np.arange(N) % 24


class Views(Dataset):
    """Two views of each instance, always the same."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        centers = torch.randn(24, DIM, generator=generator, dtype=torch.float64)
        self.views = centers.repeat(N // 24, 1) + 0.5 * torch.randn(2, N, DIM, generator=generator, dtype=torch.float64)

    def __len__(self):
        return N

    def __getitem__(self, index):
        return index, *self.views[:, index]


def trained(steps, checkpoint=None, num_workers=0, model=None, **settings):
    """Train; return the history's columns, what the probe was, and the weights."""
    walk = {"n_candidates": 60, "n_neighbors": 6, "restart": 0.2, "refresh_every": 9, "coverage": "partition"}
    sampler = RandomWalkBatchSampler(N, BATCH, **walk, drop_last=True)
    model = model or make_model("nt_xent", torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.loss
    history = train(
        model,
        Views(),
        sampler,
        steps,
        optimizer=optimizer,
        labels=LABELS,
        checkpoint=checkpoint,
        num_workers=num_workers,
        progress=False,
        **settings,
    )
    assert model.loss is before
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    return history.columns, history.probes, weights, history.interrupted


def with_probe(steps):
    """Train with a probe that only the first process is asked for."""
    asked = []
    _, probes, *_ = trained(steps, probe=lambda model: asked.append(1) or 2.5, probe_every=4)
    return probes, len(asked)


def stopped_by_the_second(steps, stop):
    """Train until the second process wants to stop."""
    return trained(steps, on_step=lambda history: dist.get_rank() == 1 and len(history) == stop)


def failing_probe(steps, checkpoint):
    """Return the error in this process."""

    def probe(model):
        raise ArithmeticError("no probe today")

    try:
        trained(steps, checkpoint, probe=probe, probe_every=3)
    except Exception as error:
        return repr(error), os.path.exists(checkpoint)


def random_numbers(steps, checkpoint=None):
    """Train from the same seed in all processes; return the random number that this one draws after each step."""
    drawn = []
    trained(steps, checkpoint, on_step=lambda history: drawn.append(torch.rand(1).item()))
    return drawn


def held_out_loss(steps, loss):
    """Train with the loss of other rows as the probe; return the probes."""
    model = make_model("nt_xent", torch.float64)
    model.loss = loss
    rows = torch.randn(2, 16, DIM, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def probe(model):
        with torch.no_grad():
            return model(*rows)[0].item()

    return trained(steps, model=model, probe=probe, probe_every=2)[1]


def warnings_of(norm):
    """Train with a normalisation in the head; return the warnings of batch normalisation."""
    model = make_model("nt_xent", torch.float64)
    model.head = nn.Sequential(model.head, norm).double()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trained(2, model=model)
    return [str(warning.message) for warning in found if "batch normalisation" in str(warning.message)]


class Loss(nn.Module):
    """A loss with a setting that is trained, as a module."""

    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-0.5, dtype=torch.float64))

    def forward(self, view1, view2, temperature, within):
        return nt_xent(view1, view2, temperature, within) * self.log_scale.exp()


def with_a_module_as_loss(steps):
    """Train with a loss that is a module and that the probe calls, too; return what `trained` does."""
    model = make_model("nt_xent", torch.float64)
    model.loss = Loss()
    rows = torch.randn(2, 16, DIM, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = trained(steps, model=model, probe=lambda model: model(*rows)[0], probe_every=2)
    assert "forward" not in vars(model.loss)
    return found
