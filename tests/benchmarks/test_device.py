"""The script for a machine with a CUDA device, tried on the CPU with tiny sizes."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import device
from toolkit.training import Comparison, results

ROOT = Path(__file__).parents[2]
ABSENT = ("faiss", "umap", "ipywidgets", "anywidget", "nbval")  # on that machine
SMALL = {
    "ENGINE": "--sizes 1 1500 --repeats 1",  # one instance makes no graph
    "SHARE": "--size 128 --batch-size 32 --steps 3 --encoder tiny",
    "PAIRS": "--source tqdm --steps 2 --batch-size 8 --seeds 0",
    "CELLS": "--batch-size 64 --steps 2 --encoder tiny --labelled 100 --seeds 0",
}


def run_script(tmp_path, **changes):
    """Run the script without the packages that are absent there; return its output and the folder of results."""
    stubs, out = tmp_path / "stubs", tmp_path / "out"
    stubs.mkdir()
    for name in ABSENT:
        (stubs / f"{name}.py").write_text(f"raise ImportError('no {name} on this machine')\n")
    environment = os.environ | {"PYTHONPATH": str(stubs), "PYTHON": sys.executable, "TOOLKIT_DATA": str(tmp_path)}
    environment |= {"OUT": str(out), "DEVICE": "cpu", "OMP_NUM_THREADS": "1"} | SMALL | changes
    command = ["bash", "benchmarks/device.sh"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout, out


@pytest.mark.slow
def test_every_step_leaves_its_file_and_a_fault_ends_none_of_the_others(tmp_path):
    printed, out = run_script(tmp_path)
    summary = pd.read_csv(out / "summary.csv", index_col="step")
    steps = {"tests": "done", "engine": "failed with 1", "share": "done", "pairs": "done", "cells": "done"}
    assert summary.result.to_dict() == steps, (out / "log.txt").read_text()
    assert summary.to_csv().splitlines()[1].split(",", 1)[0] in printed
    name = summary.device.iloc[0]
    assert name.startswith("CPU")
    log = (out / "log.txt").read_text()
    assert log.splitlines()[0] == name
    assert "number of embeddings must be at least 2, got 1" in log
    assert "the bundled images are used, because CIFAR10" in log

    files = {"log.txt", "summary.csv", "tests.xml", "engine.csv", "share.csv", "device.csv"}
    assert files <= {path.name for path in out.iterdir()}
    assert len(list(out.iterdir())) <= 8
    assert all(name in path.read_text() for path in out.iterdir() if path.name in files)
    suite = ElementTree.parse(out / "tests.xml").getroot()[0]
    assert int(suite.get("tests")) >= 6
    engine = pd.read_csv(out / "engine.csv")
    assert engine.n.tolist() == [1500], "the size after the fault is measured"
    assert engine.graph_over_matmul.item() == pytest.approx((engine.graph_seconds / engine.product_seconds).item())
    share = pd.read_csv(out / "share.csv")
    assert 0 < share.sampler_share.item() < 1
    cells = Comparison.read(out / "device.csv").to_frame()
    mine = cells[cells.settings.str.contains("tiny")]
    assert mine[["set", "sampler", "seed"]].to_numpy().tolist() == [["bundled", s, 0] for s in device.PAIR]
    code = Comparison.read(out / "device_pairs.csv").to_frame()
    assert code[["set", "model", "sampler", "seed"]].to_numpy().tolist() == [
        ["code", "minilm_trained", s, 0] for s in device.PAIR
    ]
    assert code.settings.str.contains("pairs of tqdm").all()


def test_without_a_device_nor_time_the_script_says_so(tmp_path):
    printed, out = run_script(tmp_path, LIMIT="0", PYTHON="false")
    summary = pd.read_csv(out / "summary.csv", index_col="step")
    assert set(summary.result) == {"no time left"}
    assert "no time left" in printed


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Return a function that runs cells of a comparison whose runs take no time."""
    made = []

    def compare(task, samplers, seeds, out, progress):
        made.append((seeds[0], samplers[0]))
        if seeds == [1]:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        row = {"set": "bundled", "model": "simclr", "loss": "infonce", "settings": task.settings, "steps": 1}
        row |= {"sampler": samplers[0], "seed": seeds[0], "metric": "kNN probe", "value": 0.5, "hardness": 0.0}
        row |= {"false_negative_rate": 0.0, "seconds": 1.0, "sampler_seconds": 0.1}
        results.append(out, row)
        return Comparison(pd.DataFrame([row]))

    monkeypatch.setattr(device, "compare", compare)
    monkeypatch.setattr(device, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr(device, "DEVICE", "cpu")
    task = device.vision.make_task("bundled", "simclr", device.replace(device.PRESET, encoder="tiny"), None)

    def run(folder="out", seconds=100.0):
        made.clear()
        out = tmp_path / folder / "device.csv"
        out.parent.mkdir(exist_ok=True)
        return device.run_cells(out, task, (0, 1, 2), "float32", seconds), list(made), out

    return run


def test_cells_go_on_after_a_fault_and_from_what_is_there(cells, tmp_path, capsys):
    pairs = {seed: [(seed, name) for name in device.PAIR] for seed in (0, 1, 2)}
    fine, made, out = cells()
    assert (fine, made) == (False, [*pairs[0], (1, "uniform"), *pairs[2]])
    assert "illegal memory access" in capsys.readouterr().err
    assert len(Comparison.read(out).to_frame()) == 4

    memory = tmp_path / "results" / "device.csv"
    memory.parent.mkdir()
    lines = out.read_text().replace("on CPU", "on another device").splitlines(keepends=True)
    memory.write_text("".join(lines[:4]))
    _, made, out = cells("elsewhere")
    assert made == [(1, "uniform"), *pairs[2]], "a pair counts whatever the device, half of one does not"
    assert out.read_text().startswith("".join(lines[:4]))


def test_no_pair_begins_that_would_not_end_in_time(cells, monkeypatch):
    clock = iter(range(0, 10_000, 60))
    monkeypatch.setattr(device.time, "monotonic", lambda: next(clock))
    _, made, _ = cells(seconds=100)
    assert made == [(0, name) for name in device.PAIR], "the first begins in any case"
