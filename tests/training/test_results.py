"""The file of a comparison: nothing finished is lost, nothing counts twice, nothing damaged counts."""

import errno
import os
import re
import signal
import warnings
from types import SimpleNamespace

import pandas as pd
import pytest
from toy_task import STEPS, make_task
from training_runs import python

from toolkit.training import Comparison, compare, results


def run(task, out, samplers=("uniform",), seeds=(0,)):
    return compare(task, samplers, ["square"], seeds, out, progress=False).to_frame()


def counting_task(**changes):
    """Return a task and the list to which each of its training steps adds an entry."""
    steps = []
    return make_task(training={"on_step": lambda history: steps.append(len(history))}, **changes), steps


def names(out):
    return sorted(path.name for path in out.parent.iterdir())


def test_finished_runs_are_read_not_repeated(tmp_path):
    calls, out = [], tmp_path / "results" / "runs.csv"
    first = run(make_task(calls), out, seeds=[0, 1])
    again = run(make_task(calls), out, ["uniform", "knn"], [0, 1, 2])
    assert len(calls) == 2 + 4
    same = again.query("sampler == 'uniform' and seed < 2").reset_index(drop=True)
    pd.testing.assert_frame_equal(same, first)
    assert len(Comparison.read(out).to_frame()) == 6
    assert names(out) == ["runs.csv", "runs.csv.lock"], "checkpoints of finished runs are gone"


@pytest.mark.parametrize("change", [{"steps": 7}, {"settings": "B=9"}, {"name": "others"}, {"model": "toys"}])
def test_runs_of_other_settings_are_not_mixed_up(tmp_path, change):
    calls, out = [], tmp_path / "runs.csv"
    for task in (make_task(calls), make_task(calls, **change)):
        run(task, out)
    assert len(calls) == 2


@pytest.mark.parametrize("text", ["10", "007", "1e3", "True", "nan", "", 'a "b", c', "ü/\\ :*"])
def test_runs_are_found_whatever_their_names_look_like(tmp_path, text):
    calls, out = [], tmp_path / "runs.csv"
    task = make_task(calls, name=text, model=text, settings=text)
    first, again = run(task, out), run(task, out)
    assert len(calls) == 1
    pd.testing.assert_frame_equal(first, again)
    assert Comparison.read(out).to_frame()["set"].tolist() == [text]


def test_names_with_line_breaks_are_refused_before_training(tmp_path):
    task, steps = counting_task(settings="two\nlines")
    with pytest.raises(ValueError, match="names must not hold line breaks"):
        run(task, tmp_path / "runs.csv")
    assert steps == []


def test_interrupted_run_goes_on_from_its_checkpoint(tmp_path):
    out, whole = tmp_path / "runs.csv", run(make_task(), None, ["random_walk"])
    steps = []

    def stop(history):
        steps.append(len(history))
        return len(history) == 4 and len(steps) == 4

    task = make_task(training={"on_step": stop, "checkpoint_every": 1})
    with pytest.raises(KeyboardInterrupt, match="stopped at step 4 of 6"):
        run(task, out, ["random_walk"])
    assert not out.exists()
    resumed = run(task, out, ["random_walk"])
    assert steps == [1, 2, 3, 4, 5, 6]
    assert resumed.value[0] == whole.value[0]


KILLED = """
import os, signal, sys
from toy_task import make_task
from toolkit.training import compare
kill = lambda history: len(history) == 4 and os.kill(os.getpid(), signal.SIGKILL)
task = make_task(training={"checkpoint_every": 1, "on_step": kill})
compare(task, ["uniform"], ["square"], [0], sys.argv[1], progress=False)
"""


def test_killed_process_goes_on(tmp_path):
    out = tmp_path / "runs.csv"
    assert python(KILLED, out).wait() == -signal.SIGKILL
    task, steps = counting_task()
    resumed = run(task, out)
    assert steps[-1] == STEPS
    assert 1 <= steps[0] - 1 <= 4, "it went on from a checkpoint"
    assert resumed.value[0] == run(task, None).value[0]


# Files that can't take the results


