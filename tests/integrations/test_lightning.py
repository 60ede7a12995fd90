"""BatchSamplerCallback in Lightning; the oracle is a plain loop with the same sampler."""

from itertools import chain

import pytest
import torch

pytest.importorskip("lightning")

from framework_training import KINDS, LENGTH, N, plain_training
from lightning_runs import Model, all_shared, failing, fit
from ranks import run_ranks

from toolkit.integrations.lightning import BatchSamplerCallback

EPOCHS = 4


def joined(parts):
    """Return the whole batches of the slices that the processes had."""
    return [list(chain(*slices)) for slices in zip(*parts, strict=True)]


@pytest.mark.parametrize(
    ("kind", "workers"), [("independent", 0), ("independent", 2), ("partition", 2), ("background", 0), ("knn", 0)]
)
def test_a_training_has_the_batches_of_a_plain_one(kind, workers):
    sampler = KINDS[kind]()
    model = fit(sampler, workers=workers, max_epochs=EPOCHS, validate=True)
    batches, weights, bank = plain_training(kind, EPOCHS, workers)
    assert model.drawn == batches
    assert model.epochs == [epoch for epoch in range(EPOCHS) for _ in range(LENGTH)]
    assert torch.equal(sampler.bank.vectors, bank.vectors)
    assert torch.equal(model.encoder.layer.weight, weights)
    assert (sampler.epoch, sampler.bank.complete, sampler._builds > 3) == (EPOCHS, True, True)


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_is_exact_in_mid_epoch_and_at_its_end(tmp_path, workers):
    whole = fit(KINDS["independent"](), folder=tmp_path, workers=workers, max_epochs=EPOCHS, validate=True)
    assert len(whole.drawn) == EPOCHS * LENGTH
    for name in ("batch5", "batch23", "batch24", "epoch1", "validation1"):
        rest = fit(
            KINDS["independent"](),
            resume=tmp_path / f"{name}.ckpt",
            workers=workers,
            max_epochs=EPOCHS,
            validate=True,
        )
        trained = {"batch5": 5, "batch23": 23}.get(name, 24)
        assert rest.drawn == whole.drawn[trained:], name
        assert torch.equal(rest.encoder.layer.weight, whole.encoder.layer.weight), name


@pytest.mark.parametrize(
    ("settings", "saved"),
    [
        ({"limit_train_batches": 8, "max_epochs": 5}, {"batch17": 17, "batch24": 24}),
        ({"max_steps": 40}, {"batch20": 20, "batch24": 24, "epoch1": 24}),
        ({"validate": True, "max_steps": 40}, {"batch24": 24, "validation1": 24, "epoch1": 24}),
        ({"accumulate_grad_batches": 5, "max_epochs": 4}, {"batch17": 17, "batch24": 24}),
        ({"val_check_interval": 4, "validate": True, "max_epochs": 4}, {"batch20": 20}),
        ({"reload_dataloaders_every_n_epochs": 1, "max_epochs": 4}, {"batch17": 17, "batch24": 24}),
    ],
    ids=lambda value: next(iter(value)) if "batch24" not in value else "",
)
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_resume_is_exact_whatever_the_trainer_does(tmp_path, settings, saved, workers):
    whole = fit(KINDS["independent"](), folder=tmp_path, workers=workers, **settings)
    for name, trained in saved.items():
        resumed = {"resume": tmp_path / f"{name}.ckpt", "workers": workers}
        assert fit(KINDS["independent"](), **resumed, **settings).drawn == whole.drawn[trained:], name


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_training_that_max_steps_ended_goes_on_in_mid_epoch_if_these_are_raised(tmp_path, workers):
    batches, _, _ = plain_training("partition", EPOCHS, workers)
    cut = fit(KINDS["partition"](), folder=tmp_path, workers=workers, max_steps=20)
    resumed = {"resume": tmp_path / "epoch1.ckpt", "workers": workers}
    raised = fit(KINDS["partition"](), **resumed, max_steps=40)
    assert cut.drawn + raised.drawn == batches[:40]
    # Without max_steps, Lightning begins the next epoch.
    others = fit(KINDS["partition"](), **resumed, max_epochs=EPOCHS).drawn
    assert len(others) == 2 * LENGTH
    assert all(sorted(chain(*others[i : i + LENGTH])) == list(range(N)) for i in (0, LENGTH))


def test_a_resume_between_optimizer_steps_has_the_batches_and_says_that_gradients_are_missing(tmp_path):
    settings = {"accumulate_grad_batches": 5, "max_epochs": 3}
    whole = fit(KINDS["partition"](), folder=tmp_path, **settings)
    sampler = KINDS["partition"]()
    with pytest.warns(UserWarning, match="saved 2 batches into a window of accumulate_grad_batches=5"):
        rest = fit(sampler, resume=tmp_path / "batch19.ckpt", **settings)
    trained = whole.drawn[:19] + rest.drawn
    assert len(trained) == 3 * LENGTH
    for epoch in range(3):
        members = chain(*trained[epoch * LENGTH : (epoch + 1) * LENGTH])
        assert sorted(members) == list(range(N)), "a partition: nothing is missing, nothing comes twice"
    assert sampler.epoch == 3


NAMES = {"batch17": 17, "batch24": 24, "epoch1": 24}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return run_ranks(all_shared, tmp_path_factory.mktemp("shared"), list(NAMES))


@pytest.mark.parametrize("workers", [0, 2])
def test_two_processes_share_each_batch(shared, workers):
    ranks = [runs[workers // 2] for runs, _ in shared]
    batches, weights, bank = plain_training("independent", 3, workers)
    assert joined([whole for whole, *_ in ranks]) == batches
    assert [planner._builds > 3 for _, _, planner, _ in ranks] == [True, False], "the second process plans nothing"
    torch.testing.assert_close(ranks[0][2].bank.vectors, bank.vectors)
    for *_, found in ranks:
        torch.testing.assert_close(found, weights)
    for number, (name, trained) in enumerate(NAMES.items()):
        assert joined([rests[number] for _, rests, _, _ in ranks]) == batches[trained:], name


def test_wrong_uses_of_processes_are_refused(shared):
    for _, words in shared:
        assert "would train on the same batches: pass DistributedBatches(sampler)" in words["plain"]
        assert "write Trainer(use_distributed_sampler=False)" in words["injected"]
        assert "got DistributedBatches(sliced=False): leave sliced out" in words["whole"]


def test_wrong_samplers_and_steps_are_refused(monkeypatch):
    with pytest.raises(TypeError, match="sampler must be one of toolkit's batch samplers, got list"):
        BatchSamplerCallback([[0, 1]])
    other = BatchSamplerCallback(KINDS["knn"]())
    assert "must be the batch_sampler of the training loader, which has RandomWalkBatchSampler" in failing(
        sampler=KINDS["independent"](), callbacks=[other], feed=False
    )
    monkeypatch.setattr(Model, "training_step", lambda self, batch, _: self.encoder(*batch[1:])[0])
    assert "got one without 'index' and 'embeddings': return {" in failing(sampler=KINDS["knn"]())
