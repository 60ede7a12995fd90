"""What is measured before a training of the study: on toy images and toy pairs."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import budget, forecast, study, suggestions
from toolkit.datasets.pairs import Pairs
from toolkit.datasets.vision import Images, ImageViews
from toolkit.metrics import suggest_settings
from toolkit.models import PairModel, SimCLR
from toolkit.samplers import Budget
from toolkit.training import Task

RNG = np.random.default_rng(0)
LABELS = np.arange(240) % 4
PIXELS = torch.from_numpy(RNG.integers(0, 60, (240, 1, 12, 12)).astype(np.uint8))
PIXELS[torch.arange(240), 0, torch.from_numpy(LABELS * 3)] = 255  # a bright row per class


def images(loss):
    return SimCLR("tiny", temperature=0.2)


def bags(loss):
    return PairModel(*(torch.nn.EmbeddingBag(40, 6, mode="mean") for _ in range(2)), temperature=0.2)


TOKENS = torch.from_numpy(RNG.integers(0, 40, (240, 5)))
TASKS = {
    "images": Task("images", "simclr", ImageViews(Images(PIXELS, LABELS)), 8, 24, images, dict, labels=LABELS),
    "pairs": Task("pairs", "static", Pairs(TOKENS, (TOKENS + 1) % 40), 8, 24, bags, dict),
}


@pytest.mark.parametrize("name", ["images", "pairs"])
def test_all_constant_doses_are_measured(name, monkeypatch, tmp_path):
    trial = study.Trial(None, doses=("uniform", "walk_50_1000", "knn", "hard_to_easy"))
    monkeypatch.setattr(study, "TRIALS", {name: trial})
    task = TASKS[name]
    monkeypatch.setattr(study, "task_of", lambda *_: Task(**vars(task) | {"sampler_settings": {"uniform": {}}}))
    monkeypatch.setattr(forecast, "RESULTS", tmp_path / "forecast.csv")
    monkeypatch.setattr(forecast, "STEPS", 8)
    forecast.main(["--trials", name])
    found = pd.read_csv(tmp_path / "forecast.csv").set_index("sampler")
    assert found.index.tolist() == ["uniform", "walk_50_1000", "knn"]
    assert found.hardness["knn"] > found.hardness["uniform"]
    assert (found.loss_gap["knn"] < found.loss_gap["uniform"]) or name == "pairs"
    assert found.false_negatives.isna().all() == (name == "pairs")
    forecast.main(["--trials", name])
    assert len(pd.read_csv(tmp_path / "forecast.csv")) == 3, "not measured twice"


def test_the_grid_holds_nothing_much_harder_than_the_suggestion(monkeypatch):
    points = torch.from_numpy(RNG.normal(size=(20, 8))[RNG.integers(0, 20, 1200)] + RNG.normal(size=(1200, 8))).float()
    monkeypatch.setattr(suggestions, "GRID", ((300, 1000), (10, 50, 200), (0.2, 0.5, 0.9)))
    best = suggestions.best_of_grid(suggestions.unit_rows(points), False, 30, Budget())
    found = suggest_settings(points, 30, samplers=suggestions.WALK)
    assert found.hardness > 0.85 * best > 0


def test_rates_between_rebuilds_are_compared_with_the_budget():
    row = budget.Kept("toy", "partition", 0.1, 0.2, np.array([0.09, 0.1, 0.12])).row()
    assert row["lowest and highest between rebuilds"] == "-10% to +20%"
    assert row["budget"] == "10.0%"
