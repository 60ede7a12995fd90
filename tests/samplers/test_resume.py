"""Resume in mid-epoch, and samplers in a DataLoader."""

import copy
import functools
import io
import itertools
import warnings

import numpy as np
import pytest
import torch
from sampler_kinds import KINDS, ONLINE, PLANNED, WALKS, built, new, normal, training
from torch.utils.data import DataLoader, TensorDataset

from toolkit import RandomWalkBatchSampler
from toolkit.proximity import LinearRestart


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
        state = copy.deepcopy(sampler.state_dict())
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
        assert list(fresh) == epoch, "the second iteration starts from the beginning"

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
            *((kind, "drop_last", False) for kind in ["uniform", *PLANNED]),
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


def set_to(value, *names):
    """Return a function that changes one entry of a state: the last name's, an index at the end of an array."""

    def change(state):
        for name in names[:-1]:
            state = state[name]
        state[names[-1]] = value

    return change


def drop(name):
    return lambda state: state.pop(name)


SPOILED = {
    "neighbor beyond the last": set_to(2**30, "shared", "graph", "neighbors", (0, 0)),
    "neighbor below the first": set_to(-1, "shared", "graph", "neighbors", (3, 1)),
    "no neighbors": set_to(torch.empty(0, 5, dtype=torch.int32), "shared", "graph", "neighbors"),
    "neighbors of fractions": set_to(torch.zeros(100, 5), "shared", "graph", "neighbors"),
    "instance beyond the last": set_to(100, "shared", "queue", 0),
    "instance below the first": set_to(-1, "shared", "queue", 0),
    "queue of fractions": set_to(torch.zeros(20), "shared", "queue"),
    "queue that is none": set_to("abc", "shared", "queue"),
    "position beyond the end": set_to(11, "position"),
    "position beyond the batches drawn": set_to(4, "position"),
    "position below zero": set_to(-1, "position"),
    "epoch that is a text": set_to("1", "epoch"),
    "no epoch": drop("epoch"),
    "nothing shared": drop("shared"),
    "drawn instance beyond the last": set_to(100, "shared", "drawn", "rows", (0, 0)),
    "fewer batches drawn": set_to(torch.zeros(9, 10, dtype=torch.int32), "shared", "drawn", "rows"),
    "batches drawn of fractions": set_to(torch.zeros(10, 10), "shared", "drawn", "rows"),
    "batches drawn that are not there": set_to(5, "shared", "drawn", "count"),
    "fewer embeddings": set_to(torch.zeros(99, 8), "shared", "bank", "vectors"),
    "embeddings that are not finite": set_to(torch.full((100, 8), torch.nan), "shared", "bank", "vectors"),
    "known as numbers": set_to(torch.ones(100), "shared", "bank", "known"),
    "no bank": lambda state: state["shared"].pop("bank"),
    "age below zero": set_to(-2, "shared", "built_at"),
    "no stats": set_to({"steps": 1, "hops": 2}, "shared", "stats"),
    "next graph of other embeddings": set_to({"vectors": torch.zeros(100, 7), "seed": 0}, "shared", "next_graph"),
}


@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("kind", ["independent", "partition"])
def test_a_damaged_state_is_refused_and_changes_nothing(kind, spoil):
    points = normal(100)
    sampler = built(kind, points, 10, n_neighbors=5)
    list(itertools.islice(sampler, 3))
    state = copy.deepcopy(sampler.state_dict())
    SPOILED[spoil](state)
    other, twin = (built(kind, points, 10, n_neighbors=5, seed=0) for _ in range(2))
    with pytest.raises(ValueError, match=r"state is damaged: .*start again without it"):
        other.load_state_dict(state)
    assert list(other) == list(twin)
