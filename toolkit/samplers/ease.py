"""A check that a walk's batches are harder than a shuffle's."""

import warnings

import numpy as np

from toolkit.proximity.graph import ProximityGraph
from toolkit.samplers.bank import EmbeddingBank
from toolkit.samplers.measuring import mean_similarity, sample

_INSTANCES = 50_000  # maximum number of instances on which a shuffle's hardness is measured
_ANCHORS = 256  # maximum number of instances whose neighbours are compared
LEAST = 0.05  # smallest gain in hardness, as a share of the gap between a shuffle and nearest neighbours


def warn_of_ease(sampler, queue: np.ndarray) -> None:
    """Warn if the batches that a sampler has planned are as easy as a shuffle."""
    bank, graph = sampler.bank, sampler.graph
    batches = sample(queue, sampler.batch_size)
    shuffled = mean_similarity(bank.rows(_spread(bank.n, _INSTANCES)), bank.paired)
    planned = float(np.mean([mean_similarity(bank.rows(batch), bank.paired) for batch in batches]))
    nearest = _nearest(graph, bank)
    if planned - shuffled >= LEAST * (nearest - shuffled):
        return
    remedy = (
        f"restart={sampler.restart!r} allows no harder ones: raise its limits, or shuffle (toolkit.UniformBatchSampler)"
        if sampler.budget
        else f'pass restart="auto", or fewer than n_neighbors={sampler.n_neighbors} of n_candidates='
        f"{sampler.n_candidates} (toolkit.metrics.suggest_settings finds settings)"
    )
    warnings.warn(
        f"{type(sampler).__name__}: batches are no harder than a shuffle, mean cosine similarity {planned:.3f} against "
        f"{shuffled:.3f} (an instance and its most similar candidate: {nearest:.3f}); {remedy}",
        stacklevel=6,
    )


def _nearest(graph: ProximityGraph, bank: EmbeddingBank) -> float:
    """Return the mean similarity of some instances to the most similar of their neighbours."""
    some = _spread(bank.n, _ANCHORS)
    anchors = graph.rules.seen_from(bank.rows(some).float())
    others = bank.rows(graph.neighbors[some].ravel()).float().unflatten(0, (len(some), -1))
    return (others @ anchors[:, :, None]).amax(1).mean().item()


def _spread(n: int, most: int) -> np.ndarray:
    """Return at most `most` of the numbers below n, evenly spaced."""
    return np.arange(0, n, -(-n // most))
