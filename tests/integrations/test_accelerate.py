"""ResumableBatches in accelerate; the oracle is a plain loop with the same sampler."""

from itertools import chain

import pytest
import torch

pytest.importorskip("accelerate")

from accelerate.utils import DataLoaderConfiguration
from accelerate_runs import all_shared, failing, run
from framework_training import KINDS, drawn_ahead, plain_training
from ranks import run_ranks

from toolkit.integrations.accelerate import ResumableBatches

EPOCHS = 4
SAVED = [5, 11, 12, 17, 23, 24]  # in the first epoch and in later ones, before the last batch, after it


def joined(parts):
    """Return the whole batches of the slices that the processes had."""
    return [list(chain(*slices)) for slices in zip(*parts, strict=True)]


@pytest.mark.parametrize(
    ("kind", "workers"), [("independent", 0), ("partition", 0), ("uniform", 0), ("independent", 2)]
)
def test_resume_is_exact(tmp_path, kind, workers):
    sampler = KINDS[kind]()
    saved = SAVED if workers == 0 else SAVED[3:6]
    whole, weights = run(sampler, EPOCHS, workers=workers, folder=tmp_path, save=saved)
    batches, _, bank = plain_training(kind, EPOCHS, workers, drawn_ahead)
    assert whole == batches
    assert sampler.epoch == EPOCHS
    if kind != "uniform":
        assert torch.equal(sampler.bank.vectors, bank.vectors)
        assert sampler.bank.complete
        assert sampler._builds > 3
    for number in saved:
        rest, final = run(KINDS[kind](), EPOCHS, workers=workers, folder=tmp_path, resume=number)
        assert rest == whole[number:], number
        assert torch.equal(final, weights), number


def test_two_processes_share_each_batch(tmp_path):
    saved = [17, 24]
    ranks = run_ranks(all_shared, tmp_path, saved)
    for number, workers in enumerate((0, 2)):
        batches, weights, bank = plain_training("independent", 3, workers, drawn_ahead)
        assert joined([runs[number][0] for runs, _ in ranks]) == batches
        torch.testing.assert_close(ranks[0][0][number][3].vectors, bank.vectors)
        for runs, _ in ranks:
            torch.testing.assert_close(runs[number][2], weights)
        for place, trained in enumerate(saved):
            assert joined([runs[number][1][place] for runs, _ in ranks]) == batches[trained:], trained
    for _, wrong in ranks:
        assert "write DistributedBatches(sampler, sliced=False)" in wrong["plain"]
        assert "pass sliced=False" in wrong["sliced"]
        assert "must be of a slice of 4 instances, got 8: accelerate must slice the batches" in wrong["not split"]
        for name in ("dispatched", "dispatched and split"):
            assert "must not set dispatch_batches, got True" in wrong[name]
            assert "(split_batches=True)" in wrong[name]


def test_wrong_samplers_and_loaders_are_refused():
    with pytest.raises(TypeError, match="sampler must be one of toolkit's batch samplers, got list"):
        ResumableBatches([[0, 1]])
    pytest.importorskip("torchdata")
    stateful = DataLoaderConfiguration(use_stateful_dataloader=True)
    assert "must not set use_stateful_dataloader, got True" in failing(KINDS["knn"](), stateful)
