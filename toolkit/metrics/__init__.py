"""What is in batches, as a sampler yields them: hardness, false negatives, coverage. How stale a graph is."""

from toolkit.metrics.coverage import Coverage, coverage
from toolkit.metrics.false_negatives import FalseNegatives, false_negative_rate, same_pairs
from toolkit.metrics.frontier import frontier
from toolkit.metrics.hardness import Hardness, batch_hardness, hardest_pairs
from toolkit.metrics.staleness import staleness

__all__ = [
    "Coverage",
    "FalseNegatives",
    "Hardness",
    "batch_hardness",
    "coverage",
    "false_negative_rate",
    "frontier",
    "hardest_pairs",
    "same_pairs",
    "staleness",
]
