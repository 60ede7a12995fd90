"""Kills, crashes and interrupts: nothing that was stored is lost."""

import signal
import threading
import time

import pytest
import torch
from training_runs import DATA, SAMPLERS, Interrupting, assert_same_course, make_model, python, run, snapshot

from toolkit.training import train

TRAIN = "import sys, pathlib, training_runs; training_runs.train_for_ever(pathlib.Path(sys.argv[1]))"


def wait_for_change(path, before, process, seconds=60):
    """Wait until another file is at `path` than the one of modification time `before`."""
    deadline = time.monotonic() + seconds
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert process.poll() is None, "the training ended by itself"
        assert time.monotonic() < deadline, "no checkpoint in time"
        time.sleep(0.001)


def test_killed_runs_lose_no_more_than_a_step(tmp_path):
    path = tmp_path / "run.pt"
    done = 0
    for delay in (0, 0.01, 0.1):
        before = path.stat().st_mtime_ns if path.exists() else None
        process = python(TRAIN, path)
        try:
            wait_for_change(path, before, process)
            time.sleep(delay)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        steps = len(torch.load(path, weights_only=True)["columns"]["loss"])
        assert steps > done, "each run goes on from the one before"
        done = steps
    resumed = run(done + 5, "walk, partition", seed=99, checkpoint=path)
    assert_same_course(resumed, run(done + 5, "walk, partition"))


def test_crash_while_writing_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    before = path.read_bytes()
    save = torch.save

    def torn(state, file):
        save(state, file)
        file.truncate(100)
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn)
        with pytest.raises(OSError, match="disk full"):
            run(6, checkpoint=path)
    assert path.read_bytes() == before
    assert len(run(6, checkpoint=path)[0]) == 6


def test_interrupt_ends_after_the_step_and_goes_on_later(tmp_path):
    path = tmp_path / "run.pt"
    whole = run(20, "walk, independent")
    handler = signal.getsignal(signal.SIGINT)
    model = make_model()
    before = snapshot(model)
    sampler = SAMPLERS["walk, independent"]()
    settings = {"labels": DATA.labels, "progress": False, "checkpoint": path}
    history = train(model, Interrupting(12), sampler, 20, **settings)
    assert signal.getsignal(signal.SIGINT) is handler
    assert history.interrupted
    assert len(history) == 12
    assert repr(history).endswith("interrupted=True)")
    assert not torch.equal(model.encoder.linear.weight, before["encoder.linear.weight"]), "the model is trained"
    resumed = run(20, "walk, independent", seed=99, checkpoint=path)
    assert_same_course(resumed, whole)
    assert not resumed[0].interrupted


@pytest.mark.parametrize(("sampler", "past_epoch"), [("uniform", 0), ("walk, partition", 0), ("walk, partition", 3)])
def test_interrupt_during_the_probe_is_stored_too(tmp_path, sampler, past_epoch):
    path = tmp_path / "run.pt"
    when = len(SAMPLERS[sampler]()) + past_epoch
    calls = []

    def probe(model):
        calls.append(model)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return 0.0

    settings = {"checkpoint": path, "checkpoint_every": 1000}
    history, _ = run(40, sampler, probe=probe, probe_every=when, **settings)
    assert history.interrupted
    assert when <= len(history) <= when + 1
    assert path.exists(), "an interrupt loses nothing"
    assert_same_course(run(40, sampler, seed=99, **settings), run(40, sampler))


def test_second_interrupt_stops_at_once(tmp_path):
    path = tmp_path / "run.pt"
    handler = signal.getsignal(signal.SIGINT)
    settings = {"progress": False, "checkpoint": path, "checkpoint_every": 1}
    with pytest.raises(KeyboardInterrupt):
        train(make_model(), Interrupting(6, times=2), SAMPLERS["uniform"](), 20, **settings)
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(torch.load(path, weights_only=True)["columns"]["loss"]) == 5


def test_interrupt_in_the_last_step_changes_nothing():
    history = train(make_model(), Interrupting(5), SAMPLERS["uniform"](), 5, progress=False)
    assert len(history) == 5
    assert not history.interrupted


def test_on_step_sees_each_step_and_can_end_the_training(tmp_path):
    path = tmp_path / "run.pt"
    seen = []

    def stop_after_three(history):
        seen.append(len(history))
        return len(history) == 3

    history, _ = run(10, on_step=stop_after_three, checkpoint=path)
    assert seen == [1, 2, 3]
    assert history.interrupted
    assert len(history) == 3
    assert_same_course(run(10, checkpoint=path), run(10))


def test_training_in_a_thread_works():
    found = []
    thread = threading.Thread(target=lambda: found.append(run(3)[0]))
    thread.start()
    thread.join(60)
    assert len(found[0]) == 3
