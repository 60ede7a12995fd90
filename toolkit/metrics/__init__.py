"""Measures of batches (hardness, variety, false negatives, coverage and their trade-off) and of graphs."""

from toolkit.metrics.audits import Audit, audit
from toolkit.metrics.change import NeighborsKept, neighbors_kept
from toolkit.metrics.coverage import Coverage, batch_coverage
from toolkit.metrics.estimates import EstimatedFalseNegatives, estimate_false_negatives
from toolkit.metrics.false_negatives import FalseNegatives, false_negative_rate, same_label
from toolkit.metrics.frontier import Frontier, hardness_frontier
from toolkit.metrics.gaps import LossGap, loss_gap
from toolkit.metrics.graph import (
    Candidates,
    InDegrees,
    SameLabelEdges,
    in_degrees,
    same_label_edges,
    worst_neighbor_ranks,
)
from toolkit.metrics.hardness import Hardness, batch_hardness, hardest_pairs
from toolkit.metrics.meeting import Meetings, meetings
from toolkit.metrics.negatives import hardest_negatives
from toolkit.metrics.staleness import Staleness, graph_staleness
from toolkit.metrics.suggestion import Suggestion, suggest_settings
from toolkit.metrics.variety import Variety, batch_variety
from toolkit.proximity.false_negatives import class_prior, same_label_share

__all__ = [
    "Audit",
    "Candidates",
    "Coverage",
    "EstimatedFalseNegatives",
    "FalseNegatives",
    "Frontier",
    "Hardness",
    "InDegrees",
    "LossGap",
    "Meetings",
    "NeighborsKept",
    "SameLabelEdges",
    "Staleness",
    "Suggestion",
    "Variety",
    "audit",
    "batch_coverage",
    "batch_hardness",
    "batch_variety",
    "class_prior",
    "estimate_false_negatives",
    "false_negative_rate",
    "graph_staleness",
    "hardest_negatives",
    "hardest_pairs",
    "hardness_frontier",
    "in_degrees",
    "loss_gap",
    "meetings",
    "neighbors_kept",
    "same_label",
    "same_label_edges",
    "same_label_share",
    "suggest_settings",
    "worst_neighbor_ranks",
]
