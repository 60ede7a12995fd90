"""Banks of half the size, and builds that find no memory."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from sampler_kinds import ONLINE, PLANNED, built, new, normal, training

from toolkit import ProximityGraph, RandomWalkBatchSampler
from toolkit.metrics import batch_hardness

LABELS = np.arange(2000) % 40
POINTS = (normal(40, 32)[LABELS] + normal(2000, 32, 1)).astype(np.float32)


@pytest.mark.parametrize("kind", ONLINE)
def test_a_bank_of_half_the_size_makes_nearly_the_same_batches(kind):
    whole, half = (built(kind, POINTS, 50, bank_dtype=dtype) for dtype in ("float32", "float16"))
    assert half.bank.vectors.dtype == torch.float16
    torch.testing.assert_close(half.bank.vectors.float(), whole.bank.vectors, atol=3e-4, rtol=1e-3)
    if kind in PLANNED:
        hardness = [batch_hardness(list(sampler), POINTS).value for sampler in (whole, half)]
        assert hardness[0] == pytest.approx(hardness[1], rel=0.1), "they are cut at other places"
        return
    common = [len(set(one) & set(other)) / 50 for one, other in zip(whole, half, strict=True)]
    assert np.mean(common) > (0.98 if kind == "knn" else 0.3), "a walk goes elsewhere after one neighbour that differs"
    if kind != "knn":
        assert (half.graph.neighbors == whole.graph.neighbors).mean() > 0.98


def test_budget_pairs_and_resume_with_a_bank_of_half_the_size():
    targets = POINTS + 0.3 * normal(2000, 32, 2).astype(np.float32)
    settings = {"targets": targets, "bank_dtype": "float16"}
    sampler = RandomWalkBatchSampler.from_embeddings(POINTS, 50, **settings)
    epoch = iter(sampler)
    next(epoch)
    assert sampler.chosen is not None
    other = RandomWalkBatchSampler(2000, 50, warmup_epochs=0, bank_dtype="float16")
    other.load_state_dict(sampler.state_dict())
    assert list(other) == list(epoch)
    with pytest.raises(ValueError, match="its bank_dtype is 'float16', this one's 'float32'"):
        RandomWalkBatchSampler(2000, 50, warmup_epochs=0).load_state_dict(sampler.state_dict())


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="bank_dtype must be one of 'float32', 'float16', got 'int8'"):
        new("knn", 100, 10, bank_dtype="int8")


def test_similarities_are_kept_only_where_the_number_of_neighbours_is_chosen():
    settings = {"n_candidates": 100, "n_neighbors": 20}
    chosen, given = (RandomWalkBatchSampler.from_embeddings(POINTS, 50, restart=r, **settings) for r in ("auto", 0.3))
    np.testing.assert_array_equal(chosen.graph.neighbors, given.graph.neighbors)
    assert (chosen.graph.similarities.shape, given.graph.similarities.shape) == ((2000, 20), (2000, 0))
    other = RandomWalkBatchSampler(2000, 50, warmup_epochs=0, restart=0.3, **settings)
    state = given.state_dict()
    other.load_state_dict(state)
    before = {**state["shared"]["graph"], "similarities": torch.zeros(2000, 20)}
    state["shared"]["graph"] = before  # as states had them once
    old = RandomWalkBatchSampler(2000, 50, warmup_epochs=0, restart=0.3, **settings)
    old.load_state_dict(state)
    assert list(other) == list(old)


ERRORS = {
    "numpy": lambda *_, **__: np.empty(2**58),
    "torch": lambda *_, **__: torch.empty(2**58),
    "device": lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")),
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", ["independent", "background"])
def test_training_goes_on_with_the_old_graph_when_a_build_finds_no_memory(kind, error, monkeypatch):
    points = normal(100)
    sampler = built(kind, points, 10, refresh_every=3)
    before = sampler.graph
    run = training(sampler, points)
    with monkeypatch.context() as patch:
        patch.setattr(ProximityGraph, "build", ERRORS[error])
        with pytest.warns(UserWarning, match=r"ran out of memory.*lower n_neighbors.*float16.*continues with") as said:
            list(itertools.islice(run, 9))
    assert sampler.graph is before
    assert ("no copy of the embeddings" in str(said[0].message)) == (kind == "background")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(9):
            next(run)
    assert sampler.graph is not before, "the next build is tried again"


def test_without_a_graph_the_error_says_what_is_needed(monkeypatch):
    monkeypatch.setattr(ProximityGraph, "build", ERRORS["numpy"])
    with pytest.raises(MemoryError, match=r"takes about 0\.0 GiB on top of the embeddings.*lower n_neighbors than 3"):
        built("independent", normal(100), 10)


def test_without_settings_of_a_budget_the_error_says_what_is_needed(monkeypatch):
    sampler = RandomWalkBatchSampler(100, 10, n_candidates=30, n_neighbors=3, warmup_epochs=0)
    sampler.update(range(100), normal(100))
    with monkeypatch.context() as patch:
        patch.setattr(RandomWalkBatchSampler, "_choose", ERRORS["numpy"])
        with pytest.raises(MemoryError, match=r"takes about .*a fixed restart probability"):
            next(iter(sampler))
    assert sampler.warming_up
    assert len(next(iter(sampler))) == 10, "the next build is tried again"
    assert sampler.chosen is not None


def test_other_errors_of_a_build_are_raised(monkeypatch):
    monkeypatch.setattr(ProximityGraph, "build", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        built("independent", normal(100), 10)


def test_an_epoch_draws_its_first_members_once():
    sampler = RandomWalkBatchSampler.from_embeddings(POINTS, 50, refresh_every=3)
    expected = np.random.default_rng([0, 0, 1]).permutation(2000)[:40]
    assert [batch[0] for batch in sampler] == expected.tolist()
    assert len(sampler._epoch_starts[1]) == 40
