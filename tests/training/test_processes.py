"""`train` in several processes, over gloo: as in one process, and one checkpoint for all."""

import subprocess
import sys
import time
import warnings

import numpy as np
import psutil
import pytest
import torch
from ranks import run_ranks
from shared_loop import (
    EPOCH,
    failing_probe,
    held_out_loss,
    random_numbers,
    stopped_by_the_second,
    trained,
    warnings_of,
    with_a_module_as_loss,
    with_probe,
)
from torch import nn

from toolkit.models.losses import gathered, nt_xent
from toolkit.samplers import DistributedBatches, UniformBatchSampler
from toolkit.training import History
from toolkit.training.processes import warn_of_batch_norm

TIMES = {"seconds", "sampler_seconds"}
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "toolkit"]


def assert_same(found, expected):
    """Compare two trainings: histories (except times) and weights."""
    for name in found[0].keys() - TIMES:
        np.testing.assert_allclose(found[0][name], expected[0][name], atol=1e-8, rtol=0, err_msg=name)
    torch.testing.assert_close(found[2], expected[2], atol=1e-8, rtol=0)


def one(*arguments):
    return [trained(*arguments)]


def two(*arguments):
    return run_ranks(trained, *arguments)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_two_processes_train_as_one_does(num_workers):
    steps = 3 * EPOCH
    whole = trained(steps, None, num_workers)
    for rank in two(steps, None, num_workers):
        assert_same(rank, whole)
    assert len(whole[0]["loss"]) == steps


def test_a_checkpoint_of_two_processes_is_for_any_number(tmp_path):
    path = tmp_path / "run.pt"
    steps, stop = 3 * EPOCH, EPOCH + 5
    whole = trained(steps)
    for begin, go_on in ((two, two), (two, one), (one, two)):
        path.unlink(missing_ok=True)
        begin(stop, path)
        for resumed in go_on(steps, path):
            assert_same(resumed, whole)


def test_processes_have_random_numbers_of_their_own(tmp_path):
    grown, path = tmp_path / "grown.pt", tmp_path / "run.pt"
    one = random_numbers(6)
    first, second = run_ranks(random_numbers, 6)
    assert first == one, "the first process has those of a single one"
    assert len({*first, *second}) == 12
    assert run_ranks(random_numbers, 3, path) == [first[:3], second[:3]]
    assert run_ranks(random_numbers, 6, path) == [first[3:], second[3:]]
    assert random_numbers(3, grown) == one[:3]
    first, second = run_ranks(random_numbers, 6, grown)
    assert first == one[3:]
    assert len({*first, *second}) == 6, "a process that the checkpoint does not know gets a seed of its own"


def test_one_process_stops_all(tmp_path):
    for columns, _, _, interrupted in run_ranks(stopped_by_the_second, 3 * EPOCH, 7):
        assert len(columns["loss"]) == 7
        assert interrupted


def test_batch_normalisation_over_slices_is_pointed_out_once():
    (message,), others = run_ranks(warnings_of, nn.BatchNorm1d(8))
    assert others == []
    assert "SimCLR has batch normalisation (first in 'head.1'), and each of the 2 processes normalises" in message
    assert "torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)" in message
    assert run_ranks(warnings_of, nn.LayerNorm(8)) == [[], []]
    assert warnings_of(nn.BatchNorm1d(8)) == []


def test_batch_normalisation_over_all_processes_is_not_pointed_out():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_batch_norm(model)
    with pytest.warns(UserWarning, match="batch normalisation"):
        warn_of_batch_norm(nn.BatchNorm1d(2))


def test_the_first_process_probes_for_all():
    first, second = run_ranks(with_probe, 10)
    assert first[0] == second[0] == [(4, 2.5), (8, 2.5), (10, 2.5)]
    assert (first[1], second[1]) == (3, 0)


@pytest.mark.parametrize("loss", [nt_xent, gathered(nt_xent)], ids=["plain", "gathered"])
def test_a_probe_may_call_the_models_loss(loss):
    one = held_out_loss(4, loss)
    assert [step for step, _ in one] == [2, 4]
    for probes in run_ranks(held_out_loss, 4, loss):
        np.testing.assert_allclose(probes, one, atol=1e-8)


def test_a_loss_may_be_a_module():
    one = with_a_module_as_loss(4)
    for rank in run_ranks(with_a_module_as_loss, 4):
        assert_same(rank, one)
        np.testing.assert_allclose(rank[1], one[1], atol=1e-8)


def test_a_probe_that_fails_ends_all_and_keeps_the_steps(tmp_path):
    first, second = run_ranks(failing_probe, 10, tmp_path / "run.pt")
    assert "no probe today" in first[0]
    assert "the probe has failed in the first process" in second[0]
    assert first[1]


def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match=r"call torch\.distributed\.init_process_group\(\) first"):
        trained(2)
    with pytest.raises(RuntimeError, match="started 2 processes"):
        next(iter(DistributedBatches(UniformBatchSampler(100, 10))))  # Lightning connects processes after it is made


def test_the_command_trains_under_a_launcher(tmp_path):
    words = ["train", "--preset", "images", "--steps", "3", "--batch-size", "64", "--history", str(tmp_path / "h.json")]
    done = subprocess.run([*LAUNCH, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("kNN accuracy") == 1
    assert done.stderr.count("3/3") >= 1
    assert len(History.load(tmp_path / "h.json")) == 3


def test_a_killed_process_ends_all_with_a_message(tmp_path):
    path = tmp_path / "run.pt"
    words = ["train", "--preset", "images", "--steps", "5000", "--batch-size", "64", "--checkpoint", str(path)]
    with subprocess.Popen([*LAUNCH, *words], stderr=subprocess.PIPE, text=True) as launcher:
        end = time.monotonic() + 240
        ranks = []
        while len(ranks) < 2 or not path.exists():
            assert time.monotonic() < end
            assert launcher.poll() is None, launcher.stderr.read()[-3000:]
            time.sleep(0.2)
            children = psutil.Process(launcher.pid).children()
            ranks = [child for child in children if "--preset" in child.cmdline()]
        ranks[1].kill()
        said = launcher.communicate(timeout=120)[1]
    assert launcher.returncode != 0
    assert "Signal 9 (SIGKILL) received" in said
    assert not any(rank.is_running() for rank in ranks)
    assert path.exists()
