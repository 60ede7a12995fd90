"""Exact resume: the interrupted run and the resumed one together are the uninterrupted one."""

import numpy as np
import pytest
import torch
from shared_loop import EPOCH, trained
from training_runs import BATCH, SAMPLERS, FlatEncoder, N, assert_same_course, make_model, run

from toolkit import RandomWalkBatchSampler
from toolkit.models import MoCoV3
from toolkit.models.moco import CosineMomentum
from toolkit.training import warmup_cosine


def scheduled(steps=8, optimizer=torch.optim.SGD, **settings):
    """Return arguments of `train`: a model with an optimizer on a schedule."""
    model = make_model()
    optimizer = optimizer(model.parameters(), lr=0.5)
    return {"model": model, "optimizer": optimizer, "scheduler": warmup_cosine(optimizer, steps, 2), **settings}


@pytest.mark.parametrize(
    ("kind", "at_end"), [*((kind, False) for kind in SAMPLERS), ("uniform", True), ("walk, partition", True)]
)
def test_resume_is_exact(kind, at_end, tmp_path):
    half = 2 * len(SAMPLERS[kind]()) + (0 if at_end else 4)
    path = tmp_path / "run.pt"
    whole = run(2 * half, kind)
    first, _ = run(half, kind, checkpoint=path)
    assert len(first) == half
    sampler = SAMPLERS[kind]()
    second = run(2 * half, sampler, seed=99, checkpoint=path)
    assert_same_course(second, whole)
    assert second[0].columns["seconds"][:half] == pytest.approx(first.columns["seconds"])
    if "uniform" not in kind:
        assert sampler.state_dict()["shared"]["builds"] > 2, "the index is rebuilt before and after"


def test_resume_of_moco_is_exact(tmp_path):
    def moco(seed):
        torch.manual_seed(seed)
        return MoCoV3(FlatEncoder(), projection_dim=8, hidden_dim=16, momentum=CosineMomentum(0.9, 30))

    path = tmp_path / "run.pt"
    whole = run(24, "walk, independent", model=moco(0))
    run(11, "walk, independent", model=moco(0), checkpoint=path)
    # The seed of the model to resume does not matter: augmentation too goes on from the checkpoint.
    second = run(24, "walk, independent", model=moco(99), checkpoint=path)
    assert_same_course(second, whole)
    assert second[1].step == 24


@pytest.mark.parametrize(("optimizer", "precision"), [(torch.optim.SGD, "float32"), (torch.optim.AdamW, "bfloat16")])
def test_resume_with_schedule_and_precision_is_exact(tmp_path, optimizer, precision):
    path = tmp_path / "run.pt"
    settings = {"precision": precision, "optimizer": optimizer}
    whole = run(8, **scheduled(**settings))
    run(5, checkpoint=path, **scheduled(**settings))
    arguments = scheduled(**settings)
    assert_same_course(run(8, checkpoint=path, **arguments), whole)
    assert arguments["scheduler"].get_last_lr()[0] < 1e-6, "the schedule has come to its end"


def test_learning_rate_follows_the_schedule():
    arguments = scheduled(steps=10)
    seen = []
    run(10, on_step=lambda history: seen.append(arguments["scheduler"].get_last_lr()[0]), **arguments)
    assert seen == [pytest.approx(rate, abs=1e-9) for rate in (0.5, 0.5, *seen[2:-1], 0)]
    assert seen[2:] == sorted(seen[2:], reverse=True)


def test_resume_goes_on_from_the_last_checkpoint(tmp_path):
    path = tmp_path / "deep" / "folder" / "run.pt"
    run(10, checkpoint=path, checkpoint_every=4)
    assert len(run(10, seed=99, checkpoint=path)[0]) == 10
    steps = []
    history, _ = run(12, seed=99, checkpoint=path, probe=lambda model: steps.append(1) or 0.0, probe_every=1)
    assert len(steps) == 3
    assert [step for step, _ in history.probes] == [10, 11, 12]


def test_checkpoints_are_written_every_so_often(tmp_path):
    path = tmp_path / "run.pt"
    seen = []

    def steps_stored(model):
        seen.append(len(torch.load(path, weights_only=True)["columns"]["loss"]) if path.exists() else 0)
        return 0.0

    run(8, checkpoint=path, checkpoint_every=3, probe=steps_stored, probe_every=1)
    assert seen == [0, 0, 0, 3, 3, 3, 6, 6]
    assert steps_stored(None) == 0.0
    assert seen[-1] == 8
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_history_survives_a_checkpoint_to_the_last_digit(tmp_path):
    path = tmp_path / "run.pt"
    first, _ = run(9, checkpoint=path, probe=lambda model: 1 / 3, probe_every=4)
    second, _ = run(9, checkpoint=path)
    assert second.columns == first.columns
    assert second.probes == first.probes
    assert [type(value) for value in second.columns["epoch"]] == [int] * 9


@pytest.mark.parametrize("value", [np.float32(0.5), torch.tensor(0.5), 1])
def test_probe_values_of_any_kind_survive_a_checkpoint(tmp_path, value):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path, probe=lambda model: value, probe_every=2)
    history, _ = run(6, checkpoint=path, probe=lambda model: value, probe_every=2)
    assert history.probes == [(2, value), (4, value), (6, value)]


def test_finished_run_is_returned_as_it_was(tmp_path):
    path = tmp_path / "run.pt"
    first = run(6, checkpoint=path)
    before = path.read_bytes()
    assert_same_course(run(6, seed=99, checkpoint=path), first)
    assert path.read_bytes() == before


def test_numpy_settings_of_a_sampler_survive_a_checkpoint(tmp_path):
    path = tmp_path / "run.pt"

    def sampler():
        settings = {"n_candidates": np.int64(20), "n_neighbors": np.int64(5), "restart": np.float64(0.2)}
        return RandomWalkBatchSampler(np.int64(N), np.int64(BATCH), seed=np.int64(0), **settings)

    run(4, sampler(), checkpoint=path)
    assert len(run(6, sampler(), checkpoint=path)[0]) == 6


def test_resume_is_exact_with_workers_that_draw_ahead(tmp_path):
    steps, stop, path = 2 * EPOCH, EPOCH + 5, tmp_path / "run.pt"
    columns, _, weights, _ = trained(steps, num_workers=2)
    trained(stop, path, num_workers=2)
    resumed, _, final, _ = trained(steps, path, num_workers=2)
    assert resumed["loss"] == columns["loss"]
    assert torch.equal(final, weights)
