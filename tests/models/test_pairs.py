"""Models of pairs against a cross-entropy written out, with one tower and two."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from toolkit import RandomWalkBatchSampler
from toolkit.datasets.pairs import Pairs
from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.models import PairModel
from toolkit.models.losses import dcl, hcl, nt_xent
from toolkit.models.text_encoders import static
from toolkit.training import train

QUERIES, TARGETS = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 7, 5))).float()


def towers(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(5, 4), nn.Linear(5, 4)


def reference_loss(q, t, temperature):
    """Each query among the targets, then each target among the queries, one cosine at a time."""
    n = len(q)
    logits = [[float(F.cosine_similarity(q[i], t[j], dim=0)) / temperature for j in range(n)] for i in range(n)]
    rows = [np.log(np.exp(logits[i]).sum()) - logits[i][i] for i in range(n)]
    columns = [np.log(sum(np.exp(logits[i][j]) for i in range(n))) - logits[j][j] for j in range(n)]
    return (np.mean(rows) + np.mean(columns)) / 2


@pytest.mark.parametrize("temperature", [0.05, 0.3])
def test_loss_is_cross_entropy_both_ways(temperature):
    first, second = towers()
    loss, q, t = PairModel(first, second, temperature)(QUERIES, TARGETS)
    torch.testing.assert_close(q, first(QUERIES))
    torch.testing.assert_close(t, second(TARGETS))
    assert loss.item() == pytest.approx(reference_loss(q, t, temperature), rel=1e-4)
    assert loss.requires_grad
    assert not q.requires_grad
    assert not t.requires_grad


def test_one_tower_encodes_both_sides():
    tower, _ = towers()
    alone, twice = PairModel(tower), PairModel(tower, tower)
    for one, other in zip(alone(QUERIES, TARGETS), twice(QUERIES, TARGETS), strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(alone.encode_targets(TARGETS), alone.encode_queries(TARGETS))
    assert len(alone.state_dict()) == 2
    assert len(list(alone.parameters())) == 2


def test_two_towers_are_both_trained():
    model = PairModel(*towers())
    model(QUERIES, TARGETS)[0].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert len(model.state_dict()) == 4


@pytest.mark.parametrize("loss", [nt_xent, partial(dcl, tau_plus=0.05), partial(hcl, tau_plus=0.05, beta=0.5)])
def test_any_loss_counts_both_ways(loss):
    model = PairModel(*towers(), temperature=0.2, loss=loss)
    got, q, t = model(QUERIES, TARGETS)
    both = loss(q, t, 0.2, within=False) + loss(t, q, 0.2, within=False)
    torch.testing.assert_close(got.detach(), both / 2)


def test_aligned_pairs_have_a_lower_loss_than_shuffled_ones():
    model = PairModel(nn.Identity())
    right, wrong = model(QUERIES, QUERIES + 0.01)[0], model(QUERIES, QUERIES.roll(1, 0))[0]
    assert right < 0.01
    assert wrong > 1


def test_default_training_of_static_encoders_lowers_the_loss():
    pytest.importorskip("transformers")
    texts = [f"number {i} of the {'cats' if i % 2 else 'dogs'}" for i in range(40)]
    sentences = Sentences(texts, train_tokenizer(texts, 400))
    sampler = RandomWalkBatchSampler(len(texts), 8, n_candidates=20, n_neighbors=5)
    torch.manual_seed(0)
    model = PairModel(static(sentences.tokenizer, 16), static(sentences.tokenizer, 16))
    history = train(model, Pairs(sentences, sentences), sampler, steps=60, progress=False)
    losses = history.columns["loss"]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert sampler.graph is not None


class Wide(nn.Module):
    """A transformers-like model, whose output is an object."""

    def forward(self, batch):
        return {"last_hidden_state": batch}


@pytest.mark.parametrize(
    ("query_encoder", "target_encoder", "message"),
    [
        (Wide(), None, r"query_encoder must return a float tensor \(B, d\), got dict"),
        (nn.Identity(), Wide(), r"target_encoder must return a float tensor \(B, d\), got dict"),
        (nn.Unflatten(1, (5, 1)), None, r"got torch.float32 of shape \(7, 5, 1\)"),
        (nn.Identity(), nn.Linear(5, 4), r"embeddings of one shape \(B, d\), got \(7, 5\) and \(7, 4\)"),
    ],
)
def test_outputs_that_are_not_embeddings_are_named(query_encoder, target_encoder, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PairModel(query_encoder, target_encoder)(QUERIES, TARGETS)


def test_integer_outputs_are_named():
    with pytest.raises(TypeError, match=r"got torch.int64 of shape \(7, 5\)"):
        PairModel(nn.Identity())(QUERIES.long(), TARGETS)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("MiniLM",), TypeError, r"query_encoder must be an nn.Module, got 'MiniLM': .*sentence_encoder"),
        ((None,), TypeError, "query_encoder must be an nn.Module, got None"),
        ((nn.Identity(), "name"), TypeError, "target_encoder must be an nn.Module, got 'name'"),
        ((nn.Identity(), None, 0), ValueError, r"temperature must be a number in \(0, inf\), got 0"),
    ],
)
def test_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        PairModel(*arguments)
