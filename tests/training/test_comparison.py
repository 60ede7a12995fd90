"""Comparisons of samplers: on a toy model, so that a run takes milliseconds."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.training import results, train
from toolkit.training.comparison import UNTRAINED, Comparison, Task, compare, paired_interval

N, STEPS = 48, 6
LABELS = np.arange(N) % 4
POINTS = torch.randn(N, 5, generator=torch.Generator().manual_seed(0)) + torch.eye(4, 5)[LABELS] * 3


class Rows(torch.utils.data.Dataset):
    """Items are (index, row)."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return index, POINTS[index]


class Toy(nn.Module):
    """A linear map; the loss is its square or absolute size."""

    def __init__(self, loss):
        super().__init__()
        self.layer, self.loss = nn.Linear(5, 3), loss

    def forward(self, rows):
        out = self.layer(rows)
        return (out.square() if self.loss == "square" else out.abs()).mean(), out.detach()


def make_sampler(name, seed):
    kinds = {"uniform": UniformBatchSampler, "knn": KNNBatchSampler, "random_walk": RandomWalkBatchSampler}
    settings = {"n_candidates": 20, "n_neighbors": 5} if name == "random_walk" else {}
    return kinds[name](N, 8, seed=seed, **settings)


def make_task(calls=None, **changes):
    def evaluate(model):
        if calls is not None:
            calls.append(model.loss)
        return {"score": model.layer.weight.sum().item(), "other": 1.5}

    settings = {
        "set": "rows",
        "model": "toy",
        "dataset": Rows(),
        "steps": STEPS,
        "make_model": Toy,
        "make_sampler": make_sampler,
        "evaluate": evaluate,
        "labels": LABELS,
        "settings": "B=8",
    }
    return Task(**settings | changes)


ALL = {"samplers": ["uniform", "knn", "random_walk"], "losses": ["square", "size"], "seeds": [0, 1, 2]}


@pytest.fixture(scope="module")
def result():
    return compare(make_task(), **ALL, progress=False)


def test_one_row_a_run_with_seeds_as_the_outer_loop(result):
    assert len(result.frame) == 18
    assert result.frame.columns[:14].tolist() == [
        *("set", "model", "loss", "settings", "sampler", "seed", "steps", "metric", "value"),
        *("false_negative_rate", "hardness", "seconds", "sampler_seconds", "other"),
    ]
    assert result.frame.seed.tolist() == sorted(result.frame.seed)
    assert not result.frame.duplicated(["sampler", "loss", "seed"]).any()
    assert (result.frame.metric == "score").all()
    assert (result.frame.other == 1.5).all()
    assert (result.frame.steps == STEPS).all()
    assert (result.frame.sampler_seconds < result.frame.seconds).all()
    assert result.frame.false_negative_rate.between(0, 1).all()


def test_a_row_is_that_of_the_run_by_hand(result):
    torch.manual_seed(1)
    model = Toy("size")
    history = train(model, Rows(), make_sampler("random_walk", 1), STEPS, labels=LABELS, progress=False).to_frame()
    row = result.frame.query("sampler == 'random_walk' and loss == 'size' and seed == 1").iloc[0]
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


