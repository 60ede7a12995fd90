"""Trials of the settings of the random walk."""

import time

from toolkit.metrics.trials import Found, Instances, Setup
from toolkit.proximity import ProximityGraph, partition_batches
from toolkit.proximity.sizes import DEFAULT_CANDIDATES
from toolkit.samplers.budget import Choice
from toolkit.samplers.choosing import grid, search
from toolkit.samplers.ease import LEAST
from toolkit.samplers.measuring import measurer

_CANDIDATES = (DEFAULT_CANDIDATES, 5000)
_WIDEST = {DEFAULT_CANDIDATES: 0.4, 5000: 0.04}  # largest share of the candidates that become neighbours
_ENOUGH = 0.95  # prefer fewer candidates if they reach this share of the largest gain in hardness
_FRESH = 0.2  # share of the candidates that a rebuild draws, if neighbours are few enough for this to save time


def walks(setup: Setup) -> tuple[list[dict], Found | None]:
    """Return all settings tried, and the best: the hardest batches within the limit, or nearly the hardest if cheaper.

    With more candidates, the nearest ones are nearer. Gains in hardness are therefore relative to the similarity of the
    nearest candidates in the same graph, so that more candidates are chosen only if their batches gain in proportion.
    """
    points, best = [], []
    for wanted in _CANDIDATES:
        graph, choice, tried = _search(setup, wanted)
        points += [{"sampler": "random_walk", "n_candidates": graph.n_candidates} | vars(each) for each in tried]
        gain = setup.gain(choice.hardness, float(graph.similarities.max(1).mean()))
        if choice.false_negative_rate <= setup.limits[0]:
            best.append((gain, graph, choice))
        if graph.n_candidates < wanted:  # the data has no more candidates
            break
    most = max((gain for gain, *_ in best), default=0.0)
    for gain, graph, choice in best:
        if gain >= max(LEAST, _ENOUGH * most):
            return points, _found(setup, graph, choice)
    return points, None


def _search(setup: Setup, wanted: int) -> tuple[ProximityGraph, Choice, list[Choice]]:
    """Try settings with `wanted` candidates; return the graph of the best ones, the best ones, and all of them."""
    data = setup.some
    n_candidates = min(wanted, len(data) - 1)
    graph = ProximityGraph.build(
        data.vectors,
        n_candidates=n_candidates,
        n_neighbors=max(round(_WIDEST[wanted] * n_candidates), 1),
        paired=data.paired,
        seed=data.seed,
    )
    measure = measurer(graph, data.vectors, data.counter, data.batch_size, "partition", data.seed, data.n_members)
    choice, tried = search(setup.limits, measure, grid(graph.n_neighbors))
    return graph.narrow(choice.n_neighbors), choice, tried


def _found(setup: Setup, graph: ProximityGraph, choice: Choice) -> Found:
    data = setup.some
    settings = {
        "n_candidates": graph.n_candidates,
        "n_neighbors": choice.n_neighbors,
        "restart": round(choice.restart, 3),
        "coverage": "partition",
        "refresh_every": setup.refresh_every,
        "fresh": _FRESH if choice.n_neighbors * 50 <= graph.n_candidates else 1.0,
    }
    return Found(
        sampler="random_walk",
        settings=settings,
        hardness=choice.hardness,
        false_negative_rate=choice.false_negative_rate,
        on=data,
        queue=_planned(data, graph, choice.restart),
        seconds=_seconds(data, graph, choice.restart, settings["fresh"]) * len(setup.whole) / len(data),
    )


def _planned(data: Instances, graph: ProximityGraph, restart: float):
    """Return the batches of an epoch, concatenated."""
    return partition_batches(graph, data.order, data.batch_size, restart=restart, seed=data.seed)[0].ravel()


def _seconds(data: Instances, graph: ProximityGraph, restart: float, fresh: float) -> float:
    """Return how long it takes to rebuild the graph and to plan an epoch."""
    times = []
    for _ in range(2):  # twice, since the first time may include the compilation of loops
        began = time.perf_counter()
        _planned(data, graph.rebuilt(data.vectors, fresh=fresh, seed=data.seed + 1), restart)
        times.append(time.perf_counter() - began)
    return min(times)
