"""Long use: memory, threads and widgets stay as they were after the first rounds."""

import ctypes
import gc
import threading
from contextlib import suppress

import numpy as np
import psutil
import pytest
from ipywidgets.widgets import widget

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler, explorers

POINTS = np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)
LABELS = np.arange(len(POINTS)) % 5
SAMPLERS = {
    "uniform": UniformBatchSampler,
    "knn": KNNBatchSampler,
    "walk": lambda n, b: RandomWalkBatchSampler(n, b, n_candidates=50, n_neighbors=10, refresh_every=20),
    "walk, background": lambda n, b: RandomWalkBatchSampler(
        n, b, n_candidates=50, n_neighbors=10, refresh_every=20, refresh="background"
    ),
    "walk, partition": lambda n, b: RandomWalkBatchSampler(
        n, b, n_candidates=50, n_neighbors=10, refresh_every=20, coverage="partition"
    ),
}
EXPLORERS = {
    "Dashboard": {"projection": "pca"},
    "FalseNegativeExplorer": {},
    "HardnessExplorer": {},
    "ProximityGraphExplorer": {"projection": "pca"},
    "SentenceExplorer": {"items": [f"sentence {i}" for i in range(len(POINTS))]},
    "WalkPlayer": {"projection": "pca"},
}
MEGABYTES = 15  # that memory may grow: caches fill


def memory():
    """Return the megabytes in use, without those that the C library keeps for later."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only there
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return psutil.Process().memory_info().rss / 2**20


def steps_of(sampler):
    """Yield for ever, one training step at a time."""
    while True:
        for batch in sampler:
            sampler.update(batch, POINTS[batch])
            yield


@pytest.mark.parametrize("n_steps", [300, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_steps(kind, n_steps, tally):
    steps = steps_of(SAMPLERS[kind](len(POINTS), 32))
    for _ in range(min(n_steps // 3, 500)):
        next(steps)
    before, n_threads = memory(), threading.active_count()
    for _ in range(n_steps):
        next(steps)
    assert memory() - before < MEGABYTES
    assert threading.active_count() <= n_threads + 1, "at most a rebuild that is under way"
    tally("steps of a sampler", memory_and_threads_constant=n_steps)


@pytest.mark.parametrize("n_iterators", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_iterators_that_are_left_early(kind, n_iterators, tally):
    sampler = SAMPLERS[kind](len(POINTS), 32)
    sampler.update(range(len(POINTS)), POINTS)

    def leave(times):
        for _ in range(times):
            batches = iter(sampler)
            sampler.update(next(batches), POINTS[:32])

    leave(50)
    before, n_threads = memory(), threading.active_count()
    leave(n_iterators)
    assert memory() - before < MEGABYTES
    assert threading.active_count() <= n_threads + 1
    tally("abandoned iterators", memory_and_threads_constant=n_iterators)


@pytest.mark.parametrize("n_explorers", [2, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", EXPLORERS)
def test_explorers_that_are_closed(kind, n_explorers, tally):
    def make_and_close():
        explorer = getattr(explorers, kind)(POINTS, LABELS, **EXPLORERS[kind])
        explorer.close()

    for _ in range(1 + n_explorers // 20):  # the first ones fill caches
        make_and_close()
    before, widgets = memory(), len(widget._instances)
    for _ in range(n_explorers):
        make_and_close()
    assert len(widget._instances) == widgets
    assert memory() - before < MEGABYTES
    tally("explorers opened and closed", memory_and_widgets_constant=n_explorers)


@pytest.mark.parametrize("kind", EXPLORERS)
@pytest.mark.parametrize("wrong", [{"labels": LABELS[:-1]}, {"items": ["one"]}, {"embeddings": POINTS * np.nan}])
def test_explorers_that_are_refused(kind, wrong):
    arguments = {"embeddings": POINTS, "labels": LABELS} | EXPLORERS[kind] | wrong
    widgets = set(widget._instances)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        getattr(explorers, kind)(**arguments)
    gc.collect()
    assert set(widget._instances) == widgets
