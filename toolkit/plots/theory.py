"""Walks and graphs compared with theory."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from toolkit import _checks
from toolkit.plots.style import (
    COLORS,
    FAINT,
    KNN,
    OTHERS,
    RANDOM_WALK,
    UNIFORM,
    mark,
    new_axes,
    note,
    percent,
    side_labels,
    styled,
)
from toolkit.proximity import theory
from toolkit.proximity.walks import WalkTrace


@styled
def walk_distance(trace: WalkTrace, embeddings, step: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw how far from its seed a walk is after each step; restarts are dashed.

    Parameters
    ----------
    trace : WalkTrace
    embeddings : array or tensor, shape (N, d)
    step : int, optional
        Mark this one.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, plots
    >>> from toolkit.proximity import trace_walk
    >>> points = np.random.default_rng(0).normal(size=(200, 8))
    >>> trace = trace_walk(ProximityGraph.build(points, n_candidates=50, n_neighbors=10), start=7, batch_size=16)
    >>> plots.walk_distance(trace, points).get_ylabel()
    '1 - cosine'
    """
    step = None if step is None else _checks.integer("step", step, 0, trace.n_steps)
    ax = new_axes(ax, figsize=(6.4, 2.4))
    distances = np.append(0, trace.distances(embeddings))
    steps = np.arange(len(distances))
    for restart in steps[1:][trace.restarted]:
        ax.axvline(restart, color="#cccccc", linewidth=0.8, linestyle="--", zorder=0)
    ax.plot(steps, distances, color=COLORS[RANDOM_WALK], linewidth=1)
    if trace.n_steps <= 250:
        new = np.append(True, trace.new_member)
        for chosen, fill in ((new, COLORS[RANDOM_WALK]), (~new & np.append(False, ~trace.restarted), "white")):
            look = {"markersize": 3.5, "color": COLORS[RANDOM_WALK], "markerfacecolor": fill}
            ax.plot(steps[chosen], distances[chosen], "o", **look)
    if step is not None:
        ax.plot(step, distances[step], "o", markersize=9, markerfacecolor="none", markeredgecolor="black")
    ax.set(xlabel="step", xlim=(0, max(len(steps) - 1, 1)))
    ax.set(ylabel="1 - cosine", ylim=(0, max(1, 1.05 * distances.max())))
    share = trace.restarted.mean()
    ax.set_title(f"Distance from the seed; {share:.0%} of steps are restarts (dashed)")
    return ax


