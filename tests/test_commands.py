"""The command line, as users call it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from toolkit.commands import main
from toolkit.training import History

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 20, 1500)
POINTS = RNG.normal(size=(20, 16))[LABELS] + 0.7 * RNG.normal(size=(1500, 16))


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "points.npy", POINTS)
    np.save(tmp_path / "targets.npy", POINTS + 0.1)
    np.save(tmp_path / "labels.npy", LABELS)
    (tmp_path / "names.txt").write_text("\n".join(f"class {label}" for label in LABELS))
    (tmp_path / "batches.json").write_text(json.dumps(RNG.permutation(1500)[:90].reshape(3, 30).tolist()))
    np.save(tmp_path / "objects.npy", np.array([{}, {}], object), allow_pickle=True)
    (tmp_path / "packed.npy").write_bytes(b"PK\x03\x04 and no archive")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    return tmp_path


def run(files, *words):
    """Run the command with the names of files in place of those that end in a suffix."""
    return main([str(files / word) if "." in word and not word[0].isdigit() else word for word in words])


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--steps", "0", "steps must be at least 1, got 0"),
        ("--batch-size", "0", "batch_size must be between 2 and"),
        ("--workers", "-1", "num_workers must be at least 0, got -1"),
        ("--seed", str(2**70), f"--seed must be between 0 and {2**64 - 1}, got {2**70}"),
        ("--seed", "-1", f"--seed must be between 0 and {2**64 - 1}, got -1"),
        ("--device", "abacus", "--device must be a device of this machine, such as cpu, got 'abacus'"),
    ],
)
def test_train_refuses_wrong_numbers_and_devices(option, value, said, capsys):
    assert main(["train", "--preset", "images", option, value]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("", "--history must be a file, got the folder"),
        ("a file/h.json", "--history must be a file that can be written"),
    ],
)
def test_train_refuses_places_where_no_history_can_be_written_before_training(tmp_path, place, said, capsys):
    (tmp_path / "a file").write_text("")
    assert main(["train", "--preset", "images", "--steps", "1", "--history", str(tmp_path / place)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "0/1" not in err, "no bar of a training"


def test_train_prints_the_metric_even_if_the_history_can_no_longer_be_written(tmp_path, monkeypatch, capsys):
    def save(history, path):
        raise OSError("No space left on device")

    monkeypatch.setattr(History, "save", save)
    words = ["train", "--preset", "images", "--steps", "1", "--seed", str(2**64 - 1)]
    assert main([*words, "--history", str(tmp_path / "h.json")]) == 2
    found = capsys.readouterr()
    assert "kNN accuracy" in found.out
    assert "No space left on device" in found.err


def test_suggest_prints_the_sentence_and_the_code(files, capsys):
    assert run(files, "suggest", "points.npy", "--batch-size", "30", "--labels", "labels.npy", "--out", "s.html") == 0
    out = capsys.readouterr().out
    assert "among the samplers compared" in out
    assert "BatchSampler(len(dataset), batch_size=30" in out
    assert (files / "s.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "made"),
    [("random_walk", "RandomWalk"), ("chain", "Chain"), ("cluster", "Cluster")],
)
def test_suggest_chooses_among_the_samplers_named(files, capsys, name, made):
    words = ["suggest", "points.npy", "--batch-size", "30", "--max-false-negatives", "0.3", "--samplers", name]
    assert run(files, *words) == 0
    assert f"{made}BatchSampler(len(dataset), batch_size=30" in capsys.readouterr().out


def test_labels_may_be_lines_of_text(files, capsys):
    for labels in ("labels.npy", "names.txt"):
        run(files, "suggest", "points.npy", "--batch-size", "30", "--labels", labels, "--samplers", "random_walk")
    first, second = capsys.readouterr().out.split("Random walks")[1:]
    assert first.split("A rebuild")[0] == second.split("A rebuild")[0]


@pytest.mark.parametrize(("none", "mark"), [("", ""), ("-1", "\ufeff"), ("nan", "")])
def test_a_line_of_a_text_file_may_be_no_label(files, capsys, none, mark):
    known = RNG.random(1500) < 0.5
    np.save(files / "some.npy", np.where(known, LABELS, -1))
    lines = [str(label) if each else none for label, each in zip(LABELS, known, strict=True)]
    (files / "some.txt").write_text(mark + "\n".join(lines) + "\n", "utf-8")
    for labels in ("some.npy", "some.txt"):
        words = ["audit", "points.npy", "--batches", "batches.json", "--labels", labels, "--out", "a.html"]
        assert run(files, *words) == 0
    first, second = re.findall(r"(.*% false negatives.*)", capsys.readouterr().out)
    assert first == second


def test_audit_of_given_batches(files, capsys):
    words = ["audit", "points.npy", "--batches", "batches.json", "--items", "names.txt", "--out", "a.html"]
    assert run(files, *words) == 0
    assert "estimated false negatives" in capsys.readouterr().out
    assert "class " in (files / "a.html").read_text()


def test_audit_of_the_suggested_batches_of_pairs(files, capsys):
    words = ["audit", "points.npy", "--targets", "targets.npy", "--batch-size", "30", "--out", "a.html"]
    assert run(files, *words) == 0
    assert "harder than a shuffle" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["suggest", "nothing.npy", "--batch-size", "30"], "nothing.npy"),
        (["suggest", "names.txt", "--batch-size", "30"], "must be a .npy file of numbers"),
        (["suggest", "objects.npy", "--batch-size", "30"], "must be a .npy file of numbers"),
        (["suggest", "points.npy", "--batch-size", "1501"], "batch_size"),
        (["suggest", "packed.npy", "--batch-size", "30"], "must be a .npy file of numbers"),
        (["audit", "points.npy", "--batches", "deep.json"], "must be a .npy file or JSON"),
        (["audit", "points.npy"], "either --batches or --batch-size must be given"),
        (["audit", "points.npy", "--batches", "names.txt"], "must be a .npy file or JSON"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(files, capsys, words, message):
    assert run(files, *words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_python_dash_m(files):
    command = [sys.executable, "-m", "toolkit", "suggest", str(files / "points.npy"), "--batch-size", "30"]
    assert "BatchSampler(len(dataset)" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_demo_copies_the_notebooks_once_and_opens_the_first(tmp_path, monkeypatch, capsys):
    opened = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(subprocess, "run", lambda command, cwd: opened.append((command, cwd)) or done)
    folder = tmp_path / "demo"
    assert main(["demo", "--folder", str(folder)]) == 0
    (folder / "notebooks" / "00_quickstart.ipynb").write_text("changed by its user")
    assert main(["demo", "--folder", str(folder)]) == 0
    assert (folder / "notebooks" / "00_quickstart.ipynb").read_text() == "changed by its user"
    assert (folder / "notebooks" / "10_plug_in.ipynb").stat().st_size > 10_000
    read = {
        (notebook.parent / place).resolve()
        for notebook in (folder / "notebooks").glob("*.ipynb")
        for place in re.findall(r'\\"(\.\./[^"\\]+)\\"', notebook.read_text("utf-8"))
    }
    assert folder / "benchmarks" / "results" / "retrieval_map.csv" in read
    assert all(path.exists() for path in read), "what notebooks read is copied, too"
    assert len(opened) == 2
    assert "jupyterlab" in opened[0][0]
    assert opened[0][1] == folder
    assert str(folder) in capsys.readouterr().out


def test_demo_says_when_jupyterlab_cannot_start(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "run", lambda command, cwd: subprocess.CompletedProcess([], 1))
    assert main(["demo", "--folder", str(tmp_path)]) == 2
    assert "pip install jupyterlab" in capsys.readouterr().err
