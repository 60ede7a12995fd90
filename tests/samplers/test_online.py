"""Warm-up, refresh, restart schedules."""

import itertools
import warnings

import numpy as np
import pytest
from sampler_kinds import CLASSES, ONLINE, WALKS, built, cosine_to, flat, new, normal, training

from toolkit import RandomWalkBatchSampler
from toolkit.metrics import batch_hardness
from toolkit.proximity import LinearRestart, WalkStats


class TestWarmUp:
    @pytest.mark.parametrize("warmup_epochs", [0, 1, 2])
    @pytest.mark.parametrize("kind", ONLINE)
    def test_uniform_epochs(self, kind, warmup_epochs):
        points = normal(100)
        sampler = new(kind, 100, 10, warmup_epochs=warmup_epochs)
        for epoch in range(4):
            batches = []
            for batch in sampler:
                # Without an embedding there is nothing but a uniform epoch to begin with.
                assert sampler.warming_up == (epoch < max(warmup_epochs, 1))
                sampler.update(batch, points[batch])
                batches.append(batch)
            if sampler.warming_up:
                assert sorted(flat(batches)) == list(range(100))
                assert getattr(sampler, "graph", None) is None

    @pytest.mark.parametrize("kind", ONLINE)
    def test_unknown_instances_come_first(self, kind):
        sampler = new(kind, 100, 10)
        for batch in sampler:
            known = [index for index in batch if index < 70]
            sampler.update(known, normal(100)[known])
        # Epoch 1 goes on uniformly: the 30 unknown ones, and then the others as long as these stay unknown.
        batches = list(sampler)
        assert sorted(flat(batches[:3])) == list(range(70, 100))
        assert sorted(flat(batches)) == list(range(100))
        assert sampler.warming_up
        # In epoch 2 they become known, so that its fourth batch is from the index.
        epoch = iter(sampler)
        for _ in range(3):
            batch = next(epoch)
            assert min(batch) >= 70
            assert sampler.warming_up
            sampler.update(batch, normal(100)[batch])
        rest = [next(epoch)]
        assert not sampler.warming_up
        rest += epoch
        assert len(rest) == 7
        if kind == "partition":
            assert sorted(flat(rest)) == list(range(70))
        elif kind == "knn":
            nearest = np.argsort(-cosine_to(normal(100), rest[0][0]), kind="stable")[:10]
            assert sorted(rest[0]) == sorted(nearest.tolist())

    @pytest.mark.parametrize("kind", ["independent", "knn"])
    def test_instances_left_over_are_drawn_in_the_next_epoch(self, kind):
        sampler = new(kind, 107, 10)
        batches = list(itertools.islice(training(sampler, normal(107)), 11))
        missing = set(range(107)) - set(flat(batches[:10]))
        assert len(missing) == 7
        assert missing < set(batches[10])
        assert sampler.warming_up
        next(iter(sampler))

    @pytest.mark.parametrize("kind", ONLINE)
    def test_warns_when_no_embeddings_come(self, kind):
        sampler = new(kind, 50, 10)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(sampler)
        message = r"no embedding of 50 of 50 instances.*epoch 1.*sampler\.update.* is not called"
        with pytest.warns(UserWarning, match=message) as record:
            list(sampler)
        assert record[0].filename == __file__

    @pytest.mark.parametrize("kind", ONLINE)
    def test_does_not_warn_when_they_come(self, kind):
        sampler = new(kind, 50, 10)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(itertools.islice(training(sampler, normal(50)), 20))


