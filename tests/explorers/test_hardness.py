"""The hardness explorer by its traits."""

import base64
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from toolkit.explorers import HardnessExplorer
from toolkit.metrics import estimate_false_negatives, hardness_frontier
from toolkit.plots.batches import density
from toolkit.proximity.graph import ProximityGraph
from toolkit.samplers import registry

PNG = b"\x89PNG\r\n\x1a\n"


def make_points(n=600, n_clusters=10, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_clusters)
    points = rng.normal(size=(n_clusters, 16))[labels] + rng.normal(size=(n, 16))
    return SimpleNamespace(points=points, labels=labels)


DATA = make_points()


@pytest.fixture
def explorer():
    return HardnessExplorer(DATA.points, DATA.labels)


def shown(explorer):
    """Return the walks' hardness and false-negative rate."""
    rate = explorer.false_negatives["Random walk"].value if explorer.false_negatives else None
    return explorer.hardness["Random walk"].value, rate


def fail(*args, **kwargs):
    raise RuntimeError("the graph burst")


# What the sliders do


def test_raising_restart_raises_hardness_and_false_negatives(explorer):
    # Nine batches at a setting: the least difference over 12 seeds was 0.02. Two batches of 256 are too few to tell.
    explorer.batch_size.value = 64
    found = []
    for restart in (0.0, 0.3, 0.6, 0.9):
        explorer.restart.value = restart
        found.append(shown(explorer))
    for values in zip(*found, strict=True):
        assert all(np.diff(values) > 0), values


def test_fewer_neighbours_and_more_candidates_are_harder(explorer):
    explorer.batch_size.value = 32
    middle = shown(explorer)
    explorer.n_neighbors.value = 20
    assert shown(explorer)[0] > middle[0]
    explorer.n_neighbors.value = 100
    explorer.n_candidates.value = 100
    assert shown(explorer)[0] < middle[0]


def test_references_frame_the_walks(explorer):
    assert explorer.hardness["Uniform"].value < explorer.hardness["Random walk"].value < explorer.hardness["kNN"].value
    assert explorer.false_negatives["Uniform"].value == pytest.approx(
        explorer.false_negatives["Uniform"].prior, abs=0.01
    )


def test_neighbours_never_exceed_candidates(explorer):
    explorer.n_candidates.value = 20
    assert explorer.controls.settings["n_neighbors"] == 20
    explorer.n_neighbors.value = 200
    assert explorer.controls.settings["n_candidates"] == 200
    for size in explorer.n_neighbors.options:
        explorer.n_neighbors.value = size
        assert explorer.n_neighbors.value <= explorer.n_candidates.value
    for size in reversed(explorer.n_candidates.options):
        explorer.n_candidates.value = size
        assert explorer.n_neighbors.value <= explorer.n_candidates.value
    assert explorer.controls.settings["n_candidates"] == 5
    assert explorer.message.value == ""


@pytest.mark.parametrize(("name", "value"), [("n_candidates", 20), ("n_neighbors", 500)])
def test_graph_has_the_settings_shown(explorer, monkeypatch, name, value):
    built = []
    build = ProximityGraph.build
    monkeypatch.setattr(
        ProximityGraph, "build", lambda *args, **kwargs: built.append(build(*args, **kwargs)) or built[-1]
    )
    getattr(explorer, name).value = value
    assert len(built) == 1, "one build, although two sliders move"
    now = explorer.controls.settings
    assert (built[0].n_neighbors, built[0].n_candidates) == (now["n_neighbors"], now["n_candidates"])


def test_restart_does_not_rebuild_the_graph(explorer, monkeypatch):
    monkeypatch.setattr(ProximityGraph, "build", fail)
    explorer.restart.value = 0.7
    assert explorer.message.value == ""


def test_batch_size_redraws_the_references(explorer):
    before = {name: result.values for name, result in explorer.hardness.items()}
    explorer.batch_size.value = 32
    assert {len(result.values) for result in explorer.hardness.values()} == {18}, "600 // 32 batches"
    for name, result in explorer.hardness.items():
        assert result.value != before[name].mean()


