"""The dashboard: shared settings, linked selection, only the tab in sight computes."""

import numpy as np
import pytest

from toolkit.explorers import Dashboard
from toolkit.training.history import COLUMNS, History

RNG = np.random.default_rng(0)
LABELS = np.arange(200) % 5
POINTS = RNG.normal(size=(5, 8))[LABELS] + RNG.normal(size=(200, 8))
HISTORY = History({name: [0.5, 0.25] for name in COLUMNS})
SETTINGS = {"restart": 0.5, "n_candidates": 100, "n_neighbors": 20, "batch_size": 32}
NAMES = ("graph", "walk", "hardness", "false_negatives")


@pytest.fixture(scope="module")
def shared():
    return Dashboard(POINTS, LABELS, history={"Uniform": HISTORY}, projection="pca")


@pytest.fixture
def dashboard(shared):
    shared.tabs.selected_index = 2
    shared.hardness.reset.click()
    return shared


@pytest.mark.parametrize("name", NAMES)
def test_a_slider_moves_in_all_tabs(dashboard, name):
    dashboard.tabs.selected_index = NAMES.index(name)
    for setting, value in SETTINGS.items():
        getattr(getattr(dashboard, name), setting).value = value
    assert [getattr(dashboard, other).controls.settings for other in NAMES] == [SETTINGS] * 4


def test_neighbours_never_exceed_candidates_in_any_tab(dashboard):
    dashboard.hardness.n_candidates.value = 10
    assert [getattr(dashboard, name).n_neighbors.value for name in NAMES] == [10] * 4
    dashboard.hardness.n_neighbors.value = 100
    assert [getattr(dashboard, name).n_candidates.value for name in NAMES] == [100] * 4


def test_only_the_tab_in_sight_computes_and_the_others_catch_up(dashboard):
    images = {name: getattr(dashboard, name)._image.value for name in ("hardness", "false_negatives")}
    dashboard.hardness.restart.value = 0.9
    assert dashboard.hardness._image.value != images["hardness"]
    assert dashboard.false_negatives._image.value == images["false_negatives"]
    dashboard.tabs.selected_index = 3
    assert dashboard.false_negatives._image.value != images["false_negatives"]
    assert "restart=0.9" in dashboard.false_negatives.text.value


def test_instance_is_linked_and_a_batch_selects_its_seed(dashboard):
    dashboard.tabs.selected_index = 0
    dashboard.graph.instance.value = 17
    dashboard.tabs.selected_index = 1
    assert dashboard.walk.instance.value == 17
    assert dashboard.walk.trace.start == 17
    dashboard.tabs.selected_index = 3
    dashboard.false_negatives.batch_size.value = 32
    dashboard.false_negatives.batch.value = 3
    seed = dashboard.false_negatives.batches[2][0]
    assert dashboard.graph.instance.value == dashboard.walk.instance.value == seed


def test_reset_in_one_tab_resets_all(dashboard):
    start = dashboard.hardness.controls.settings
    dashboard.tabs.selected_index = 1
    for setting, value in SETTINGS.items():
        getattr(dashboard.walk, setting).value = value
    dashboard.walk.reset.click()
    assert [getattr(dashboard, name).controls.settings for name in NAMES] == [start] * 4


def test_picture_is_that_of_the_tab_in_sight(dashboard):
    assert dashboard.png() == dashboard.hardness.png()
    dashboard.tabs.selected_index = 4
    assert dashboard.png() == dashboard.training.png()
    assert "Uniform" in dashboard.training.numbers.value
    assert repr(dashboard) == "Dashboard(n=200, labels=True)"
    assert dashboard.tabs.titles == ("Graph", "Walk", "Hardness", "False negatives", "Training")
