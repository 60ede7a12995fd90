"""Figures of training histories and of probes, by the data of their artists."""

import numpy as np
import pytest
from figures import ACCURACIES, colors, make_history, texts
from matplotlib.colors import to_hex

from toolkit import plots
from toolkit.plots.style import COLORS
from toolkit.training import history as module
from toolkit.training.history import Column


def test_training_panels_draw_columns_as_running_means_and_measurements_as_they_are():
    history = make_history(probes=[(10, 0.5), (30, 0.75)], staleness=[(20, 0.25)])
    axes = plots.training_panels({"Uniform": history, "kNN": make_history(seed=1)}, window=5)
    panels = {ax.get_title(loc="left"): ax for ax in axes.flat}
    columns = {"loss": "loss", "hardness": "hardness", "false negatives": "false_negative_rate", "coverage": "coverage"}
    for title, column in columns.items():
        line, other = panels[title].lines
        values = np.array(history.columns[column])
        assert line.get_ydata() == pytest.approx([values[max(0, i - 5) : i].mean() for i in range(1, 31)])
        assert [line.get_color(), other.get_color()] == [COLORS["Uniform"], COLORS["kNN"]]
    assert panels["probe accuracy"].lines[0].get_xydata().tolist() == [[10, 0.5], [30, 0.75]]
    assert panels["staleness of the graph"].lines[0].get_xydata().tolist() == [[20, 0.25]]
    assert {ax.get_xlim() for ax in axes.flat} == {(0, 30)}
    assert [text.get_text() for text in axes[0, 0].figure.legends[0].get_texts()] == ["Uniform", "kNN"]


def test_a_window_of_any_length_is_the_mean_of_all():
    history = make_history()
    line = plots.training({"Uniform": history}, "loss", window=2**63).lines[0]
    assert line.get_ydata()[-1] == pytest.approx(np.mean(history.columns["loss"]))


def test_long_curves_keep_their_ends_and_extremes():
    values = np.sin(np.arange(50_321) / 900)
    values[[20_000, 30_000]] = 5, -5
    history = make_history(n=len(values))
    history.columns["loss"] = values.tolist()
    line = plots.training({"Uniform": history}, "loss", window=1).lines[0]
    steps, drawn = line.get_xdata(), line.get_ydata()
    assert len(steps) < 5000
    assert (drawn == values[steps - 1]).all()
    assert (steps[0], steps[-1]) == (1, 50_321)
    for begin in range(0, 50_000, 50):
        piece = values[begin : begin + 50]
        of_piece = drawn[(steps > begin) & (steps <= begin + 50)]
        assert [of_piece.min(), of_piece.max()] == [piece.min(), piece.max()]


def test_training_panels_leave_out_nan_and_say_what_is_missing():
    history = make_history()
    history.columns["false_negative_rate"] = [float("nan")] * 30
    axes = plots.training_panels({"Uniform": history})
    assert texts(axes[0, 2]) == ["no labels given"]
    assert len(axes[0, 2].lines[0].get_xdata()) == 0
    assert texts(axes[1, 1]) == ["no graph measured yet"]
    assert texts(axes[0, 0]) == []


def test_a_declared_column_gets_its_panel(monkeypatch):
    added = (Column("toy", "toy", "toy (points)"), Column("rare", "rare", form=".0%", sparse=True, missing="none yet"))
    monkeypatch.setattr(module, "COLUMNS", (*module.COLUMNS, *added))
    history = make_history(rare=[(7, 0.5)])
    axes = plots.training_panels({"Uniform": history, "kNN": make_history(seed=1)}, window=5)
    panels = {ax.get_title(loc="left"): ax for ax in axes[0, 0].figure.axes}
    assert len(panels) == 8
    assert panels["toy"].lines[0].get_ydata()[-1] == pytest.approx(np.mean(history.columns["toy"][-5:]))
    assert panels["rare"].lines[0].get_xydata().tolist() == [[7, 0.5]]
    assert texts(plots.training_panels({"kNN": make_history(seed=1)})[2, 1]) == ["none yet"]
    assert plots.training({"Uniform": history}, "toy").get_ylabel() == "toy (points)"


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("loss", "loss"),
        ("hardness", "cosine"),
        ("false_negative_rate", "share of pairs"),
        ("coverage", "share of data"),
    ],
)
def test_training_draws_the_running_mean(column, label):
    history = make_history()
    ax = plots.training({"Uniform": history, "kNN": make_history(seed=1)}, column, window=5)
    line = ax.lines[0]
    values = np.array(history.columns[column])
    expected = [values[max(0, i - 5) : i].mean() for i in range(1, 31)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 31))
    assert colors(ax.lines, lambda line: line.get_color()) == [COLORS["Uniform"], COLORS["kNN"]]
    assert ax.get_xlabel() == "training step"
    assert label in ax.get_ylabel()
    highest_first = sorted(ax.lines, key=lambda line: line.get_ydata()[-1], reverse=True)
    assert texts(ax) == [line.get_label() for line in highest_first]


def test_estimates_of_every_tenth_step_are_averaged_over_the_same_steps():
    history = make_history()
    history.columns["false_negative_rate"] = [np.nan] * 30
    history.measured["estimated_false_negatives"] = [(10, 0.1), (20, 0.3), (30, 0.2)]
    (line,) = plots.training({"Uniform": history}, "false_negative_rate", window=15).lines
    np.testing.assert_array_equal(line.get_xdata(), [10, 20, 30])
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.2, 0.25])


def test_unknown_column_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"column must be one of 'loss', 'hardness'.*got 'accuracy'"):
        plots.training({"Uniform": make_history()}, "accuracy")


def test_accuracies_shows_every_seed_and_the_means():
    ax = plots.accuracies(ACCURACIES)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in dots] == list(ACCURACIES.values())
    means = [line.get_ydata()[0] for line in ax.lines if to_hex(line.get_color()) == "#000000"]
    assert means == pytest.approx([0.62, 0.65, 0.51])
    joining = [list(line.get_ydata()) for line in ax.lines if to_hex(line.get_color()) == "#cccccc"]
    assert joining == [[0.60, 0.63, 0.5], [0.62, 0.65, 0.5], [0.64, 0.67, 0.53]]
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    assert ticks == ["Uniform\nmean 62.0%", "Random walk\nmean 65.0%", "kNN\nmean 51.0%"]


def test_baselines_are_dotted_lines_with_their_names():
    ax = plots.accuracies(ACCURACIES, {"untrained": 0.45, "pixels": 0.55})
    dotted = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == ":"]
    assert dotted == [0.45, 0.55]
    assert texts(ax) == ["untrained 45.0%", "pixels 55.0%"]


@pytest.mark.parametrize(
    ("walk", "words"),
    [
        ([0.63, 0.65], "Random walk: above uniform (+3.0 points"),
        ([0.57, 0.59], "Random walk: below uniform (-3.0 points"),
        ([0.6, 0.64], "Random walk: no clear difference from uniform (+1.0 points"),
    ],
)
def test_title_of_accuracies_is_computed(walk, words):
    title = plots.accuracies({"Uniform": [0.60, 0.62], "Random walk": walk}).get_title(loc="left")
    assert words in title
    assert "2 seeds" in title
    assert plots.accuracies({"kNN": [0.1, 0.2]}).get_title(loc="left") == ""
