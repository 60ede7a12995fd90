"""Precision, clipping, schedule, augmentation: what `train` does in a step beside the plain one."""

import pytest
import torch
from torch import nn
from training.test_loop import DATA, assert_same_course, make_model, run

from toolkit import UniformBatchSampler
from toolkit.datasets.image_views import simclr_augmentation
from toolkit.datasets.vision import ImageViews, IndexedPixels
from toolkit.training import train
from toolkit.training.schedules import LARS, warmup_cosine
from toolkit.training.stepper import Stepper


def scheduled(steps=8, optimizer=LARS, **settings):
    """Return arguments of `train`: a model with an optimizer on a schedule."""
    model = make_model()
    optimizer = optimizer(model.parameters(), lr=0.5)
    return {"model": model, "optimizer": optimizer, "scheduler": warmup_cosine(optimizer, steps, 2), **settings}


@pytest.mark.parametrize("optimizer", [LARS, torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_resume_with_schedule_clipping_and_precision_is_exact(tmp_path, optimizer, precision):
    path = tmp_path / "run.pt"
    settings = {"precision": precision, "clip_norm": 0.1, "optimizer": optimizer}
    whole = run(8, **scheduled(**settings))
    run(5, checkpoint=path, **scheduled(**settings))
    arguments = scheduled(**settings)
    assert_same_course(run(8, checkpoint=path, **arguments), whole)
    if precision != "float16":  # whose scaler passes over the first steps
        assert arguments["scheduler"].get_last_lr()[0] < 1e-6, "the schedule has come to its end"


def test_learning_rate_follows_the_schedule():
    arguments = scheduled(steps=10)
    seen = []
    run(10, on_step=lambda history: seen.append(arguments["scheduler"].get_last_lr()[0]), **arguments)
    assert seen == [pytest.approx(rate, abs=1e-9) for rate in (0.5, 0.5, *seen[2:-1], 0)]
    assert seen[2:] == sorted(seen[2:], reverse=True)


@pytest.mark.parametrize("clip_norm", [0.5, 1e9])
def test_gradients_are_clipped_to_the_norm(clip_norm):
    parameter = nn.Parameter(torch.ones(4))
    stepper = Stepper(torch.optim.SGD([parameter], lr=1.0), None, "float32", clip_norm)
    stepper.step(3 * parameter.sum())
    moved = torch.linalg.vector_norm(torch.ones(4) - parameter.detach()).item()
    assert moved == pytest.approx(min(6, clip_norm), rel=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_trains_about_as_well(precision):
    exact, low = (run(30, precision=p)[0].columns["loss"] for p in ("float32", precision))
    assert low != exact
    assert low[0] == pytest.approx(exact[0], rel=0.02)
    assert sum(low[-10:]) == pytest.approx(sum(exact[-10:]), rel=0.1)


def test_channels_last_is_the_same_training(tmp_path):
    model = make_model().to(memory_format=torch.channels_last)
    last, plain = run(4, model=model)[0], run(4)[0]
    assert last.columns["loss"] == pytest.approx(plain.columns["loss"], rel=1e-4)


def test_augmentation_by_the_loop_equals_that_of_the_data_set():
    augmentation = simclr_augmentation()
    histories = []
    for dataset, settings in (
        (ImageViews(DATA.images, augmentation), {}),
        (IndexedPixels(DATA.images), {"augmentation": augmentation}),
    ):
        model = make_model()
        histories.append(train(model, dataset, UniformBatchSampler(len(DATA), 16), 6, progress=False, **settings))
    assert histories[0].columns["loss"] == histories[1].columns["loss"]


def test_on_step_sees_each_step_and_can_end_the_training(tmp_path):
    path = tmp_path / "run.pt"
    seen = []

    def stop_after_three(history):
        seen.append(len(history))
        return len(history) == 3

    history, _ = run(10, on_step=stop_after_three, checkpoint=path)
    assert seen == [1, 2, 3]
    assert history.interrupted
    assert len(history) == 3
    assert_same_course(run(10, checkpoint=path), run(10))


@pytest.mark.parametrize("stored", [False, True])
def test_checkpoint_with_or_without_a_schedule_is_refused_by_the_other(tmp_path, stored):
    path = tmp_path / "run.pt"
    arguments = scheduled()
    plain = arguments | {"scheduler": None}
    run(2, checkpoint=path, **(arguments if stored else plain))
    with pytest.raises(ValueError, match=f"written with{'' if stored else 'out'} a scheduler"):
        run(4, checkpoint=path, **(plain if stored else arguments))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "int8"}, "precision must be one of 'float32', 'bfloat16', 'float16', got 'int8'"),
        ({"clip_norm": 0}, "clip_norm must be positive, got 0"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        run(1, **settings)