def test_differences_are_paired_by_seed_with_students_interval(result):
    table = result.differences()
    assert len(table) == 4
    for row in table.itertuples():
        ours, theirs = (
            result.frame[(result.frame.sampler == name) & (result.frame.loss == row.loss)].sort_values("seed").value
            for name in (row.sampler, "uniform")
        )
        test = stats.ttest_rel(ours, theirs)
        interval = test.confidence_interval(0.95)
        assert row.difference == pytest.approx(ours.mean() - theirs.mean())
        assert (row.low, row.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
        assert row.runs == 3


def test_seeds_without_a_partner_are_left_out(result):
    half = Comparison(result.frame.query("sampler != 'uniform' or seed != 1"))
    assert (half.differences().runs == 2).all()


def test_summary_is_mean_and_deviation(result):
    table = result.summary()
    assert len(table) == 6
    for row in table.itertuples():
        values = result.frame[(result.frame.sampler == row.sampler) & (result.frame.loss == row.loss)].value
        assert (row.mean, row.deviation) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
        assert row.runs == 3


def test_other_baselines_and_unknown_ones(result):
    assert set(result.differences("knn").sampler) == {"uniform", "random_walk"}
    with pytest.raises(ValueError, match="baseline must be one of uniform, knn, random_walk, got 'walk'"):
        result.differences("walk")


def test_untrained_is_tested_once_a_seed_whatever_the_losses():
    calls = []
    result = compare(make_task(calls), [UNTRAINED], ["square", "size"], [0, 1], progress=False)
    assert calls == ["square", "square"]
    assert len(result.frame) == 2
    assert (result.frame.steps == 0).all()
    assert result.frame.hardness.isna().all()


def test_finished_runs_are_read_not_repeated(tmp_path):
    calls, out = [], tmp_path / "results" / "runs.csv"
    first = compare(make_task(calls), ["uniform"], ["square"], [0, 1], out, progress=False)
    again = compare(make_task(calls), ["uniform", "knn"], ["square"], [0, 1, 2], out, progress=False)
    assert len(calls) == 2 + 4
    pd.testing.assert_frame_equal(
        again.frame.query("sampler == 'uniform' and seed < 2").reset_index(drop=True), first.frame, check_dtype=False
    )
    assert len(Comparison.read(out).frame) == 6
    assert [path.name for path in out.parent.iterdir()] == ["runs.csv"], "checkpoints of finished runs are gone"


@pytest.mark.parametrize("change", [{"steps": 7}, {"settings": "B=9"}, {"set": "others"}, {"model": "toys"}])
def test_runs_of_other_settings_are_not_mixed_up(tmp_path, change):
    calls, out = [], tmp_path / "runs.csv"
    for task in (make_task(calls), make_task(calls, **change)):
        compare(task, ["uniform"], ["square"], [0], out, progress=False)
    assert len(calls) == 2


def test_interrupted_run_goes_on_from_its_checkpoint(tmp_path):
    out, whole = tmp_path / "runs.csv", compare(make_task(), ["random_walk"], ["square"], [0], progress=False)
    steps = []

    def stop(history):
        steps.append(len(history))
        return len(history) == 4 and len(steps) == 4

    task = make_task(training={"on_step": stop, "checkpoint_every": 1})
    with pytest.raises(KeyboardInterrupt, match="stopped at step 4 of 6"):
        compare(task, ["random_walk"], ["square"], [0], out, progress=False)
    assert not out.exists()
    resumed = compare(task, ["random_walk"], ["square"], [0], out, progress=False)
    assert steps == [1, 2, 3, 4, 5, 6]
    assert resumed.frame.value[0] == whole.frame.value[0]


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from test_comparison import make_task, compare
kill = lambda history: len(history) == 4 and os.kill(os.getpid(), signal.SIGKILL)
task = make_task(training={"checkpoint_every": 1, "on_step": kill})
compare(task, ["uniform"], ["square"], [0], sys.argv[1], progress=False)
"""


def test_killed_process_goes_on(tmp_path):
    out = tmp_path / "runs.csv"
    result = subprocess.run([sys.executable, "-c", KILLED, str(out), *sys.path], capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    steps = []
    task = make_task(training={"on_step": lambda history: steps.append(len(history))})
    resumed = compare(task, ["uniform"], ["square"], [0], out, progress=False)
    assert steps[-1] == STEPS
    assert 1 <= steps[0] - 1 <= 4, "it went on from a checkpoint"
    assert resumed.frame.value[0] == compare(task, ["uniform"], ["square"], [0], progress=False).frame.value[0]


def test_results_survive_the_file_to_the_last_digit(tmp_path, result):
    out = tmp_path / "runs.csv"
    compare(make_task(), **ALL, out=out, progress=False)
    pd.testing.assert_series_equal(Comparison.read(out).frame.value, result.frame.value, check_exact=True)


def test_other_files_are_refused_unharmed(tmp_path):
    out = tmp_path / "notes.csv"
    out.write_text("day,weight\n1,70\n")
    with pytest.raises(ValueError, match="out must be a file of results, got one without the column 'set'"):
        compare(make_task(), ["uniform"], ["square"], [0], out, progress=False)
    assert out.read_text() == "day,weight\n1,70\n"


def test_new_columns_are_refused(tmp_path):
    out = tmp_path / "runs.csv"
    compare(make_task(), ["uniform"], ["square"], [0], out, progress=False)
    task = make_task(evaluate=lambda model: {"score": 1.0, "another": 2.0})
    with pytest.raises(ValueError, match=r"differs in \['another', 'other'\]"):
        compare(task, ["uniform"], ["square"], [1], out, progress=False)


def test_several_processes_may_share_a_file(tmp_path):
    out = tmp_path / "runs.csv"
    code = "import sys; from toolkit.training import results; from pathlib import Path\n"
    code += "for i in range(50): results.append(Path(sys.argv[1]), {'who': sys.argv[2], 'i': i})"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(out), who]) for who in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    frame = results.read(out)
    assert sorted(zip(frame.who, frame.i, strict=True)) == [(w, i) for w in "ab" for i in range(50)]


def test_bad_seed_is_named():
    with pytest.raises(TypeError, match="seeds must be an integer"):
        compare(make_task(), seeds=[0.5], progress=False)


@pytest.mark.parametrize("n", [0, 1])
def test_one_pair_has_no_interval(n):
    assert np.isnan(paired_interval(np.ones(n))).all()
