"""The monitor of training loops of one's own."""

import copy
import math
import warnings

import numpy as np
import pytest
import torch
from ranks import run_ranks
from torch.utils.data import DataLoader
from training_runs import DATA, SAMPLERS, WALK, make_model, run

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler, plots
from toolkit.explorers import TrainingMonitor
from toolkit.metrics import (
    batch_coverage,
    batch_hardness,
    estimate_false_negatives,
    false_negative_rate,
    graph_staleness,
)
from toolkit.samplers import DistributedBatches
from toolkit.training import BatchMonitor, History

MEASURED = ("epoch", "loss", "hardness", "false_negative_rate", "coverage")
LABELS = np.arange(300) % 5
POINTS = (np.random.default_rng(0).normal(size=(300, 8)) + 2 * np.eye(5, 8)[LABELS]).astype(np.float32)


def own_loop(sampler, steps, labels=DATA.labels, workers=0):
    """Train as `toolkit.training.train` does, in a loop of one's own; return the monitor and what it returned."""
    model, monitor, values = make_model(), BatchMonitor(sampler, labels), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(torch.initial_seed())
    loader = DataLoader(DATA, batch_sampler=sampler, num_workers=workers, generator=generator)
    while True:
        for index, *views in loader:
            loss, embeddings = model(*views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sampler.update(index, embeddings)
            values.append(monitor.log(index, embeddings, loss=loss))
            if len(values) == steps:
                return monitor, values


def log_all(monitor, epochs=2, targets=None, points=POINTS):
    """Go through some epochs with fixed embeddings; return the batches and what `log` returned."""
    batches, values = [], []
    for _ in range(epochs):
        for batch in monitor.sampler:
            monitor.sampler.update(batch, points[batch], *([] if targets is None else [targets[batch]]))
            values.append(monitor.log(batch, points[batch], None if targets is None else targets[batch]))
            batches.append(batch)
    return batches, values


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_history_is_that_of_train(name):
    expected, _ = run(20, name)
    monitor, _ = own_loop(SAMPLERS[name](), 20)
    for column in MEASURED:
        assert monitor.history.columns[column] == expected.columns[column], column
    for column in ("n_neighbors", "restart"):
        assert monitor.history.measured[column] == expected.measured[column]
    assert all(0 < seconds < 60 for seconds in monitor.history.columns["seconds"])


def test_workers_draw_ahead_but_the_epoch_is_that_of_the_step():
    monitor, _ = own_loop(SAMPLERS["uniform"](), 20, workers=2)
    assert monitor.history.columns["epoch"] == [0] * 7 + [1] * 7 + [2] * 6


@pytest.mark.parametrize("paired", [False, True])
def test_values_are_those_of_the_metrics(paired):
    targets = POINTS + np.random.default_rng(1).normal(size=POINTS.shape) if paired else None
    monitor = BatchMonitor(UniformBatchSampler(300, 20), LABELS)
    batches, values = log_all(monitor, 2, targets)
    hardness = batch_hardness(batches, POINTS, targets).values
    assert [each["hardness"] for each in values] == pytest.approx(list(hardness), abs=1e-5)
    assert [each["false_negative_rate"] for each in values] == list(false_negative_rate(batches, LABELS).values)
    window = len(monitor.sampler)
    shares = [batch_coverage(batches[max(0, i - window) : i], 300).value for i in range(1, len(batches) + 1)]
    assert [each["coverage"] for each in values] == pytest.approx(shares)
    assert all(set(each) == {"hardness", "false_negative_rate", "coverage"} for each in values)
    assert all(type(value) is float for each in values for value in each.values())


def test_staleness_and_chosen_settings_of_a_walk():
    sampler = RandomWalkBatchSampler(300, 20, n_candidates=60, n_neighbors=20)
    monitor = BatchMonitor(sampler, LABELS, every=4)
    rng, step = np.random.default_rng(0), 0
    for _ in range(3):
        for batch in sampler:
            moved = POINTS[batch] + rng.normal(size=(20, 8))
            sampler.update(batch, moved)
            values, step = monitor.log(batch, moved), step + 1
            assert ("staleness" in values) == (sampler.graph is not None and step % 4 == 0)
            if "staleness" in values:
                assert values["staleness"] == graph_staleness(sampler.graph, sampler.bank.vectors).value
            chosen = sampler.chosen
            expected = (None, None) if chosen is None else (chosen.n_neighbors, chosen.restart)
            assert (values.get("n_neighbors"), values.get("restart")) == expected
    assert [at for at, _ in monitor.history.staleness] == list(range(16, step + 1, 4)), "there are 15 uniform batches"
    assert len(monitor.history.measured["restart"]) < step, "only where they are new"
    assert any(value > 0 for _, value in monitor.history.staleness)


def test_without_labels_the_sampler_tells_what_it_chose_by():
    sampler = RandomWalkBatchSampler(300, 20, n_candidates=60, n_neighbors=20)
    _, values = log_all(BatchMonitor(sampler))
    found = [each["estimated_false_negatives"] for each in values if "estimated_false_negatives" in each]
    assert found == [sampler.chosen.false_negative_rate]
    assert all("false_negative_rate" not in each for each in values)


@pytest.mark.parametrize(
    "sampler",
    [
        RandomWalkBatchSampler(300, 20, n_candidates=60, n_neighbors=20, restart=0.3),
        KNNBatchSampler(300, 20),
    ],
    ids=["walk", "knn"],
)
def test_without_labels_or_a_choice_false_negatives_are_estimated_from_the_bank(sampler):
    monitor = BatchMonitor(sampler, every=7)
    batches, values = log_all(monitor, 3)
    expected = {
        step: estimate_false_negatives([batches[step - 1]], POINTS).value for step in range(21, len(batches) + 1, 7)
    }
    found = dict(monitor.history.measured["estimated_false_negatives"])
    assert found == pytest.approx(expected), "from the first epoch's end on, when all embeddings are known"
    assert {step: values[step - 1]["estimated_false_negatives"] for step in found} == found


def test_the_estimate_of_a_large_set_is_from_a_part_of_it():
    labels = np.arange(9000) % 30
    points = (
        np.random.default_rng(0).normal(size=(9000, 16)) + 2.5 * np.random.default_rng(1).normal(size=(30, 16))[labels]
    )
    sampler = KNNBatchSampler.from_embeddings(points, 60)
    monitor, found, batches = BatchMonitor(sampler, every=1), [], []
    for batch in list(sampler)[:12]:
        found.append(monitor.log(batch, points[batch])["estimated_false_negatives"])
        batches.append(batch)
    expected = estimate_false_negatives(batches, points)
    assert np.mean(found) == pytest.approx(expected.value, abs=0.05)
    assert np.mean(found) > 5 * expected.prior


def test_without_labels_pairs_are_estimated_from_their_targets():
    targets = POINTS + 0.5 * np.random.default_rng(1).normal(size=POINTS.shape).astype(np.float32)
    monitor = BatchMonitor(UniformBatchSampler(300, 20), every=5)
    batches, values = log_all(monitor, 2, targets)
    steps, found = monitor.history.series("estimated_false_negatives")
    expected = [estimate_false_negatives([batches[int(step) - 1]], POINTS, targets).value for step in steps]
    assert steps.tolist() == list(range(5, 31, 5))
    assert found.tolist() == pytest.approx(expected)
    assert [each["estimated_false_negatives"] for each in values[4::5]] == found.tolist()


def test_a_sampler_without_embeddings_gives_no_estimate():
    _, values = log_all(BatchMonitor(UniformBatchSampler(300, 20), every=1))
    assert all(set(each) == {"hardness", "coverage"} for each in values)


def test_plots_and_the_explorer_show_the_history(tmp_path):
    monitor, _ = own_loop(SAMPLERS["walk, independent"](), 30)
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in plots.training_panels({"own": monitor.history}).flat]
    assert "hardness" in titles
    explorer = TrainingMonitor({"own": monitor.history})
    assert "coverage <b>" in explorer.numbers.value
    follow = TrainingMonitor().follow("own")
    assert follow(monitor.history) is False
    monitor.history.save(tmp_path / "own.json")
    assert History.load(tmp_path / "own.json").columns["hardness"] == monitor.history.columns["hardness"]
    without_loss = BatchMonitor(UniformBatchSampler(300, 20), LABELS)
    log_all(without_loss)
    assert TrainingMonitor(without_loss.history).png() != TrainingMonitor().png()
    assert math.isnan(without_loss.history.columns["loss"][-1])


