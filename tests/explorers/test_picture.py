"""Pictures as vector graphics: whole, and no burden to the picture on the page."""

import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from toolkit import explorers
from toolkit.training.history import History

RNG = np.random.default_rng(0)
N = 64
LABELS = np.array(["cat", "dog"])[np.arange(N) % 2]
POINTS = RNG.normal(size=(N, 8))
TEXTS = [f"sentence {i}" for i in range(N)]
HISTORY = History({name: [0.5, 0.25] for name in History().columns})
MAKERS = {
    "ProximityGraphExplorer": lambda: explorers.ProximityGraphExplorer(POINTS, LABELS, projection="pca"),
    "WalkPlayer": lambda: explorers.WalkPlayer(POINTS, LABELS, projection="pca"),
    "EmbeddingExplorer": lambda: explorers.EmbeddingExplorer(POINTS, LABELS, projection="pca"),
    "CompareExplorer": lambda: explorers.CompareExplorer(POINTS, LABELS, other=POINTS[:, :4], projection="pca"),
    "SelectionExplorer": lambda: explorers.SelectionExplorer(POINTS, LABELS, selection=range(9), batch_size=16),
    "HardnessExplorer": lambda: explorers.HardnessExplorer(POINTS, LABELS),
    "FalseNegativeExplorer": lambda: explorers.FalseNegativeExplorer(POINTS, LABELS),
    "SentenceExplorer": lambda: explorers.SentenceExplorer(POINTS, LABELS, TEXTS),
    "GraphBatchExplorer": lambda: explorers.GraphBatchExplorer(POINTS, LABELS, lambda index, ax: ax.plot([index])),
    "PairExplorer": lambda: explorers.PairExplorer(POINTS, LABELS, targets=POINTS[::-1].copy()),
    "TunerExplorer": lambda: explorers.TunerExplorer(POINTS, LABELS, batch_size=16),
    "TrainingMonitor": lambda: explorers.TrainingMonitor(HISTORY),
    "Dashboard": lambda: explorers.Dashboard(POINTS, LABELS, projection="pca"),
}


def written(svg):
    """Return the texts of a graphic, which matplotlib notes next to their outlines."""
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", svg.decode(), re.DOTALL)]


def places(svg):
    """Return the outlines in a graphic."""
    return re.findall(rb' d="([^"]*)"', svg)


@pytest.mark.parametrize("name", explorers.__all__)
def test_every_explorer_is_a_vector_graphic(name):
    explorer = MAKERS[name]()
    png, svg = explorer.png(), explorer.svg()
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg.count(b"<path") + svg.count(b"<use") > 10
    assert explorer.png() == png
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = explorer.svg()
    assert places(again) == places(svg), "saving changes nothing"
    explorer.close()


def test_what_moves_is_in_the_graphic_and_goes_on_moving():
    explorer, other = MAKERS["HardnessExplorer"](), MAKERS["HardnessExplorer"]()
    assert f"mean {explorer.hardness['Random walk'].value:.2f}" in written(explorer.svg())
    for each in (explorer, other):
        each.restart.value = 0.9
    assert explorer.png() == other.png()
    assert f"mean {explorer.hardness['Random walk'].value:.2f}" in written(explorer.svg())


def test_very_many_points_are_one_picture_in_the_graphic():
    points = RNG.normal(size=(20_000, 2))
    explorer = explorers.EmbeddingExplorer(points, np.arange(20_000) % 2, projection=points)
    svg = explorer.svg()
    assert b"<image" in svg
    assert len(svg) < 1_000_000
    explorer.close()
