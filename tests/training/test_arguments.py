"""Wrong arguments and data sets are named before any work."""

from functools import partial

import pytest
import torch
from toy_task import make_task
from training_runs import BATCH, DATA, SAMPLERS, WALK, N, assert_unchanged, make_data, make_model, run, snapshot

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.training import Comparison, compare, train


@pytest.mark.parametrize(
    ("changed", "exception", "message"),
    [
        ({"sampler": UniformBatchSampler(N + 1, BATCH)}, ValueError, "for the 60 instances .*, got one for 61"),
        ({"sampler": [[0, 1], [2, 3]]}, TypeError, "sampler must be .*got list"),
        ({"sampler": torch.utils.data.SequentialSampler(DATA)}, TypeError, "got SequentialSampler"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, TypeError, "steps must be an integer at least 1, got 2.5"),
        ({"precision": "int8"}, ValueError, "precision must be one of 'float32', 'bfloat16', got 'int8'"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1, got 0"),
        ({"probe_every": -3}, ValueError, "probe_every must be at least 1, got -3"),
        ({"labels": [0, 1, 2]}, ValueError, r"labels must have shape \(60,\)"),
    ],
)
def test_bad_arguments_are_named_before_any_work(changed, exception, message):
    model = make_model()
    before = snapshot(model)
    arguments = {"sampler": SAMPLERS["uniform"](), "steps": 3, "labels": DATA.labels} | changed
    with pytest.raises(exception, match=message):
        train(model, DATA, progress=False, **arguments)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    "make",
    [UniformBatchSampler, partial(RandomWalkBatchSampler, coverage="partition", **WALK)],
    ids=["uniform", "walk"],
)
def test_a_last_batch_of_one_instance_is_named_before_any_work(make):
    data = make_data(6 * BATCH + 1)
    sampler, model = make(len(data), BATCH, drop_last=False), make_model()
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"Sampler of 49 instances with batch_size=8 .* pass drop_last=True, or anoth"):
        train(model, data, sampler, 20, progress=False)
    assert_unchanged(model, before)
    assert sampler.epoch == sampler.state_dict()["position"] == 0
    for fitting in (make(len(data), BATCH, drop_last=True), make(len(data), BATCH - 1, drop_last=False)):
        assert len(train(model, data, fitting, 9, progress=False)) == 9


def test_walks_of_their_own_leave_out_what_is_left():
    data = make_data(6 * BATCH + 1)
    assert len(train(make_model(), data, RandomWalkBatchSampler(len(data), BATCH, **WALK), 9, progress=False)) == 9


class Items(torch.utils.data.Dataset):
    """A data set of 60 items, as the function gives them."""

    def __init__(self, item):
        self.item = item

    def __len__(self):
        return N

    def __getitem__(self, i):
        return self.item(i)


VIEWS = torch.rand(N, 1, 8, 8)


@pytest.mark.parametrize(
    "data",
    [
        Items(lambda i: (VIEWS[i], VIEWS[i])),
        Items(lambda i: (VIEWS[i], i)),
        Items(lambda i: VIEWS[i]),
        Items(lambda i: {"index": i, "view": VIEWS[i]}),
        Items(lambda i: (float(i), VIEWS[i], VIEWS[i])),
        Items(lambda i: (str(i), VIEWS[i], VIEWS[i])),
        Items(lambda i: (i + N, VIEWS[i], VIEWS[i])),
        Items(lambda i: (i % 4, VIEWS[i], VIEWS[i])),
        torch.utils.data.Subset(Items(lambda i: (i, VIEWS[i], VIEWS[i])), range(N)[::-1]),
    ],
    ids=["views", "index last", "no tuple", "dict", "floats", "texts", "out of range", "labels", "subset"],
)
@pytest.mark.parametrize("sampler", ["uniform", "walk, independent"])
def test_items_without_their_index_are_named_before_the_first_step(data, sampler):
    model = make_model()
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"items must begin with their index: wrap it in toolkit\.datasets\.Indexed"):
        run(3, sampler, model=model, data=data)
    assert_unchanged(model, before)


def test_a_collate_that_drops_items_is_fine():
    class Dropping(Items):
        def collate(self, items):
            return torch.utils.data.default_collate(items[:-1])

    history, _ = run(3, data=Dropping(lambda i: (i, VIEWS[i], VIEWS[i])))
    assert len(history) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"samplers": 3}, "samplers must be names of samplers, got 3"),
        ({"losses": 1.5}, "losses must be .* got 1.5"),
        ({"seeds": 7}, "seeds must be .* got 7"),
        ({"out": ["results.csv"]}, r"out must be the path of a file or None, got \['results.csv'\]"),
        ({"progress": torch.empty(0)}, "progress must be True or False"),
        ({"out": ""}, "out must be a file, got the folder ''"),
        ({"losses": ["half a character \ud800"]}, "losses must be valid Unicode, got a lone surrogate"),
    ],
)
def test_bad_arguments_of_a_comparison(changed, message):
    with pytest.raises((TypeError, ValueError), match=message):
        compare(make_task([]), **changed)


@pytest.mark.parametrize("name", ["name", "model", "settings"])
def test_names_of_a_task_are_texts(name):
    with pytest.raises(TypeError, match=f"{name} must be a string, got 5"):
        make_task([], **{name: 5})


def test_a_baseline_is_the_name_of_a_sampler():
    result = compare(make_task([]), seeds=[0], progress=False)
    assert isinstance(result, Comparison)
    with pytest.raises(ValueError, match=r"baseline must be one of .*, got \['uniform'\]"):
        result.differences(["uniform"])
