"""The command line that the benchmarks of images, sentences and graphs share."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import modality, report, vision
from benchmarks.modality import table
from benchmarks.presets import VISION
from toolkit.training.comparison import Comparison

pytest.importorskip("torchvision")


def rows(**columns):
    """Return results of two seeds; the walk is one point better."""
    made = []
    for seed in (0, 1):
        for sampler, value in (("uniform", 0.8 + seed / 100), ("random_walk", 0.81 + seed / 100)):
            row = {
                "set": "a",
                "model": "simclr",
                "loss": "infonce",
                "settings": "B=8",
                "sampler": sampler,
                "seed": seed,
            }
            row |= {"steps": 10, "metric": "kNN probe", "value": value, "false_negative_rate": 0.125, "hardness": 0.5}
            made.append(row | {"seconds": 100.0, "sampler_seconds": 2.0} | columns)
    return pd.DataFrame(made)


def untrained(model="simclr", value=0.7):
    frame = rows(loss="", sampler="untrained", steps=0, value=value, model=model, seconds=0.0, sampler_seconds=0.0)
    return frame.assign(false_negative_rate=np.nan, hardness=np.nan).iloc[:1]


def test_table_shows_mean_spread_paired_difference_and_references():
    text = table(Comparison(pd.concat([untrained("raw pixels", 0.6), untrained(), rows()])))
    title, _, header, rule, *lines = text.splitlines()
    assert title == "**a, simclr** (B=8; 10 steps; kNN probe, in points)"
    assert header.count("|") == rule.count("|") == lines[0].count("|") == lines[-1].count("|")
    assert lines == [
        "| InfoNCE | Uniform | 2 | 80.50 ± 0.71 |  | 12.5% | 0.500 | 2.0% |",
        "| InfoNCE | Random walk | 2 | 81.50 ± 0.71 | +1.00 (+1.00 to +1.00) | 12.5% | 0.500 | 2.0% |",
        "|  | raw pixels | 1 | 60.00 |  |  |  |  |",
        "|  | untrained | 1 | 70.00 |  |  |  |  |",
    ]


def test_each_set_and_model_has_its_table():
    text = table(Comparison(pd.concat([rows(), rows(model="mocov3"), rows(set="b")])))
    titles = [line.split(" (")[0] for line in text.splitlines() if line.startswith("**")]
    assert titles == ["**a, simclr**", "**a, mocov3**", "**b, simclr**"]
    assert text.count("+1.00 (+1.00 to +1.00)") == 3


COMMAND = (
    "--sets bundled --models simclr --losses infonce hcl --samplers uniform random_walk --seeds 0 --preset notebook"
)


def test_command_runs_adds_rows_and_refreshes_the_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(VISION, "notebook", replace(VISION["notebook"], labelled=100))
    monkeypatch.setattr(modality, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    report.README.write_text("Before.\n<!-- vision: begin -->\n<!-- vision: end -->\nAfter.\n")
    modality.main(vision.MODALITY, "", [*COMMAND.split(), "--steps", "2", "--preset", "notebook"])
    frame = Comparison.read(tmp_path / "vision.csv").to_frame()
    assert frame.sampler.tolist() == ["untrained", "untrained", *["uniform", "random_walk"] * 2]
    assert frame.model.tolist() == ["raw pixels", *["simclr"] * 5]
    assert frame.loss.tolist() == ["", "", "infonce", "infonce", "hcl", "hcl"]
    assert frame.value.between(0.3, 0.9).all()
    wanted = "set model sampler loss seed steps metric value false_negative_rate hardness seconds sampler_seconds"
    assert set(wanted.split()) <= set(frame)
    readme = report.README.read_text()
    assert readme.startswith("Before.\n<!-- vision: begin -->\n**bundled, simclr**")
    assert readme.endswith("<!-- vision: end -->\nAfter.\n")
    assert readme.count("| HCL |") == 2
    before = (tmp_path / "vision.csv").read_bytes()
    modality.main(vision.MODALITY, "", [*COMMAND.split(), "--steps", "2", "--preset", "notebook"])
    assert (tmp_path / "vision.csv").read_bytes() == before, "finished rows are not run again"


def test_other_output_leaves_the_readme_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(VISION, "notebook", replace(VISION["notebook"], labelled=100))
    before = report.README.read_bytes()
    command = "--sets bundled --models mocov3 --losses infonce --samplers uniform --seeds 0 --steps 2 --preset notebook"
    modality.main(vision.MODALITY, "", [*command.split(), "--out", str(tmp_path / "mine.csv")])
    assert report.README.read_bytes() == before
    assert "mocov3" in (tmp_path / "mine.csv").read_text()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (["--samplers", "walk"], "invalid choice: 'walk'"),
        (["--losses", "triplet"], "invalid choice: 'triplet'"),
        (["--preset", "laptop"], "invalid choice: 'laptop'"),
        (["--models", "byol"], "invalid choice: 'byol'"),
    ],
)
def test_unknown_names_are_refused_with_those_there_are(argument, message, capsys):
    with pytest.raises(SystemExit):
        modality.main(vision.MODALITY, "", argument)
    assert message in capsys.readouterr().err


def test_missing_data_names_folder_and_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"CIFAR10 under .* is missing or damaged .*root="):
        modality.main(vision.MODALITY, "", ["--sets", "cifar10", "--data", str(tmp_path), "--out", str(tmp_path / "x")])
