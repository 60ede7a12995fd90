"""Trials of the settings of chains and of clusters."""

import time
from itertools import islice

import numpy as np

from toolkit.metrics.trials import Found, Setup
from toolkit.samplers.chain import ChainBatchSampler
from toolkit.samplers.cluster import cluster_points, some_clusters
from toolkit.samplers.ease import LEAST

_SPACES = (60, 120, 240, 480, 960, 1920, 3840, 7680)  # candidates: the published 1,920, its fractions and multiples
_LINKED = 8192  # instances in a trial of chains, or two search spaces if they are larger
_PER_BATCH = 4  # clusters in a batch, at least: fewer and larger ones trained worse models in the benchmark
_SIZES = 3  # number of cluster sizes: a quarter of a batch, an eighth, a sixteenth
_CLUSTERED, _BATCHES = 4096, 32  # smallest numbers of instances and of batches in a trial of clusters


def chains(setup: Setup) -> tuple[list[dict], Found | None]:
    """Return all settings tried, and the one with the hardest batches within the limit.

    A search space is a random sample of the instances, so a few of them represent all.
    """
    data, tried = setup.whole, []
    # Two batches or more: in a search space of a single batch, a chain would be a shuffle.
    whole = [max(-(-size // data.batch_size), 2) * data.batch_size for size in _SPACES]
    for size in sorted({min(size, len(data)) for size in whole}):
        part = data.order[: size * max(round(_LINKED * data.effort) // size, 2)]
        targets = None if data.targets is None else data.targets[part]
        settings = {"n_candidates": size, "seed": data.seed}
        sampler = ChainBatchSampler.from_embeddings(data.queries[part], data.batch_size, targets=targets, **settings)
        began = time.perf_counter()
        queue = part[np.concatenate(list(sampler))]
        seconds = (time.perf_counter() - began) * len(data) / len(part)
        tried.append(({"n_candidates": size}, queue, seconds))
    return _hardest(setup, "chain", tried)


def clusters(setup: Setup) -> tuple[list[dict], Found | None]:
    """Return all settings tried, and the one with the hardest batches within the limit.

    Clusters are tighter the more instances there are. A subset of the instances would not show this, so the trial
    starts from all instances, but splits only some of the parts until they are clusters.
    """
    data = setup.whole
    unit = cluster_points(data.vectors.numpy(), data.paired)
    members = round(max(_CLUSTERED, _BATCHES * data.batch_size) * data.effort)
    found = some_clusters(unit, max(data.batch_size // _PER_BATCH, 2), members, data.seed)
    tried = [({"cluster_size": size}, some.ravel(), seconds) for size, some, seconds in islice(found, _SIZES)]
    return _hardest(setup, "cluster", tried)


def _hardest(
    setup: Setup, sampler: str, tried: list[tuple[dict, np.ndarray, float]]
) -> tuple[list[dict], Found | None]:
    """Return a point for each of the settings tried, and the best settings; `tried` holds settings, plan, seconds."""
    figures = [setup.whole.measured(queue) for _, queue, _ in tried]
    points = [{"sampler": sampler} | each[0] | measured for each, measured in zip(tried, figures, strict=True)]
    fitting = [i for i, measured in enumerate(figures) if measured["false_negative_rate"] <= setup.limits[0]]
    if not fitting:
        return points, None
    best = max(fitting, key=lambda i: figures[i]["hardness"])
    settings, queue, seconds = tried[best]
    # No batch can be harder than this: similarity to the nearest instance of the search space, or of the data set.
    nearest = setup.some.nearest(settings.get("n_candidates", len(setup.some)))
    if setup.gain(figures[best]["hardness"], nearest) < LEAST:
        return points, None
    settings = settings | {"refresh_every": setup.refresh_every}
    return points, Found(sampler, settings, **figures[best], on=setup.whole, queue=queue, seconds=seconds)
