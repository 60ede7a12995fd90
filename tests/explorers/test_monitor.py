"""The training monitor by its traits."""

import math

import numpy as np
import pytest
import torch

from toolkit import RandomWalkBatchSampler, UniformBatchSampler, plots
from toolkit.explorers import TrainingMonitor
from toolkit.explorers import monitor as module
from toolkit.training import history as history_module
from toolkit.training import train
from toolkit.training.history import Column, History

N, BATCH = 96, 16


class Points(torch.utils.data.Dataset):
    vectors = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return N

    def __getitem__(self, i):
        return i, self.vectors[i], self.vectors[i] + 0.1


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(6, 4)

    def forward(self, view, other):
        embeddings = self.layer(view)
        return ((embeddings - self.layer(other)) ** 2).mean() - embeddings.std(), embeddings


def run(monitor, name="Random walk", steps=30, on_step=None, **settings):
    sampler = RandomWalkBatchSampler(N, BATCH, n_candidates=20, n_neighbors=4, refresh_every=5)
    if name == "Uniform":
        sampler = UniformBatchSampler(N, BATCH)
    follow = monitor.follow(name, sampler, staleness_every=4)
    on_step = follow if on_step is None else on_step(follow)
    return train(Model(), Points(), sampler, steps, progress=False, on_step=on_step, **settings)


def make_history(n=40, seed=0):
    rng = np.random.default_rng(seed)
    measured = {"probes": [(20, 0.5), (40, 0.7)], "staleness": [(40, 0.25)]}
    return History({name: rng.random(n).tolist() for name in History().columns}, measured, n)


def curves(monitor):
    """Return what the picture shows: by panel title and run, x and y."""
    axes = monitor._picture.canvas.figure.axes
    return {ax.get_title(loc="left"): {line.get_label(): line.get_data() for line in ax.lines} for ax in axes}


def test_picture_and_numbers_follow_the_run(monkeypatch):
    monkeypatch.setattr(module, "LEAST_PAUSE", 0)
    monkeypatch.setattr(module, "SHARE_OF_TIME", math.inf)
    monitor, seen = TrainingMonitor(), []

    def spy(follow):
        return lambda history: (follow(history), seen.append((monitor._image.value, monitor.numbers.value)))[0]

    settings = {"labels": np.arange(N) % 3, "probe": lambda model: 0.75, "probe_every": 10}
    history = run(monitor, steps=12, on_step=spy, **settings)
    assert len({image for image, _ in seen}) == 12, "every step draws, when there is time"
    assert all(f"step {i} of 12" in text for i, (_, text) in enumerate(seen, 1))
    last = monitor.numbers.value
    for word in ("loss", "hardness", "false negatives", "coverage", "staleness", "probe accuracy <b>75.0%</b>"):
        assert word in last
    assert f"{history.columns['loss'][-1]:.3f}" in last
    assert monitor.histories == {"Random walk": history}


def test_drawing_takes_a_small_part_of_the_time_but_the_last_step_is_shown(monkeypatch):
    monkeypatch.setattr(module, "LEAST_PAUSE", 1000)
    monitor, images = TrainingMonitor(), set()

    def spy(follow):
        return lambda history: (follow(history), images.add(monitor._image.value))[0]

    run(monitor, on_step=spy)
    assert len(images) <= 2
    assert "step 30 of 30" in monitor.numbers.value
    (x, _) = curves(monitor)["loss"]["Random walk"]
    assert x[-1] == 30


def test_staleness_is_measured_where_there_is_a_graph():
    monitor = TrainingMonitor()
    walk, uniform = run(monitor), run(monitor, "Uniform")
    steps = [step for step, _ in walk.staleness]
    assert steps == [8, 12, 16, 20, 24, 28], "from the first graph on, after an epoch of 6 steps"
    assert all(0 <= value <= 1 - 4 / 20 + 0.1 for _, value in walk.staleness)
    assert uniform.staleness == []
    assert list(curves(monitor)["staleness of the graph"]["Random walk"][0]) == steps


def test_several_runs_are_shown_together_in_their_colours():
    monitor = TrainingMonitor({"Uniform": make_history(), "Random walk": make_history(seed=1)})
    for title, lines in curves(monitor).items():
        assert list(lines) == ["Uniform", "Random walk"], title
    figure = monitor._picture.canvas.figure
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Uniform", "Random walk"]
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert colours == [plots.style.COLORS["Uniform"], plots.style.COLORS["Random walk"]]
    assert monitor.numbers.value.count("tk-numbers") == 2