def test_monitoring_changes_nothing():
    courses = []
    for monitored in (False, True):
        sampler = RandomWalkBatchSampler(300, 20, n_candidates=60, n_neighbors=20, restart=0.3)
        monitor, batches, before = BatchMonitor(sampler, every=1), [], torch.get_rng_state()
        for _ in range(3):
            for batch in sampler:
                sampler.update(batch, POINTS[batch])
                if monitored:
                    monitor.log(batch, POINTS[batch], loss=1.0)
                batches.append(batch)
        assert torch.equal(before, torch.get_rng_state())
        courses.append(batches)
    assert courses[0] == courses[1]


@pytest.mark.parametrize("stop", [1, 9, 15, 22])
def test_a_resumed_monitor_goes_on(stop):
    def course(steps, state=None):
        sampler = RandomWalkBatchSampler(300, 20, n_candidates=60, n_neighbors=20)
        monitor = BatchMonitor(sampler, LABELS, every=4)
        if state is not None:
            sampler.load_state_dict(state[0])
            monitor.load_state_dict(state[1])
        while True:
            for batch in sampler:
                sampler.update(batch, POINTS[batch])
                monitor.log(batch, POINTS[batch], loss=0.5)
                if len(monitor.history) == steps:
                    return monitor

    whole, part = course(40), course(stop)
    state = copy.deepcopy((part.sampler.state_dict(), part.state_dict()))
    resumed = course(40, state)
    for column in MEASURED:
        assert resumed.history.columns[column] == whole.history.columns[column], column
    assert resumed.history.measured == whole.history.measured
    with pytest.raises(
        ValueError, match=r"state must be one of BatchMonitor\.state_dict with this sampler \(last_seen"
    ):
        BatchMonitor(UniformBatchSampler(60, 20)).load_state_dict(state[1])
    for damaged in ({}, state[1] | {"columns": {}}, state[1] | {"last_seen": None}):
        with pytest.raises(ValueError, match=r"state must be one of BatchMonitor\.state_dict"):
            part.load_state_dict(damaged)
    assert len(part.history) == stop


