"""Training on pairs: both sides' embeddings, their hardness, sparse gradients, exact resume."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from training_runs import BATCH, N, assert_same_course

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets.pairs import Pairs
from toolkit.models import PairModel
from toolkit.training import train

rng = np.random.default_rng(0)
TOKENS = torch.from_numpy(rng.integers(0, 40, (N, 5)))
DATA = Pairs(TOKENS, (TOKENS + 1) % 40)


def bag(sparse=True, width=6):
    return nn.EmbeddingBag(40, width, mode="mean", sparse=sparse)


def make_model(seed=0):
    torch.manual_seed(seed)
    return PairModel(bag(), bag(), temperature=0.2)


def make_sampler(kind="walk"):
    if kind == "uniform":
        return UniformBatchSampler(N, BATCH)
    return RandomWalkBatchSampler(N, BATCH, n_candidates=20, n_neighbors=5, refresh_every=3, coverage="partition")


def run(steps, model=None, **settings):
    model = model or make_model()
    return train(model, DATA, make_sampler(), steps, labels=np.arange(N) % 4, progress=False, **settings), model


def test_samplers_get_both_sides_and_hardness_is_between_them(monkeypatch):
    seen, sampler = [], make_sampler("uniform")
    monkeypatch.setattr(sampler, "update", lambda index, *sides: seen.append((index, *sides)))
    history = train(make_model(), DATA, sampler, 5, progress=False)
    assert [len(sides) for sides in seen] == [3] * 5
    for hardness, (_, queries, targets) in zip(history.columns["hardness"], seen, strict=True):
        cosines = F.cosine_similarity(queries[:, None], targets[None], dim=2)
        negatives = cosines[~torch.eye(len(queries), dtype=torch.bool)]
        assert hardness == pytest.approx(negatives.mean().item(), abs=1e-6)


def test_false_negatives_of_pairs_are_estimated_where_there_are_no_labels():
    history = train(make_model(), DATA, make_sampler("uniform"), 20, progress=False)
    steps, values = history.series("estimated_false_negatives")
    assert steps.tolist() == [10, 20]
    assert ((values >= 0) & (values <= 1)).all()
    assert run(20)[0].measured["estimated_false_negatives"] == []


def test_a_model_of_pairs_learns_with_the_walk():
    model = make_model()
    history, _ = run(200, model, optimizer=torch.optim.SparseAdam(model.parameters(), lr=0.03))
    loss = history.columns["loss"]
    assert np.mean(loss[-20:]) < 0.5 * np.mean(loss[:5])


@pytest.mark.parametrize("given", [False, True], ids=["default", "given"])
def test_resume_with_sparse_gradients_is_exact(tmp_path, given):
    def arguments(seed):
        model = make_model(seed)
        return {"model": model} | ({"optimizer": torch.optim.SparseAdam(model.parameters(), lr=0.01)} if given else {})

    path = tmp_path / "run.pt"
    whole = run(24, **arguments(0))
    run(11, checkpoint=path, **arguments(0))
    assert_same_course(run(24, checkpoint=path, **arguments(99)), whole)


def test_sparse_gradients_get_an_optimizer_by_default():
    model = make_model()
    before = [value.clone() for value in model.parameters()]
    run(3, model)
    assert all(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


def test_frozen_dense_layers_do_not_count_as_dense_gradients():
    model = PairModel(nn.Sequential(bag(), nn.Linear(6, 6).requires_grad_(False)))
    assert len(run(3, model)[0]) == 3


def test_sparse_and_dense_gradients_need_a_choice():
    model = PairModel(nn.Sequential(bag(), nn.Linear(6, 6)))
    message = r"optimizer must be given .*EmbeddingBag with sparse=True.*'query_encoder.1.weight'.*sparse=False"
    with pytest.raises(ValueError, match=message):
        run(3, model)
    assert len(run(3, model, optimizer=torch.optim.Adagrad(model.parameters()))[0]) == 3
