"""Trainings of a tiny model on tiny images, so that a run takes milliseconds, and how to compare them.

``python -c "import training_runs; training_runs.train_for_ever(PATH)"`` trains until it is killed.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets.vision import Images, ImageViews
from toolkit.models import SimCLR
from toolkit.training import train

N, BATCH = 60, 8
WALK = {"n_candidates": 20, "n_neighbors": 5, "refresh_every": 3}
SAMPLERS = {
    "uniform": lambda: UniformBatchSampler(N, BATCH),
    "uniform, whole epoch": lambda: UniformBatchSampler(N, BATCH, drop_last=False),
    "walk, independent": lambda: RandomWalkBatchSampler(N, BATCH, **WALK),
    "walk, background": lambda: RandomWalkBatchSampler(N, BATCH, refresh="background", **WALK),
    "walk, partition": lambda: RandomWalkBatchSampler(N, BATCH, coverage="partition", **WALK),
    "knn": lambda: KNNBatchSampler(N, BATCH, refresh_every=3),
}


class FlatEncoder(nn.Module):
    n_features = 16

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, self.n_features)

    def forward(self, images):
        return self.linear(images.flatten(1))


def noisy(images):
    """Augment with the global generator, whose state a resume must restore."""
    return images.float() / 255 + 0.2 * torch.randn(images.shape)


def make_data(n=N):
    """Return four classes of images, each around a picture of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    pixels = rng.integers(0, 180, (4, 1, 8, 8))[labels] + rng.integers(0, 70, (n, 1, 8, 8))
    return ImageViews(Images(torch.from_numpy(pixels.astype(np.uint8)), labels), noisy)


def make_model(seed=0, projection_dim=8):
    torch.manual_seed(seed)
    return SimCLR(FlatEncoder(), projection_dim=projection_dim, temperature=0.2)


DATA = make_data()


def run(steps, sampler="uniform", seed=0, model=None, data=DATA, **settings):
    """Train a new model (or `model`) for some steps; return the history and the model."""
    model = model or make_model(seed)
    sampler = SAMPLERS[sampler]() if isinstance(sampler, str) else sampler
    settings = {"labels": DATA.labels, "progress": False} | settings
    return train(model, data, sampler, steps, **settings), model


def assert_same_course(first, second):
    """Assert that two runs, each (history, model), took the same steps to the same parameters."""
    for name in ("epoch", "loss", "hardness"):
        assert first[0].columns[name] == second[0].columns[name], name
    for name in ("false_negative_rate", "coverage"):
        assert first[0].columns[name] == pytest.approx(second[0].columns[name]), name
    for name, value in first[1].state_dict().items():
        assert torch.equal(value, second[1].state_dict()[name]), name


def snapshot(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_unchanged(model, before):
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


class Interrupting:
    """A data set that gets Ctrl-C while it loads some batches, counted from 1."""

    def __init__(self, *when, times=1):
        self.when, self.times, self.count = when, times, 0

    def __len__(self):
        return len(DATA)

    def __getitems__(self, indices):
        self.count += 1
        if self.count in self.when:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        return DATA.__getitems__(indices)


def python(code, *arguments, **settings):
    """Start Python with the same packages as this process."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment, **settings)


def train_for_ever(path):
    torch.set_num_threads(1)
    run(20_000, "walk, partition", checkpoint=path, checkpoint_every=1)


def train_until_interrupted(path, method="spawn", num_workers=0):
    """Train with all that a training can do until interrupted, and save the history next to the checkpoint."""
    import multiprocessing

    torch.set_num_threads(1)
    multiprocessing.set_start_method(method)
    settings = {"checkpoint": path, "checkpoint_every": 3, "probe": lambda model: 0.5, "probe_every": 5}
    history, _ = run(20_000, "walk, partition", num_workers=num_workers, **settings)
    history.save(Path(path).with_name("history.json"))
