"""Which measure has the order of the results: on toy pairs, and on figures made up to have a known order."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import forecast, retrieval, rivals_forecast
from toolkit.datasets.pairs import Pairs
from toolkit.models import PairModel
from toolkit.training import Task

RNG = np.random.default_rng(0)
TOKENS = torch.from_numpy(RNG.integers(0, 40, (240, 5)))
MADE_UP = pd.DataFrame(
    {
        "set": "toy",
        "batch_size": 32,
        "sampler": ["uniform", "walk_50_1000", "walk_10_5000", "chain_640", "cluster_8", "cluster_32", "knn_0"],
        "dev MRR@10": [0.10, 0.11, 0.12, 0.13, 0.14, 0.12, 0.09],
        "value": [0.10, 0.11, 0.12, 0.14, 0.13, 0.12, 0.09],
        "hardness": [0.0, 0.2, 0.3, 0.1, 0.15, 0.5, 0.6],
        "estimated_false_negatives": [0.01, 0.02, 0.03, 0.04, 0.05, 0.4, 0.05],
        "loss_gap": [6.0, 5.5, 5.0, 4.5, 4.0, 3.0, 2.0],
        "variety": [24.0, 20.0, 18.0, 15.0, 14.0, 8.0, 5.0],
        "chance": 0.01,
        "covered": [1.0] * 6 + [0.5],
    }
)


def bags(loss):
    return PairModel(*(torch.nn.EmbeddingBag(40, 6, mode="mean") for _ in range(2)), temperature=0.2)


def test_trials_are_measured_on_embeddings_after_an_epoch(monkeypatch):
    groups = np.arange(240) // 2
    task = Task("toy", "static", Pairs(TOKENS, (TOKENS + 1) % 40, groups), 8, 24, bags, dict)
    monkeypatch.setattr(retrieval, "tasks", lambda *_: iter([task]))
    monkeypatch.setattr(forecast, "STEPS", 8)
    found = pd.DataFrame(
        rivals_forecast.measure("dictionary", 32, ["uniform", "chain_640", "cluster_8", "knn_0"], None)
    )
    found = found.set_index("sampler")
    assert found.covered[["uniform", "chain_640", "cluster_8"]].min() > 0.95
    assert found.covered["knn_0"] < 0.95
    assert found.hardness["uniform"] < found.hardness["chain_640"] < found.hardness["knn_0"]
    assert found.loss_gap["uniform"] > found.loss_gap["chain_640"]
    assert found.chance.nunique() == 1


def test_the_order_is_compared_within_the_limit_and_among_all():
    assert rivals_forecast.within(MADE_UP).tolist() == [True] * 5 + [False] * 2
    few_false = MADE_UP.assign(estimated_false_negatives=0.01)
    assert rivals_forecast.within(few_false).tolist() == [True] * 5 + [False] * 2, "large clusters, repetitions"
    found = rivals_forecast.correlations(MADE_UP).set_index(["trials", "order by"])
    within = found.loc["within the limits (5)"]
    assert within.loc["less loss gap"].tolist() == ["+1.00", "+0.90"]
    assert within.loc["more hardness", "development queries"] == "+0.20"
    assert float(found.loc[("all trials (7)", "less loss gap"), "development queries"]) < 0.5


def test_the_table_has_the_best_first():
    lines = rivals_forecast.table(MADE_UP).splitlines()
    assert lines[0] == "**toy, batches of 32**, limit of false negatives 10.6%"
    rows = [line for line in lines if "%" in line][1:]
    assert rows[0].startswith("| Clusters, cluster_size=8 | 14.00 | 13.00 | 0.150 | 5.0% | 4.00 | 14.0 | 100% |")
    assert rows[-1].startswith("| kNN")


def test_doses_of_the_study_are_those_within_the_limit():
    lines = rivals_forecast.study_table().splitlines()
    assert lines[0].startswith("| training | doses within the limit |")
    dictionary = next(line for line in lines if line.startswith("| dictionary"))
    hardness, gap = (float(cell) for cell in dictionary.split("|")[3:5])
    assert -1 <= hardness < gap <= 1, "stored runs: the loss gap has the order of the gains, hardness less so"


@pytest.mark.parametrize("name", ["--samplers=kmeans", "--sets=dictionary"])
def test_unknown_options_end_with_a_message(name, capsys):
    with pytest.raises(SystemExit):
        rivals_forecast.main([name])
    assert "error" in capsys.readouterr().err
