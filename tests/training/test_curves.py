"""Curves of runs: recorded while training, kept by resume, compared by when they reach a baseline's best."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from toy_task import STEPS, make_task

from toolkit.training import Comparison, compare
from toolkit.training.comparison import UNTRAINED

STEPS_OF_CURVES = (100, 200, 300, 400)


def made(curves, seconds=None, seed=0):
    """Return results by hand: one row for each sampler's curve, a second for each step unless given."""
    rows = []
    for sampler, values in curves.items():
        row = {"set": "a", "model": "m", "loss": "infonce", "settings": "", "sampler": sampler, "seed": seed}
        row |= {"steps": STEPS_OF_CURVES[-1], "metric": "score", "value": values[-1]}
        times = (seconds or {}).get(sampler, STEPS_OF_CURVES)
        for step, value, second in zip(STEPS_OF_CURVES, values, times, strict=True):
            row |= {f"curve@{step}": value, f"seconds@{step}": float(second)}
        rows.append(row)
    return pd.DataFrame(rows)


def reached(ours, theirs=(0.1, 0.2, 0.4, 0.3), **settings):
    """Return the only row of steps_to_best."""
    (row,) = Comparison(made({"uniform": theirs, "walk": ours}, **settings)).steps_to_best().itertuples()
    return row


@pytest.mark.parametrize(
    ("ours", "step"),
    [
        ((0.2, 0.4, 0.5, 0.6), 200),
        ((0.2, 0.3, 0.5, 0.6), 250),
        ((0.2, 0.6, 0.1, 0.6), 150),
        ((0.4, 0.2, 0.1, 0.1), 100),
        ((0.9, 0.2, 0.1, 0.1), 100),
        ((0.0, 0.1, 0.2, 0.4), 400),
    ],
    ids=["on a point", "between points", "first time only", "at the first point", "before the first", "at the end"],
)
def test_step_of_the_baselines_best_is_interpolated(ours, step):
    row = reached(ours)
    assert row.steps_ratio == pytest.approx(step / 300)
    assert row.seconds_ratio == pytest.approx(step / 300)
    assert (row.runs, row.reached) == (1, 1)
    assert np.isnan(row.steps_low), "one run has no interval"


def test_time_is_interpolated_along_the_runs_own_clock():
    clocks = {"uniform": (1, 2, 3, 4), "walk": (10, 20, 40, 50)}
    row = reached((0.1, 0.3, 0.5, 0.6), seconds=clocks)
    assert row.steps_ratio == pytest.approx(250 / 300)
    assert row.seconds_ratio == pytest.approx(30 / 3)


def test_runs_that_never_reach_the_best_count_with_their_last_step():
    row = reached((0.1, 0.2, 0.3, 0.39), seconds={"uniform": (1, 2, 3, 4), "walk": (1, 2, 3, 9)})
    assert (row.runs, row.reached) == (1, 0)
    assert row.steps_ratio == pytest.approx(400 / 300)
    assert row.seconds_ratio == pytest.approx(9 / 3)


def test_ratios_are_paired_by_seed_with_students_interval():
    base = (0.1, 0.2, 0.4, 0.3)
    walks = [(0.4, 0.5, 0.5, 0.5), (0.0, 0.4, 0.5, 0.5), (0.0, 0.0, 0.0, 0.1)]
    frames = [made({"uniform": base, "walk": walk}, seed=seed) for seed, walk in enumerate(walks)]
    alone = made({"walk": (1.0, 1.0, 1.0, 1.0)}, seed=9)
    (row,) = Comparison(pd.concat([*frames, alone])).steps_to_best().itertuples()
    ratios = np.array([100, 200, 400]) / 300
    half = stats.t.ppf(0.975, 2) * ratios.std(ddof=1) / 3**0.5
    assert (row.runs, row.reached) == (3, 2), "a seed without a partner is left out"
    assert (row.steps_ratio, row.steps_low, row.steps_high) == pytest.approx(
        (ratios.mean(), ratios.mean() - half, ratios.mean() + half)
    )


def test_curves_are_one_row_for_each_point_without_untrained_models():
    frame = made({"uniform": (0.1, 0.2, 0.4, 0.3), "walk": (0.1, 0.3, 0.5, 0.6)})
    untrained = made({UNTRAINED: [np.nan] * 4})
    table = Comparison(pd.concat([frame, untrained])).curves()
    assert len(table) == 8
    walk = table[table.sampler == "walk"]
    assert walk.step.tolist() == list(STEPS_OF_CURVES)
    assert walk.value.tolist() == [0.1, 0.3, 0.5, 0.6]
    assert walk.seconds.tolist() == [100, 200, 300, 400]


def test_results_without_curves_are_named():
    result = compare(make_task(), ["uniform", "knn"], ["square"], [0], progress=False)
    assert result.curves().empty
    with pytest.raises(ValueError, match="needs results with curves, got none: give the task a curve"):
        result.steps_to_best()
    with pytest.raises(ValueError, match=r"baseline must be one of uniform, knn, got 'walk'"):
        result.steps_to_best("walk")


# Relative differences


