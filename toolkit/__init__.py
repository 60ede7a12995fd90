"""Choose which instances share a mini-batch in contrastive learning (BatchSampler, arXiv 2306.03355)."""

from toolkit.proximity.graph import ProximityGraph
from toolkit.samplers import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler

__all__ = ["KNNBatchSampler", "ProximityGraph", "RandomWalkBatchSampler", "UniformBatchSampler"]
__version__ = "0.1.0"
