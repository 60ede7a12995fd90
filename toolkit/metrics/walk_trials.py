"""Settings of the random walk, tried."""

import time

from toolkit.metrics.trials import Found, Instances, Setup
from toolkit.proximity import ProximityGraph, partition_batches
from toolkit.proximity.sizes import DEFAULT_CANDIDATES
from toolkit.samplers.budget import Choice
from toolkit.samplers.choosing import grid, search
from toolkit.samplers.ease import LEAST
from toolkit.samplers.measuring import measurer

_CANDIDATES = (DEFAULT_CANDIDATES, 5000)
_WIDEST = {DEFAULT_CANDIDATES: 0.4, 5000: 0.04}  # share of them that become neighbours, at most
_ENOUGH = 0.95  # of the hardness found, if it takes fewer candidates
_FRESH = 0.2  # of many candidates for few neighbours


def walks(setup: Setup) -> tuple[list[dict], Found | None]:
    """Return all settings tried, and the best: the hardest batches within the limit, or nearly so if it is cheaper.

    More candidates have nearer ones, so that they are chosen only if their batches gain in proportion: gains count on
    the way from a shuffle to the nearest candidates of their own graph.
    """
    points, best = [], []
    for wanted in _CANDIDATES:
        graph, choice, tried = _search(setup, wanted)
        points += [{"sampler": "random_walk", "n_candidates": graph.n_candidates} | vars(each) for each in tried]
        gain = setup.gain(choice.hardness, float(graph.similarities.max(1).mean()))
        if choice.false_negative_rate <= setup.limits[0]:
            best.append((gain, graph, choice))
        if graph.n_candidates < wanted:  # there are no more
            break
    most = max((gain for gain, *_ in best), default=0.0)
    for gain, graph, choice in best:
        if gain >= max(LEAST, _ENOUGH * most):
            return points, _found(setup, graph, choice)
    return points, None


def _search(setup: Setup, wanted: int) -> tuple[ProximityGraph, Choice, list[Choice]]:
    """Return the graph of the best settings with that many candidates, those settings, and all that were tried."""
    data = setup.some
    n_candidates = min(wanted, len(data) - 1)
    graph = ProximityGraph.build(
        data.vectors,
        n_candidates=n_candidates,
        n_neighbors=max(round(_WIDEST[wanted] * n_candidates), 1),
        paired=data.paired,
        seed=data.seed,
    )
    measure = measurer(graph, data.vectors, data.counter, data.batch_size, "partition", data.seed)
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
    """Return the batches of an epoch, one after the other."""
    return partition_batches(graph, data.order, data.batch_size, restart=restart, seed=data.seed)[0].ravel()


def _seconds(data: Instances, graph: ProximityGraph, restart: float, fresh: float) -> float:
    """Return how long it takes to rebuild the graph and to plan an epoch."""
    times = []
    for _ in range(2):  # the first time, loops may have to be compiled
        began = time.perf_counter()
        _planned(data, graph.rebuilt(data.vectors, fresh=fresh, seed=data.seed + 1), restart)
        times.append(time.perf_counter() - began)
    return min(times)