def test_losses_and_batches_of_many_kinds():
    monitor = BatchMonitor(UniformBatchSampler(300, 20), LABELS)
    layer = torch.nn.Linear(8, 4)
    z = layer(torch.from_numpy(POINTS[:20]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for loss in (None, 1, 0.5, np.float32(0.5), torch.tensor(2.0), torch.tensor([2.0]), z.sum(), float("inf")):
            first = monitor.log(torch.arange(20), z, loss=loss)
        assert first == pytest.approx(monitor.log(range(20), z.detach().numpy()), abs=1e-6)
        low = monitor.log(np.arange(20, dtype=np.int32), z.bfloat16())
    assert low["hardness"] == pytest.approx(first["hardness"], abs=0.02)
    assert z.grad_fn is not None
    only = monitor.log([7], POINTS[[7]])
    assert set(only) == {"coverage"}, "one instance has no pairs"
    assert math.isnan(monitor.history.columns["hardness"][-1])
    assert set(BatchMonitor(UniformBatchSampler(300, 20), every=1).log([7], POINTS[[7]], POINTS[[7]])) == {"coverage"}


def test_wrong_arguments_are_named():
    sampler = UniformBatchSampler(300, 20)
    with pytest.raises(TypeError, match="sampler must be one of toolkit's batch samplers, got int"):
        BatchMonitor(300)
    with pytest.raises(ValueError, match=r"labels must have shape \(300,\)"):
        BatchMonitor(sampler, LABELS[:20])
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        BatchMonitor(sampler, every=0)
    monitor = BatchMonitor(sampler)
    index = np.arange(20)
    with pytest.raises(IndexError, match=r"index must lie in \[0, 300\), got 300"):
        monitor.log(index + 281, POINTS[:20])
    with pytest.raises(ValueError, match=r"embeddings must have one row per index \(20\), got 19"):
        monitor.log(index, POINTS[:19])
    with pytest.raises(ValueError, match=r"targets must have shape \(20, 8\), that of the embeddings, got \(20, 4\)"):
        monitor.log(index, POINTS[:20], POINTS[:20, :4])
    with pytest.raises(TypeError, match="loss must be a number or a tensor of one element, got 'low'"):
        monitor.log(index, POINTS[:20], loss="low")
    with pytest.raises(TypeError, match="loss must be a number or a tensor of one element"):
        monitor.log(index, POINTS[:20], loss=torch.zeros(2))
    with pytest.raises(ValueError, match="index must hold one instance or more, got none"):
        monitor.log([], POINTS[:0])
    assert len(monitor.history) == 0
    assert repr(monitor) == "BatchMonitor(0 steps of UniformBatchSampler)"


def shared_loop():
    """Go through some epochs of batches that processes share; return what the monitor has, if it was given anything."""
    sampler = RandomWalkBatchSampler(300, 20, **WALK)
    batches = DistributedBatches(sampler)
    monitor, values = BatchMonitor(batches, LABELS, every=4), []
    for _ in range(3):
        for slice_ in batches:
            whole = batches.exchange(slice_, torch.from_numpy(POINTS[slice_]))
            batches.take(whole)
            if whole:
                values.append(monitor.log(*whole))
    return values, monitor.history.measured


def test_processes_that_share_batches_log_the_whole_batch_in_the_first():
    (values, measured), (others, nothing) = run_ranks(shared_loop)
    expected, expected_measured = shared_loop()
    assert len(expected) == 45
    assert values == expected
    assert measured == expected_measured
    assert len(measured["staleness"]) > 5
    assert others == []
    assert not any(nothing.values())
