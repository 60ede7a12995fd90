"""Graphs in the state of a sampler."""

import torch

from toolkit import _checks
from toolkit.engine.rules import Rules
from toolkit.proximity.graph import ProximityGraph

_ARRAYS = "neighbors", "similarities", "skipped"
_NUMBERS = "seed", "fresh", "lacking"


def graph_state(graph: ProximityGraph | None) -> dict | None:
    """Return the arrays of a graph, as tensors that share their memory, and its numbers."""
    if graph is None:
        return None
    arrays = {name: torch.from_numpy(getattr(graph, name)) for name in _ARRAYS}
    return arrays | {name: getattr(graph, name) for name in _NUMBERS}


def graph_from_state(state: dict | None, shape: tuple[int, int], rules: Rules, *, n_candidates: int):
    """Return the graph in a state of `graph_state`, or raise unless it is a valid graph of this shape (N, K)."""
    if state is None:
        return None
    arrays = {name: state[name].numpy() for name in _ARRAYS}
    numbers = {name: state[name] for name in _NUMBERS}
    _checks.shape("neighbors", arrays["neighbors"], shape, "the size of this sampler's graph")
    return ProximityGraph(**arrays, **numbers, n_candidates=n_candidates, rules=rules)
