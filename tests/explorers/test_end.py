"""Explorers that were closed leave nothing behind, those out of sight do nothing."""

import gc
import threading
import weakref

import numpy as np
import pytest
from comm import get_comm_manager
from ipywidgets.widgets import widget as registry
from matplotlib import pyplot as plt

from toolkit.explorers import Dashboard, FalseNegativeExplorer, HardnessExplorer, TrainingMonitor
from toolkit.training.history import COLUMNS, History

RNG = np.random.default_rng(0)
LABELS = np.arange(64) % 4
POINTS = RNG.normal(size=(64, 8))
IMAGES = RNG.integers(0, 256, (64, 8, 8), dtype=np.uint8)
MAKERS = {
    "hardness": lambda: HardnessExplorer(POINTS, LABELS, IMAGES),
    "false negatives": lambda: FalseNegativeExplorer(POINTS, LABELS, IMAGES),
    "training": lambda: TrainingMonitor(History({name: [0.5, 0.25] for name in COLUMNS})),
}


def left():
    """Return what a session accumulates: widgets, channels to the browser, threads, pyplot's figures."""
    return set(registry._instances), set(get_comm_manager().comms), set(threading.enumerate()), plt.get_fignums()


@pytest.mark.parametrize("name", MAKERS)
def test_opening_and_closing_fifty_times_leaves_nothing(name):
    first = MAKERS[name]()
    first._repr_mimebundle_()
    first.close()
    before, figures = left(), []
    for _ in range(50):
        explorer = MAKERS[name]()
        assert len(left()[0]) > len(before[0])
        figures.append(weakref.ref(explorer._picture.canvas.figure))
        explorer.close()
    assert left() == before
    del explorer
    gc.collect()
    gc.collect()  # a widget's finaliser brings it back to life in the first
    assert sum(figure() is not None for figure in figures) == 0


def test_closed_dashboard_leaves_nothing():
    before = left()
    for _ in range(3):
        Dashboard(POINTS, LABELS, IMAGES, projection="pca").close()
    assert left() == before


@pytest.mark.parametrize("name", ["hardness", "false negatives"])
def test_paused_explorer_waits_and_catches_up(name):
    explorer = MAKERS[name]()
    image = explorer.png()
    explorer.pause()
    explorer.restart.value = 0.9
    assert explorer.png() == image
    explorer.resume()
    assert explorer.png() != image
    fresh = MAKERS[name]()
    fresh.restart.value = 0.9
    assert explorer.png() == fresh.png()
