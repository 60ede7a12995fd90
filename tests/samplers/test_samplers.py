"""Samplers: valid batches, epochs, warm-up and refresh, resume, DataLoader."""

import functools
import io
import itertools
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from reference import cosine
from sklearn.neighbors import NearestNeighbors
from torch.utils.data import DataLoader, TensorDataset

from toolkit import KNNBatchSampler, ProximityGraph, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.proximity.walks import LinearRestart, WalkStats

KINDS = ["uniform", "independent", "partition", "background", "knn"]
ONLINE = KINDS[1:]
WALKS = ["independent", "partition"]


def settings_of(kind: str, n: int) -> dict:
    """Settings that leave a sampler of this kind some choice among `n` instances."""
    walk = {"n_candidates": max(n // 10, 10), "n_neighbors": max(n // 100, 3)}
    if kind == "background":
        return walk | {"refresh": "background"}
    return walk | {"coverage": kind} if kind in WALKS else {}


def new(kind: str, n: int, batch_size: int, **changes):
    """A sampler that has seen no embedding."""
    make = {"uniform": UniformBatchSampler, "knn": KNNBatchSampler}.get(kind, RandomWalkBatchSampler)
    return make(n, batch_size, **settings_of(kind, n) | changes)


def built(kind: str, points, batch_size: int, **changes):
    """A sampler that knows the embeddings `points`."""
    if kind == "uniform":
        return UniformBatchSampler(len(points), batch_size, **changes)
    make = KNNBatchSampler if kind == "knn" else RandomWalkBatchSampler
    return make.from_embeddings(points, batch_size, **settings_of(kind, len(points)) | changes)


def normal(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def training(sampler, points, step: int = 0):
    """Train for ever, from step number `step`: yield each batch after the update with its drifting embeddings."""
    while True:
        for batch in sampler:
            if hasattr(sampler, "update"):
                sampler.update(batch, points[batch] + normal(len(batch), points.shape[1], step))
            step += 1
            yield batch


def flat(batches) -> list[int]:
    return [index for batch in batches for index in batch]


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


@pytest.mark.parametrize("kind", ["uniform", "partition"])
def test_each_instance_once_per_epoch(drawn, kind):
    for batches in drawn[kind]:
        assert sorted(flat(batches)) == list(range(5000))


def test_hardness_and_false_negatives_are_ordered(drawn, clusters):
    batches = {kind: [batch for epoch in drawn[kind] for batch in epoch] for kind in KINDS}
    hardness = {kind: batch_hardness(batches[kind], clusters.points).mean for kind in KINDS}
    rate = {kind: false_negative_rate(batches[kind], clusters.labels).rate for kind in KINDS}
    # Measured over 200 batches: hardness 0.05 < 0.22, 0.26 < 0.57, rate 0.10 < 0.36, 0.41 < 0.96 (errors about 0.01).
    for measured in (hardness, rate):
        for walk in WALKS:
            assert measured["uniform"] + 0.1 < measured[walk] < measured["knn"] - 0.1
    assert rate["uniform"] == pytest.approx(499 / 4999, abs=0.003)


@pytest.mark.parametrize("kind", WALKS)
def test_hardness_does_not_follow_the_position_in_the_epoch(drawn, clusters, kind):
    hardness = np.array([batch_hardness(batches, clusters.points).per_batch for batches in drawn[kind]])
    # Of 200 values in random order the correlation has standard error 0.07; as planned, a partition has -0.4.
    assert abs(np.corrcoef(np.tile(np.arange(50), 4), hardness.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("n", "batch_size"), [(120, 20), (123, 20), (139, 20), (20, 20), (21, 20), (60, 2)])
@pytest.mark.parametrize("kind", ["uniform", "partition"])
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
        with pytest.warns(UserWarning, match=r"epoch 1 and got no embeddings.* call sampler.update") as record:
            list(sampler)
        assert record[0].filename == __file__

    @pytest.mark.parametrize("kind", ONLINE)
    def test_does_not_warn_when_they_come(self, kind):
        sampler = new(kind, 50, 10)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(itertools.islice(training(sampler, normal(50)), 20))


def cosine_to(points, index: int) -> np.ndarray:
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit @ unit[index]


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
        exact = {} if kind == "knn" else {"n_candidates": 199, "n_neighbors": 6}
        sampler = built(kind, old, 10, refresh_every=5, **exact)
        hardness = np.empty((2, 15))
        for i, batch in enumerate(itertools.islice(sampler, 15)):
            hardness[:, i] = [batch_hardness([batch], points).mean for points in (old, shuffled)]
            if i == 0:
                sampler.update(np.arange(200), shuffled)
        # Over 20 seeds the medians were at least 0.28 for a partition, whose walks cut each other off on a circle, and
        # 0.97 for independent walks; means of what batches do not follow were at most 0.10 and 0.18.
        least = 0.25 if kind == "partition" else 0.8
        # The rebuild is due at the sixth batch; in the background it takes over five later.
        due = 10 if kind == "background" else 5
        assert np.median(hardness[0, :due]) > least
        assert np.median(hardness[1, due:]) > least
        assert np.abs([hardness[1, :due].mean(), hardness[0, due:].mean()]).max() < 0.2


class TestBackground:
    def drawn(self, monkeypatch=None, build=None, n_batches=14) -> tuple[list, list, list]:
        """Batches, the graph of each, and the embeddings known when it was asked for."""
        points = normal(100)
        sampler = built("background", points, 10, refresh_every=3)
        if build is not None:
            monkeypatch.setattr(ProximityGraph, "build", build)
        batches, graphs, vectors = [], [], []
        for step in range(n_batches):
            if step % 10 == 0:
                epoch = iter(sampler)
            vectors.append(sampler.bank.vectors.clone())
            batch = next(epoch)
            sampler.update(batch, points[batch] + normal(10, 8, step))
            batches.append(batch)
            graphs.append(sampler.graph)
        return batches, graphs, vectors

    def test_graph_takes_over_one_period_after_it_was_due(self):
        _, graphs, vectors = self.drawn()
        taken_over = [i for i in range(1, 14) if graphs[i] is not graphs[i - 1]]
        # Due at 3, 6, 9, 12; the graph that was due at 3 is there at 6, and so on.
        assert taken_over == [6, 9, 12]
        for i in taken_over:
            similarities = cosine(vectors[i - 3])
            np.testing.assert_allclose(
                graphs[i].similarities, np.take_along_axis(similarities, graphs[i].neighbors, 1), atol=1e-6
            )

    def test_batches_do_not_depend_on_how_long_a_build_takes(self, monkeypatch):
        expected, _, _ = self.drawn()
        build, main = ProximityGraph.build, threading.current_thread()

        def slow(*arguments, **settings):
            assert threading.current_thread() is not main
            time.sleep(0.2)
            return build(*arguments, **settings)

        assert self.drawn(monkeypatch, slow)[0] == expected

    def test_an_error_reaches_the_caller_and_the_next_build_is_tried_anew(self, monkeypatch):
        points = normal(100)
        sampler = built("background", points, 10, refresh_every=2)
        run = training(sampler, points)
        with monkeypatch.context() as patch:
            patch.setattr(ProximityGraph, "build", lambda *_, **__: 1 / 0)
            for _ in range(4):
                next(run)
            with pytest.raises(ZeroDivisionError):
                next(run)
        before = sampler.graph
        list(itertools.islice(training(sampler, points), 9))
        assert sampler.graph is not before

    def test_no_thread_stays_behind(self):
        before = threading.active_count()
        self.drawn()
        for thread in set(threading.enumerate()) - {threading.current_thread()}:
            thread.join(5)
        assert threading.active_count() <= before

    def test_number_of_torch_threads_is_left_alone(self):
        before = torch.get_num_threads()
        self.drawn()
        assert torch.get_num_threads() == before


class TestResume:
    # Ten batches an epoch, the first uniform, a rebuild every fourth batch after it: steps 10, 14, 18, ...
    @pytest.mark.parametrize("stop", [0, 3, 10, 12, 14, 17, 20, 25])
    @pytest.mark.parametrize("kind", KINDS)
    def test_same_batches_after_resume(self, kind, stop):
        points = normal(207)
        changes = {} if kind == "uniform" else {"refresh_every": 4}
        if kind == "partition":
            changes["restart"] = LinearRestart(0.5, 0.1, 15)
            changes["drop_last"] = True
        sampler = new(kind, 207, 20, **changes)
        run = training(sampler, points)
        list(itertools.islice(run, stop))
        state = sampler.state_dict()
        file = io.BytesIO()
        torch.save(state, file)
        expected = list(itertools.islice(run, 23))

        file.seek(0)
        for loaded in (state, torch.load(file, weights_only=True)):
            fresh = new(kind, 207, 20, **changes)
            fresh.load_state_dict(loaded)
            assert list(itertools.islice(training(fresh, points, stop), 23)) == expected
            assert fresh.epoch == sampler.epoch
            assert getattr(fresh, "stats", None) == getattr(sampler, "stats", None)

    @pytest.mark.parametrize("kind", KINDS)
    def test_rest_of_the_epoch_and_then_whole_ones(self, kind):
        points = normal(100)
        sampler, fresh = built(kind, points, 10), built(kind, points, 10)
        epochs = [list(sampler) for _ in range(2)]
        sampler.set_epoch(0)
        list(itertools.islice(sampler, 4))
        fresh.load_state_dict(sampler.state_dict())
        assert [list(fresh) for _ in range(2)] == [epochs[0][4:], epochs[1]]

    @pytest.mark.parametrize("kind", KINDS)
    def test_frameworks_that_set_the_epoch_first_keep_the_place(self, kind):
        sampler, fresh = built(kind, normal(100), 10), built(kind, normal(100), 10)
        epoch = list(sampler)
        sampler.set_epoch(0)
        list(itertools.islice(sampler, 4))
        fresh.load_state_dict(sampler.state_dict())
        fresh.set_epoch(0)
        assert list(fresh) == epoch[4:]
        fresh.set_epoch(0)
        assert list(fresh) == epoch, "a second time it starts anew"

    def test_error_names_the_coverage_and_not_what_follows_from_it(self):
        state = RandomWalkBatchSampler(207, 20, n_neighbors=5).state_dict()
        with pytest.raises(ValueError, match="its coverage is 'independent', this one's 'partition'"):
            RandomWalkBatchSampler(207, 20, n_neighbors=5, coverage="partition").load_state_dict(state)

    @pytest.mark.parametrize(
        ("kind", "setting", "value"),
        [
            *((kind, "n", 101) for kind in KINDS),
            *((kind, "batch_size", 11) for kind in KINDS),
            *((kind, "seed", 1) for kind in KINDS),
            ("uniform", "drop_last", False),
            ("partition", "drop_last", True),
            *((kind, "refresh_every", 7) for kind in ONLINE),
            *((kind, "warmup_epochs", 2) for kind in ONLINE),
            *((kind, "n_candidates", 11) for kind in WALKS),
            *((kind, "n_neighbors", 4) for kind in WALKS),
            *((kind, "restart", 0.1) for kind in WALKS),
            *((kind, "restart", LinearRestart()) for kind in WALKS),
        ],
    )
    def test_other_settings_are_refused(self, kind, setting, value):
        arguments = {"n": 100, "batch_size": 10}
        sampler, other = new(kind, **arguments), new(kind, **arguments | {setting: value})
        sampler.set_epoch(1)
        with pytest.raises(ValueError, match=f"its {setting} is"):
            other.load_state_dict(sampler.state_dict())
        assert other.epoch == 0

    def test_other_sampler_is_refused(self):
        with pytest.raises(ValueError, match=r"its coverage is 'independent', this one's 'partition'"):
            new("partition", 100, 10, drop_last=True).load_state_dict(new("independent", 100, 10).state_dict())
        with pytest.raises(ValueError, match=r"its sampler is 'UniformBatchSampler', this one's 'KNNBatchSampler'"):
            new("knn", 100, 10).load_state_dict(new("uniform", 100, 10).state_dict())
        with pytest.raises(ValueError, match="its sampler is None"):
            new("knn", 100, 10).load_state_dict({})

    def test_settings_of_numpy_can_be_saved(self):
        walk = {"n_candidates": 20, "n_neighbors": 4}
        plain = walk | {"batch_size": 10, "refresh_every": 5, "warmup_epochs": 0, "seed": 3}
        numbers = {name: np.int64(value) for name, value in plain.items()} | {"restart": np.float64(0.3)}
        sampler = RandomWalkBatchSampler.from_embeddings(normal(100), **numbers)
        file = io.BytesIO()
        torch.save(sampler.state_dict(), file)
        file.seek(0)
        other = RandomWalkBatchSampler(100, restart=0.3, **plain)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert list(other) == list(sampler)

    @pytest.mark.parametrize("schedule", ["function", "partial", "object", "method"])
    def test_any_schedule_can_be_resumed(self, schedule):
        class Falling:
            def __init__(self, start):
                self.start = start

            def __call__(self, step):
                return self.start / (step + 1)

        def make():
            return {
                "function": lambda step: 0.9 / (step + 1),
                "partial": functools.partial(lambda start, step: start / (step + 1), 0.9),
                "object": Falling(0.9),
                "method": Falling(0.9).__call__,
            }[schedule]

        # The run to resume ran in another process, with another object for the schedule.
        first, second = (built("independent", normal(100), 10, restart=make()) for _ in range(2))
        epoch = iter(first)
        next(epoch)
        second.load_state_dict(first.state_dict())
        assert list(second) == list(epoch)


class TestDataLoader:
    @pytest.mark.parametrize("num_workers", [0, 2])
    @pytest.mark.parametrize("kind", KINDS)
    def test_batches_arrive(self, kind, num_workers):
        points = normal(103)
        dataset = TensorDataset(torch.arange(103), torch.from_numpy(points))
        loader = DataLoader(dataset, batch_sampler=built(kind, points, 10), num_workers=num_workers)
        same = built(kind, points, 10)
        assert len(loader) == len(same)
        for _ in range(2):
            got = [(index.tolist(), values) for index, values in loader]
            assert [index for index, _ in got] == list(same)
            assert all(torch.equal(values, torch.from_numpy(points)[index]) for index, values in got)

    @pytest.mark.parametrize("kind", ONLINE)
    def test_training_with_workers_that_draw_ahead(self, kind):
        points = torch.from_numpy(normal(100))
        sampler = new(kind, 100, 10, refresh_every=3)
        loader = DataLoader(TensorDataset(torch.arange(100), points), batch_sampler=sampler, num_workers=2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(3):
                for index, values in loader:
                    assert len(set(index.tolist())) == 10
                    sampler.update(index, values)
        assert not sampler.warming_up
        assert sampler.epoch == 3


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


class TestBadInput:
    @pytest.mark.parametrize(
        ("indices", "embeddings", "exception", "parts"),
        [
            ([3, 100], np.ones((2, 8)), IndexError, ["indices", "[0, 100)", "got 100"]),
            ([3, -1], np.ones((2, 8)), IndexError, ["indices", "[0, 100)", "got -1"]),
            ([0.5, 1.5], np.ones((2, 8)), TypeError, ["indices", "integers", "float64"]),
            ([True, False], np.ones((2, 8)), TypeError, ["indices", "integers", "bool"]),
            (3, np.ones((1, 8)), ValueError, ["indices", "one-dimensional", "()"]),
            ([40, 41, 42], np.array([[1.0] * 8, [np.nan] * 8, [1.0] * 8]), ValueError, ["1 bad row", "[41]"]),
            ([40, 41, 42], np.array([[np.inf] * 8, [1.0] * 8, [0.0] * 8]), ValueError, ["2 bad row", "[40, 42]"]),
            ([1, 2], np.ones((2, 7)), ValueError, ["embeddings", "dimension", "8", "got 7"]),
            ([1, 2], np.ones((3, 8)), ValueError, ["embeddings", "one row per index (2)", "got 3"]),
            ([1, 2], np.full((3, 8), np.nan), ValueError, ["embeddings", "one row per index (2)", "got 3"]),
            ([1, 2], np.ones(8), ValueError, ["embeddings", "(N, d)", "(8,)"]),
        ],
    )
    @pytest.mark.parametrize("kind", ONLINE)
    def test_update(self, kind, indices, embeddings, exception, parts):
        sampler = new(kind, 100, 10)
        sampler.update([0], np.ones((1, 8)))
        before = sampler.state_dict()
        with pytest.raises(exception) as error:
            sampler.update(indices, embeddings)
        assert all(part in str(error.value) for part in parts)
        after = sampler.state_dict()
        assert all(torch.equal(before["bank"][name], after["bank"][name]) for name in ("vectors", "known"))

    @pytest.mark.parametrize(
        ("kind", "changes", "exception", "message"),
        [
            *((kind, {"batch_size": 101}, ValueError, "batch_size must be between 2 and 100, got 1") for kind in KINDS),
            *((kind, {"batch_size": 1}, ValueError, "batch_size must be between 2 and 100, got 1") for kind in KINDS),
            *((kind, {"batch_size": 10.0}, TypeError, "batch_size must be an integer") for kind in KINDS),
            *((kind, {"n": 1}, ValueError, "n must be at least 2, got 1") for kind in KINDS),
            *((kind, {"seed": -1}, ValueError, "seed must be at least 0, got -1") for kind in KINDS),
            *((kind, {"seed": True}, TypeError, "seed must be an integer at least 0, got True") for kind in KINDS),
            *((kind, {"refresh_every": 0}, ValueError, "refresh_every must be at least 1, got 0") for kind in ONLINE),
            *((kind, {"warmup_epochs": -1}, ValueError, "warmup_epochs must be at least 0, got -1") for kind in ONLINE),
            ("independent", {"n_neighbors": 11}, ValueError, "n_neighbors must be between 1 and 10, got 11"),
            ("independent", {"n_neighbors": 0}, ValueError, "n_neighbors must be between 1 and 10, got 0"),
            ("independent", {"n_candidates": 0}, ValueError, "n_candidates must be at least 1, got 0"),
            ("independent", {"n_candidates": 500, "n_neighbors": 100}, ValueError, "between 1 and 99, got 100"),
            ("independent", {"restart": 1.0}, ValueError, "restart must be a number in [0, 1), got 1.0"),
            ("independent", {"restart": -0.1}, ValueError, "restart must be a number in [0, 1), got -0.1"),
            ("independent", {"restart": "0.2"}, ValueError, "restart must be a number in [0, 1), got '0.2'"),
            ("independent", {"coverage": "all"}, ValueError, "coverage must be one of 'independent', 'partition', got"),
        ],
    )
    def test_settings(self, kind, changes, exception, message):
        arguments = {"n": 100, "batch_size": 10} | settings_of(kind, 100)
        make = {"uniform": UniformBatchSampler, "knn": KNNBatchSampler}.get(kind, RandomWalkBatchSampler)
        with pytest.raises(exception) as error:
            make(**arguments | changes)
        assert message in str(error.value)

    @pytest.mark.parametrize("kind", ONLINE)
    def test_from_embeddings(self, kind):
        points = normal(100)
        points[[7, 30]] = np.nan
        with pytest.raises(ValueError, match=r"embeddings must be finite .* 2 bad row\(s\), first \[7, 30\]"):
            built(kind, points, 10)


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
    assert hardness.mean > 0.6 if copies == 5 else hardness.mean == pytest.approx(1)


class SamplerMachine(RuleBasedStateMachine):
    """Whatever is done to a sampler, its epochs keep their promises."""

    @initialize(data=st.data(), kind=st.sampled_from(ONLINE), n=st.integers(16, 200), seed=st.integers(0, 2**32))
    def build(self, data, kind, n, seed):
        self.kind, self.n = kind, n
        self.points = normal(n, 6, seed)
        self.batch_size = data.draw(st.integers(2, n), label="batch_size")
        self.arguments = {
            "seed": seed,
            "refresh_every": data.draw(st.integers(1, 10), label="refresh_every"),
            "warmup_epochs": data.draw(st.integers(0, 2), label="warmup_epochs"),
        }
        if kind in WALKS:
            m = data.draw(st.integers(1, n + 5), label="n_candidates")
            self.arguments |= {
                "n_candidates": m,
                "n_neighbors": data.draw(st.integers(1, min(m, n - 1)), label="n_neighbors"),
                "restart": data.draw(st.floats(0, 0.99), label="restart"),
                "drop_last": data.draw(st.booleans(), label="drop_last"),
            }
        make = data.draw(st.sampled_from([new, built]), label="make")
        self.sampler = self.make() if make is new else built(kind, self.points, self.batch_size, **self.arguments)

    def make(self):
        return new(self.kind, self.n, self.batch_size, **self.arguments)

    @invariant()
    def length_is_that_of_the_epoch(self):
        if hasattr(self, "sampler"):
            full = self.kind != "partition" or self.arguments["drop_last"]
            assert len(self.sampler) == (self.n // self.batch_size if full else -(-self.n // self.batch_size))

    def check(self, batches):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no embeddings came
            batches = list(batches)
        assert len(batches) == len(self.sampler)
        size = min(self.batch_size, self.n)
        for batch in batches[:-1]:
            assert len(batch) == size
        assert len(batches[-1]) in {size, self.n % size if not self.sampler.drop_last else size}
        assert all(len(set(batch)) == len(batch) for batch in batches)
        members = flat(batches)
        assert 0 <= min(members) <= max(members) < self.n
        if self.kind == "partition":
            assert len(set(members)) == len(members) == (len(batches) * size if self.sampler.drop_last else self.n)

    @rule()
    def epoch(self):
        number = self.sampler.epoch
        self.check(self.sampler)
        assert self.sampler.epoch == number + 1

    @rule()
    def epoch_of_training(self):
        self.check(itertools.islice(training(self.sampler, self.points), len(self.sampler)))
        self.sampler.set_epoch(self.sampler.epoch + 1)

    @rule(data=st.data())
    def epoch_with_a_break(self, data):
        stop = data.draw(st.integers(0, len(self.sampler)), label="stop")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begun = list(itertools.islice(self.sampler, stop)) if stop else []
            resumed = self.make()
            if stop == 0:
                self.sampler.set_epoch(self.sampler.epoch)
            resumed.load_state_dict(self.sampler.state_dict())
            self.sampler = resumed
            self.check(begun + list(resumed))

    @rule(indices=st.sets(st.integers(0, 15), min_size=1), seed=st.integers(0, 100))
    def update_some(self, indices, seed):
        self.sampler.update(sorted(indices), normal(len(indices), 6, seed))

    @rule(seed=st.integers(0, 100))
    def update_all(self, seed):
        self.sampler.update(np.arange(self.n), normal(self.n, 6, seed))

    @rule(epoch=st.integers(0, 5))
    def go_to(self, epoch):
        self.sampler.set_epoch(epoch)


SamplerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=8)
TestInvariants = SamplerMachine.TestCase
