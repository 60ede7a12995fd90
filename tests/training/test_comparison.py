"""Comparisons of samplers: pairing, intervals, summaries."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from toy_task import LABELS, STEPS, Rows, Toy, make_sampler, make_task

from toolkit import UniformBatchSampler
from toolkit.samplers.registry import SAMPLERS, SamplerKind, defaults
from toolkit.training import Comparison, compare, train
from toolkit.training.comparison import UNTRAINED

ALL = {"losses": ["square", "size"], "seeds": [0, 1, 2]}


@pytest.fixture(scope="module")
def result():
    return compare(make_task(), **ALL, progress=False)


@pytest.fixture
def runs(result):
    return result.to_frame()


def test_one_row_a_run_with_seeds_as_the_outer_loop(runs):
    assert runs.sampler.unique().tolist() == list(defaults()), "those of the registry, if none are named"
    assert len(runs) == 2 * 3 * len(defaults())
    assert runs.columns[:9].tolist() == [
        *("set", "model", "loss", "settings", "sampler", "seed", "steps", "metric", "value"),
    ]
    assert set(runs.columns[9:]) == {"false_negative_rate", "hardness", "seconds", "sampler_seconds", "other"}
    assert runs.seed.tolist() == sorted(runs.seed)
    assert not runs.duplicated(["sampler", "loss", "seed"]).any()
    assert (runs.metric == "score").all()
    assert (runs.other == 1.5).all()
    assert (runs.steps == STEPS).all()
    assert (runs.sampler_seconds < runs.seconds).all()
    assert runs.false_negative_rate.between(0, 1).all()


def test_a_row_is_that_of_the_run_by_hand(runs):
    torch.manual_seed(1)
    model = Toy("size")
    history = train(model, Rows(), make_sampler("random_walk", 1), STEPS, labels=LABELS, progress=False).to_frame()
    row = runs.query("sampler == 'random_walk' and loss == 'size' and seed == 1").iloc[0]
    assert row.value == model.layer.weight.sum().item()
    assert row.hardness == pytest.approx(history.hardness[STEPS // 2 :].mean())
    assert row.false_negative_rate == pytest.approx(history.false_negative_rate[STEPS // 2 :].mean())


def test_runs_of_a_seed_start_from_the_same_weights():
    seen = []

    def make_model(loss):
        model = Toy(loss)
        seen.append(model.layer.weight.detach().clone())
        return model

    compare(make_task(make_model=make_model), ["uniform", "random_walk"], ["square"], [0, 1], progress=False)
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[0], seen[2])


def test_differences_are_paired_by_seed_with_students_interval(result, runs):
    table = result.differences()
    assert len(table) == 4
    for row in table.itertuples():
        ours, theirs = (
            runs[(runs.sampler == name) & (runs.loss == row.loss)].sort_values("seed").value
            for name in (row.sampler, "uniform")
        )
        differences = ours.to_numpy() - theirs.to_numpy()
        half = stats.t.ppf(0.975, 2) * np.std(differences, ddof=1) / 3**0.5
        assert row.difference == pytest.approx(differences.mean())
        assert (row.low, row.high) == pytest.approx((differences.mean() - half, differences.mean() + half))
        assert row.runs == 3


def test_seeds_without_a_partner_are_left_out(runs):
    half = Comparison(runs.query("sampler != 'uniform' or seed != 1"))
    assert (half.differences().runs == 2).all()


def test_one_pair_has_no_interval_and_equal_pairs_one_of_no_width(runs):
    one = Comparison(runs.query("seed == 0")).differences()
    assert (one.runs == 1).all()
    assert one[["low", "high"]].isna().all().all()
    equal = Comparison(runs.assign(value=np.where(runs.sampler == "uniform", 0.25, 0.5))).differences()
    assert (equal[["difference", "low", "high"]] == 0.25).all().all()


def test_runs_that_are_there_twice_count_once(result, runs):
    twice = Comparison(pd.concat([runs, runs]))
    pd.testing.assert_frame_equal(twice.differences(), result.differences())
    pd.testing.assert_frame_equal(twice.summary(), result.summary())


def test_value_and_interval_are_those_of_the_only_difference(result, runs):
    pair = Comparison(runs.query("sampler in ['uniform', 'knn'] and loss == 'size'"))
    row = pair.differences().iloc[0]
    assert pair.value == row.difference
    assert pair.interval() == (row.low, row.high)
    with pytest.raises(ValueError, match=r"got 4 differences: select, as in Comparison\(result.to_frame\(\).query"):
        _ = result.value
    with pytest.raises(ValueError, match=r"got 0 differences: select"):
        Comparison(runs.query("sampler == 'uniform'")).interval()


def test_summary_is_mean_and_deviation(result, runs):
    table = result.summary()
    assert len(table) == 6
    for row in table.itertuples():
        values = runs[(runs.sampler == row.sampler) & (runs.loss == row.loss)].value
        assert (row.mean, row.deviation) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
        assert row.runs == 3


def test_other_baselines_and_unknown_ones(result):
    assert set(result.differences("knn").sampler) == {"uniform", "random_walk"}
    with pytest.raises(ValueError, match=r"baseline must be one of uniform, .*, got 'walk'"):
        result.differences("walk")


def test_untrained_is_tested_once_a_seed_whatever_the_losses():
    calls = []
    runs = compare(make_task(calls), [UNTRAINED], ["square", "size"], [0, 1], progress=False).to_frame()
    assert calls == ["square", "square"]
    assert len(runs) == 2
    assert (runs.steps == 0).all()
    assert runs.hardness.isna().all()


def test_bad_seed_is_named():
    with pytest.raises(TypeError, match="seeds must be an integer"):
        compare(make_task(), seeds=[0.5], progress=False)


@pytest.mark.parametrize(
    ("found", "exception", "message"),
    [
        ({"score": "good"}, TypeError, "evaluate must return numbers by name, got {'score': 'good'}"),
        ({"score": 1.0, "seconds": 2.0}, ValueError, r"one or more results, none of them named \['seconds'\]"),
        ({}, ValueError, "evaluate must return one or more results"),
    ],
)
def test_bad_results_of_a_test_are_named(found, exception, message):
    with pytest.raises(exception, match=message):
        compare(make_task(evaluate=lambda model: found), ["uniform"], ["square"], [0], progress=False)


def test_unknown_samplers_are_refused_before_training():
    steps = []
    task = make_task(training={"on_step": lambda history: steps.append(1)})
    known = ", ".join(map(repr, [*SAMPLERS, "untrained"]))
    with pytest.raises(ValueError, match=f"samplers must be one of {known}, got 'walk'"):
        compare(task, ["uniform", "walk"], ["square"], [0], progress=False)
    assert steps == []


def test_a_task_may_bring_samplers_of_its_own():
    own = SamplerKind("own", "Own", "#000000", UniformBatchSampler, {"drop_last": False})
    task = make_task(samplers={"own": own}, sampler_settings={})
    runs = compare(task, losses=["square"], seeds=[0], progress=False).to_frame()
    assert runs.sampler.tolist() == ["own"]
    assert "own" not in SAMPLERS
