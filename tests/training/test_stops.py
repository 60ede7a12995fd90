"""Kills, crashes and interrupts: nothing that was stored is lost."""

import errno
import io
import os
import signal
import threading
import time

import pytest
import torch
from training_runs import (
    DATA,
    SAMPLERS,
    Interrupting,
    assert_same_course,
    assert_unchanged,
    make_model,
    python,
    run,
    snapshot,
)

from toolkit.training import DivergedError, History, checkpoint, train

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
        with pytest.warns(UserWarning, match=r"run\.pt' could not be written at step 6 \(disk full\).*free some space"):
            history, _ = run(6, checkpoint=path)
    assert len(history) == 6, "a full disk costs the checkpoint, not the training"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"], "nothing is left on the full disk"
    assert len(run(6, checkpoint=path)[0]) == 6


def test_a_disk_that_is_full_is_named_as_such(tmp_path):
    class Full(io.BytesIO):
        def write(self, content):
            if self.tell() > 1000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    with pytest.raises(OSError, match="No space left on device"):
        checkpoint._save({"weights": torch.zeros(10_000)}, Full())


@pytest.mark.parametrize("place", ["a file/run.pt", "run\0.pt"])
def test_a_checkpoint_that_can_not_be_written_is_noticed_before_the_first_step(tmp_path, place):
    (tmp_path / "a file").write_text("")
    model = make_model()
    before = snapshot(model)
    with pytest.raises(OSError, match="checkpoint must be a file that can be written, got"):
        run(5, model=model, checkpoint=tmp_path / place)
    assert_unchanged(model, before)


def test_a_probe_that_raises_costs_no_steps(tmp_path):
    path = tmp_path / "run.pt"

    def probe(model):
        raise RuntimeError("no test data")

    settings = {"checkpoint": path, "checkpoint_every": 1000}
    with pytest.raises(RuntimeError, match="no test data"):
        run(9, "walk, partition", probe=probe, probe_every=7, **settings)
    assert len(History.load(path)) == 7
    assert_same_course(run(9, "walk, partition", seed=99, **settings), run(9, "walk, partition"))


@pytest.mark.parametrize("steps", [7, 9], ids=["at the end", "before the end"])
def test_a_probe_that_raised_is_called_again_by_the_next_run(tmp_path, steps):
    path, calls = tmp_path / "run.pt", []

    def probe(model):
        calls.append(model.training)
        if len(calls) == 1:
            raise RuntimeError("no test data")
        return float(len(calls))

    settings = {"checkpoint": path, "probe": probe, "probe_every": 7}
    with pytest.raises(RuntimeError, match="no test data"):
        run(steps, "walk, partition", **settings)
    resumed = run(steps, "walk, partition", seed=99, model=make_model(99).eval(), **settings)
    assert resumed[0].probes[0] == History.load(path).probes[0] == (7, 2.0)
    assert all(calls), "the model is in training mode, as after a step"
    assert_same_course(resumed, run(steps, "walk, partition"))
    n_calls = len(calls)
    assert run(steps, "walk, partition", **settings)[0].probes == resumed[0].probes
    assert len(calls) == n_calls, "a value that is there is not measured again"


class Diverging(torch.nn.Module):
    """A model whose loss, or whose gradient, is not finite from a step on."""

    def __init__(self, step, spoil):
        super().__init__()
        self.model, self.step, self.spoil, self.calls = make_model(), step, spoil, 0

    def forward(self, *views):
        self.calls += 1
        loss, embeddings = self.model(*views)
        return (self.spoil(loss) if self.calls == self.step else loss), embeddings


def spoil_gradient(loss):
    loss.register_hook(lambda gradient: gradient * torch.nan)
    return loss


@pytest.mark.parametrize("sampler", ["uniform", "walk, partition", "knn"])
@pytest.mark.parametrize(
    ("spoil", "steps", "reason"),
    [
        (lambda loss: loss * torch.nan, 5, "loss is nan"),
        (lambda loss: loss + torch.inf, 5, "loss is inf"),
        (spoil_gradient, 6, "weights are not finite, the first of them in 'model.encoder.linear.weight'"),
    ],
    ids=["nan", "inf", "gradient"],
)
def test_what_is_not_finite_ends_the_training_and_is_never_stored(tmp_path, sampler, spoil, steps, reason):
    path = tmp_path / "run.pt"
    settings = {"checkpoint": path, "checkpoint_every": 2}
    with pytest.raises(
        DivergedError, match=f"stopped after step {steps}: {reason}; try a lower learning rate"
    ) as error:
        run(20, sampler, model=Diverging(6, spoil), **settings)
    assert len(error.value.history) == steps
    assert f"to use other settings, delete the checkpoint {str(path)!r} or give another path" in str(error.value)
    state = torch.load(path, weights_only=True)
    assert len(state["columns"]["loss"]) == 4
    assert all(weights.isfinite().all() for weights in state["model"].values())
    resumed = run(20, sampler, model=Diverging(0, spoil), **settings)
    assert_same_course(resumed, run(20, sampler, model=Diverging(0, spoil)))


def test_a_run_that_diverged_before_its_first_checkpoint_mentions_none(tmp_path):
    with pytest.raises(DivergedError) as error:
        run(20, model=Diverging(2, lambda loss: loss * torch.nan), checkpoint=tmp_path / "run.pt")
    assert "checkpoint" not in str(error.value)


def test_two_trainings_with_one_checkpoint_do_not_harm_each_other(tmp_path):
    path = tmp_path / "run.pt"
    processes = [python(TRAIN, path) for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        reads = 0
        while reads < 50:
            assert time.monotonic() < deadline
            assert [process.poll() for process in processes] == [None, None], "both go on"
            if path.exists():
                checkpoint.load(path)
                reads += 1
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_interrupt_of_a_terminal_reaches_workers_and_loses_nothing(tmp_path, method):
    path = tmp_path / "run.pt"
    script = (
        "import sys, pathlib, training_runs; "
        "training_runs.train_until_interrupted(pathlib.Path(sys.argv[1]), sys.argv[2], num_workers=1)"
    )
    process = python(script, path, method, start_new_session=True)
    try:
        wait_for_change(path, None, process, 120)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, "the history is returned"
    finally:
        process.kill()
    history = History.load(tmp_path / "history.json")
    assert history.interrupted
    assert len(history) == len(History.load(path)) > 0


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
