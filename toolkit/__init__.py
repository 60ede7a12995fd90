"""Choose which instances share a mini-batch in contrastive learning (BatchSampler, arXiv 2306.03355).

What is given is checked before any work is done. A function raises `TypeError` for an argument of a wrong type,
`ValueError` for a wrong value or shape, `IndexError` for instances and `FileNotFoundError` for files that don't exist,
and the message names the argument, what was got and what is allowed; where two arguments don't fit each other, it names
one of them. Docstrings list what else a function raises, and which mistakes are likely. Objects with methods, such as
models and data sets, are taken at their word.
"""

from toolkit.proximity.graph import ProximityGraph
from toolkit.samplers import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler

__all__ = ["KNNBatchSampler", "ProximityGraph", "RandomWalkBatchSampler", "UniformBatchSampler"]
__version__ = "0.2.0"
