"""Figures: functions that draw results and return the `Axes`, which are `ax` or, by default, those of a new figure.

Invalid arguments raise a TypeError or ValueError that says what is allowed.
"""

from toolkit.plots.advice import suggestion
from toolkit.plots.batches import false_negatives, false_negatives_by_ratio, frontier, hardness
from toolkit.plots.comparisons import comparison
from toolkit.plots.curves import gain_map, learning_curves
from toolkit.plots.graph import candidates, in_degrees, same_label
from toolkit.plots.histories import accuracies, training, training_panels
from toolkit.plots.images import batch_grid, pairs, thumbnail_grid
from toolkit.plots.maps import embedding_map, neighborhood, walk
from toolkit.plots.molecules import augmentation_diff, molecule
from toolkit.plots.negatives import hardest_negatives
from toolkit.plots.sentences import batch_sentences
from toolkit.plots.theory import escape, escape_curve, similar_neighbors, visits, walk_distance
from toolkit.plots.thumbnails import Thumbnails

__all__ = [
    "Thumbnails",
    "accuracies",
    "augmentation_diff",
    "batch_grid",
    "batch_sentences",
    "candidates",
    "comparison",
    "embedding_map",
    "escape",
    "escape_curve",
    "false_negatives",
    "false_negatives_by_ratio",
    "frontier",
    "gain_map",
    "hardest_negatives",
    "hardness",
    "in_degrees",
    "learning_curves",
    "molecule",
    "neighborhood",
    "pairs",
    "same_label",
    "similar_neighbors",
    "suggestion",
    "thumbnail_grid",
    "training",
    "training_panels",
    "visits",
    "walk",
    "walk_distance",
]