@pytest.mark.parametrize("name", ["restart", "n_neighbors", "n_candidates", "batch_size"])
def test_every_slider_changes_picture_and_numbers(explorer, name):
    control = getattr(explorer, name)
    image, numbers = explorer.png(), explorer.numbers.value
    control.value = 0.9 if name == "restart" else 32 if name == "batch_size" else 20
    assert explorer.png().startswith(PNG)
    assert explorer.png() != image
    assert explorer.numbers.value != numbers


def test_reset_restores_settings_and_results(explorer):
    settings, results, image = explorer.controls.settings, shown(explorer), explorer.png()
    explorer.restart.value = 0.8
    explorer.n_candidates.value = 20
    explorer.batch_size.value = 32
    assert shown(explorer) != results
    explorer.reset.click()
    assert explorer.controls.settings == settings
    assert shown(explorer) == results
    assert explorer.png() == image


def test_same_seed_same_results():
    first, second, other = (HardnessExplorer(DATA.points, DATA.labels, seed=seed) for seed in (1, 1, 2))
    assert shown(first) == shown(second)
    assert first.png() == second.png()
    assert shown(first) != shown(other)


# What is shown


@pytest.mark.parametrize(("restart", "n_neighbors", "batch_size"), [(0.2, 100, 256), (0.7, 20, 64)])
def test_numbers_are_those_of_the_metrics_without_a_widget(explorer, restart, n_neighbors, batch_size):
    explorer.restart.value = restart
    explorer.n_neighbors.value = n_neighbors
    explorer.batch_size.value = batch_size
    pair = (explorer.n_candidates.value, n_neighbors)
    table = hardness_frontier(DATA.points, DATA.labels, batch_size, graphs=[pair], restarts=[restart]).points
    for row in table.itertuples():
        assert explorer.hardness[row.sampler].value == pytest.approx(row.hardness, rel=1e-6)
        assert explorer.false_negatives[row.sampler].value == pytest.approx(row.false_negative_rate)
    walk = table[table.sampler == "Random walk"].iloc[0]
    text = explorer.numbers.value
    assert f"hardness <b>{walk.hardness:.3f}</b>" in text
    assert f"false negatives <b>{walk.false_negative_rate:.1%}</b>" in text
    assert f"{walk.false_negative_rate / walk.prior:.1f} × chance" in text
    assert "steps a batch" in text
    assert " ms " in text


def test_picture_shows_the_results(explorer):
    explorer.restart.value = 0.6
    top, bottom = explorer._picture.canvas.figure.axes
    walk, rates = explorer.hardness["Random walk"], explorer.false_negatives
    np.testing.assert_allclose(explorer._sheet.outline.get_data()[0], density(walk))
    assert explorer._sheet.outline.get_data()[0].max() <= top.get_ylim()[1]
    assert list(explorer._sheet.mean.get_xdata()) == [walk.value] * 2
    written = [text.get_text() for text in top.texts]
    assert set(written) == {f"{name}\nmean {result.value:.2f}" for name, result in explorer.hardness.items()}
    widths = {bar.get_y() + bar.get_height() / 2: bar.get_width() for bar in bottom.patches}
    names = [label.get_text() for label in bottom.get_yticklabels()]
    assert {name: widths[i] for i, name in enumerate(names)} == {name: result.value for name, result in rates.items()}
    assert f"chance {rates['kNN'].prior:.1%}" in [text.get_text() for text in bottom.texts]


def test_without_labels_the_panel_shows_an_estimate():
    explorer = HardnessExplorer(DATA.points)
    batches = explorer._samples.references(explorer.batch_size.value)["kNN"]
    expected = estimate_false_negatives(batches, DATA.points).value
    assert explorer.false_negatives["kNN"].value == pytest.approx(expected)
    assert "estimated false negatives" in explorer.numbers.value
    assert explorer._picture.canvas.figure.axes[1].get_xlabel().startswith("estimated false negatives")
    explorer.restart.value = 0.8
    explorer.batch_size.value = 64
    assert explorer.message.value == ""
    assert "hardness" in explorer.numbers.value


