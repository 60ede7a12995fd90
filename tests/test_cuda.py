"""Embeddings and models on a CUDA device: samplers, metrics, training, several processes over nccl."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.distributed as dist
from sampler_kinds import KINDS, built, normal
from training_runs import SAMPLERS, assert_same_course, make_model, run

from toolkit import RandomWalkBatchSampler
from toolkit.evaluation import knn_accuracy, retrieval_scores
from toolkit.metrics import (
    audit,
    batch_hardness,
    batch_variety,
    estimate_false_negatives,
    graph_staleness,
    hardest_pairs,
    loss_gap,
    suggest_settings,
)
from toolkit.samplers import DistributedBatches
from toolkit.training import History

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
POINTS = torch.from_numpy(normal(600, 16)).float()
TARGETS = POINTS + 0.3 * torch.from_numpy(normal(600, 16, seed=1)).float()
LABELS = np.arange(600) % 6
BATCHES = np.random.default_rng(0).permutation(600).reshape(20, 30)
METRICS = {
    "hardness": lambda a, b: batch_hardness(BATCHES, a, b).value,
    "variety": lambda a, b: batch_variety(BATCHES, a, b).value,
    "loss gap": lambda a, b: loss_gap(BATCHES, a, b).value,
    "estimate of pairs": lambda a, b: estimate_false_negatives(BATCHES, a, positives=b).value,
    "estimate": lambda a, b: estimate_false_negatives(BATCHES, a).value,
    "hardest pairs": lambda a, b: hardest_pairs(BATCHES, a, targets=b).similarity.to_numpy(),
    "audit": lambda a, b: audit(BATCHES, a, targets=b).table.batches.to_numpy(float),
    "staleness": lambda a, b: graph_staleness(built("partition", POINTS, 20).graph, a).value,
    "kNN probe": lambda a, b: knn_accuracy(a, LABELS, b, LABELS, k=10),
    "retrieval": lambda a, b: retrieval_scores(a, b, np.arange(600)).value,
}


@pytest.mark.parametrize("kind", KINDS[1:])
def test_samplers_of_embeddings_on_a_gpu(kind):
    pytest.importorskip({"graph_partition": "pymetis"}.get(kind, "faiss"))
    on_gpu, on_cpu = (built(kind, points, 20, seed=3) for points in (POINTS.cuda(), POINTS))
    ours, theirs = (np.array(list(sampler)) for sampler in (on_gpu, on_cpu))
    assert ours.shape == theirs.shape == (30, 20)
    assert all(len(set(batch)) == 20 for batch in ours.tolist())
    shuffled = batch_hardness(BATCHES, POINTS).value
    gains = [batch_hardness(batches, POINTS).value - shuffled for batches in (ours, theirs)]
    assert min(gains) > 0.02
    assert gains[0] == pytest.approx(gains[1], rel=0.3), "rounding changes the order of neighbors, so batches"


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_embeddings_on_a_gpu(name):
    pytest.importorskip("faiss")
    found = METRICS[name](POINTS.cuda(), TARGETS.cuda())
    np.testing.assert_allclose(found, METRICS[name](POINTS, TARGETS), atol=2e-3)


def test_suggested_settings_of_embeddings_on_a_gpu():
    pytest.importorskip("faiss")
    ours, theirs = (suggest_settings(points, 20, labels=LABELS) for points in (POINTS.cuda(), POINTS))
    assert ours.hardness == pytest.approx(theirs.hardness, abs=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_training_on_a_gpu_resumes_exactly(sampler, tmp_path):
    if sampler == "knn":
        pytest.importorskip("faiss")
    path = tmp_path / "run.pt"
    whole = run(20, sampler, model=make_model().cuda())
    run(11, sampler, model=make_model().cuda(), checkpoint=path)
    resumed = run(20, sampler, model=make_model().cuda(), checkpoint=path)
    assert_same_course(resumed, whole)
    assert next(resumed[1].parameters()).is_cuda


def exchanged(batches):
    """Hand embeddings on the device to a sampler; return what it drew."""
    points, drawn = POINTS.cuda(), []
    for _ in range(3):
        for index in batches:
            drawn.append(index)
            batches.update(torch.tensor(index).cuda(), points[index])
    return drawn


def test_batches_over_nccl_are_those_of_one_process(tmp_path):
    settings = {
        "n_candidates": 100,
        "n_neighbors": 10,
        "restart": 0.3,
        "refresh_every": 10,
        "drop_last": True,
        "seed": 4,
    }

    def make():
        return RandomWalkBatchSampler(600, 20, coverage="partition", **settings)

    alone = exchanged(make())
    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("nccl", store=store, rank=0, world_size=1, device_id=torch.device("cuda", 0))
    try:
        for more in ({}, {"everywhere": True}, {"sharded": True}):
            assert exchanged(DistributedBatches(make(), **more)) == alone, more
    finally:
        dist.destroy_process_group()


def test_the_command_line_trains_over_nccl(tmp_path):
    histories = []
    for name, launcher in {
        "alone": [],
        "nccl": ["torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m"],
    }.items():
        path = tmp_path / f"{name}.json"
        command = [sys.executable, "-m", *launcher, "toolkit", "train", "--preset", "images", "--steps", "70"]
        done = subprocess.run(
            [*command, "--history", str(path)], env=os.environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        histories.append(History.load(path).to_frame())
    alone, nccl = histories
    np.testing.assert_allclose(nccl.loss[:5], alone.loss[:5], atol=1e-3)  # then they drift apart, as any two runs do
    assert nccl.loss[-10:].mean() == pytest.approx(alone.loss[-10:].mean(), rel=0.1)
    assert len(nccl) == 70
