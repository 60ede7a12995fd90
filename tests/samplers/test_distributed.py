"""One global batch for several processes, over gloo; the oracle is one process alone."""

import copy
from itertools import chain

import numpy as np
import pytest
import torch
from ranks import run_ranks
from shared_training import BATCH, N, SharedTraining, course, make_batches, refusals, resumed_course

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.samplers import DistributedBatches


def joined(parts):
    """Return the global batches of the slices that the processes had."""
    return [list(chain(*slices)) for slices in zip(*parts, strict=True)]


LONG, SHORT = 16, 4  # epochs: 192 and 48 steps


@pytest.mark.parametrize(
    ("loss", "epochs"),
    [
        *(("nt_xent", LONG), ("moco", LONG), ("dcl", SHORT), ("hcl", SHORT)),
        *(pytest.param(loss, LONG, marks=pytest.mark.slow) for loss in ("dcl", "hcl")),
    ],
)
def test_two_processes_train_as_one_does(loss, epochs):
    one, losses, builds = course(loss, torch.float64, epochs)
    ranks = run_ranks(course, loss, torch.float64, epochs)
    assert (len(losses), builds > 20) == (12 * epochs, epochs == LONG)
    assert joined([drawn for drawn, _, _ in ranks]) == one
    for _, found, _ in ranks:
        np.testing.assert_allclose(found, losses, atol=1e-8, rtol=0)
    assert [n for _, _, n in ranks] == [builds, 0], "the second process builds nothing"


def test_in_single_precision_losses_differ_by_rounding():
    one, losses, _ = course("nt_xent", torch.float32, SHORT)
    ranks = run_ranks(course, "nt_xent", torch.float32, SHORT)
    assert joined([batches for batches, _, _ in ranks]) == one
    np.testing.assert_allclose(ranks[0][1], losses, atol=3.3e-4, rtol=0)


def test_all_processes_may_plan_for_themselves():
    one, losses, builds = course("nt_xent", torch.float64, 4)
    ranks = run_ranks(course, "nt_xent", torch.float64, 4, True)
    assert joined([drawn for drawn, _, _ in ranks]) == one
    assert [n for _, _, n in ranks] == [builds, builds]
    np.testing.assert_allclose(ranks[1][1], losses, atol=1e-8, rtol=0)


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("stop", [5, N // BATCH])
def test_resume_is_exact(everywhere, stop):
    whole = SharedTraining()
    for _ in range(3 + (1 if stop < N // BATCH else 2)):
        whole.epoch()
    assert joined(run_ranks(resumed_course, 3, stop, everywhere)) == whole.drawn


def test_wrong_uses_are_refused_in_all_processes():
    first, second = run_ranks(refusals)
    for words in (first, second):
        assert "sampler must be the same in all processes" in words["other settings"]
        assert "multiple of the 2 processes, got 31" in words["no multiple"]
        assert "update must be the same in all processes" in words["other widths"]
        assert "update must be the same in all processes" in words["other numbers"]
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
