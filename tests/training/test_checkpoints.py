"""Checkpoints that are damaged or of another run are refused with a remedy, and nothing is changed."""

from functools import partial

import numpy as np
import pytest
import torch
from damage import flipped
from torch import nn
from training_runs import BATCH, WALK, N, assert_same_course, assert_unchanged, make_data, make_model, run, snapshot

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.training import train, warmup_cosine
from toolkit.training.checkpoint import FORMAT, load


def random_bytes(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def cut_short(path):
    run(4, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-200])


def write_torch(content):
    return lambda path: torch.save(content, path)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "random bytes": random_bytes,
    "cut short": cut_short,
    "text": lambda path: path.write_text("epoch,loss\n1,0.5\n"),
    "pickle cut in a number": lambda path: path.write_bytes(b"\x80\x02J\x00"),
    "state dict": lambda path: torch.save(make_model().state_dict(), path),
    "whole model": lambda path: torch.save(make_model(), path),
    "tensor": write_torch(torch.zeros(3)),
    "other program": write_torch({"format": "lightning 2"}),
    "nothing but the format": write_torch({"format": FORMAT}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_refused(damage, tmp_path):
    path = tmp_path / "run.pt"
    DAMAGES[damage](path)
    model = make_model(seed=7)
    before = snapshot(model)
    with pytest.raises(
        ValueError, match=r"damaged or was not written by this toolkit.*delete it .*another path"
    ) as error:
        run(6, model=model, checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)


def walk(**changed):
    return RandomWalkBatchSampler(N, **{"batch_size": BATCH, **WALK, **changed})


@pytest.mark.parametrize(
    ("sampler", "name"),
    [
        (KNNBatchSampler(N, BATCH, refresh_every=3), "sampler"),
        (walk(batch_size=10), "batch_size"),
        (walk(seed=1), "seed"),
        (walk(n_neighbors=6), "n_neighbors"),
        (walk(coverage="partition", drop_last=True), "coverage"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_checkpoint_of_another_sampler_is_refused(sampler, name, tmp_path):
    path = tmp_path / "run.pt"
    run(4, walk(), checkpoint=path)
    model = make_model(seed=7)
    before, state = snapshot(model), repr(sampler.state_dict())
    with pytest.raises(ValueError, match=f"another run: .* its {name} is .*delete it .*another path") as error:
        run(6, sampler, model=model, checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)
    assert repr(sampler.state_dict()) == state


def test_checkpoint_of_another_data_set_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    with pytest.raises(ValueError, match="its n is 60, this one's 40"):
        train(make_model(), make_data(40), UniformBatchSampler(40, BATCH), 6, checkpoint=path, progress=False)


@pytest.mark.parametrize("with_head", [True, False], ids=["other width", "missing layers"])
def test_checkpoint_of_another_model_is_refused(tmp_path, with_head):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    model = make_model(seed=7, projection_dim=9)
    if not with_head:
        model.head.append(nn.Linear(9, 8))
    before = snapshot(model)
    with pytest.raises(
        ValueError, match=r"another model: its head.* is .*this one's .*delete it .*another path"
    ) as error:
        run(6, model=model, checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
        lambda model: torch.optim.Adam(model.head.parameters()),
        lambda model: torch.optim.Adam([{"params": part.parameters()} for part in (model.encoder, model.head)]),
    ],
    ids=["other kind", "fewer parameters", "other groups"],
)
def test_checkpoint_of_another_optimizer_is_refused(optimizer, tmp_path):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    model = make_model(seed=7)
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"another (run|optimizer).*delete it .*another path") as error:
        run(6, model=model, optimizer=optimizer(model), checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)


SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW


def with_optimizer(kind, schedule=None, **settings):
    """Return a model, an optimizer and, if `schedule` is a function of the optimizer, a scheduler."""
    model = make_model(seed=7)
    optimizer = kind(model.parameters(), **settings)
    return {"model": model, "optimizer": optimizer, "scheduler": schedule and schedule(optimizer)}


def warm_up(optimizer):
    return warmup_cosine(optimizer, 8, 2)


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=9)


@pytest.mark.parametrize(
    ("stored", "given", "message"),
    [
        ((ADAM, {"lr": 1.0}), (ADAM, {"lr": 1e-4}), r"its lr is 1.0, this one's 0\.0001"),
        ((ADAM, {"betas": (0.9, 0.99)}), (ADAM, {}), r"its betas is \(0.9, 0.99\), this one's \(0.9, 0.999\)"),
        ((SGD, {"lr": 1.0}), (SGD, {"lr": 1.0, "weight_decay": 0.1}), "its weight_decay is 0, this one's 0.1"),
        ((SGD, {"lr": 1.0, "momentum": 0.9, "nesterov": True}), (SGD, {"lr": 1.0, "momentum": 0.9}), "its nesterov is"),
        ((ADAM, {}), (ADAMW, {"weight_decay": 0}), "its class is Adam, this one's AdamW"),
        (
            (ADAM, {"schedule": warm_up}),
            (ADAM, {"schedule": warm_up, "lr": 0.1}),
            "its initial_lr is 0.001, this one's",
        ),
        (
            (ADAM, {"schedule": one_cycle}),
            (ADAM, {"schedule": one_cycle, "weight_decay": 0.1}),
            "its weight_decay is 0, this one's 0.1",
        ),
    ],
)
def test_checkpoint_of_other_settings_of_the_optimizer_is_refused(tmp_path, stored, given, message):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path, **with_optimizer(stored[0], **stored[1]))
    arguments = with_optimizer(given[0], **given[1])
    before = snapshot(arguments["model"])
    with pytest.raises(ValueError, match=f"another optimizer: {message}.*delete it .*another path"):
        run(6, checkpoint=path, **arguments)
    assert_unchanged(arguments["model"], before)


