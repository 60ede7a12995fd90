"""Choose which instances share a mini-batch in contrastive learning (BatchSampler, arXiv 2306.03355).

Arguments are checked before any work is done. A function raises `TypeError` for an argument of the wrong type,
`ValueError` for a wrong value or shape, `IndexError` for instances and `FileNotFoundError` for files that don't exist.
The message names the argument, the value it got and what is allowed; if two arguments don't fit together, it names
one of them. Docstrings list other errors that a function raises, and likely mistakes. Objects with methods, such as
models and data sets, are not checked further.
"""

from toolkit.proximity.graph import ProximityGraph
from toolkit.samplers import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler

__all__ = ["KNNBatchSampler", "ProximityGraph", "RandomWalkBatchSampler", "UniformBatchSampler"]
__version__ = "0.2.0"
