"""Batch samplers: what goes into ``DataLoader(dataset, batch_sampler=...)``."""

from toolkit.samplers.bandwidth import BandwidthBatchSampler
from toolkit.samplers.base import BatchSampler
from toolkit.samplers.budget import Budget, Choice
from toolkit.samplers.chain import ChainBatchSampler
from toolkit.samplers.cluster import ClusterBatchSampler, DoublingSize
from toolkit.samplers.distributed import DistributedBatches
from toolkit.samplers.graph_partition import GraphPartitionBatchSampler
from toolkit.samplers.knn import KNNBatchSampler
from toolkit.samplers.neighborhood import NeighborhoodBatchSampler
from toolkit.samplers.online import OnlineBatchSampler
from toolkit.samplers.planned import PlannedBatchSampler
from toolkit.samplers.random_walk import RandomWalkBatchSampler
from toolkit.samplers.registry import SAMPLERS, register
from toolkit.samplers.side_by_side import SideBySide
from toolkit.samplers.uniform import UniformBatchSampler

__all__ = [
    "SAMPLERS",
    "BandwidthBatchSampler",
    "BatchSampler",
    "Budget",
    "ChainBatchSampler",
    "Choice",
    "ClusterBatchSampler",
    "DistributedBatches",
    "DoublingSize",
    "GraphPartitionBatchSampler",
    "KNNBatchSampler",
    "NeighborhoodBatchSampler",
    "OnlineBatchSampler",
    "PlannedBatchSampler",
    "RandomWalkBatchSampler",
    "SideBySide",
    "UniformBatchSampler",
    "register",
]
