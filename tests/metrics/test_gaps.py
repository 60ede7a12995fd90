"""What a batch cannot see of the loss: against the losses themselves, computed one by one."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.metrics import loss_gap
from toolkit.metrics.gaps import contrast, seen

RNG = np.random.default_rng(0)
QUERIES, TARGETS = RNG.normal(size=(2, 60, 8))


def info_nce(queries, targets, rows, among, temperature):
    """Return the mean symmetric InfoNCE of pairs `rows`, with the pairs `among` as negatives."""
    q, t = normalize(torch.from_numpy(queries)), normalize(torch.from_numpy(targets))
    position = torch.tensor([list(among).index(row) for row in rows])
    there = cross_entropy(q[rows] @ t[among].T / temperature, position)
    return ((there + cross_entropy(t[rows] @ q[among].T / temperature, position)) / 2).item()


@pytest.mark.parametrize("temperature", [0.05, 0.3])
def test_difference_of_two_losses_of_pairs(temperature):
    batches = RNG.permutation(60).reshape(6, 10)
    everything = list(range(60))
    expected = [
        info_nce(QUERIES, TARGETS, list(batch), everything, temperature)
        - info_nce(QUERIES, TARGETS, list(batch), list(batch), temperature)
        for batch in batches
    ]
    found = loss_gap(batches, 3 * QUERIES, TARGETS, temperature=temperature)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert repr(found) == f"LossGap(value={np.mean(expected):.3f}, batches=6)"


def test_instances_are_not_their_own_negatives():
    unit = QUERIES / np.linalg.norm(QUERIES, axis=1, keepdims=True)
    batches, temperature = [[3, 1, 4], [1, 59]], 0.2
    expected = []
    for batch in batches:
        logs = []
        for i in batch:
            total = sum(np.exp(unit[i] @ unit[j] / temperature) for j in range(60) if j != i)
            seen = sum(np.exp(unit[i] @ unit[j] / temperature) for j in batch if j != i)
            logs.append(np.log(total / seen))
        expected.append(np.mean(logs))
    np.testing.assert_allclose(loss_gap(batches, QUERIES, temperature=temperature).values, expected, atol=1e-5)


def test_the_whole_data_set_has_no_gap_and_equal_similarities_the_logarithm():
    assert loss_gap([range(60)], QUERIES, TARGETS).value == pytest.approx(0, abs=1e-6)
    same = np.ones((40, 4))
    assert loss_gap([range(10)], same).value == pytest.approx(np.log(39 / 9), abs=1e-6)
    assert loss_gap([range(10)], same, same).value == pytest.approx(np.log(40 / 10), abs=1e-6)


def test_blocks_do_not_matter(monkeypatch):
    whole = loss_gap([range(60), [5, 2]], QUERIES, TARGETS).values
    monkeypatch.setitem(loss_gap.__globals__, "_SCORES", 130)
    np.testing.assert_allclose(loss_gap([range(60), [5, 2]], QUERIES, TARGETS).values, whole, atol=1e-6)


def log_sum(anchors, others, i, among):
    return np.log(np.exp(anchors[i] @ others[among].T / 0.2).sum())


def test_contrast_with_all_and_within_a_batch():
    queries, targets = (normalize(torch.from_numpy(side)) for side in (QUERIES, TARGETS))
    q, t = queries.numpy(), targets.numpy()
    alone = [log_sum(q, q, i, [j for j in range(60) if j != i]) for i in (4, 9)]
    np.testing.assert_allclose(contrast(torch.tensor([4, 9]), queries, None, 0.2), alone)
    paired = [(log_sum(q, t, i, range(60)) + log_sum(t, q, i, range(60))) / 2 for i in (4, 9)]
    np.testing.assert_allclose(contrast(torch.tensor([4, 9]), queries, targets, 0.2), paired)
    batch = [3, 7, 11]
    alone = np.mean([log_sum(q, q, i, [j for j in batch if j != i]) for i in batch])
    paired = np.mean([log_sum(q, t, i, batch) + log_sum(t, q, i, batch) for i in batch]) / 2
    assert seen([torch.tensor(batch)], queries, None, 0.2) == pytest.approx(alone)
    assert seen([torch.tensor(batch)], queries, targets, 0.2) == pytest.approx(paired)


def test_plans_with_each_instance_once_differ_in_gap_as_in_what_they_show():
    queries, plans = normalize(torch.from_numpy(QUERIES)), [RNG.permutation(60).reshape(6, 10) for _ in range(2)]
    gaps = [loss_gap(plan, QUERIES).value for plan in plans]
    shown = [seen([*map(torch.from_numpy, plan)], queries, None).mean() for plan in plans]
    assert gaps[0] - gaps[1] == pytest.approx(shown[1] - shown[0], abs=1e-5)


def test_gaps_do_not_depend_on_torch_s_default_device():
    with torch.device("meta"):
        there = [loss_gap([range(20)], QUERIES, targets).value for targets in (None, TARGETS)]
    assert there == [loss_gap([range(20)], QUERIES, targets).value for targets in (None, TARGETS)]


def test_walks_see_more_than_a_shuffle(clusters):
    points = clusters.points[:2000]
    settings = {"n_candidates": 500, "n_neighbors": 10, "restart": 0.5}
    walk = RandomWalkBatchSampler.from_embeddings(points, 32, seed=0, **settings)
    gaps = [loss_gap(list(sampler)[:20], points) for sampler in (walk, UniformBatchSampler(2000, 32, seed=0))]
    assert gaps[0].interval()[1] < gaps[1].interval()[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0, 60]], QUERIES), IndexError, r"batches must lie in \[0, 60\), got 60"),
        (([[0]], QUERIES), ValueError, "at least 2 instances"),
        (([[0, 1]], QUERIES, TARGETS[:5]), ValueError, r"targets must have shape \(60, 8\), .* got \(5, 8\)"),
        (([[0, 1]], QUERIES, None, 0.0), ValueError, r"temperature must be a number in \(0, inf\), got 0.0"),
        (([[0, 1]], QUERIES * np.nan), ValueError, "queries must be finite"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        loss_gap(*arguments)
