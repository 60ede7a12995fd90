"""Batch samplers: what goes into ``DataLoader(dataset, batch_sampler=...)``."""

from toolkit.samplers.base import BatchSampler
from toolkit.samplers.budget import Budget, Choice
from toolkit.samplers.distributed import DistributedBatches
from toolkit.samplers.knn import KNNBatchSampler
from toolkit.samplers.online import OnlineBatchSampler
from toolkit.samplers.random_walk import RandomWalkBatchSampler
from toolkit.samplers.registry import SAMPLERS, register
from toolkit.samplers.side_by_side import SideBySide
from toolkit.samplers.uniform import UniformBatchSampler

__all__ = [
    "SAMPLERS",
    "BatchSampler",
    "Budget",
    "Choice",
    "DistributedBatches",
    "KNNBatchSampler",
    "OnlineBatchSampler",
    "RandomWalkBatchSampler",
    "SideBySide",
    "UniformBatchSampler",
    "register",
]