@styled
def visits(frequencies, rank, n_steps: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the share of steps a walk spends at each node against its personalised PageRank.

    Parameters
    ----------
    frequencies, rank : arrays, shape (N,)
        From `walks.visit_frequencies` and `theory.pagerank`.
    n_steps : int, optional
        Steps walked, for the band in which 95 % of the nodes would lie if visits were independent.

    Examples
    --------
    >>> from toolkit import plots
    >>> plots.visits([0.5, 0.3, 0.2], [0.5, 0.25, 0.25]).get_title("left")
    'Visits and PageRank differ by 5.0% of the steps'
    """
    frequencies, rank = _checks.numbers("frequencies", frequencies), _checks.numbers("rank", rank)
    _checks.shape("rank", rank, frequencies.shape, "that of frequencies")
    if not ((frequencies > 0) & (rank > 0)).any():
        raise ValueError("frequencies must hold a node that is visited and has a rank, got none")
    n_steps = None if n_steps is None else _checks.integer("n_steps", n_steps, 1)
    ax = new_axes(ax, figsize=(6.4, 3.6))
    seen = (frequencies > 0) & (rank > 0)
    low, high = rank[seen].min(), rank[seen].max()
    line = np.geomspace(low, high, 50)
    if n_steps is not None:
        half = 1.96 * np.sqrt(line / n_steps)
        ax.fill_between(line, np.maximum(line - half, low / 10), line + half, color=FAINT, alpha=0.25, linewidth=0)
    ax.plot(line, line, color="black", linewidth=1, linestyle=":")
    ax.plot(rank[seen], frequencies[seen], ".", color=COLORS[RANDOM_WALK], alpha=0.4, markersize=4)
    ax.set(xscale="log", yscale="log", xlabel="personalised PageRank", ylabel="share of steps")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
    apart = np.abs(frequencies - rank).sum() / 2
    ax.set_title(f"Visits and PageRank differ by {apart:.1%} of the steps")
    return ax


@styled
def escape(
    result: theory.Escape, start: int, measured: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the share of time a walk from `start` spends outside a region, and the bound of Proposition 2.

    Parameters
    ----------
    result : Escape
        From `theory.escape`.
    start : int
    measured : mapping of name to share, optional
        Measured shares of walks, drawn first.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, plots
    >>> from toolkit.proximity import theory
    >>> graph = ProximityGraph.build(np.eye(6) + 0.1, n_candidates=5, n_neighbors=2)
    >>> ax = plots.escape(theory.escape(graph, np.arange(6) < 3, restart=0.5), start=0)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['PageRank', 'undirected, lazy', 'its bound']
    """
    start = _checks.integer("start", start, 0, len(result.walk) - 1)
    if measured is not None and not isinstance(measured, Mapping):
        raise TypeError(f"measured must be a mapping of names to shares, got {measured!r}")
    rows = [(name, share, COLORS[RANDOM_WALK]) for name, share in (measured or {}).items()]
    rows += [("PageRank", result.walk[start], OTHERS[2]), ("undirected, lazy", result.average, COLORS[UNIFORM])]
    ax = new_axes(ax, figsize=(6.4, 1.4 + 0.4 * len(rows)))
    for i, (_name, share, color) in enumerate(rows):
        ax.barh(i, share, color=color, height=0.62)
        note(ax, f"{share:.0%}", (share, i))
    last = len(rows)
    if result.bound < 1:
        ax.plot([result.bound] * 2, [last - 1.4, last + 0.4], color="black", linestyle=":", linewidth=2)
        note(ax, f"{result.bound:.0%}", (result.bound, last))
    else:
        note(ax, f"{result.bound:.1f}: says nothing", (0, last))
    ax.set_yticks(range(last + 1), [*(name for name, _, _ in rows), "its bound"])
    ax.set(xlim=(0, 1.12), ylim=(last + 0.5, -0.5))
    percent(ax.xaxis)
    ax.set_xlabel("share of steps outside the region")
    return ax


@styled
def escape_curve(results: Mapping[float, theory.Escape], ax: Axes | None = None) -> Axes:
    """Draw the share of time outside a region over the restart probability, with the bound of Proposition 2.

    Parameters
    ----------
    results : mapping of restart probability to Escape

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, plots
    >>> from toolkit.proximity import theory
    >>> graph = ProximityGraph.build(np.eye(6) + 0.1, n_candidates=5, n_neighbors=2)
    >>> plots.escape_curve({0.2: theory.escape(graph, np.arange(6) < 3, restart=0.2)}).get_xlabel()
    'restart probability'
    """
    ax = new_axes(ax, figsize=(6.4, 3.6))
    restarts, found = list(results), list(results.values())
    lines = {
        "bound": ([each.bound for each in found], "black"),
        "undirected,\nworst start": ([each.worst for each in found], COLORS[KNN]),
        "undirected,\naverage": ([each.average for each in found], COLORS[UNIFORM]),
        "our walk,\naverage": ([each.walk[each.members].mean() for each in found], COLORS[RANDOM_WALK]),
    }
    for name, (shares, color) in lines.items():
        ax.plot(restarts, shares, ":" if name == "bound" else ".-", color=color)
    side_labels(ax, {name: color for name, (_, color) in lines.items()})
    ax.set(xlabel="restart probability", ylabel="share of steps outside", ylim=(0, 1.02))
    percent(ax.yaxis)
    broken = sum(each.worst > each.bound for each in found)
    holds = "holds" if all(each.average <= each.bound for each in found) else "fails"
    ax.set_title(f"The bound {holds} on average; a start exceeds it at {broken} of {len(found)} restarts")
    return ax


@styled
def similar_neighbors(n: int, *, n_candidates: int, n_neighbors: int, worst_ranks=None, ax: Axes | None = None) -> Axes:
    """Draw the probability that all neighbours are among the S most similar instances, over S / N (Proposition 1).

    Parameters
    ----------
    n, n_candidates, n_neighbors : int
        N, M and K.
    worst_ranks : array, optional
        Result of `toolkit.metrics.worst_neighbor_ranks`, for the measured share.

    Examples
    --------
    >>> from toolkit import plots
    >>> plots.similar_neighbors(8000, n_candidates=1000, n_neighbors=100).get_xlabel()
    'S / N: share of the data set that counts as similar'
    """
    theory.all_neighbors_similar(n, 0, n_candidates=n_candidates, n_neighbors=n_neighbors)  # checks them
    ax = new_axes(ax, figsize=(6.4, 3.4))
    centre = n_neighbors / n_candidates
    sizes = np.unique(np.linspace(1, min(4 * centre, 1) * (n - 1), 160).astype(int))
    shares = sizes / n
    graph = {"n_candidates": n_candidates, "n_neighbors": n_neighbors}
    exact = [theory.all_neighbors_similar(n, int(size), **graph) for size in sizes]
    bound = [theory.all_neighbors_similar_bound(n, int(size), **graph) for size in sizes]
    naive = (1 - (1 - shares) ** n_candidates) ** n_neighbors
    ax.plot(shares, naive, color=COLORS[KNN], linestyle="--", linewidth=1.3)
    ax.plot(shares, exact, color=COLORS[RANDOM_WALK], linewidth=2.2)
    ax.plot(shares, bound, color=COLORS[UNIFORM], linewidth=1.6)
    names = ("as often quoted:\nnot a bound", "exact", "bound in\nclosed form")
    labels = dict(zip(names, (COLORS[KNN], COLORS[RANDOM_WALK], COLORS[UNIFORM]), strict=True))
    if worst_ranks is not None:
        ranks = _checks.numbers("worst_ranks", worst_ranks)
        measured = [(ranks <= size).mean() for size in sizes[::8]]
        ax.plot(shares[::8], measured, "o", color="black", markersize=4, markerfacecolor="white")
        labels["○ measured"] = "black"
    side_labels(ax, labels)
    mark(ax, centre, "K / M", end=0.07, offset=(4, 0), ha="left")
    ax.set(xlabel="S / N: share of the data set that counts as similar", ylabel="P(all neighbours similar)")
    percent(ax.xaxis)
    ax.set_title(f"Neighbours are among the most similar {centre:.0%} or little more")
    return ax
