"""The dashboard: shared settings, linked selection, only the tab in sight computes."""

import numpy as np
import pytest

from toolkit import ProximityGraph, _checks
from toolkit.explorers import Dashboard
from toolkit.training.history import History

RNG = np.random.default_rng(0)
LABELS = np.arange(200) % 5
POINTS = RNG.normal(size=(5, 8))[LABELS] + RNG.normal(size=(200, 8))
HISTORY = History({name: [0.5, 0.25] for name in History().columns})
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
    images = {name: getattr(dashboard, name).png() for name in ("hardness", "false_negatives")}
    dashboard.hardness.restart.value = 0.9
    assert dashboard.hardness.png() != images["hardness"]
    assert dashboard.false_negatives.png() == images["false_negatives"]
    dashboard.tabs.selected_index = 3
    assert dashboard.false_negatives.png() != images["false_negatives"]
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
    dashboard.tabs.selected_index = 6
    assert dashboard.png() == dashboard.training.png()
    assert "Uniform" in dashboard.training.numbers.value
    assert repr(dashboard) == "Dashboard(n=200, labels=True)"
    assert dashboard.tabs.titles == (
        *("Graph", "Walk", "Hardness", "False negatives", "Tuner", "Selection", "Training"),
    )


@pytest.mark.parametrize("given", [{}, {"restart": 0.37, "n_neighbors": 23, "n_candidates": 87, "batch_size": 33}])
def test_sliders_and_results_agree_in_all_tabs_from_the_start(given):
    dashboard = Dashboard(POINTS, LABELS, projection="pca", **given)
    settings = dashboard.walk.controls.settings
    assert settings == {"restart": 0.2, "n_neighbors": 100, "n_candidates": 199, "batch_size": 64} | given
    assert [getattr(dashboard, name).controls.settings for name in NAMES] == [settings] * 4
    assert len(dashboard.walk.trace.batch) == dashboard.false_negatives.batches.shape[1] == settings["batch_size"]
    for graph in (dashboard.graph.graph, dashboard.walk.graph):
        assert (graph.n_neighbors, graph.n_candidates) == (settings["n_neighbors"], settings["n_candidates"])
    assert dashboard.walk.canvas.walk["restart"] == settings["restart"]
    assert all(f"{name}={value}" in dashboard.false_negatives.code for name, value in settings.items())


def test_any_value_set_in_one_tab_is_kept_in_all(dashboard):
    values = {"restart": 0.37, "n_candidates": 187, "n_neighbors": 103, "batch_size": 41}
    for setting, value in values.items():
        getattr(dashboard.hardness, setting).value = value
    assert [getattr(dashboard, name).controls.settings for name in NAMES] == [values] * 4
    with pytest.raises(ValueError, match="restart must be a number in"):
        dashboard.hardness.restart.value = 1.0
    assert [getattr(dashboard, name).restart.value for name in NAMES] == [0.37] * 4


def test_paused_dashboard_waits_and_catches_up(dashboard):
    before = dashboard.png()
    dashboard.pause()
    dashboard.hardness.restart.value = 0.9
    assert dashboard.png() == before
    dashboard.resume()
    assert dashboard.png() != before


def test_numbers_and_message_are_those_of_the_tab_in_sight(dashboard, monkeypatch):
    for index, name in enumerate((*NAMES, "tuner", "through", "training")):
        dashboard.tabs.selected_index = index
        assert dashboard.numbers is getattr(dashboard, name).numbers
        assert dashboard.message is getattr(dashboard, name).message
    dashboard.tabs.selected_index = 2
    monkeypatch.setattr("toolkit.explorers.walking.batch_hardness", None)
    with pytest.raises(TypeError):
        dashboard.hardness.restart.value = 0.6
    assert "TypeError" in dashboard.message.value


def test_explorer_taken_out_of_its_tab_is_not_cut_off(dashboard):
    assert [getattr(dashboard, name).layout.margin for name in (*NAMES, "training")] == [None] * 5


def test_embeddings_are_checked_once_and_no_graph_is_built_twice(monkeypatch):
    checked, built = [], []
    check, build = _checks.embeddings, ProximityGraph.build

    def count_check(name, values, *args, **kwargs):
        checked.append(values is POINTS)
        return check(name, values, *args, **kwargs)

    def count_build(*args, n_candidates, n_neighbors, **kwargs):
        built.append((n_candidates, n_neighbors))
        return build(*args, n_candidates=n_candidates, n_neighbors=n_neighbors, **kwargs)

    monkeypatch.setattr(_checks, "embeddings", count_check)
    monkeypatch.setattr(ProximityGraph, "build", count_build)
    dashboard = Dashboard(POINTS, LABELS, projection="pca", n_candidates=87, n_neighbors=23)
    for index in (*range(4), *range(4)):
        dashboard.tabs.selected_index = index
        dashboard.walk.restart.value = 0.1 * (index + 1)
    assert sum(checked) == 1
    assert len(built) == len(set(built)) == 2, "that of the sliders and the widest of the frontier"


def test_wrong_history_is_named():
    with pytest.raises(TypeError, match="history must be a History or a mapping"):
        Dashboard(POINTS, history=3)