def test_saved_history_shows_the_same_picture(tmp_path):
    history = make_history()
    history.save(tmp_path / "run.json")
    live, later = (TrainingMonitor(one) for one in (history, History.load(tmp_path / "run.json")))
    assert live.png() == later.png()
    assert repr(later) == "TrainingMonitor(training: 40 steps)"


def test_a_declared_column_is_shown_and_drawn_live(monkeypatch):
    toy = Column("toy", "toy", form=".0%", sparse=True)
    monkeypatch.setattr(history_module, "COLUMNS", (*history_module.COLUMNS, toy))
    monitor = TrainingMonitor()

    def measure(follow):
        return lambda history: (history.measured["toy"].append((len(history), 0.25)), follow(history))[1]

    run(monitor, steps=6, on_step=measure)
    assert "toy <b>25%</b>" in monitor.numbers.value
    monitor.window.value = 3
    assert list(curves(monitor)["toy"]["Random walk"][0]) == [1, 2, 3, 4, 5, 6]


def test_button_ends_the_run_after_its_step():
    monitor = TrainingMonitor()
    assert monitor.stop.disabled

    def press(follow):
        def on_step(history):
            stop = follow(history)
            if len(history) == 7:
                assert not monitor.stop.disabled
                monitor.stop.click()
                assert monitor.stop.description == "Stopping ..."
            return stop

        return on_step

    history = run(monitor, on_step=press)
    assert (len(history), history.interrupted) == (8, True)
    assert (monitor.stop.description, monitor.stop.disabled) == ("Stopped", True)
    assert "step 8 of 30" in monitor.numbers.value
    again = run(monitor)
    assert (len(again), again.interrupted) == (30, False), "the next run is not stopped"
    assert monitor.stop.description == "Stop training"


def test_window_smooths():
    monitor = TrainingMonitor(make_history(), window=1)
    (_, raw) = curves(monitor)["loss"]["training"]
    image = monitor._image.value
    monitor.window.value = 20
    (_, smooth) = curves(monitor)["loss"]["training"]
    assert smooth[-1] == pytest.approx(raw[-20:].mean())
    assert monitor._image.value != image


def test_window_draws_all_anew_where_more_than_curves_changed():
    monitor = TrainingMonitor(make_history(), window=20)
    monitor.window.value = 1  # the raw values go beyond the axes of their means
    for ax in monitor._picture.canvas.figure.axes:
        for line in ax.lines:
            if len(line.get_ydata()):
                assert ax.get_ylim()[0] <= line.get_ydata().min() <= line.get_ydata().max() <= ax.get_ylim()[1]
    monitor.histories["kNN"] = make_history(seed=1)  # a run that began since the last frame
    monitor.window.value = 2
    assert list(curves(monitor)["loss"]) == ["training", "kNN"]
    monitor.histories["training"] = History()
    monitor.window.value = 3
    assert len(curves(monitor)["loss"]["training"][1]) == 0


def test_what_is_missing_is_named():
    monitor = TrainingMonitor(History())
    written = [text.get_text() for ax in monitor._picture.canvas.figure.axes for text in ax.texts]
    assert written == ["no step yet"] * 6
    run(monitor, "Uniform")
    monitor.histories.pop("training")
    monitor._changed()
    written = [text.get_text() for ax in monitor._picture.canvas.figure.axes for text in ax.texts]
    assert written == ["no labels given", "no graph measured yet", "no probe yet"]


def test_an_error_while_drawing_is_shown_and_does_not_end_the_training(monkeypatch):
    monitor = TrainingMonitor(make_history())
    image = monitor._image.value

    def fail(*args):
        raise RuntimeError("no ink")

    with monkeypatch.context() as patch:
        patch.setattr(plots, "training_panels", fail)
        with pytest.warns(UserWarning, match="no ink"):
            history = run(monitor)
        assert len(history) == 30
        assert "RuntimeError</b>: no ink" in monitor.message.value
        assert monitor._image.value == image
        with pytest.raises(RuntimeError, match="no ink"):
            monitor.window.value = 5
    monitor.window.value = 6
    assert monitor.message.value == ""


@pytest.mark.parametrize("wrong", [3, {"Uniform": [1, 2]}])
def test_bad_input_is_named(wrong):
    with pytest.raises(TypeError, match="history must be a History or a mapping of name to History, got"):
        TrainingMonitor(wrong)
