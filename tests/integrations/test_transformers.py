"""transformers' Trainer with our samplers; what the model is given is the oracle."""

import pytest

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")

from itertools import chain

import numpy as np
import torch
from point_runs import BATCH, EPOCHS, STEPS, Encoder, Items, N, point_ranks, points, trainer, walk, weights
from ranks import run_ranks

from toolkit import UniformBatchSampler
from toolkit.integrations.transformers import SamplerTrainer

pytestmark = pytest.mark.usefixtures("one_thread")
TOTAL = EPOCHS * STEPS


@pytest.mark.parametrize("paired", [False, True], ids=["embeddings", "pairs"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"gradient_accumulation_steps": 4}, {"dataloader_num_workers": 2}],
    ids=["plain", "accumulated", "workers"],
)
def test_the_sampler_gets_the_embeddings(tmp_path, settings, paired):
    one = trainer(tmp_path, sampler := walk(), Encoder(paired=paired), eval_strategy="epoch", **settings)
    one.train()
    assert len(one.model.seen) == TOTAL
    assert sorted(chain(*one.model.seen[-STEPS:])) == list(range(N))
    assert (sampler.epoch, sampler.warming_up, sampler.bank.paired) == (EPOCHS, False, paired)
    np.testing.assert_allclose(sampler.bank.vectors.numpy(), one.model.bank, atol=1e-6)


@pytest.mark.parametrize("make", [points, Items], ids=["datasets", "torch"])
def test_batches_are_those_of_the_sampler_alone(tmp_path, make):
    alone = UniformBatchSampler(N, BATCH)
    one = trainer(tmp_path, UniformBatchSampler(N, BATCH), data=make())
    one.train()
    assert one.model.seen == [batch for _ in range(EPOCHS) for batch in alone]


@pytest.mark.parametrize(
    ("steps", "dropout", "settings"),
    [
        ((1, 11), 0.2, {"save_steps": 1}),
        ((9, 12), 0.2, {"save_steps": 3}),
        ((9, 12), 0.2, {"save_steps": 3, "dataloader_num_workers": 2}),
        # torch draws the seeds of persistent workers once, so that dropout after a resume is another one.
        ((9, 12), 0.0, {"save_steps": 3, "dataloader_num_workers": 2, "dataloader_persistent_workers": True}),
        ((4, 6), 0.2, {"save_steps": 2, "gradient_accumulation_steps": 2}),
    ],
    ids=["first and last", "plain", "workers", "persistent", "accumulated"],
)
def test_resume_is_exact(tmp_path, steps, dropout, settings):
    settings |= {"save_strategy": "steps"}
    whole = trainer(tmp_path, model=Encoder(dropout), **settings)
    whole.train()
    for step in steps:
        later = trainer(tmp_path, model=Encoder(dropout), **settings)
        later.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
        assert later.model.seen == whole.model.seen[step * settings.get("gradient_accumulation_steps", 1) :]
        assert torch.equal(weights(later), weights(whole))


def test_two_processes_share_the_batches(tmp_path):
    one = trainer(tmp_path / "one")
    one.train()
    first, second = run_ranks(point_ranks, str(tmp_path))
    for name, start in {"split": 0, "ended": 12, "workers": 0, "resumed": 8}.items():
        joined = [a + b for a, b in zip(first[name]["seen"], second[name]["seen"], strict=True)]
        assert len(joined) == TOTAL - start
        if name in ("split", "ended"):
            assert joined == one.model.seen[start:]
        elif name == "workers":
            whole = joined
        else:
            assert joined == whole[start:]
        assert torch.equal(first[name]["weights"], second[name]["weights"])
    assert torch.equal(first["workers"]["weights"], first["resumed"]["weights"])
    torch.testing.assert_close(first["split"]["weights"], weights(one), atol=1e-5, rtol=0)
    np.testing.assert_allclose(first["split"]["bank"], one.model.bank, atol=1e-5)
    each = [batch for both in zip(first["each"]["seen"], second["each"]["seen"], strict=True) for batch in both]
    for epoch in range(EPOCHS):
        assert sorted(chain(*each[epoch * STEPS : (epoch + 1) * STEPS])) == list(range(N))
    for words in (first, second):
        assert "sliced must be False, got True" in words["sliced"]
        assert "accelerator_config must not set dispatch_batches" in words["dispatched"]


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(TypeError, match="sampler must be one of toolkit's batch samplers, got list"):
        trainer(tmp_path, [[0, 1]])
    with pytest.raises(ValueError, match="per_device_train_batch_size must be the sampler's batch_size, 16, got 8"):
        trainer(tmp_path, per_device_train_batch_size=8)
    with pytest.raises(ValueError, match="train_dataset must have the sampler's 96 items, got 50"):
        trainer(tmp_path, data=points().select(range(50)))
    with pytest.raises(ValueError, match=r"must have a column 'index' .*, got \['first'.*add_column\('index'"):
        trainer(tmp_path, data=points().remove_columns("index"))
    with pytest.raises(ValueError, match="column 'index' of train_dataset must hold its row numbers"):
        trainer(tmp_path, data=points().shuffle(seed=0))


def test_trainings_without_embeddings_are_refused(tmp_path):
    class Silent(SamplerTrainer):
        compute_loss = SamplerTrainer.__bases__[0].compute_loss

    class Bare(Encoder):
        def forward(self, first, second):
            return {"loss": super().forward(first, second)["loss"]}

    class Open(Encoder):
        def forward(self, first, second, index):
            return super().forward(first, second)

    with pytest.raises(ValueError, match=r"outputs of the model must have 'embeddings', .*, got \['loss'\]"):
        trainer(tmp_path, model=Bare()).train()
    items = Items()
    for item in items.items:
        del item["index"]
    with pytest.raises(ValueError, match=r"must have items with a key 'index', .*, got \['first', 'second'\]"):
        trainer(tmp_path, data=items).train()
    given = trainer(tmp_path, model=Open())
    silent = Silent(given.model, given.args, train_dataset=points(), batch_sampler=walk())
    with pytest.raises(RuntimeError, match="samplers must get embeddings in each training step, got none in step 1"):
        silent.train()
