"""The sliders: any value that is given is kept, wrong ones are refused by name, Reset goes back to the beginning."""

import numpy as np
import pytest
from ipywidgets.widgets import widget as registry

from toolkit.explorers import (
    Dashboard,
    FalseNegativeExplorer,
    GraphBatchExplorer,
    HardnessExplorer,
    ProximityGraphExplorer,
    SentenceExplorer,
    WalkPlayer,
)

N = 400
RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(N, 8))
OFF_THE_GRID = {"restart": 0.37, "n_neighbors": 103, "n_candidates": 187, "batch_size": 100}
MAKERS = {
    "graph": lambda **settings: ProximityGraphExplorer(POINTS, projection="pca", **settings),
    "walk": lambda **settings: WalkPlayer(POINTS, projection="pca", **settings),
    "hardness": lambda **settings: HardnessExplorer(POINTS, **settings),
    "false negatives": lambda **settings: FalseNegativeExplorer(POINTS, **settings),
    "sentences": lambda **settings: SentenceExplorer(POINTS, items=["one"] * N, **settings),
    "graphs": lambda **settings: GraphBatchExplorer(POINTS, items=lambda index, ax: None, **settings),
}


@pytest.fixture
def explorer():
    return HardnessExplorer(POINTS)


@pytest.mark.parametrize("name", MAKERS)
def test_settings_between_the_stops_are_kept(name):
    explorer = MAKERS[name](**OFF_THE_GRID)
    assert explorer.controls.settings == OFF_THE_GRID
    for control in explorer.controls.sliders:
        assert control.description
        assert len(control.tooltip) > 10
    explorer.restart.value, explorer.n_neighbors.value, explorer.batch_size.value = 0.5, 20, 32
    explorer.reset.click()
    assert explorer.controls.settings == OFF_THE_GRID


def test_any_value_can_be_set_from_code(explorer):
    for _ in range(2):
        for name, value in OFF_THE_GRID.items():
            control = getattr(explorer, name)
            control.value = value
            assert control.value == value
            if name != "restart":
                assert control.options[control.index] == value, "what the browser is sent"
    explorer.restart.value = 0.99
    assert explorer.restart.value == 0.99


def test_reset_goes_back_to_the_beginning_even_if_a_stop_was_added_nearer_to_the_default(explorer):
    before = explorer.controls.settings
    assert before["batch_size"] == 128
    explorer.batch_size.value = 200  # the default of 256 was too large
    explorer.reset.click()
    assert explorer.controls.settings == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("restart", 1.0, r"restart must be a number in \[0, 1\), got 1.0"),
        ("restart", -0.1, r"restart must be a number in \[0, 1\), got -0.1"),
        ("n_neighbors", 0, "n_neighbors must be between 1 and 399, got 0"),
        ("n_candidates", 400, "n_candidates must be between 1 and 399, got 400"),
        ("batch_size", 1, "batch_size must be between 2 and 400, got 1"),
    ],
)
def test_wrong_settings_are_refused_by_name(explorer, name, value, message):
    control = getattr(explorer, name)
    before = control.value
    with pytest.raises(ValueError, match=message):
        control.value = value
    assert control.value == before
    widgets = set(registry._instances)
    for make in (MAKERS["hardness"], MAKERS["walk"], lambda **settings: Dashboard(POINTS, **settings)):
        with pytest.raises(ValueError, match=message):
            make(**{name: value})
    assert set(registry._instances) == widgets, "before there was a widget"


def test_more_neighbours_than_candidates_are_refused():
    with pytest.raises(ValueError, match="n_neighbors must be between 1 and 20, got 50: no more neighbours than"):
        HardnessExplorer(POINTS, n_neighbors=50, n_candidates=20)


@pytest.mark.parametrize(
    ("given", "n_neighbors", "n_candidates"),
    [({"n_neighbors": 300}, 300, 399), ({"n_candidates": 30}, 30, 30), ({}, 100, 399)],
)
def test_defaults_fit_what_is_given(given, n_neighbors, n_candidates):
    settings = HardnessExplorer(POINTS, **given).controls.settings
    assert (settings["n_neighbors"], settings["n_candidates"]) == (n_neighbors, n_candidates)


def test_many_neighbours_take_the_default_of_candidates_along():
    explorer = HardnessExplorer(RNG.normal(size=(2000, 4)), n_neighbors=1500)
    assert explorer.n_candidates.value == 1500


def test_others_are_the_settings_that_one_move_of_a_slider_leads_to():
    controls = MAKERS["hardness"](n_neighbors=50, n_candidates=100, restart=0.3, batch_size=32).controls
    begun = controls.settings
    found = [(steps, {name for name in begun if each[name] != begun[name]}, each) for steps, each in controls.others]
    sized = {"n_candidates", "n_neighbors"}
    moved = {(each["n_candidates"], each["n_neighbors"]): steps for steps, names, each in found if names & sized}
    near = {sizes for sizes, steps in moved.items() if steps == 1}
    assert near == {(50, 50), (200, 50), (100, 20), (100, 100)}
    others = {value for value in controls.n_candidates.options if value != 100}
    wider = {(max(100, value), value) for value in controls.n_neighbors.options if value != 50}
    assert set(moved) == {(value, min(value, 50)) for value in others} | wider
    restarts = {each["restart"]: steps for steps, names, each in found if names == {"restart"}}
    assert restarts == {step / 20: abs(step - 6) for step in range(20) if step != 6}
    sizes = {each["batch_size"] for _, names, each in found if names == {"batch_size"}}
    assert sizes == {size for size in controls.batch_size.options if size != 32}
    assert len(found) == len(moved) + len(restarts) + len(sizes)


def test_others_of_a_restart_between_and_beyond_the_stops_are_the_stops():
    controls = MAKERS["hardness"](restart=0.98).controls
    assert {each["restart"] for _, each in controls.others} >= {0.95, 0.0}
    controls.restart.value = 0.33
    nearest = {each["restart"] for steps, each in controls.others if steps == 1 and each["restart"] != 0.33}
    assert nearest == {0.3, 0.35}
    assert max(each["restart"] for _, each in controls.others) == 0.95


def test_steps_of_a_browser_are_rounded():
    controls = MAKERS["hardness"]().controls
    controls.restart.value = 0.1 + 0.2
    assert controls.settings["restart"] == 0.3
