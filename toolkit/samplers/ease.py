"""Whether batches of a walk are any harder than a shuffle's."""

import warnings

import numpy as np

from toolkit.samplers.measuring import mean_similarity, sample

_INSTANCES = 50_000  # that a shuffle's hardness is measured on, at most
LEAST = 0.05  # of the way from a shuffle's hardness to the similarity of nearest neighbours


def warn_of_ease(sampler, queue: np.ndarray) -> None:
    """Warn if the batches that a sampler has planned are as easy as a shuffle."""
    bank, graph = sampler.bank, sampler.graph
    batches = sample(queue, sampler.batch_size)
    shuffled = mean_similarity(bank.vectors[:: -(-bank.n // _INSTANCES)], bank.paired)
    planned = float(np.mean([mean_similarity(bank.vectors[batch].cpu(), bank.paired) for batch in batches]))
    nearest = float(graph.similarities.max(1).mean())
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
