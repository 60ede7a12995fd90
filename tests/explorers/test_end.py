"""Explorers that were closed leave nothing behind, those out of sight do nothing."""

import gc
import threading
import weakref

import numpy as np
import pytest
from comm import get_comm_manager
from ipywidgets.widgets import widget as registry
from matplotlib import pyplot as plt

from toolkit.explorers import (
    CompareExplorer,
    Dashboard,
    EmbeddingExplorer,
    FalseNegativeExplorer,
    GraphBatchExplorer,
    HardnessExplorer,
    PairExplorer,
    ProximityGraphExplorer,
    SelectionExplorer,
    SentenceExplorer,
    TrainingMonitor,
    TunerExplorer,
    WalkPlayer,
)
from toolkit.training.history import History

RNG = np.random.default_rng(0)
LABELS = np.arange(64) % 4
POINTS = RNG.normal(size=(64, 8))
IMAGES = RNG.integers(0, 256, (64, 8, 8), dtype=np.uint8)
TEXTS = [f"sentence {i}" for i in range(64)]
HISTORY = History({name: [0.5, 0.25] for name in History().columns})
MAKERS = {
    "graph": lambda *more: ProximityGraphExplorer(POINTS, *more, projection="pca"),
    "walk": lambda *more: WalkPlayer(POINTS, *more, projection="pca"),
    "embedding": lambda *more: EmbeddingExplorer(POINTS, *more, projection="pca"),
    "compare": lambda *more: CompareExplorer(POINTS, *more, other=POINTS[:, :4], projection="pca"),
    "selection": lambda *more: SelectionExplorer(POINTS, *more, selection=range(9), batch_size=16),
    "hardness": lambda *more: HardnessExplorer(POINTS, *more),
    "false negatives": lambda *more: FalseNegativeExplorer(POINTS, *more),
    "sentences": lambda labels=None, items=None: SentenceExplorer(POINTS, labels, TEXTS),
    "graphs": lambda labels=None, items=None: GraphBatchExplorer(POINTS, labels, lambda index, ax: ax.plot([index])),
    "pairs": lambda *more: PairExplorer(POINTS, *more, targets=POINTS[::-1].copy()),
    "tuner": lambda *more: TunerExplorer(POINTS, *more, batch_size=16),
    "training": lambda *more: TrainingMonitor(HISTORY if more else None),
    "dashboard": lambda *more: Dashboard(POINTS, *more, history=HISTORY if more else None, projection="pca"),
    "dashboard of pairs": lambda *more: Dashboard(POINTS, *more, targets=POINTS[::-1].copy(), projection="pca"),
}


def left():
    """Return what a session accumulates: widgets, channels to the browser, threads, pyplot's figures."""
    return set(registry._instances), set(get_comm_manager().comms), set(threading.enumerate()), plt.get_fignums()


@pytest.mark.parametrize("more", [(), (LABELS,), (None, IMAGES), (LABELS, IMAGES)], ids=["", "labels", "items", "both"])
@pytest.mark.parametrize("name", MAKERS)
def test_closed_explorer_leaves_nothing(name, more):
    before = left()
    explorer = MAKERS[name](*more)
    assert len(left()[0]) > len(before[0])
    explorer._repr_mimebundle_()
    explorer.close()
    assert left() == before
    explorer.close()  # again does no harm


@pytest.mark.parametrize("name", MAKERS)
def test_closed_explorers_are_forgotten(name):
    kept = []
    for _ in range(3):
        explorer = MAKERS[name](LABELS, IMAGES)
        explorer.close()
        kept.append(weakref.ref(explorer))
    del explorer
    gc.collect()
    gc.collect()  # a widget's finaliser brings it back to life in the first
    assert [explorer() for explorer in kept] == [None] * 3


@pytest.mark.parametrize(
    "arguments", [{"projection": "tsne"}, {"items": IMAGES[1:]}, {"labels": LABELS[1:]}, {"history": 3}]
)
def test_refused_input_leaves_nothing(arguments):
    before = left()
    with pytest.raises((TypeError, ValueError)):
        Dashboard(POINTS, **arguments)
    gc.collect()
    assert left() == before


@pytest.mark.parametrize("name", ["hardness", "false negatives"])
def test_paused_explorer_waits_and_catches_up(name):
    explorer = MAKERS[name](LABELS, IMAGES)
    image = explorer.png()
    explorer.pause()
    explorer.restart.value = 0.9
    assert explorer.png() == image
    explorer.resume()
    assert explorer.png() != image
    fresh = MAKERS[name](LABELS, IMAGES)
    fresh.restart.value = 0.9
    assert explorer.png() == fresh.png()
