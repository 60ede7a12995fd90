"""Histories in files."""

import json
import math

import numpy as np
import pytest
import torch
from toy_task import LABELS, N, Rows, Toy

from toolkit import RandomWalkBatchSampler, UniformBatchSampler, plots
from toolkit.training import train
from toolkit.training.history import History


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, i):
        return i, torch.ones(2)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, view):
        embeddings = self.layer(view)
        return embeddings.sum(), embeddings


def make_history():
    columns = {name: [0.5, 0.25] for name in History().columns} | {
        "epoch": [0, 1],
        "false_negative_rate": [math.nan] * 2,
    }
    return History(columns, {"probes": [(2, 0.5)], "staleness": [(1, 0.125)]}, steps=4, interrupted=True)


def test_saved_history_comes_back(tmp_path):
    history = make_history()
    history.save(tmp_path / "run.json")
    loaded = History.load(tmp_path / "run.json")
    assert repr(loaded.columns) == repr(history.columns)
    for name in ("probes", "staleness", "steps", "interrupted"):
        assert getattr(loaded, name) == getattr(history, name)
    json.loads((tmp_path / "run.json").read_text(), parse_constant=pytest.fail)


def test_histories_that_are_not_finite_come_back_too(tmp_path):
    history = make_history()
    history.columns["loss"] = [math.inf, -math.inf]
    history.measured["probes"] = [(1, math.nan), (2, math.inf)]
    history.steps = np.int64(4)
    history.save(tmp_path / "run.json")
    loaded = History.load(tmp_path / "run.json")
    assert repr(loaded) == repr(history)
    assert repr(loaded.columns) == repr(history.columns)
    assert repr(loaded.probes) == repr(history.probes)
    json.loads((tmp_path / "run.json").read_text(), parse_constant=pytest.fail)


def test_a_history_that_can_not_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    history = make_history()
    history.save(tmp_path / "run.json")
    before = (tmp_path / "run.json").read_bytes()

    def full(number):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        history.save(tmp_path / "run.json")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"run.json": before}


def test_checkpoint_is_read_as_a_history(tmp_path):
    path = tmp_path / "run.pt"

    def measure(history):
        history.staleness.append((len(history), 0.5))

    settings = {"checkpoint": path, "progress": False, "probe": lambda model: 0.25, "probe_every": 2}
    history = train(Model(), Data(), UniformBatchSampler(32, 8), 3, on_step=measure, **settings)
    loaded = History.load(path)
    assert repr(loaded.columns) == repr(history.columns)
    assert (loaded.probes, loaded.staleness) == ([(2, 0.25), (3, 0.25)], [(1, 0.5), (2, 0.5), (3, 0.5)])
    resumed = train(Model(), Data(), UniformBatchSampler(32, 8), 5, on_step=measure, **settings)
    assert [step for step, _ in resumed.staleness] == [1, 2, 3, 4, 5]
    assert resumed.steps == 5


def test_files_that_are_something_else_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"which is not a file"):
        History.load(tmp_path / "none.json")
    columns = {name: [1.0] for name in History().columns} | {"loss": []}
    short = json.dumps({"columns": columns, "measured": {"probes": [], "staleness": []}})
    for text in ("", "{}", "no json", short):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match="damaged or something else"):
            History.load(tmp_path / "bad.json")
    torch.save({"format": "other"}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="damaged or something else"):
        History.load(tmp_path / "other.pt")


def test_what_the_sampler_chose_is_recorded_and_kept(tmp_path):
    sampler = RandomWalkBatchSampler(N, 8, n_candidates=30, n_neighbors=20, refresh_every=3, seed=0)
    history = train(Toy("square"), Rows(), sampler, steps=4 * len(sampler), progress=False)
    for name in ("n_neighbors", "restart"):
        steps, values = history.series(name)
        assert steps[0] == len(sampler) + 1, "the first graph"
        assert values[-1] == getattr(sampler.chosen, name)
    assert history.series("estimated_false_negatives")[1][-1] == sampler.chosen.false_negative_rate
    ax = plots.training({"Random walk": history}, "false_negative_rate")
    assert ax.get_ylabel() == "estimated false negatives (share of pairs)"
    history.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json").measured == history.measured
    with_labels = train(Toy("square"), Rows(), sampler, steps=len(sampler), labels=LABELS, progress=False)
    assert with_labels.measured["estimated_false_negatives"] == []


def test_a_file_without_the_newer_columns_can_be_read(tmp_path):
    history = History()
    for values in history.columns.values():
        values.append(0.5)
    del history.measured["restart"]
    history.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json").measured["restart"] == []