def test_the_group_with_other_settings_is_named(tmp_path):
    path = tmp_path / "run.pt"

    def arguments(rate):
        model = make_model()
        groups = [{"params": model.encoder.parameters()}, {"params": model.head.parameters(), "lr": rate}]
        return {"model": model, "optimizer": SGD(groups, lr=0.1)}

    run(2, checkpoint=path, **arguments(0.2))
    with pytest.raises(ValueError, match=r"its lr is 0\.2 in group 1, this one's 0\.3"):
        run(4, checkpoint=path, **arguments(0.3))


@pytest.mark.parametrize("schedule", [None, warm_up, one_cycle])
def test_a_run_goes_on_with_new_and_with_used_optimizers(tmp_path, schedule):
    path = tmp_path / "run.pt"
    used = with_optimizer(ADAM, schedule)
    run(4, checkpoint=path, **used)
    run(6, checkpoint=path, **used)
    history, _ = run(8, checkpoint=path, **with_optimizer(ADAM, schedule, foreach=False))
    assert len(history) == 8


def test_the_rate_of_an_optimizer_may_be_a_tensor(tmp_path):
    path = tmp_path / "run.pt"
    for steps in (2, 4):
        run(steps, checkpoint=path, **with_optimizer(ADAM, lr=torch.tensor(0.1), foreach=False))
    with pytest.raises(ValueError, match=r"its lr is 0\.1.*, this one's 0\.5"):
        run(6, checkpoint=path, **with_optimizer(ADAM, lr=torch.tensor(0.5), foreach=False))


def test_numbers_of_numpy_can_be_read_again(tmp_path):
    path = tmp_path / "run.pt"
    for steps in (2, 4):
        step = partial(torch.optim.lr_scheduler.StepLR, step_size=np.int64(2), gamma=np.float64(0.5))
        settings = {"lr": np.float64(0.1), "betas": (np.float64(0.9), 0.99)}
        history, _ = run(steps, checkpoint=path, **with_optimizer(ADAM, step, **settings))
        assert len(history) == steps


