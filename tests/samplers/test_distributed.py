"""One global batch for several processes, over gloo; the oracle is one process alone."""

import copy
from itertools import chain

import numpy as np
import pytest
import torch
from ranks import run_ranks
from shared_training import BATCH, N, SharedTraining, course, courses, make_batches, refusals, resumed_courses

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.samplers import DistributedBatches


def joined(parts):
    """Return the global batches of the slices that the processes had."""
    return [list(chain(*slices)) for slices in zip(*parts, strict=True)]


LONG, SHORT = 16, 4  # epochs: 192 and 48 steps
COURSES = {  # loss, precision, epochs, whether all plan
    "nt_xent": ("nt_xent", torch.float64, LONG, False),
    "moco": ("moco", torch.float64, LONG, False),
    "dcl": ("dcl", torch.float64, SHORT, False),
    "hcl": ("hcl", torch.float64, SHORT, False),
    "single precision": ("nt_xent", torch.float32, SHORT, False),
    "everywhere": ("nt_xent", torch.float64, SHORT, True),
}
RESUMED = [
    (3, stop, everywhere) for stop in (5, N // BATCH) for everywhere in (False, True)
]  # epochs, stop, whether all plan
LONGER = {f"{loss}, longer": (loss, torch.float64, LONG, False) for loss in ("dcl", "hcl")}


@pytest.fixture(scope="module")
def ranks():
    """Return what each process has of each course."""
    return dict(zip(COURSES, zip(*run_ranks(courses, list(COURSES.values())), strict=True), strict=True))


@pytest.mark.parametrize("name", [*COURSES, *(pytest.param(name, marks=pytest.mark.slow) for name in LONGER)])
def test_two_processes_train_as_one_does(name, ranks):
    loss, dtype, epochs, everywhere = case = (COURSES | LONGER)[name]
    found = ranks[name] if name in ranks else run_ranks(course, *case)
    one, losses, builds = course(loss, dtype, epochs)
    assert (len(losses), builds > 20) == (12 * epochs, epochs == LONG)
    assert joined([drawn for drawn, _, _ in found]) == one
    for _, theirs, _ in found:
        np.testing.assert_allclose(theirs, losses, atol=1e-8 if dtype == torch.float64 else 1e-5, rtol=0)
    assert [n for _, _, n in found] == [builds, builds if everywhere else 0], "the second process builds only then"


@pytest.fixture(scope="module")
def resumed():
    """Return the batches of the courses of each process that are resumed."""
    return dict(zip(RESUMED, zip(*run_ranks(resumed_courses, RESUMED), strict=True), strict=True))


@pytest.mark.parametrize("case", RESUMED, ids=lambda case: f"{case[1]}, {'everywhere' if case[2] else 'first'}")
def test_resume_is_exact(case, resumed):
    epochs, stop, _ = case
    whole = SharedTraining()
    for _ in range(epochs + (1 if stop < N // BATCH else 2)):
        whole.epoch()
    assert joined(resumed[case]) == whole.drawn


def test_wrong_uses_are_refused_in_all_processes():
    first, second = run_ranks(refusals)
    for words in (first, second):
        assert "sampler must be the same in all processes" in words["other settings"]
        assert "sampler must be the same in all processes" in words["other places"]
        assert "multiple of the 2 processes, got 31" in words["no multiple"]
        assert "update must be the same in all processes" in words["other widths"]
        assert "update must be the same in all processes" in words["other numbers"]
    assert "at batch 3 of epoch 0" in first["other places"]
    assert "at batch 4 of epoch 0" in second["other places"]
    assert not first["other plans"]
    assert "process 1 planned another batch than the first process" in second["other plans"]
    assert "state is of a process that does not plan" in first["state of a follower"]


def test_one_process_alone_has_the_sampler_s_batches():
    alone, shared = RandomWalkBatchSampler(N, BATCH, n_neighbors=6), None
    shared = DistributedBatches(RandomWalkBatchSampler(N, BATCH, n_neighbors=6))
    points = np.random.default_rng(0).normal(size=(N, 6))
    for _ in range(3):
        for batch, same in zip(alone, shared, strict=True):
            assert batch == same
            alone.update(batch, points[batch])
            shared.update(batch, points[batch])
    assert shared.epoch == alone.epoch == 3


def test_wrong_samplers_are_refused():
    with pytest.raises(ValueError, match="got drop_last=False: pass drop_last=True"):
        DistributedBatches(UniformBatchSampler(100, 10, drop_last=False))
    for wrong in (3, [1, 2], make_batches()):
        with pytest.raises(TypeError, match="sampler must be one of toolkit's batch samplers"):
            DistributedBatches(wrong)


SPOILED = {
    "nothing": lambda state: state.clear(),
    "no planner": lambda state: state["shared"].update(planner=None),
    "planner of other instances": lambda state: state["shared"]["planner"]["shared"]["queue"].add_(N),
    "batches beyond the last": lambda state: state["shared"]["drawn"]["rows"].add_(N),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_damaged_state_is_refused_and_changes_nothing(spoil):
    first, other, twin = make_batches(), make_batches(), make_batches()
    next(iter(first))
    state = copy.deepcopy(first.state_dict())
    SPOILED[spoil](state)
    with pytest.raises(ValueError, match="state is"):
        other.load_state_dict(state)
    assert list(other) == list(twin)


def test_states_of_a_sampler_alone_and_of_shared_batches_serve_both():
    alone, shared = make_batches().planner, make_batches()
    epoch = list(alone)
    alone.set_epoch(0)
    next(iter(alone))
    shared.load_state_dict(copy.deepcopy(alone.state_dict()))
    assert list(shared) == epoch[1:]
    shared.set_epoch(0)
    next(iter(shared))
    other = make_batches().planner
    other.load_state_dict(shared.state_dict())
    assert list(other) == epoch[1:]
