"""Figures: functions that take results and ``ax=None`` and return the `Axes`."""

from toolkit.plots.comparison import comparison
from toolkit.plots.hardness import false_negatives, frontier, hardness
from toolkit.plots.images import batch_grid
from toolkit.plots.training import accuracies, training

__all__ = [
    "accuracies",
    "batch_grid",
    "comparison",
    "false_negatives",
    "frontier",
    "hardness",
    "training",
]
