"""Figures by the data of their artists."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures import ACCURACIES, colors, make_history, texts
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from toolkit import plots
from toolkit.metrics import FalseNegatives, Frontier, Hardness
from toolkit.plots.batches import density
from toolkit.plots.style import COLORS, OTHERS, color_of

NAMES = ("Uniform", "Random walk", "kNN")


def make_hardness(mean, seed=0):
    values = np.clip(np.random.default_rng(seed).normal(mean, 0.1, 500), -0.99, 0.99)
    return Hardness(values[:20] * 0 + mean, np.histogram(values, Hardness.edges)[0])


def make_false_negatives(*rates, prior=0.1):
    return FalseNegatives(np.array(rates), prior)


HARDNESS = {"Uniform": make_hardness(0.05), "Random walk": make_hardness(0.4), "kNN": make_hardness(0.7)}
RATES = {
    "Uniform": make_false_negatives(0.09, 0.11),
    "Random walk": make_false_negatives(0.2, 0.3),
    "kNN": make_false_negatives(0.5, 0.7),
}


def make_frontier(rates=(0.1, 0.2, 0.3, 0.4)):
    rows = [
        {"sampler": "Uniform", "hardness": 0.0, "false_negative_rate": 0.1},
        {"sampler": "kNN", "hardness": 0.8, "false_negative_rate": 0.6},
    ]
    for i, (k, m) in enumerate(((100, 200), (20, 1000))):
        for restart, rate in zip((0.05, 0.2, 0.5, 0.8), rates, strict=True):
            settings = {"n_neighbors": k, "n_candidates": m, "restart": restart}
            found = {"hardness": 0.2 + 0.1 * i + restart / 4, "false_negative_rate": rate}
            rows.append({"sampler": "Random walk", **settings, **found})
    return Frontier(pd.DataFrame(rows).assign(prior=0.1, false_negative_half=0.01))


SINGLE = {
    "hardness": lambda **more: plots.hardness(HARDNESS, **more),
    "false_negatives": lambda **more: plots.false_negatives(RATES, **more),
    "frontier": lambda **more: plots.frontier(make_frontier(), **more),
    "training": lambda **more: plots.training({name: make_history() for name in NAMES}, **more),
    "accuracies": lambda **more: plots.accuracies(ACCURACIES, {"untrained": 0.45}, **more),
}


def draw_grid():
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 6, 6), dtype=np.uint8)
    labels = np.arange(20) % 3
    return plots.batch_grid({"Uniform": range(8), "kNN": range(0, 16, 2)}, images, labels, ["a", "b", "c"], n_shown=5)


def line_at(ax, color):
    """Return the x data of the lines of one colour."""
    return [list(line.get_xdata()) for line in ax.lines if to_hex(line.get_color()).upper() == color]


# All figures


@pytest.mark.parametrize("name", SINGLE)
def test_given_axes_are_used(name):
    _, axes = plt.subplots(1, 2)
    assert SINGLE[name](ax=axes[1]) is axes[1]
    assert axes[1].has_data()
    assert not axes[0].has_data()
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", SINGLE)
def test_new_figure_has_the_style(name):
    ax = SINGLE[name]()
    assert len(plt.get_fignums()) == 1
    assert ax.has_data()
    assert not ax.spines["top"].get_visible()
    assert not ax.spines["right"].get_visible()
    assert to_hex(ax.figure.get_facecolor()) == "#ffffff"
    assert ax.get_xlabel() or name == "accuracies", "samplers name themselves"
    assert ax.get_ylabel() or name == "false_negatives"


@pytest.mark.parametrize("draw", [*SINGLE.values(), draw_grid], ids=[*SINGLE, "batch_grid"])
def test_settings_of_the_user_stay(draw, monkeypatch):
    monkeypatch.setitem(mpl.rcParams, "font.size", 23.0)
    before = dict(mpl.rcParams)
    draw()
    assert dict(mpl.rcParams) == before


def test_settings_stay_after_an_error():
    before = dict(mpl.rcParams)
    with pytest.raises(AttributeError):
        plots.hardness({"Uniform": None})
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", SINGLE)
def test_labels_are_direct(name):
    ax = SINGLE[name]()
    assert ax.get_legend() is None
    ticks = [label.get_text() for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels()]
    written = "\n".join(texts(ax) + ticks)
    for sampler in NAMES if name != "frontier" else ("Uniform", "kNN", "100 / 200", "20 / 1000"):
        assert sampler in written


@pytest.mark.parametrize(
    ("name", "color"),
    [("Uniform", "#7F7F7F"), ("kNN", "#CC79A7"), ("Random walk", "#0072B2"), ("random walk, restart 0.5", "#0072B2")],
)
def test_samplers_have_fixed_colours(name, color):
    assert color_of(name) == color_of(name, 3) == color


def test_other_names_get_the_other_colours():
    found = [color_of(f"setting {i}", i) for i in range(4)]
    assert len(set(found)) == 4
    assert set(found) == set(OTHERS)
    assert not set(found) & set(COLORS.values())


# Hardness


def test_density_integrates_to_one():
    found = density(HARDNESS["kNN"])
    assert (found * np.diff(Hardness.edges)).sum() == pytest.approx(1)
    assert found.argmax() == HARDNESS["kNN"].histogram.argmax()


def test_hardness_draws_density_and_mean_of_each_sampler():
    ax = plots.hardness(HARDNESS)
    outlines = [patch for patch in ax.patches if not patch.get_fill()]
    areas = [patch for patch in ax.patches if patch.get_fill()]
    assert len(outlines) == len(areas) == 3
    for name, outline, area in zip(HARDNESS, outlines, areas, strict=True):
        for patch in (outline, area):
            values, edges, _ = patch.get_data()
            np.testing.assert_allclose(values, density(HARDNESS[name]))
            np.testing.assert_allclose(edges, Hardness.edges)
        assert colors([outline], lambda patch: patch.get_edgecolor()) == [COLORS[name]]
        assert line_at(ax, COLORS[name]) == [[HARDNESS[name].value] * 2]
        assert f"{name}\nmean {HARDNESS[name].value:.2f}" in texts(ax)


def test_hardness_shows_all_that_is_there():
    ax = plots.hardness(HARDNESS)
    used = np.flatnonzero(sum(result.histogram for result in HARDNESS.values()))
    low, high = ax.get_xlim()
    assert low <= Hardness.edges[used[0]]
    assert high >= Hardness.edges[used[-1] + 1]
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] >= max(density(result).max() for result in HARDNESS.values())


@pytest.mark.parametrize(("walk", "words"), [(0.4, "0.35 more similar"), (-0.15, "0.20 less similar")])
def test_title_of_hardness_is_computed(walk, words):
    ax = plots.hardness({"Uniform": make_hardness(0.05), "Random walk": make_hardness(walk)})
    assert ax.get_title(loc="left").endswith(words)
    assert plots.hardness({"kNN": make_hardness(0.3)}).get_title(loc="left") == ""


# False negatives


def test_bars_are_the_rates():
    ax = plots.false_negatives(RATES)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.1, 0.25, 0.6])
    assert colors(ax.patches, lambda bar: bar.get_facecolor()[:3]) == [COLORS[name] for name in RATES]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(RATES)
    assert ax.yaxis_inverted(), "the first on top"
    assert ax.get_xlim()[1] > 0.6
    assert texts(ax)[:3] == ["10.0%  (1.0 × chance)", "25.0%  (2.5 × chance)", "60.0%  (6.0 × chance)"]


def test_intervals_are_drawn():
    ax = plots.false_negatives(RATES)
    for i, (result, interval) in enumerate(zip(RATES.values(), line_at(ax, "#000000"), strict=True)):
        assert interval == pytest.approx(list(result.interval()))
        assert interval[0] < result.value < interval[1]
        assert set(next(line for line in ax.lines if list(line.get_xdata()) == interval).get_ydata()) == {i}


@pytest.mark.parametrize("vertical", [True, False])
def test_prior_is_a_dotted_line_with_its_name(vertical):
    ax = plots.false_negatives(RATES) if vertical else plots.frontier(make_frontier())
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert len(dotted) == 1
    assert list(dotted[0].get_xdata() if vertical else dotted[0].get_ydata()) == [0.1, 0.1]
    assert "chance 10.0%" in texts(ax)


@pytest.mark.parametrize(("walk", "words"), [((0.2, 0.3), "2.5 ×"), ((0.05, 0.05), "0.5 ×")])
def test_title_of_false_negatives_is_computed(walk, words):
    ax = plots.false_negatives({**RATES, "Random walk": make_false_negatives(*walk)})
    assert words in ax.get_title(loc="left")


def test_one_batch_has_no_interval_but_a_bar():
    ax = plots.false_negatives({"Uniform": make_false_negatives(0.3)})
    assert ax.patches[0].get_width() == 0.3
    assert "30.0%  (3.0 × chance)" in texts(ax)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("uniform", "walk", "prior"), [(0.0, 0.2, 0.1), (0.0, 0.0, 0.1), (0.0, 0.0, 0.0)], ids=["uniform", "all", "prior"]
)
def test_no_false_negatives_at_all_can_be_drawn(uniform, walk, prior):
    results = {
        "Uniform": make_false_negatives(uniform, uniform, prior=prior),
        "Random walk": make_false_negatives(walk, walk, prior=prior),
    }
    ax = plots.false_negatives(results)
    assert [bar.get_width() for bar in ax.patches] == [uniform, walk]
    written = " ".join([*texts(ax), ax.get_title(loc="left")])
    assert "nan" not in written
    assert "inf" not in written


def test_prior_is_in_view_when_all_rates_are_lower():
    ax = plots.false_negatives({"Uniform": make_false_negatives(0.01, 0.02, prior=0.1)})
    assert ax.get_xlim()[1] > 0.1


# Frontier


def test_frontier_draws_one_line_per_setting_and_both_references():
    result = make_frontier()
    ax, points = plots.frontier(result), result.points
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(lines) == 2
    for line, (k, m) in zip(lines, ((100, 200), (20, 1000)), strict=True):
        walk = points[(points.n_neighbors == k) & (points.n_candidates == m)]
        np.testing.assert_allclose(line.get_xdata(orig=False), walk.hardness)
        np.testing.assert_allclose(line.get_ydata(orig=False), walk.false_negative_rate)
        assert to_hex(line.get_color()).upper() == COLORS["Random walk"]
    squares = {to_hex(line.get_color()).upper(): line for line in ax.lines if line.get_marker() == "s"}
    for name in ("Uniform", "kNN"):
        reference = points[points.sampler == name].iloc[0]
        x, y = squares[COLORS[name]].get_data()
        assert (x[0], y[0]) == (reference.hardness, reference.false_negative_rate)
    assert "marks: restart 0.05 to 0.8" in texts(ax)


def test_frontier_draws_intervals():
    ax = plots.frontier(make_frontier())
    bars = [segment for collection in ax.collections for segment in collection.get_segments()]
    assert len(bars) == 8
    assert all(segment[1][1] - segment[0][1] == pytest.approx(0.02) for segment in bars)


def test_title_of_frontier_is_computed():
    title = plots.frontier(make_frontier((0.1, 0.2, 0.3, 0.4))).get_title(loc="left")
    assert title == "Harder batches hold more false negatives"
    opposite = plots.frontier(Frontier(make_frontier((0.4, 0.3, 0.2, 0.1)).walks))
    assert opposite.get_title(loc="left") == "Harder batches hold no more false negatives"
