"""Signals at random moments, and workers that are killed: what was trained stays, and a resume goes on with it."""

import signal
import time
from subprocess import PIPE

import numpy as np
import psutil
import pytest
from training_runs import assert_same_course, python, run

from toolkit.training import History, checkpoint

TRAIN = (
    "import sys, pathlib, training_runs; "
    "training_runs.train_until_interrupted(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))"
)


def wait_for(condition, process, seconds=120):
    """Wait until something holds while a process runs; return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def workers_of(process):
    """Return the processes that load data for another one."""
    children = psutil.Process(process.pid).children(recursive=True)
    lines = {child: " ".join(child.cmdline()) for child in children}
    return [child for child, line in lines.items() if not ("resource_tracker" in line or "forkserver" in line)]


@pytest.mark.parametrize("n_moments", [1, pytest.param(40, marks=pytest.mark.slow)])
def test_interrupts_at_random_moments(n_moments, tmp_path, tally):
    for i, wait in enumerate(np.random.default_rng(0).uniform(0, 0.4, n_moments)):
        path = tmp_path / f"{i}.pt"
        process = python(TRAIN, path, "spawn", 0, stderr=PIPE)
        try:
            wait_for(path.exists, process)
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, process.stderr.read()
        finally:
            process.kill()
            process.stderr.close()
        history = History.load(tmp_path / "history.json")
        n = len(history)
        assert history.interrupted
        assert n == len(History.load(path)) > 0
        whole = run(n + 3, "walk, partition")
        assert history.columns["loss"] == whole[0].columns["loss"][:n]
        resumed = run(n + 3, "walk, partition", seed=9, checkpoint=path)
        assert_same_course(resumed, whole)
    tally("interrupts at random moments during training", resumed_exactly=n_moments)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_a_killed_worker_is_named_and_costs_the_steps_since_the_last_checkpoint(method, tmp_path, tally):
    path = tmp_path / "run.pt"
    process = python(TRAIN, path, method, 2, stderr=PIPE)
    try:
        wait_for(path.exists, process)
        wait_for(lambda: workers_of(process), process)[0].kill()
        assert process.wait(60) == 1
        assert b"DataLoader worker" in process.stderr.read()
    finally:
        process.kill()
        process.stderr.close()
    n = len(checkpoint.load(path)["columns"]["loss"])
    history, _ = run(n + 2, "walk, partition", seed=9, checkpoint=path)
    assert len(history) == n + 2
    tally("workers killed", resumed_from_checkpoint=1)