class Adaptive(SGD):
    """An optimizer that changes its own settings."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] *= 0.9
        return super().step(closure)


def test_an_optimizer_may_have_changed_its_own_settings(tmp_path):
    path = tmp_path / "run.pt"
    for steps in (2, 4, 6):
        arguments = with_optimizer(Adaptive, lr=0.1)
        run(steps, checkpoint=path, **arguments)
    assert arguments["optimizer"].param_groups[0]["lr"] == pytest.approx(0.1 * 0.9**6)
    run(8, checkpoint=path, **arguments)
    with pytest.raises(ValueError, match=r"its lr is 0\.1, this one's 0\.2"):
        run(10, checkpoint=path, **with_optimizer(Adaptive, lr=0.2))


def test_checkpoints_of_earlier_versions_lack_the_optimizers_settings(tmp_path):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    state = torch.load(path, weights_only=True)
    assert state.pop("optimizer_settings")["class"] == "Adam"
    torch.save(state, path)
    assert len(run(6, checkpoint=path)[0]) == 6


@pytest.mark.parametrize("stored", [False, True])
def test_checkpoint_with_or_without_a_schedule_is_refused_by_the_other(tmp_path, stored):
    path = tmp_path / "run.pt"

    def arguments(schedule):
        model = make_model()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        return {"model": model, "optimizer": optimizer, "scheduler": warmup_cosine(optimizer, 8) if schedule else None}

    run(2, checkpoint=path, **arguments(stored))
    with pytest.raises(ValueError, match=f"written with{'' if stored else 'out'} a scheduler"):
        run(4, checkpoint=path, **arguments(not stored))


@pytest.mark.parametrize(("number", "kind"), [(2, "another"), (99, "a newer")])
def test_checkpoint_of_another_version_is_not_called_damaged(number, kind, tmp_path):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    version = f"batchsampler-toolkit {number}"
    torch.save(torch.load(path, weights_only=True) | {"format": version}, path)
    with pytest.raises(ValueError, match=f"written by {kind} version of this toolkit.*its format is '{version}'"):
        run(6, checkpoint=path)


def test_checkpoint_must_not_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="checkpoint must be a file, got the folder") as error:
        run(2, checkpoint=tmp_path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("n_flips", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_refused_or_harmless(n_flips, tmp_path):
    path = tmp_path / "run.pt"
    run(20, "walk, partition", checkpoint=path)
    content, whole = path.read_bytes(), run(24, "walk, partition")
    outcomes = []
    for bit in np.random.default_rng(0).integers(8 * len(content), size=n_flips).tolist():
        path.write_bytes(flipped(content, bit))
        try:
            resumed = run(24, "walk, partition", seed=7, checkpoint=path)
        except ValueError as error:
            assert "checkpoint is damaged or was not written by this toolkit" in str(error)  # noqa: PT017
            outcomes.append("refused")
        else:
            assert_same_course(resumed, whole)
            outcomes.append("harmless")
    assert outcomes.count("refused") > n_flips / 2, outcomes


def test_a_flipped_bit_in_the_directory_of_records_is_refused_or_harmless(tmp_path):
    path = tmp_path / "tensors.pt"
    tensors = {"first": torch.ones(20, dtype=torch.bool), "second": torch.ones(20, dtype=torch.bool)}
    torch.save(tensors, path)
    content, outcomes = path.read_bytes(), []
    for bit in range(8 * content.index(b"PK\x01\x02"), 8 * len(content)):
        path.write_bytes(flipped(content, bit))
        try:
            found = load(path)
        except Exception:  # `read` makes one kind of error of all of them
            outcomes.append("refused")
        else:
            assert found.keys() == tensors.keys(), bit
            assert all(torch.equal(found[name], tensors[name]) for name in tensors), bit
            outcomes.append("harmless")
    assert outcomes.count("refused") > len(outcomes) / 4, outcomes
