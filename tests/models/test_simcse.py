"""SimCSE against transformers' own outputs and a cross-entropy written out."""

import copy
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from toolkit import RandomWalkBatchSampler
from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.models import SimCSE
from toolkit.models.losses import dcl, hcl
from toolkit.models.text_encoders import pretrained, small_bert
from toolkit.training import train

pytest.importorskip("transformers")

TEXTS = [f"sentence number {i} is about {'cats' if i % 2 else 'dogs and more'}" for i in range(40)]


@pytest.fixture(scope="module")
def sentences():
    return Sentences(TEXTS, train_tokenizer(TEXTS, 400))


@pytest.fixture
def tokens(sentences):
    return sentences.collate([sentences[i] for i in range(7)])[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sentences):
    """A BERT with its pooler, as users have them on disk."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(sentences.tokenizer),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=80,
    )
    path = tmp_path_factory.mktemp("model")
    BertModel(config).save_pretrained(path)
    sentences.tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def reference(folder):
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder).eval()


@torch.no_grad()
def test_eval_mode_gives_transformers_own_outputs(folder, reference, tokens):
    expected = reference(**tokens)
    cls = SimCSE(folder).eval()
    torch.testing.assert_close(cls.encode(tokens), expected.last_hidden_state[:, 0])
    cls.head[0].load_state_dict(reference.pooler.dense.state_dict())
    torch.testing.assert_close(cls.project(tokens), expected.pooler_output)
    mean = SimCSE(folder, pooling="mean").eval()
    lengths = tokens["attention_mask"].sum(1).tolist()
    means = torch.stack([states[:n].mean(0) for states, n in zip(expected.last_hidden_state, lengths, strict=True)])
    torch.testing.assert_close(mean.encode(tokens), means)
    torch.testing.assert_close(mean.project(tokens), means)


@torch.no_grad()
def test_padding_changes_nothing(sentences):
    model = SimCSE(small_bert(len(sentences.tokenizer)), pooling="mean").eval()
    alone = model.encode(sentences.collate([sentences[1]])[1])
    padded = model.encode(sentences.collate([sentences[1], sentences[0]])[1])
    assert sentences.lengths[0] > sentences.lengths[1]
    torch.testing.assert_close(padded[:1], alone)


@torch.no_grad()
def test_without_positions_a_text_is_the_set_of_its_tokens(tokens):
    turned = {"input_ids": tokens["input_ids"].flip(1), "attention_mask": tokens["attention_mask"].flip(1)}
    for positions in (False, True):
        model = SimCSE(small_bert(400, positions=positions), pooling="mean").eval()
        same = torch.allclose(model.encode(turned), model.encode(tokens), atol=1e-5)
        assert same is not positions


def test_positions_that_are_left_out_stay_out(tokens):
    model = SimCSE(small_bert(400, positions=False))
    model(tokens)[0].backward()
    torch.optim.AdamW(model.parameters(), weight_decay=0.1).step()
    assert not model.encoder.embeddings.position_embeddings.weight.any()


@torch.no_grad()
def test_first_layers_of_a_model(folder, reference, tokens):
    states = reference(**tokens, output_hidden_states=True).hidden_states
    for n in (1, 2, 3):
        torch.testing.assert_close(SimCSE(folder, n_layers=n).eval().encode(tokens), states[n][:, 0])
    with pytest.raises(ValueError, match="n_layers must be between 1 and 3, got 4"):
        SimCSE(folder, n_layers=4)
    with pytest.raises(ValueError, match="n_layers is for an encoder given by name"):
        SimCSE(reference, n_layers=1)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_loss_is_cross_entropy_over_the_cosines_of_the_passes(sentences, tokens, pooling):
    model = SimCSE(small_bert(len(sentences.tokenizer)), pooling=pooling, temperature=0.07)
    torch.manual_seed(3)
    loss, embeddings = model(tokens)
    torch.manual_seed(3)
    z1, z2 = model.project({name: torch.cat([part, part]) for name, part in tokens.items()}).chunk(2)
    cosines = F.cosine_similarity(z1[:, None], z2[None], dim=2)
    torch.testing.assert_close(loss, F.cross_entropy(cosines / 0.07, torch.arange(7)))
    torch.testing.assert_close(embeddings, torch.cat([F.normalize(z1), F.normalize(z2)], 1))
    assert not embeddings.requires_grad


@pytest.mark.parametrize("by_name", [True, False])
def test_every_parameter_that_is_trained_gets_a_gradient(folder, reference, tokens, by_name):
    model = SimCSE(folder if by_name else reference)
    model(tokens)[0].backward()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {f"encoder.pooler.dense.{name}" for name in ("weight", "bias")}
    assert frozen == {name for name, parameter in model.named_parameters() if parameter.grad is None}


def test_passes_differ_by_dropout_only(sentences, tokens):
    model = SimCSE(small_bert(len(sentences.tokenizer)))
    first, second = model(tokens)[1].chunk(2, dim=1)
    assert (first - second).abs().max() > 0.01
    first, second = model.eval()(tokens)[1].chunk(2, dim=1)
    torch.testing.assert_close(first, second)
    dry = SimCSE(small_bert(len(sentences.tokenizer), dropout=0))
    first, second = dry(tokens)[1].chunk(2, dim=1)
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("loss", [partial(dcl, tau_plus=0.05), partial(hcl, tau_plus=0.05, beta=0.5)])
def test_other_losses(sentences, tokens, loss):
    model = SimCSE(small_bert(len(sentences.tokenizer)), loss=loss).eval()
    z = model.project(tokens)
    torch.testing.assert_close(model(tokens)[0], loss(z, z, 0.05, within=False))


def test_every_parameter_is_trained(sentences, tokens):
    model = SimCSE(small_bert(len(sentences.tokenizer)))
    model(tokens)[0].backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_training_lowers_the_loss_and_fills_the_bank(sentences):
    torch.manual_seed(0)
    model = SimCSE(small_bert(len(sentences.tokenizer), n_layers=1), pooling="mean")
    sampler = RandomWalkBatchSampler(len(sentences), 8, n_candidates=20, n_neighbors=5)
    before = copy.deepcopy(model.state_dict())
    history = train(model, sentences, sampler, steps=15, progress=False)
    losses = history.columns["loss"]
    assert sum(losses[-3:]) < sum(losses[:3])
    assert sampler.bank.vectors.shape == (40, 256)
    assert sampler.graph is not None
    assert any((before[name] != value).any() for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["absent/of/mine", "./absent", "~/absent-model", Path("absent")])
def test_missing_folder(name):
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent.*: give one that holds a transformers model"):
        SimCSE(name)


def test_folder_without_a_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="is neither a folder with a transformers model nor"):
        pretrained(tmp_path)


def test_bad_settings(sentences):
    with pytest.raises(ValueError, match="pooling must be one of 'cls', 'mean', got 'max'"):
        SimCSE(small_bert(100), pooling="max")
    with pytest.raises(ValueError, match="width must be a multiple of 64"):
        small_bert(100, width=100)
    with pytest.raises(ValueError, match=r"dropout must be a number in \[0, 1\), got 1"):
        small_bert(100, dropout=1)
    with pytest.raises(ValueError, match="n_layers must be at least 1, got 0"):
        small_bert(100, n_layers=0)
