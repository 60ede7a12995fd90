"""sentence-transformers' trainer with our samplers; what the loss is given is the oracle."""

import pytest

pytest.importorskip("sentence_transformers")
pytest.importorskip("accelerate")

import copy
import pickle

import numpy as np
import torch
from ranks import run_ranks
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)
from trainer_runs import (
    BATCH,
    EPOCHS,
    STEPS,
    N,
    bert_model,
    latest,
    pairs,
    sentence_ranks,
    sentence_trainer,
    static_model,
    walk,
    weights,
)

from toolkit import UniformBatchSampler
from toolkit.integrations.sentence_transformers import SentenceBatches

pytestmark = pytest.mark.usefixtures("one_thread")
TOTAL = EPOCHS * STEPS


def cached(model):
    return CachedMultipleNegativesRankingLoss(model, mini_batch_size=5)


def matryoshka(model):
    return MatryoshkaLoss(model, MultipleNegativesRankingLoss(model), [4, 8], n_dims_per_step=1)


def cached_matryoshka(model):
    return MatryoshkaLoss(model, cached(model), [16, 64])


@pytest.mark.parametrize(
    ("model", "make", "settings"),
    [
        (static_model, MultipleNegativesRankingLoss, {}),
        (static_model, MultipleNegativesRankingLoss, {"gradient_accumulation_steps": 4}),
        (static_model, MultipleNegativesRankingLoss, {"dataloader_num_workers": 2}),
        (static_model, matryoshka, {}),
        (bert_model, cached, {"learning_rate": 1e-3}),
        (bert_model, cached_matryoshka, {"learning_rate": 1e-3}),
    ],
    ids=["ranking", "accumulated", "workers", "matryoshka", "cached", "cached matryoshka"],
)
def test_the_loss_gets_the_batches_and_the_sampler_the_embeddings(tmp_path, model, make, settings):
    batches = SentenceBatches(walk())
    trainer, watch = sentence_trainer(tmp_path, batches, model=model(), make=make, **settings)
    trainer.train()
    sampler = batches.samplers[""]
    assert watch.seen == sampler.yielded
    assert (len(watch.seen), sampler.epoch) == (TOTAL, EPOCHS)
    assert not sampler.warming_up
    assert sampler.bank.paired
    np.testing.assert_allclose(sampler.bank.vectors.numpy(), watch.bank, atol=1e-6)


def test_batches_are_those_of_the_sampler_alone(tmp_path):
    alone = UniformBatchSampler(N, BATCH, drop_last=True)
    trainer, watch = sentence_trainer(tmp_path, SentenceBatches(UniformBatchSampler(N, BATCH)))
    trainer.train()
    assert watch.seen == [batch for _ in range(EPOCHS) for batch in alone]


