"""Samplers of pairs: both sides in the bank, the similarity of the symmetric loss, skip, margin, fresh candidates."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from sampler_kinds import KINDS, ONLINE, PLANNED, built, flat, new, normal

from toolkit import KNNBatchSampler, ProximityGraph, RandomWalkBatchSampler
from toolkit.proximity import join_pairs

N = 240


def pairs(n: int = N, d: int = 6, noise: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    queries = normal(n, d, seed)
    return queries, queries + noise * normal(n, d, seed + 1)


def crossed(queries, targets) -> np.ndarray:
    """Mean cosine of each pair's query with another's target and the reverse."""
    q, t = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (queries, targets))
    return (q @ t.T + t @ q.T) / 2


FORMS = {
    "tensors": lambda side: torch.from_numpy(side).float(),
    "arrays": lambda side: side,
    "float16": lambda side: torch.from_numpy(side).half(),
    "gradient": lambda side: torch.from_numpy(side).float().requires_grad_(),
    "transposed": lambda side: torch.from_numpy(side.T.copy()).float().T,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ONLINE)
def test_the_bank_holds_both_sides(kind, form):
    queries, targets = pairs()
    sampler = new(kind, N, 16)
    for rows in np.array_split(np.random.default_rng(0).permutation(N), 15):
        sampler.update(rows, FORMS[form](queries[rows]), FORMS[form](targets[rows]))
    assert sampler.bank.paired
    assert sampler.bank.complete
    tolerance = 1e-3 if form == "float16" else 1e-6
    np.testing.assert_allclose(sampler.bank.vectors.numpy(), join_pairs(queries, targets).numpy(), atol=tolerance)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("side", [0, 1])
def test_the_bank_is_left_alone_by_a_bad_side(side, bad):
    queries, targets = pairs()
    sampler = built("partition", queries, 16, targets=targets)
    before = sampler.bank.vectors.clone()
    some = [torch.ones(8, 6), torch.ones(8, 6)]
    some[side][5] = bad
    name = ("queries", "targets")[side]
    with pytest.raises(ValueError, match=rf"{name} must be finite and not all zero in every row, got 1 bad row\(s\)"):
        sampler.update(np.arange(8), *some)
    assert torch.equal(sampler.bank.vectors, before)


def test_wrong_updates_say_what_is_wrong():
    queries, targets = pairs()
    sampler = new("partition", N, 16)
    sampler.update(np.arange(8), queries[:8], targets[:8])
    with pytest.raises(ValueError, match="get the same as in its first call, a query and a target per instance"):
        sampler.update(np.arange(8), queries[:8])
    with pytest.raises(ValueError, match=r"targets must have shape \(8, 6\), that of the queries, got \(8, 5\)"):
        sampler.update(np.arange(8), queries[:8], targets[:8, :5])
    with pytest.raises(ValueError, match=r"targets must have one row per index \(8\), got 7"):
        sampler.update(np.arange(8), queries[:8], targets[:7])
    with pytest.raises(ValueError, match="queries must keep the dimension of the first update, 6, got 5"):
        sampler.update(np.arange(8), queries[:8, :5], targets[:8, :5])
    single = new("partition", N, 16)
    single.update(np.arange(8), queries[:8])
    with pytest.raises(ValueError, match="get the same as in its first call, one embedding per instance"):
        single.update(np.arange(8), queries[:8], targets[:8])


@pytest.mark.parametrize("kind", [kind for kind in ONLINE if kind not in PLANNED])
def test_a_margin_needs_targets(kind):
    with pytest.raises(ValueError, match=r"margin needs pairs, got margin=0\.9 and update without targets"):
        built(kind, normal(60), 6, margin=0.9)
    with pytest.raises(ValueError, match="margin must be a number in"):
        new(kind, 60, 6, margin=0)
    with pytest.raises(ValueError, match="skip must be"):
        new(kind, 60, 6, skip=-1)
    with pytest.raises(ValueError, match="skip must be between 0 and"):
        new(kind, 60, 6, skip=60)


def test_uniform_takes_pairs_too():
    queries, targets = pairs()
    sampler = built("uniform", queries, 16, targets=targets)
    sampler.update(np.arange(16), queries[:16], targets[:16])
    assert len(list(sampler)) == N // 16


def test_neighbours_are_those_of_the_symmetric_loss():
    queries, targets = pairs()
    settings = {"n_candidates": N - 1, "n_neighbors": 5}
    sampler = RandomWalkBatchSampler.from_embeddings(queries, 16, targets=targets, **settings)
    scores = crossed(queries, targets)
    np.fill_diagonal(scores, -2)
    best = np.sort(scores, axis=1)[:, -5:]
    np.testing.assert_allclose(np.sort(sampler.graph.similarities, axis=1), best, atol=1e-5)
    knn = KNNBatchSampler.from_embeddings(queries, 6, targets=targets)
    for batch in knn:
        assert set(batch[1:]) == set(np.argsort(-scores[batch[0]])[:5].tolist())


def test_skip_and_margin_leave_the_likeliest_false_negatives_out():
    queries, targets = pairs(noise=1.5)
    scores = crossed(queries, targets)
    own = scores.diagonal().copy()
    np.fill_diagonal(scores, -2)
    settings = {"n_candidates": N - 1, "n_neighbors": 4}
    graph = RandomWalkBatchSampler.from_embeddings(queries, 16, targets=targets, skip=3, **settings).graph
    ranks = np.argsort(-scores, axis=1)
    np.testing.assert_array_equal(np.sort(graph.neighbors), np.sort(ranks[:, 3:7]))
    np.testing.assert_array_equal(np.sort(graph.skipped), np.sort(ranks[:, :3]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = RandomWalkBatchSampler.from_embeddings(queries, 16, targets=targets, margin=0.8, **settings).graph
    near = np.take_along_axis(scores, graph.neighbors, 1)
    alone = graph.neighbors == np.arange(N)[:, None]
    assert (near < 0.8 * own[:, None] + 1e-5)[~alone].all()
    assert (scores >= 0.8 * own[:, None]).any(1).mean() > 0.2  # there was something to leave out


def test_rules_that_leave_too_little_say_so_once():
    queries, targets = pairs(noise=3)
    settings = {"n_candidates": 50, "n_neighbors": 40, "restart": 0.5, "margin": 0.1}
    with pytest.warns(UserWarning, match=r"found fewer than n_neighbors=40 candidates .* of 240 instances") as caught:
        sampler = RandomWalkBatchSampler.from_embeddings(queries, 16, targets=targets, refresh_every=5, **settings)
    assert len(caught) == 1
    assert sampler.graph.lacking > 24
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*found fewer")
        for batch in itertools.islice(sampler, 12):
            sampler.update(batch, queries[batch], targets[batch])


@pytest.mark.parametrize("kind", ["independent", "partition", "background"])
def test_rules_hold_through_training_and_a_resume(kind):
    queries, targets = pairs()
    codes = np.arange(N) // 3
    arguments = {"groups": codes, "skip": 2, "margin": 0.95, "fresh": 0.5, "refresh_every": 4}

    def steps(sampler, n, step=0):
        while n:
            for batch in sampler:
                drift = 0.1 * normal(len(batch), 6, step)
                sampler.update(batch, queries[batch] + drift, targets[batch] + drift)
                step, n = step + 1, n - 1
                yield batch
                if not n:
                    return

    sampler = new(kind, N, 16, **arguments)
    going = steps(sampler, 70)
    seen = list(itertools.islice(going, 40))
    resumed = new(kind, N, 16, **arguments)
    state = sampler.state_dict()
    torch.save(state, "/dev/null")  # numbers and tensors only
    resumed.load_state_dict(state)
    assert flat(steps(resumed, 30, 40)) == flat(going)
    for batch in seen:
        assert len(set(codes[batch].tolist())) == len(batch)
    graph = sampler.graph
    assert graph.fresh == 0.5
    assert (codes[graph.neighbors] != codes[:, None])[graph.neighbors != np.arange(N)[:, None]].all()
    np.testing.assert_array_equal(resumed.graph.neighbors, graph.neighbors)
    np.testing.assert_array_equal(resumed.graph.skipped, graph.skipped)


def test_rebuilt_graphs_are_as_good_as_built_ones_for_less():
    # A quarter of the candidates each time: similarity and spread of in-degrees as if all were drawn at once.
    points = normal(4000, 8)
    settings = {"n_candidates": 400, "n_neighbors": 8}
    whole = ProximityGraph.build(points, **settings)
    graph = ProximityGraph.build(points, **settings, seed=1)
    for seed in range(2, 22):
        graph = graph.rebuilt(points, fresh=0.25, seed=seed)
    quarter = ProximityGraph.build(points, n_candidates=100, n_neighbors=8)
    assert abs(graph.similarities.mean() - whole.similarities.mean()) < 0.015
    assert whole.similarities.mean() - quarter.similarities.mean() > 0.05
    spread, expected = (g.in_degree_counts().std() / 8 for g in (graph, whole))
    assert abs(spread - expected) < 0.06
    assert (graph.neighbors != whole.neighbors).mean() > 0.5
    assert all(len(set(row)) == 8 for row in graph.neighbors.tolist())


def test_rebuilt_graphs_refuse_what_does_not_fit():
    graph = ProximityGraph.build(normal(100), n_candidates=40, n_neighbors=10)
    with pytest.raises(ValueError, match=r"fresh must leave at least n_neighbors \+ skip = 10 of 40 candidates"):
        graph.rebuilt(normal(100), fresh=0.2)
    with pytest.raises(ValueError, match=r"fresh must be a number in \(0, 1\]"):
        graph.rebuilt(normal(100), fresh=0)
    with pytest.raises(ValueError, match="embeddings must have shape"):
        graph.rebuilt(normal(99))
    with pytest.raises(ValueError, match="fresh must leave"):
        RandomWalkBatchSampler(100, 10, n_candidates=40, n_neighbors=10, fresh=0.1)
    whole = graph.rebuilt(normal(100), fresh=1, seed=3)
    np.testing.assert_array_equal(
        whole.neighbors, ProximityGraph.build(normal(100), n_candidates=40, n_neighbors=10, seed=3).neighbors
    )


def test_pairs_of_odd_width_are_refused():
    with pytest.raises(ValueError, match=r"embeddings of pairs must have an even width, .* got 7: make"):
        ProximityGraph.build(normal(50, 7), n_candidates=20, n_neighbors=5, paired=True)


def test_batches_of_every_kind_from_pairs():
    queries, targets = pairs()
    for kind in KINDS:
        batches = list(built(kind, queries, 16, targets=targets))
        assert all(len(set(batch)) == len(batch) for batch in batches)
