"""Whichever change of a file fails, the old or the new state is there, whole, and nothing finished is lost."""

import warnings
from contextlib import suppress

import numpy as np
import pytest
from failing_disk import failing
from toy_task import make_task
from training_runs import assert_same_course, run

from toolkit import _cache
from toolkit.plots import projection
from toolkit.training import History, checkpoint, compare, results


def faults(tmp_path, monkeypatch, prepare, every=1):
    """Try with the k-th change of a file failing, for every k there is, or every so many; return their number.

    `prepare` is called with an empty folder, returns what to do, and what to check afterwards.
    """
    for k in range(1, 2000, every):
        folder = tmp_path / str(k)
        folder.mkdir()
        act, check = prepare(folder)
        with failing(k, monkeypatch) as disk, warnings.catch_warnings(action="ignore"):
            act()
        check()
        left = {path.suffix for path in folder.iterdir()}
        assert ".part" not in left, "nothing half-written stays"
        if disk.changes < k:
            return k - 1
    return pytest.fail("there is no end to the faults")


@pytest.mark.parametrize("every", [61, pytest.param(1, marks=pytest.mark.slow)])
def test_trainings(tmp_path, monkeypatch, every, tally):
    whole = run(8, "walk, partition")

    def prepare(folder):
        path, courses = folder / "run.pt", []
        run(2, "walk, partition", checkpoint=path)

        def act():
            with suppress(OSError):  # before the first step only
                courses.append(run(8, "walk, partition", seed=99, checkpoint=path, checkpoint_every=3))

        def check():
            steps = len(checkpoint.load(path)["columns"]["loss"])
            assert steps in ((2, 3, 6, 8) if courses else (2,))
            for course in courses:
                assert_same_course(course, whole)
            assert_same_course(run(8, "walk, partition", seed=99, checkpoint=path), whole)

        return act, check

    found = faults(tmp_path, monkeypatch, prepare, every)
    tally("disk faults: checkpoints", complete_old_or_new_file=found // every)
    assert found > 200


def test_histories(tmp_path, monkeypatch, tally):
    old, new = run(2)[0], run(3)[0]

    def prepare(folder):
        path = folder / "run.json"
        old.save(path)
        saved = [old]

        def act():
            with suppress(OSError):
                new.save(path)
                saved.append(new)

        return act, lambda: check(path, saved[-1])

    def check(path, saved):
        assert repr(History.load(path).columns) == repr(saved.columns)

    found = faults(tmp_path, monkeypatch, prepare)
    tally("disk faults: histories", complete_old_or_new_file=found)
    assert found == 5


@pytest.mark.filterwarnings("ignore:the last line of .* is incomplete")
@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_comparisons(tmp_path, monkeypatch, every, tally):
    samplers = ["uniform", "knn"]
    expected = compare(make_task(), samplers, ["square"], [0], progress=False).to_frame().value.tolist()

    def prepare(folder):
        out, steps = folder / "runs.csv", []
        task = make_task(training={"on_step": lambda history: steps.append(len(history))})

        def act():
            with suppress(OSError):
                compare(task, samplers, ["square"], [0], out, progress=False)

        def check():
            rows = results.read(out) if out.exists() else []
            assert [row["value"] for row in rows] == expected[: len(rows)]
            found = compare(task, samplers, ["square"], [0], out, progress=False).to_frame()
            assert found.value.tolist() == expected
            assert len(results.read(out)) == 2
            assert len(steps) == 2 * task.steps, "nothing finished is trained again"

        return act, check

    found = faults(tmp_path, monkeypatch, prepare, every)
    tally("disk faults: results", nothing_lost=found // every)
    assert found > 60


def test_maps(tmp_path, monkeypatch, tally):
    found = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)

    def prepare(folder):
        path = folder / "map.npz"

        def check():
            read = projection._known(path, 50)
            assert read is None or np.array_equal(read, found)

        return lambda: _cache.write(path, projection=found), check

    found = faults(tmp_path, monkeypatch, prepare)
    tally("disk faults: cached maps", complete_old_or_new_file=found)
    assert found > 5
