"""The explorer of graph batches by its traits."""

import base64

import numpy as np
import pytest

from toolkit.explorers import GraphBatchExplorer
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.samplers.side_by_side import SideBySide

N = 120
RNG = np.random.default_rng(0)
LABELS = np.array(["low", "high"])[np.arange(N) % 2]
POINTS = RNG.normal(size=(N, 6)) + 2 * (np.arange(N) % 2)[:, None]
SETTINGS = {"batch_size": 16, "n_neighbors": 8, "n_candidates": 60}


def draw(index, ax):
    ax.plot([0, index], [0, 1])


@pytest.fixture
def explorer():
    return GraphBatchExplorer(POINTS, LABELS, draw, **SETTINGS)


def test_batch_and_numbers_are_those_without_a_widget(explorer):
    for restart in (0.1, 0.7):
        explorer.restart.value = restart
        batches, stats = SideBySide(POINTS, n_batches=1).walks(restart=restart, **SETTINGS)
        assert explorer.batch.tolist() == batches[0].tolist()
        rate = false_negative_rate(batches, LABELS)
        assert f"hardness <b>{batch_hardness(batches, POINTS).value:.3f}</b>" in explorer.numbers.value
        assert f"false negatives <b>{rate.value:.1%}</b>, {rate.over_chance:.1f} × chance" in explorer.numbers.value
        assert f"{stats.steps} steps for 16 graphs" in explorer.numbers.value


def test_slider_changes_the_picture_and_reset_brings_it_back(explorer):
    before = explorer.png()
    assert before.startswith(b"\x89PNG")
    explorer.restart.value = 0.9
    assert explorer.png() != before
    explorer.reset.click()
    assert explorer.controls.settings == {"restart": 0.2, **SETTINGS}
    assert explorer.png() == before


def test_mimebundle_carries_the_picture_and_a_stable_repr(explorer):
    bundle = explorer._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == explorer.png()
    assert repr(explorer) == "GraphBatchExplorer(n=120, labels=True)"


def test_same_seed_same_walk(explorer):
    assert GraphBatchExplorer(POINTS, LABELS, draw, **SETTINGS).batch.tolist() == explorer.batch.tolist()
    other = GraphBatchExplorer(POINTS, LABELS, draw, seed=1, **SETTINGS)
    assert other.batch[0] != explorer.batch[0]


def test_an_error_is_shown_and_raised():
    broken = []

    def draw_or_not(index, ax):
        if broken:
            raise RuntimeError("no <such> graph")

    explorer = GraphBatchExplorer(POINTS, LABELS, draw_or_not, **SETTINGS)
    before = explorer.png()
    broken.append(True)
    with pytest.raises(RuntimeError):
        explorer.restart.value = 0.5
    assert "no &lt;such&gt; graph" in explorer.message.value
    assert explorer.png() == before


def test_without_labels_and_with_missing_ones_nothing_is_wrong():
    assert "estimated false negatives <b>" in GraphBatchExplorer(POINTS, items=draw, **SETTINGS).numbers.value
    labels = [None if i % 2 else "low" for i in range(N)]
    assert GraphBatchExplorer(POINTS, labels, draw, **SETTINGS).png().startswith(b"\x89PNG")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"labels must have shape \(120,\), one per instance"):
        GraphBatchExplorer(POINTS, LABELS[:-1], draw, **SETTINGS)
    with pytest.raises(TypeError, match="items of GraphBatchExplorer must be of the kind drawing, got none"):
        GraphBatchExplorer(POINTS, LABELS, **SETTINGS)