@pytest.mark.parametrize("order", ["proportional", "round_robin"])
def test_each_of_several_data_sets_has_a_sampler_of_its_own(tmp_path, order):
    sizes = {"a": N, "b": 64}
    batches = SentenceBatches({name: walk(n) for name, n in sizes.items()})
    data = {name: batches.indexed(pairs(n, seed=n)) for name, n in sizes.items()}
    evaluated = {name: pairs(40, seed=2) for name in sizes}
    trainer, watches = sentence_trainer(
        tmp_path,
        batches,
        data=data,
        given={"eval_dataset": evaluated},
        eval_strategy="epoch",
        multi_dataset_batch_sampler=order,
    )
    trainer.train()
    steps = {"a": N // BATCH, "b": 64 // BATCH} if order == "proportional" else {"a": 4, "b": 4}
    for name, sampler in batches.samplers.items():
        watch = watches[name]
        epochs = np.array_split(np.arange(len(sampler.yielded)), EPOCHS)
        trained = [sampler.yielded[i] for epoch in epochs for i in epoch[: steps[name]]]
        assert watch.seen == trained
        known = sorted(watch.rows)
        np.testing.assert_array_equal(np.flatnonzero(sampler.bank.known), known)
        np.testing.assert_allclose(sampler.bank.vectors[known].numpy(), watch.bank, atol=1e-6)
    assert sorted(watches["b"].rows) == list(range(64))


@pytest.mark.parametrize("labelled", ["no", "scores", "trained"])
def test_evaluation_sets_and_evaluators_are_left_alone(tmp_path, labelled):
    whole, watch = sentence_trainer(tmp_path / "whole")
    whole.train()
    batches = SentenceBatches(walk())
    data = batches.indexed(pairs())
    other = {"no": pairs(40, seed=1), "scores": pairs(seed=1).add_column("label", [0.5] * N), "trained": data}[labelled]
    evaluator = EmbeddingSimilarityEvaluator(pairs(9)["query"], pairs(9)["answer"], np.linspace(0, 1, 9))
    given = {"eval_dataset": other, "evaluator": evaluator}
    settings = {"eval_strategy": "steps", "eval_steps": 9, "eval_on_start": True, "per_device_eval_batch_size": BATCH}
    trainer, seen = sentence_trainer(tmp_path, batches, data=data, given=given, **settings)
    usual, _ = sentence_trainer(tmp_path, data=data, given=given, **settings | {"batch_sampler": "batch_sampler"})
    assert trainer.evaluate()["eval_loss"] == usual.evaluate()["eval_loss"]
    trainer.train()
    trainer.evaluate()
    assert seen.seen == watch.seen == batches.samplers[""].yielded
    np.testing.assert_array_equal(seen.bank, watch.bank)


@pytest.mark.parametrize(
    ("make", "steps", "settings"),
    [
        (MultipleNegativesRankingLoss, (9, 12), {"save_steps": 3}),
        (MultipleNegativesRankingLoss, (11,), {"save_steps": 11}),
        (MultipleNegativesRankingLoss, (9, 12), {"save_steps": 3, "dataloader_num_workers": 2}),
        (MultipleNegativesRankingLoss, (4, 6), {"save_steps": 2, "gradient_accumulation_steps": 2}),
        (cached, (9,), {"save_steps": 9}),
    ],
    ids=["plain", "before the end", "workers", "accumulated", "cached"],
)
def test_resume_is_exact(tmp_path, make, steps, settings):
    settings |= {"save_strategy": "steps", "learning_rate": 1e-3}
    whole, watch = sentence_trainer(tmp_path, model=bert_model(0.1), make=make, **settings)
    whole.train()
    per_step = settings.get("gradient_accumulation_steps", 1)
    for step in steps:
        batches = SentenceBatches(walk())
        later, seen = sentence_trainer(tmp_path, batches, model=bert_model(0.1), make=make, **settings)
        later.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
        assert seen.seen == watch.seen[step * per_step :]
        assert torch.equal(weights(later), weights(whole))


def test_resume_of_several_data_sets_is_exact(tmp_path):
    runs = []
    for resumed in (None, str(tmp_path / "checkpoint-13")):
        batches = SentenceBatches({"a": walk(), "b": walk(64)})
        data = {"a": batches.indexed(pairs()), "b": batches.indexed(pairs(64))}
        trainer, watches = sentence_trainer(tmp_path, batches, data=data, save_strategy="steps", save_steps=13)
        trainer.train(resume_from_checkpoint=resumed)
        runs.append(({name: watch.seen for name, watch in watches.items()}, weights(trainer)))
    (whole, weights_), (later, same) = runs
    assert sum(map(len, later.values())) == 30 - 13
    assert all(whole[name][-len(seen) :] == seen for name, seen in later.items())
    assert torch.equal(weights_, same)


def test_two_processes_share_the_batches(tmp_path):
    one, alone = sentence_trainer(tmp_path / "one", dataloader_num_workers=2)
    one.train()
    first, second = run_ranks(sentence_ranks, str(tmp_path))
    for name in ("split", "resumed"):
        joined = [a + b for a, b in zip(first[name]["seen"], second[name]["seen"], strict=True)]
        assert joined == alone.seen[0 if name == "split" else 8 :]
        assert torch.equal(first[name]["weights"], second[name]["weights"])
    assert first["split"]["yielded"] == alone.seen
    assert second["split"]["yielded"] == []
    assert torch.equal(first["split"]["weights"], first["resumed"]["weights"])
    torch.testing.assert_close(first["split"]["weights"], weights(one), atol=1e-5, rtol=0)
    each = [batch for both in zip(first["each"]["seen"], second["each"]["seen"], strict=True) for batch in both]
    assert each == first["each"]["yielded"]
    for name in ("split", "each"):
        bank = latest(first[name]["rows"], second[name]["rows"])
        np.testing.assert_allclose(first[name]["bank"], bank, atol=1e-6)
    for words in (first, second):
        assert "accelerator_config must not set dispatch_batches" in words["dispatch"]


def test_a_training_can_be_cut_and_started_again(tmp_path):
    class Cut(Exception):
        pass

    def cut(*_):
        if torch.is_grad_enabled() and len(watch.seen) == STEPS + 2:
            raise Cut

    batches = SentenceBatches(walk())
    trainer, watch = sentence_trainer(tmp_path, batches)
    trainer.loss.register_forward_pre_hook(cut)
    with pytest.raises(Cut):
        trainer.train()
    trainer.train()
    assert len(watch.seen) == STEPS + 2 + TOTAL
    assert watch.seen[STEPS + 2 :] == batches.samplers[""].yielded[-TOTAL:]


def refused(folder, error, match, batches=None, **given):
    trainer, _ = sentence_trainer(folder, batches, **given)
    with pytest.raises(error, match=match):
        trainer.train()


def test_wrong_uses_are_refused(tmp_path):
    batches = SentenceBatches(walk())
    data = batches.indexed(pairs())
    refused(
        tmp_path, ValueError, r"args.batch_sampler must be batches.batch_sampler, got", batch_sampler="no_duplicates"
    )
    refused(
        tmp_path,
        TypeError,
        r"args.batch_sampler must be a function .*, got a Noted: pass SentenceBatches",
        batch_sampler=walk(),
    )
    refused(tmp_path, ValueError, "per_device_train_batch_size must be .* 16, got 8", per_device_train_batch_size=8)
    refused(tmp_path, ValueError, "must have a column 'label' .*, got .*'query', 'answer'.*indexed", data=pairs())
    refused(tmp_path, ValueError, "must hold its row numbers, got", data=data.shuffle(seed=0))
    refused(tmp_path, ValueError, "the sampler's 96 items, got 50", data=batches.indexed(pairs(50)))
    refused(tmp_path, ValueError, "samplers must have one for each training set", data={"a": data, "b": data})
    several = {"batches": SentenceBatches({"a": walk(), "b": walk()}), "data": {"a": data, "c": data}}
    several["given"] = {"loss": MultipleNegativesRankingLoss(static_model())}
    refused(tmp_path, ValueError, r"got \['a', 'b'\] and a set named None", **several)
    refused(tmp_path, RuntimeError, "callbacks must have the object", given={"callbacks": []})
    model = static_model()
    other = {"given": {"loss": MultipleNegativesRankingLoss(model)}, "model": model}
    refused(tmp_path, RuntimeError, "loss must be the one that batches.track returned", **other)
    trainer, _ = sentence_trainer(tmp_path, batches)
    batches._losses.clear()
    with pytest.raises(ValueError, match=r"loss must be tracked, got none for \[''\]"):
        trainer.train()


def test_wrong_arguments_are_refused():
    batches = SentenceBatches({"a": walk(), "b": walk()})
    loss = MultipleNegativesRankingLoss(static_model())
    with pytest.raises(TypeError, match="sampler must be one of toolkit's batch samplers, got int for 'a'"):
        SentenceBatches({"a": 3})
    with pytest.raises(ValueError, match=r"name must be one of \['a', 'b'\], got ''"):
        batches.track(loss)
    with pytest.raises(TypeError, match="loss must be a loss of sentence-transformers with its model, got Linear"):
        batches.track(torch.nn.Linear(1, 1), "a")
    batches.track(batches.track(loss, "a"), "a")
    with pytest.raises(ValueError, match="loss must be a different one for each data set, got the same for 'b'"):
        batches.track(loss, "b")
    with pytest.raises(ValueError, match=r"dataset must have no labels, got \['label'\]"):
        batches.indexed(batches.indexed(pairs()))


def test_neither_workers_nor_checkpoints_get_the_sampler(tmp_path):
    batches = SentenceBatches(walk())
    trainer, _ = sentence_trainer(tmp_path, batches)
    trainer.train()
    bank = batches.samplers[""].bank.vectors.numpy().tobytes()
    for pickled in (trainer.args, trainer.model.preprocess):
        assert bank[:64] not in pickle.dumps(pickled)
    assert copy.deepcopy(trainer.args).batch_sampler == batches.batch_sampler


def test_a_checkpoint_without_states_is_refused(tmp_path):
    settings = {"save_strategy": "steps", "save_steps": 2, "max_steps": 2}
    trainer, _ = sentence_trainer(tmp_path, **settings)
    trainer.train()
    (tmp_path / "checkpoint-2" / "batch_samplers.pt").unlink()
    trainer, _ = sentence_trainer(tmp_path, **settings | {"max_steps": 4})
    with pytest.raises(
        FileNotFoundError, match=r"must have the samplers' states in .*checkpoint-2.*copy the checkpoint"
    ):
        trainer.train(resume_from_checkpoint=True)