class TestRefresh:
    @pytest.mark.parametrize(
        ("updates", "rebuilds"),
        [
            (range(40), [7, 14, 21, 28, 35]),  # an update after every batch; epochs have 10
            ([], []),
            ([2], [7]),
            ([6], [7]),
            ([12], [13]),  # due since batch 7, and then as soon as there is something new
            ([12, 13], [13, 20]),
            ([2, 22], [7, 23]),
        ],
    )
    @pytest.mark.parametrize("kind", WALKS)
    def test_graph_is_rebuilt_when_old_and_outdated(self, kind, updates, rebuilds):
        points = normal(100)
        sampler = built(kind, points, 10, refresh_every=7)
        graphs, batches = [sampler.graph], []
        for _ in range(4):
            for batch in sampler:
                graphs.append(sampler.graph)
                if len(batches) in updates:
                    sampler.update(batch, points[batch])
                batches.append(batch)
        assert [i for i, (old, now) in enumerate(itertools.pairwise(graphs)) if old is not now] == rebuilds
        if kind == "partition":
            for begin in range(0, 40, 10):
                assert sorted(flat(batches[begin : begin + 10])) == list(range(100))

    @pytest.mark.parametrize("kind", WALKS)
    def test_rebuilt_graph_has_other_candidates(self, kind):
        points = normal(100)
        sampler = built(kind, points, 10, refresh_every=1)
        before = sampler.graph.neighbors
        list(itertools.islice(training(sampler, points), 2))
        assert (before != sampler.graph.neighbors).mean() > 0.5

    @pytest.mark.parametrize("kind", ONLINE)
    def test_batches_follow_new_embeddings(self, kind):
        # A circle of 200 points: first in the order of the indices, then in a shuffled one.
        angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        old = np.stack([np.cos(angles), np.sin(angles)], 1)
        shuffled = old[np.random.default_rng(0).permutation(200)]
        exact = {"n_candidates": 199, "n_neighbors": 6} if CLASSES[kind] is RandomWalkBatchSampler else {}
        sampler = built(kind, old, 10, refresh_every=5, **exact)
        hardness = np.empty((2, 15))
        for i, batch in enumerate(itertools.islice(sampler, 15)):
            hardness[:, i] = [batch_hardness([batch], points).value for points in (old, shuffled)]
            if i == 0:
                sampler.update(np.arange(200), shuffled)
        # Over 20 seeds the medians were at least 0.28 for a partition, whose walks cut each other off on a circle, and
        # 0.97 for independent walks; means of what batches do not follow were at most 0.10 and 0.18.
        # The last seeds of neighbourhoods find nobody free, the ends of an order hold what is left: over ten seeds, the
        # means were at least 0.35 and 0.45.
        middle, least = (np.mean, 0.3) if kind in ("bandwidth", "neighborhood") else (np.median, 0.8)
        least = 0.25 if kind == "partition" else least
        # The rebuild is due at the sixth batch; in the background it takes over five later.
        due = 10 if "background" in kind else 5
        assert middle(hardness[0, :due]) > least
        assert middle(hardness[1, due:]) > least
        assert np.abs([hardness[1, :due].mean(), hardness[0, due:].mean()]).max() < 0.2


@pytest.mark.parametrize("kind", WALKS)
def test_stats_count_the_walks(kind):
    sampler = built(kind, normal(100), 10)
    assert sampler.stats == WalkStats()
    for epoch in (1, 2):
        list(sampler)
        assert sampler.stats.batches == 10 * epoch
        assert sampler.stats.steps >= 10 * epoch * 5


class TestRestartSchedule:
    @pytest.mark.parametrize("kind", WALKS)
    def test_counts_batches_over_epochs(self, kind):
        steps = []
        sampler = built(kind, normal(100), 10, restart=lambda step: steps.append(step) or 0.2)
        list(sampler)
        list(sampler)
        assert steps == list(range(20))
        assert sampler.restart_at(3) == 0.2
        assert steps[-1] == 23

    @pytest.mark.parametrize("kind", WALKS)
    def test_constant_schedule_equals_a_number(self, kind):
        number, schedule, other = (built(kind, normal(100), 10, restart=r) for r in (0.3, lambda _: 0.3, 0.6))
        batches = list(number)
        assert list(schedule) == batches
        assert list(other) != batches

    def test_each_batch_has_its_own(self):
        points = normal(100)
        falling = list(built("independent", points, 10, restart=LinearRestart(0.9, 0.0, 5)))
        for batch, restart in enumerate([0.9, 0.72, 0.54, 0.36, 0.18, 0.0, 0.0]):
            assert falling[batch] == list(built("independent", points, 10, restart=restart))[batch]

    @pytest.mark.parametrize("kind", WALKS)
    def test_bad_value(self, kind):
        sampler = built(kind, normal(100), 10, restart=lambda step: 1.0)
        with pytest.raises(ValueError, match=r"restart must be a number in \[0, 1\), got 1.0"):
            list(sampler)
