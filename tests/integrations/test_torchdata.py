"""Samplers in torchdata's StatefulDataLoader, which keeps their states: no adapter is needed."""

import io
from time import perf_counter

import numpy as np
import pytest
import torch

pytest.importorskip("torchdata")

from framework_training import KINDS, LENGTH, Encoder, Views, make_optimizer, plain_training
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from toolkit import RandomWalkBatchSampler


def run(kind, n_batches, *, workers=0, save=(), resume=None, **settings):
    """Train; return the batches, and what was saved after some numbers of them; or go on with one of these."""
    sampler, model = KINDS[kind](), Encoder()
    optimizer, drawn, saved = make_optimizer(model), [], {}
    loader = StatefulDataLoader(Views(), batch_sampler=sampler, num_workers=workers, **settings)
    if resume is not None:
        state = torch.load(io.BytesIO(resume), weights_only=True)
        loader.load_state_dict(state["loader"])
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    while len(drawn) < n_batches:
        for index, *views in loader:
            loss, embeddings = model(*views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sampler.update(index, embeddings)
            drawn.append(index.tolist())
            if len(drawn) in save:
                parts = {"loader": loader, "model": model, "optimizer": optimizer}
                file = io.BytesIO()
                torch.save({name: part.state_dict() for name, part in parts.items()}, file)
                saved[len(drawn)] = file.getvalue()
    return drawn, saved, model.layer.weight.detach()


@pytest.mark.parametrize(
    ("kind", "workers", "settings"),
    [
        *((kind, 0, {}) for kind in ("independent", "partition", "background", "knn", "uniform")),
        ("independent", 2, {}),
        ("partition", 2, {"persistent_workers": True}),
        ("independent", 2, {"snapshot_every_n_steps": 3}),
    ],
)
def test_resume_is_exact(kind, workers, settings):
    length = 4 * LENGTH
    whole, saved, weights = run(kind, length, workers=workers, save=(17, 23, 24), **settings)
    assert whole == plain_training(kind, 4, workers)[0]
    for trained, state in saved.items():
        rest, _, final = run(kind, length - trained, workers=workers, resume=state, **settings)
        assert rest == whole[trained:], trained
        assert torch.equal(final, weights)


def seconds_per_batch(make_loader, n, points, workers, steps=60):
    sampler = RandomWalkBatchSampler(n, 256, warmup_epochs=100)
    sampler.bank.update(np.arange(n), points)
    loader = make_loader(range(n), batch_sampler=sampler, num_workers=workers)
    batches = iter(loader)
    next(batches)
    times = []
    for _ in range(steps):
        start = perf_counter()
        index = next(batches)
        sampler.update(index, points[index])
        times.append(perf_counter() - start)
    return float(np.median(times))


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_s_states_copy_no_embeddings(workers):
    """With copies in each state, a batch took 100 times as long."""
    n = 50_000
    points = torch.randn(n, 256, generator=torch.Generator().manual_seed(0))
    plain = min(seconds_per_batch(DataLoader, n, points, workers) for _ in range(2))
    stateful = min(seconds_per_batch(StatefulDataLoader, n, points, workers) for _ in range(2))
    assert stateful < 3 * plain + 1e-3