def test_mimebundle_carries_the_picture_and_a_stable_repr(explorer):
    bundle = explorer._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert base64.b64decode(bundle["image/png"]) == explorer.png()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert repr(explorer) == "HardnessExplorer(n=600, labels=True)"
    assert repr(HardnessExplorer(DATA.points)) == "HardnessExplorer(n=600, labels=False)"
    explorer.restart.value = 0.5
    again = explorer._repr_mimebundle_()
    assert again["text/plain"] == bundle["text/plain"] == repr(explorer)
    assert again["image/png"] != bundle["image/png"]


# What goes wrong


def test_error_in_a_callback_is_shown_and_raised(explorer, monkeypatch):
    image, numbers = explorer.png(), explorer.numbers.value
    with monkeypatch.context() as patch:
        patch.setattr(ProximityGraph, "build", fail)
        with pytest.raises(RuntimeError, match="the graph burst"):
            explorer.n_candidates.value = 200
    assert "RuntimeError" in explorer.message.value
    assert "the graph burst" in explorer.message.value
    assert explorer.png() == image
    assert explorer.numbers.value == numbers
    explorer.restart.value = 0.5
    assert explorer.message.value == "", "the next change works again"
    assert explorer.png() != image
    fresh = HardnessExplorer(DATA.points, DATA.labels)
    fresh.n_candidates.value = 200
    fresh.restart.value = 0.5
    assert shown(explorer) == shown(fresh)


def test_after_an_error_the_references_catch_up_too(explorer, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(registry.KNNBatchSampler, "from_embeddings", fail)
        with pytest.raises(RuntimeError, match="the graph burst"):
            explorer.batch_size.value = 32
    explorer.restart.value = 0.5
    assert {len(result.values) for result in explorer.hardness.values()} == {18}, "all are of batches of 32"


def test_message_shows_text_not_markup(explorer, monkeypatch):
    def fail_with_markup(*args, **kwargs):
        raise RuntimeError("shape <B, d>")

    monkeypatch.setattr(ProximityGraph, "build", fail_with_markup)
    with pytest.raises(RuntimeError):
        explorer.n_candidates.value = 200
    assert "shape &lt;B, d&gt;" in explorer.message.value


@pytest.mark.parametrize(
    ("points", "labels", "exception", "message"),
    [
        (DATA.points[:31], None, ValueError, "number of embeddings must be at least 32, got 31"),
        (DATA.points, DATA.labels[:-1], ValueError, r"labels must have shape \(600,\)"),
        (DATA.points[:, 0], None, ValueError, "embeddings must have shape"),
        (np.full((40, 3), np.nan), None, ValueError, "embeddings must be finite"),
    ],
)
def test_bad_input_is_named(points, labels, exception, message):
    with pytest.raises(exception, match=message):
        HardnessExplorer(points, labels)


def test_labels_that_never_repeat_can_be_shown():
    explorer = HardnessExplorer(DATA.points, np.arange(600))
    assert shown(explorer)[1] == 0
    assert "nan" not in explorer.numbers.value


# How much there may be


def test_thirty_explorers_leave_no_figures():
    before = plt.get_fignums()
    for _ in range(30):
        HardnessExplorer(DATA.points[:64], DATA.labels[:64])
    assert plt.get_fignums() == before


def test_settings_of_matplotlib_stay():
    before = dict(mpl.rcParams)
    HardnessExplorer(DATA.points, DATA.labels).restart.value = 0.5
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("n", [32, 33, 64, 200])
def test_few_embeddings_work(n):
    explorer = HardnessExplorer(DATA.points[:n], DATA.labels[:n])
    assert max(explorer.n_candidates.options) == n - 1
    assert explorer.n_neighbors.value <= explorer.n_candidates.value
    for control in (explorer.n_neighbors, explorer.n_candidates, explorer.batch_size):
        for value in control.options:
            control.value = value
    explorer.restart.value = 0.95
    assert explorer.message.value == ""
    assert explorer.png().startswith(PNG)