def test_percent_is_the_difference_over_the_baselines_mean():
    rng = np.random.default_rng(0)
    base, ours = rng.uniform(0.1, 0.3, 6), rng.uniform(0.2, 0.4, 6)
    frames = [
        made({"uniform": [b] * 4, "walk": [o] * 4}, seed=i) for i, (b, o) in enumerate(zip(base, ours, strict=True))
    ]
    row = Comparison(pd.concat(frames)).differences().iloc[0]
    assert row.percent == pytest.approx(100 * (ours.mean() / base.mean() - 1))
    # The jackknife of a ratio of means, an independent estimate of the same spread.
    left_out = [np.delete(ours, i).mean() / np.delete(base, i).mean() for i in range(6)]
    error = np.sqrt(5 / 6 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    half = 100 * stats.t.ppf(0.975, 5) * error
    assert row.percent_high - row.percent == pytest.approx(half, rel=0.1)
    assert row.percent - row.percent_low == pytest.approx(row.percent_high - row.percent)


def test_percent_of_equal_ratios_has_no_width_but_the_difference_has():
    frames = [made({"uniform": [b] * 4, "walk": [1.1 * b] * 4}, seed=i) for i, b in enumerate((0.1, 0.2, 0.4))]
    row = Comparison(pd.concat(frames)).differences().iloc[0]
    assert (row.percent, row.percent_low, row.percent_high) == pytest.approx((10, 10, 10))
    assert row.low < row.difference < row.high


# Real runs


def curved(calls=None, **changes):
    """Return a task whose curve is the sum of the weights, every second step."""

    def curve(model):
        if calls is not None:
            calls.append(1)
        return model.layer.weight.sum().item()

    return make_task(**{"steps": 5, "curve": curve, "curve_every": 2} | changes)


def run(task, out=None, samplers=("uniform", "random_walk"), seeds=(0,)):
    return compare(task, samplers, ["square"], seeds, out, progress=False)


def test_a_run_has_its_curve_and_the_end_is_a_point_of_it(tmp_path):
    out = tmp_path / "runs.csv"
    result = run(curved(), out, ["uniform", UNTRAINED])
    names = [f"{name}@{step}" for step in (2, 4, 5) for name in ("curve", "seconds")]
    frame = Comparison.read(out).to_frame()
    assert frame.columns[-6:].tolist() == names
    trained, untrained = frame.iloc[0], frame.iloc[1]
    assert untrained[names].isna().all()
    assert trained["curve@5"] == pytest.approx(trained.value)
    assert trained["curve@2"] == pytest.approx(run(make_task(steps=2), samplers=["uniform"]).to_frame().value[0])
    assert 0 < trained["seconds@2"] < trained["seconds@4"] < trained["seconds@5"] == pytest.approx(trained.seconds)
    assert result.curves().step.tolist() == [2, 4, 5]


def test_the_time_of_the_curve_does_not_count():
    slow = curved(curve=lambda model: time.sleep(0.1) or 0.0)
    assert run(slow, samplers=["uniform"]).to_frame().seconds[0] < 0.1


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_resumed_run_keeps_its_curve(tmp_path, stop):
    whole, calls, steps = run(curved(), samplers=["random_walk"]).to_frame(), [], []

    def on_step(history):
        steps.append(len(history))
        return len(steps) == stop

    task = curved(calls, training={"on_step": on_step, "checkpoint_every": 1})
    with pytest.raises(KeyboardInterrupt):
        run(task, tmp_path / "runs.csv", ["random_walk"])
    resumed = run(task, tmp_path / "runs.csv", ["random_walk"]).to_frame()
    assert steps == [1, 2, 3, 4, 5]
    values = [f"curve@{step}" for step in (2, 4, 5)]
    assert resumed[values].iloc[0].tolist() == whole[values].iloc[0].tolist()
    assert len(calls) == 3


@pytest.mark.parametrize("failing", [1, 3], ids=["in the middle", "at the end"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_curve_that_failed_once_is_called_again_by_the_next_run(tmp_path, failing, error):
    whole, calls, out = run(curved(), samplers=["random_walk"]).to_frame(), [], tmp_path / "runs.csv"

    def curve(model):
        calls.append(1)
        if len(calls) == failing:
            raise error("no development data")
        return model.layer.weight.sum().item()

    with pytest.raises(error, match="no development data"):
        run(curved(curve=curve), out, ["random_walk"])
    resumed = run(curved(curve=curve), out, ["random_walk"]).to_frame()
    values = ["curve@2", "curve@4", "curve@5", "value"]
    assert resumed[values].iloc[0].tolist() == whole[values].iloc[0].tolist()
    assert len(calls) == 4


def test_a_file_with_another_curve_is_refused_before_training(tmp_path):
    out, steps = tmp_path / "runs.csv", []
    run(curved(), out)
    for changes in ({"steps": 7}, {"curve": None}):
        task = curved(training={"on_step": lambda history: steps.append(1)}, **changes)
        with pytest.raises(ValueError, match=r"a curve at the steps \[.*\], got one with those at \[2, 4, 5\]"):
            run(task, out)
    assert steps == []


def test_bad_curves_are_named():
    with pytest.raises(ValueError, match="curve_every must be at least 1, got 0"):
        curved(curve_every=0)
    with pytest.raises(ValueError, match="curve must be None if training has a probe"):
        curved(training={"probe": lambda model: 0.0})
    with pytest.raises(ValueError, match=r"none of them named \['curve@2'\]"):
        run(make_task(evaluate=lambda model: {"score": 1.0, "curve@2": 2.0}))


def test_several_tasks_are_run_seed_by_seed(tmp_path):
    tasks = [curved(settings="B=8"), curved(settings="B=4", batch_size=4)]
    frame = run(tasks, tmp_path / "runs.csv", ["uniform"], [0, 1]).to_frame()
    assert list(zip(frame.settings, frame.seed, strict=True)) == [("B=8", 0), ("B=4", 0), ("B=8", 1), ("B=4", 1)]
    assert frame.steps.tolist() == [STEPS - 1] * 4
