"""Batch samplers: what goes into ``DataLoader(dataset, batch_sampler=...)``."""

from toolkit.samplers.knn import KNNBatchSampler
from toolkit.samplers.random_walk import RandomWalkBatchSampler
from toolkit.samplers.uniform import UniformBatchSampler

__all__ = ["KNNBatchSampler", "RandomWalkBatchSampler", "UniformBatchSampler"]
