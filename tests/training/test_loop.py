"""The training loop: history, probes, precision, augmentation, workers."""

import math
import time

import numpy as np
import pytest
import torch
from training_runs import BATCH, DATA, SAMPLERS, N, assert_same_course, make_model, noisy, run

from toolkit import UniformBatchSampler
from toolkit.datasets.image_views import simclr_augmentation
from toolkit.datasets.vision import ImageViews, IndexedPixels
from toolkit.evaluation import knn_probe
from toolkit.metrics import batch_coverage, batch_hardness, false_negative_rate
from toolkit.training import train
from toolkit.training.history import History


def test_history_has_one_row_per_step():
    history, _ = run(11)
    assert len(history) == 11
    assert list(history.columns) == list(History().columns)
    assert {len(values) for values in history.columns.values()} == {11}
    assert history.columns["epoch"] == [0] * 7 + [1] * 4
    assert not history.interrupted
    frame = history.to_frame()
    assert frame.index.tolist() == list(range(1, 12))
    assert frame.columns.tolist() == list(history.columns)
    loss = history.columns["loss"]
    assert repr(history) == f"History(steps=11, loss={loss[-1]:.3f})"
    assert all(map(math.isfinite, loss))


def test_history_is_that_of_the_metrics_module():
    batches, embeddings = [], []
    model = make_model()
    model.register_forward_hook(lambda module, views, output: embeddings.append(output[1]))

    class Recording(ImageViews):
        def __getitems__(self, indices):
            batches.append(indices)
            return super().__getitems__(indices)

    sampler = SAMPLERS["walk, independent"]()
    data = Recording(DATA.images, noisy)
    columns = train(model, data, sampler, 20, labels=DATA.labels, progress=False).columns
    hardness = [batch_hardness([range(BATCH)], vectors).value for vectors in embeddings]
    assert columns["hardness"] == pytest.approx(hardness, abs=1e-5)
    assert columns["false_negative_rate"] == pytest.approx(false_negative_rate(batches, DATA.labels).values)
    window = len(sampler)
    shares = [batch_coverage(batches[max(0, i - window) : i], N).value for i in range(1, 21)]
    assert columns["coverage"] == pytest.approx(shares)


def test_false_negatives_need_labels():
    columns = run(2, labels=None)[0].columns
    assert all(map(math.isnan, columns["false_negative_rate"]))


@pytest.mark.parametrize("sampler", ["uniform", "walk, independent"])
def test_sampler_time_is_a_part_of_the_step_time(sampler):
    history, _ = run(20, sampler)
    for part, whole in zip(history.columns["sampler_seconds"], history.columns["seconds"], strict=True):
        assert 0 < part < whole
    assert 0 < history.sampler_share < 1


def test_sampler_time_counts_the_sampler_only():
    class Slow(UniformBatchSampler):
        def _plan(self):
            time.sleep(0.02)
            super()._plan()

    slow = run(4, Slow(N, BATCH))[0].columns
    assert min(slow["sampler_seconds"]) >= 0.02
    fast = run(4, probe=lambda model: time.sleep(0.05) or 0.0, probe_every=1)[0].columns
    assert np.median(fast["sampler_seconds"]) < 0.02


@pytest.mark.parametrize("sampler", ["uniform", "walk, partition", "knn"])
def test_model_learns_from_any_sampler(sampler):
    model = make_model()
    views = [noisy(DATA.images.pixels) for _ in range(2)]
    before = model(*views)[0].item()
    run(60, sampler, model=model)
    assert model(*views)[0].item() < 0.9 * before


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_equal_seeds_give_equal_histories(sampler):
    first = run(20, sampler)
    assert_same_course(first, run(20, sampler))
    other, _ = run(20, sampler, seed=1)
    assert other.columns["loss"] != first[0].columns["loss"]


def test_optimizer_is_used():
    model = make_model()
    run(3, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    for name, value in make_model().named_parameters():
        assert torch.equal(dict(model.named_parameters())[name], value), name


def only_in_workers(images):
    assert torch.utils.data.get_worker_info() is not None
    return noisy(images)


def test_workers_load_the_data():
    plain, _ = run(15)
    data = ImageViews(DATA.images, only_in_workers)
    settings = {"labels": DATA.labels, "num_workers": 2, "progress": False}
    loaded = train(make_model(), data, SAMPLERS["uniform"](), 15, **settings)
    assert len(loaded) == 15
    for name in ("false_negative_rate", "coverage", "epoch"):
        assert loaded.columns[name] == plain.columns[name], f"the same batches have the same {name}"


def test_progress_can_be_shown_and_hidden(capsys):
    run(2)
    assert capsys.readouterr().err == ""
    run(2, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_probe_is_called_at_the_right_steps():
    calls = []
    history, model = run(10, probe=lambda probed: calls.append(probed) or len(calls) / 10, probe_every=4)
    assert history.probes == [(4, 0.1), (8, 0.2), (10, 0.3)]
    assert all(probed is model for probed in calls)


def test_probe_does_not_change_the_course():
    plain = run(20, "walk, independent")
    probed = run(
        20, "walk, independent", probe=lambda model: knn_probe(model, DATA.images, DATA.images, k=5), probe_every=3
    )
    assert_same_course(plain, probed)
    assert [step for step, _ in probed[0].probes] == [3, 6, 9, 12, 15, 18, 20]


def test_probe_may_leave_the_model_in_eval_mode():
    modes = []
    model = make_model()
    model.register_forward_pre_hook(lambda module, views: modes.append(module.training))
    run(4, model=model, probe=lambda model: float(model.eval() is None), probe_every=1)
    assert modes == [True] * 4


def test_low_precision_trains_about_as_well():
    exact, low = (run(30, precision=p)[0].columns["loss"] for p in ("float32", "bfloat16"))
    assert low != exact
    assert low[0] == pytest.approx(exact[0], rel=0.02)
    assert sum(low[-10:]) == pytest.approx(sum(exact[-10:]), rel=0.1)


def test_channels_last_is_the_same_training():
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


def test_the_loss_is_read_before_the_samplers_clock_starts(monkeypatch):
    """Reading it waits for the device: later, the sampler's time would include a GPU's step."""
    events, sampler, model = [], SAMPLERS["uniform"](), make_model()
    item, update = torch.Tensor.item, sampler.update
    monkeypatch.setattr(torch.Tensor, "item", lambda self: events.append(self.requires_grad) or item(self))
    monkeypatch.setattr(sampler, "update", lambda *arguments: events.append("update") or update(*arguments))
    run(1, sampler, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    assert True in events[: events.index("update")]