@pytest.mark.parametrize("text", ["day,weight\n1,70\n", "day,weight", "\x00\xff" * 100_000])
def test_other_files_are_refused_unharmed_before_training(tmp_path, text):
    out = tmp_path / "notes.csv"
    out.write_text(text)
    task, steps = counting_task()
    with pytest.raises(
        ValueError, match=r"out must be a file of results, got one without the column 'set'.*notes\.csv"
    ):
        run(task, out)
    assert out.read_text() == text
    assert steps == []


def test_an_empty_file_is_a_new_one(tmp_path):
    out = tmp_path / "runs.csv"
    out.touch()
    first = run(make_task(), out)
    pd.testing.assert_frame_equal(Comparison.read(out).to_frame(), first)


def test_other_columns_cost_no_training(tmp_path):
    out = tmp_path / "runs.csv"
    run(make_task(), out)
    before = out.read_bytes()
    task, steps = counting_task(evaluate=lambda model: {"score": model.layer.weight.sum().item(), "another": 2.0})
    with pytest.raises(ValueError, match=r"difference in \['another', 'other'\].*the training is kept"):
        run(task, out, seeds=[1])
    assert out.read_bytes() == before
    out.rename(tmp_path / "old.csv")
    found = run(task, out, seeds=[1])
    assert len(steps) == STEPS, "the training is not repeated"
    assert found.value[0] == run(task, None, seeds=[1]).value[0]


def test_a_full_disk_costs_no_training(tmp_path, monkeypatch):
    out, (task, steps) = tmp_path / "runs.csv", counting_task()
    run(task, out)
    before = out.read_bytes()
    steps.clear()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(results, "os", SimpleNamespace(fsync=full))
        with pytest.raises(OSError, match="No space left"):
            run(task, out, seeds=[1])
    out.write_bytes(before + b"rows,toy,squ")
    with pytest.warns(UserWarning, match="is incomplete"):
        found = run(task, out, seeds=[1])
    assert len(steps) == STEPS, "the training is not repeated"
    assert found.value[0] == run(task, None, seeds=[1]).value[0]


def test_file_systems_without_hard_links_do(tmp_path, monkeypatch):
    def refuse(*paths):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert len(run(make_task(), tmp_path / "runs.csv", seeds=[0, 1])) == 2
    assert names(tmp_path / "runs.csv") == ["runs.csv", "runs.csv.lock"]


# Damaged rows


def test_a_row_cut_at_any_byte_is_made_again_and_never_wrong(tmp_path):
    out = tmp_path / "runs.csv"
    calls = []
    task = make_task(calls, settings='B=8, "quoted"')
    whole = run(task, out, seeds=[0, 1])
    text = out.read_bytes()
    start = text[:-1].rindex(b"\n") + 1
    rows = {}
    for end in range(start, len(text)):
        out.write_bytes(text[:end])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows[end] = len(results.read(out))
        assert any("is incomplete" in str(warning.message) for warning in caught) == (end > start)
    assert set(rows.values()) == {1}
    for end in (start + 1, start + 30, len(text) - 5, len(text) - 1):
        out.write_bytes(text[:end])
        calls.clear()
        with pytest.warns(UserWarning, match=r"the last line of '.*runs\.csv' is incomplete"):
            again = run(task, out, seeds=[0, 1])
        assert calls == ["square"], "one run is made again"
        assert again.value.tolist() == whole.value.tolist()
        assert len(out.read_bytes().splitlines()) == 3, "the torn line is gone"
        with warnings.catch_warnings(action="error"):
            assert Comparison.read(out).to_frame().value.tolist() == whole.value.tolist()


def test_a_header_cut_at_any_byte_is_written_again(tmp_path):
    out = tmp_path / "runs.csv"
    row = run(make_task(), out).iloc[0].to_dict()
    header = out.read_bytes().split(b"\n")[0]
    for end in range(1, len(header) + 1):
        out.write_bytes(header[:end])
        results.check(out)
        with pytest.warns(UserWarning, match="is incomplete"):
            results.append(out, row)
        assert results.read(out) == [row]


