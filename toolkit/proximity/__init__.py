"""The method: the proximity graph, batches by walks on it, and theory about both."""

from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.partial import PartialGraph
from toolkit.proximity.rules import join_pairs
from toolkit.proximity.schedules import LinearRestart
from toolkit.proximity.theory import (
    Escape,
    all_neighbors_similar,
    all_neighbors_similar_bound,
    conductance,
    escape,
    pagerank,
)
from toolkit.proximity.walks import (
    WalkStats,
    WalkTrace,
    partition_batches,
    trace_walk,
    visit_frequencies,
    walk_batches,
)

__all__ = [
    "Escape",
    "LinearRestart",
    "PartialGraph",
    "ProximityGraph",
    "WalkStats",
    "WalkTrace",
    "all_neighbors_similar",
    "all_neighbors_similar_bound",
    "conductance",
    "escape",
    "join_pairs",
    "pagerank",
    "partition_batches",
    "trace_walk",
    "visit_frequencies",
    "walk_batches",
]
