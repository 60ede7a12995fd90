"""Figures: functions that take results and ``ax=None`` and return the `Axes`."""

from toolkit.plots.hardness import draw_prior, false_negatives, frontier, hardness, times_chance
from toolkit.plots.images import batch_grid
from toolkit.plots.training import accuracies, training

__all__ = [
    "accuracies",
    "batch_grid",
    "draw_prior",
    "false_negatives",
    "frontier",
    "hardness",
    "times_chance",
    "training",
]