@pytest.mark.parametrize(
    "damage",
    [
        (r",0,6,score", ",x,6,score"),
        (r",score,[^,]*", ",score,0.9x"),
        (r",score,[^,]*", ",score,"),
        (r",1\.5$", ""),
        (r"^rows", '"rows'),
        (r"^rows", "r\x00ows\udcff"),
    ],
    ids=["seed", "value", "no value", "cell missing", "quote", "bytes"],
)
def test_one_damaged_row_repeats_its_run_only(tmp_path, damage):
    calls, out = [], tmp_path / "runs.csv"
    whole = run(make_task(calls), out, seeds=[0, 1, 2])
    lines = out.read_text().splitlines()
    lines[1] = re.sub(*damage, lines[1])
    out.write_bytes("\n".join([*lines, ""]).encode(errors="surrogateescape"))
    calls.clear()
    with pytest.warns(UserWarning, match=r"line 2 of '.*runs\.csv' is damaged \(.*\) and is ignored: delete it"):
        again = run(make_task(calls), out, seeds=[0, 1, 2])
    assert len(calls) == 1
    assert again.value.tolist() == whole.value.tolist()
    with pytest.warns(UserWarning, match="line 2"):
        assert sorted(Comparison.read(out).to_frame().value) == sorted(whole.value)


# Several processes


def test_several_processes_may_share_a_file(tmp_path):
    out = tmp_path / "runs.csv"
    row = run(make_task(), out).iloc[0].to_dict()
    code = (
        "import sys, pathlib; from toolkit.training import results; path = pathlib.Path(sys.argv[1])\n"
        f"row = {row!r}\n"
        "for i in range(50): results.append(path, row | {'model': sys.argv[2], 'seed': i})"
    )
    writers = [python(code, out, who) for who in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    frame = Comparison.read(out).to_frame().iloc[1:]
    assert sorted(zip(frame.model, frame.seed, strict=True)) == [(w, i) for w in "ab" for i in range(50)]


SHARED = """
import sys, time
from toy_task import make_task
from toolkit.training import compare
def on_step(history):
    print(len(history), flush=True)
    time.sleep(0.01)
task = make_task(training={"on_step": on_step, "checkpoint_every": 1})
print("ready", flush=True)
sys.stdin.readline()
compare(task, ["uniform", "random_walk"], ["square"], [0, 1, 2], sys.argv[1], progress=False)
"""


def test_two_processes_at_once_make_each_run_once(tmp_path):
    out = tmp_path / "runs.csv"
    both = [python(SHARED, out, stdin=-1, stdout=-1, text=True) for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=300)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len(printed[0]) + len(printed[1]) == 6 * STEPS, "no step is made twice"
    assert len(out.read_text().splitlines()) == 1 + 6
    assert names(out) == ["runs.csv", "runs.csv.lock"]
    alone = compare(make_task(), ["uniform", "random_walk"], ["square"], [0, 1, 2], progress=False)
    order = ["sampler", "seed"]
    expected = alone.to_frame().sort_values(order).value.tolist()
    assert Comparison.read(out).to_frame().sort_values(order).value.tolist() == expected


LOCKED = """
import sys
from toy_task import make_task
from toolkit.training import compare
def on_step(history):
    print("at it", flush=True)
    sys.stdin.readline()
compare(make_task(training={"on_step": on_step}), ["uniform"], ["square"], [0], sys.argv[1], progress=False)
"""


def test_a_run_that_another_process_makes_is_left_for_the_end(tmp_path):
    out, order = tmp_path / "runs.csv", []
    other = python(LOCKED, out, stdin=-1, stdout=-1, text=True)
    assert other.stdout.readline() == "at it\n"

    def on_step(history):
        order.append(len(history))
        if len(order) == 2 * STEPS:  # two runs are made; the other process may end its own
            other.stdin.close()

    found = run(make_task(training={"on_step": on_step}), out, seeds=[0, 1, 2])
    assert other.wait(timeout=300) == 0
    assert order == 2 * list(range(1, STEPS + 1)), "the run of the other process is not made again"
    assert found.seed.tolist() == [0, 1, 2], "rows stand in the order of the seeds all the same"


def test_doubled_rows_of_a_file_count_once(tmp_path):
    out = tmp_path / "runs.csv"
    run(make_task(), out, ["uniform", "knn"], [0, 1])
    before = Comparison.read(out)
    header, *rows = out.read_text().splitlines(keepends=True)
    out.write_text("".join([header, *rows, *rows]))
    pd.testing.assert_frame_equal(Comparison.read(out).differences(), before.differences())
