"""Batches: valid, reproducible, as hard as they should be."""

import itertools

import numpy as np
import pytest
import torch
from sampler_kinds import KINDS, ONCE, ONLINE, PLANNED, WALKS, built, cosine_to, flat, new, normal, training
from sklearn.neighbors import NearestNeighbors

from toolkit.metrics import batch_hardness, false_negative_rate


@pytest.fixture(scope="module")
def drawn(clusters):
    """Four epochs of batches of 100 of each sampler, for the clustered points."""
    samplers = {kind: built(kind, clusters.points, 100) for kind in KINDS}
    return {kind: [list(sampler) for _ in range(4)] for kind, sampler in samplers.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_distinct_valid_indices(drawn, kind):
    for batches in drawn[kind]:
        assert len(batches) == 50
        assert all(len(batch) == len(set(batch)) == 100 for batch in batches)
        assert all(type(index) is int for index in batches[0])
        assert 0 <= min(flat(batches)) <= max(flat(batches)) < 5000


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_differ(drawn, kind):
    assert len({str(batches) for batches in drawn[kind]}) == 4


@pytest.mark.parametrize("kind", ["independent", "knn"])
def test_first_members_do_not_repeat_within_an_epoch(kind):
    run = training(built(kind, normal(100), 2, refresh_every=3), normal(100))
    for _ in range(3):
        assert len({batch[0] for batch in itertools.islice(run, 50)}) == 50


@pytest.mark.parametrize("kind", ONCE)
def test_each_instance_once_per_epoch(drawn, kind):
    for batches in drawn[kind]:
        assert sorted(flat(batches)) == list(range(5000))


def test_hardness_and_false_negatives_are_ordered(drawn, clusters):
    batches = {kind: [batch for epoch in drawn[kind] for batch in epoch] for kind in KINDS}
    hardness = {kind: batch_hardness(batches[kind], clusters.points).value for kind in KINDS}
    rate = {kind: false_negative_rate(batches[kind], clusters.labels).value for kind in KINDS}
    # Measured over 200 batches: hardness 0.05 < 0.22, 0.26 < 0.57, rate 0.10 < 0.36, 0.41 < 0.96 (errors about 0.01).
    for measured in (hardness, rate):
        for walk in WALKS:
            assert measured["uniform"] + 0.1 < measured[walk] < measured["knn"] - 0.1
    assert rate["uniform"] == pytest.approx(499 / 4999, abs=0.003)


@pytest.mark.parametrize("kind", [*WALKS, *PLANNED])
def test_hardness_does_not_follow_the_position_in_the_epoch(drawn, clusters, kind):
    hardness = np.array([batch_hardness(batches, clusters.points).values for batches in drawn[kind]])
    # Of 200 values in random order the correlation has standard error 0.07; as planned, a partition has -0.4.
    assert abs(np.corrcoef(np.tile(np.arange(50), 4), hardness.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("n", "batch_size"), [(120, 20), (123, 20), (139, 20), (20, 20), (21, 20), (60, 2)])
@pytest.mark.parametrize("kind", ONCE)
def test_last_batch(kind, n, batch_size, drop_last):
    sampler = built(kind, normal(n), batch_size, drop_last=drop_last)
    for _ in range(2):
        batches = list(sampler)
        full, rest = divmod(n, batch_size)
        sizes = [batch_size] * full + ([rest] if rest and not drop_last else [])
        assert [len(batch) for batch in batches] == sizes
        assert len(sampler) == len(sizes)
        members = flat(batches)
        assert len(set(members)) == len(members) == (full * batch_size if drop_last else n)


@pytest.mark.parametrize("kind", ["independent", "knn"])
def test_overlapping_batches_are_always_full(kind):
    sampler = built(kind, normal(139), 20)
    assert [len(batch) for batch in sampler] == [20] * 6
    assert len(sampler) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_batches_follow_from_seed_and_epoch(kind):
    points = normal(300)
    first, again, other = (built(kind, points, 20, seed=seed) for seed in (0, 0, 1))
    epochs = [list(first) for _ in range(3)]
    assert first.epoch == 3
    again.set_epoch(2)
    assert again.epoch == 2
    assert list(again) == epochs[2]
    again.set_epoch(0)
    assert list(itertools.islice(again, 4)) == epochs[0][:4]
    assert list(again) == epochs[0]  # an epoch left early starts again
    assert list(again) == epochs[1]
    assert list(other) != epochs[0]


@pytest.mark.parametrize("kind", KINDS)
def test_interface(kind):
    sampler = new(kind, 100, 10, seed=5)
    assert isinstance(sampler, torch.utils.data.Sampler)
    assert sampler.sampler is sampler
    assert (sampler.batch_size, sampler.epoch, sampler.drop_last) == (10, 0, kind != "partition")
    assert "n=100, batch_size=10" in repr(sampler)
    assert "seed=5" in repr(sampler)
    for epoch, exception in ((-1, ValueError), (1.0, TypeError)):
        with pytest.raises(exception, match=f"epoch must be .* got {epoch}"):
            sampler.set_epoch(epoch)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", ONLINE)
def test_update_takes_what_a_step_computes(kind, dtype):
    points = torch.from_numpy(normal(60)).to(dtype)
    sampler = new(kind, 60, 10, warmup_epochs=0)
    for batch in torch.arange(60).split(10):
        sampler.update(batch, points[batch].clone().requires_grad_())
    expected = list(built(kind, points, 10))
    assert list(sampler) == expected
    assert not sampler.bank.vectors.requires_grad


@pytest.mark.parametrize("kind", ONLINE)
def test_number_of_threads_does_not_matter(kind, clusters):
    before, batches = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2, 5):
            torch.set_num_threads(n_threads)
            batches.append(list(built(kind, clusters.points, 100)))
    finally:
        torch.set_num_threads(before)
    assert batches[0] == batches[1] == batches[2]


def test_knn_batches_are_the_nearest_neighbours(drawn, clusters):
    search = NearestNeighbors(n_neighbors=100, metric="cosine").fit(clusters.points)
    batches = drawn["knn"][0]
    distances, expected = search.kneighbors(clusters.points[[batch[0] for batch in batches]])
    for batch, nearest, distance in zip(batches, expected, distances, strict=True):
        # Only where the last neighbours are equally far, to rounding, may they differ.
        odd = set(batch) ^ set(nearest.tolist())
        assert np.abs(1 - cosine_to(clusters.points, batch[0])[list(odd)] - distance[-1]).max(initial=0) < 1e-6


@pytest.mark.parametrize("copies", [5, 40])
def test_knn_with_duplicates(copies):
    points = np.tile(normal(200 // copies), (copies, 1))
    batches = list(built("knn", points, 10))
    assert len(batches) == 20
    assert all(len(set(batch)) == 10 for batch in batches)
    assert len({batch[0] for batch in batches}) == 20
    hardness = batch_hardness(batches, points)
    assert hardness.value > 0.6 if copies == 5 else hardness.value == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_iterators_the_older_one_says_that_it_was_replaced(kind):
    sampler = new(kind, 60, 8)
    first = iter(sampler)
    next(first)
    second = list(sampler)
    assert len(second) == len(sampler)
    with pytest.raises(RuntimeError, match="replaced by a newer one"):
        next(first)
    assert len(list(sampler)) == len(sampler)
    assert sampler.epoch == 2
