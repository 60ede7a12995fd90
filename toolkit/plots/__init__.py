"""Figures: functions that take results and ``ax=None`` and return the `Axes`."""

from toolkit.plots.comparison import comparison
from toolkit.plots.hardness import false_negatives, frontier, hardness
from toolkit.plots.images import batch_grid, thumbnail_grid
from toolkit.plots.maps import embedding_map, neighborhood, walk
from toolkit.plots.structure import candidates, in_degrees, same_label
from toolkit.plots.theory import escape, escape_curve, similar_neighbors, visits, walk_distance
from toolkit.plots.training import accuracies, training

__all__ = [
    "accuracies",
    "batch_grid",
    "candidates",
    "comparison",
    "embedding_map",
    "escape",
    "escape_curve",
    "false_negatives",
    "frontier",
    "hardness",
    "in_degrees",
    "neighborhood",
    "same_label",
    "similar_neighbors",
    "thumbnail_grid",
    "training",
    "visits",
    "walk",
    "walk_distance",
]
