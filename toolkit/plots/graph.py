"""Statistics of a proximity graph: in-degrees, candidates and neighbours, edges between equal labels."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from toolkit import _checks
from toolkit.metrics.graph import InDegrees, SameLabelEdges
from toolkit.plots.batches import draw_prior, times_chance
from toolkit.plots.style import COLORS, RANDOM_WALK, UNIFORM, new_axes, note, percent, styled


@styled
def in_degrees(result: InDegrees, index: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the distribution of in-degrees; a vertical line marks that of an instance.

    Parameters
    ----------
    result : InDegrees
    index : int, optional

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, metrics, plots
    >>> points = np.random.default_rng(0).normal(size=(200, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=50, n_neighbors=10)
    >>> plots.in_degrees(metrics.in_degrees(graph)).get_xlabel()
    "in-degree (how often an instance is somebody's neighbour)"
    """
    counts = result.values
    index = None if index is None else _checks.integer("index", index, 0, len(counts) - 1)
    ax = new_axes(ax, figsize=(6.4, 2.8))
    ax.hist(counts, bins=min(50, int(np.ptp(counts)) + 1), color=COLORS[UNIFORM], alpha=0.75)
    ax.axvline(counts.mean(), color="black", linewidth=1, linestyle=":")
    across = ("data", "axes fraction")
    note(ax, f"mean {counts.mean():.0f}", (counts.mean(), 1), (4, -2), va="top", xycoords=across)
    if index is not None:
        ax.axvline(counts[index], color=COLORS[RANDOM_WALK], linewidth=2)
        note(ax, f"#{index}: {counts[index]}", (counts[index], 0.8), xycoords=across, color=COLORS[RANDOM_WALK])
    ax.set(xlabel="in-degree (how often an instance is somebody's neighbour)", ylabel="instances")
    lost = f"{result.unreachable:.1%} are nobody's neighbour" if result.unreachable else "all are somebody's neighbour"
    ax.set_title(f"In-degrees vary by {result.value:.0%}; {lost}")
    return ax


@styled
def candidates(similarities, *, n_neighbors: int, ax: Axes | None = None) -> Axes:
    """Draw the similarities of an instance to its candidates, of which the best become its neighbours.

    Parameters
    ----------
    similarities : array, shape (M,)
    n_neighbors : int

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import plots
    >>> plots.candidates(np.linspace(-1, 1, 100), n_neighbors=10).get_title("left")
    'The best 10 of 100 candidates become neighbours'
    """
    similarities = _checks.numbers("similarities", similarities)
    if similarities.ndim != 1 or not np.isfinite(similarities).all():
        raise ValueError(f"similarities must be finite numbers of shape (M,), got shape {similarities.shape}")
    ordered = np.sort(similarities)
    n_neighbors = _checks.integer("n_neighbors", n_neighbors, 1, len(ordered))
    ax = new_axes(ax, figsize=(6.4, 2.8))
    alike = np.ptp(ordered) < 1e-6
    edges = np.histogram_bin_edges(ordered, 40, (ordered[0] - 0.01, ordered[0] + 0.01) if alike else None)
    ax.hist(ordered, edges, color=COLORS[UNIFORM], alpha=0.6)
    ax.hist(ordered[-n_neighbors:], edges, color=COLORS[RANDOM_WALK])
    ax.text(0.02, 0.95, "candidates", transform=ax.transAxes, va="top", color=COLORS[UNIFORM])
    ax.text(0.98, 0.95, "neighbours", transform=ax.transAxes, va="top", ha="right", color=COLORS[RANDOM_WALK])
    ax.set(xlabel="cosine similarity to the instance", ylabel="instances")
    ax.set_title(f"The best {n_neighbors} of {len(ordered):,} candidates become neighbours")
    return ax


@styled
def same_label(results: Mapping[str, SameLabelEdges], ax: Axes | None = None) -> Axes:
    """Draw the share of edges that join equal labels, for several named graphs.

    Parameters
    ----------
    results : mapping of name to SameLabelEdges

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, metrics, plots
    >>> graph = ProximityGraph.build(np.eye(4) + 0.1, n_candidates=3, n_neighbors=3)
    >>> ax = plots.same_label({"M = 3": metrics.same_label_edges(graph, [0, 0, 1, 1])})
    >>> ax.get_xlabel()
    'share of edges between instances with the same label'
    """
    ax = new_axes(ax, figsize=(6.4, 0.9 + 0.42 * len(results)))
    for i, (name, result) in enumerate(results.items()):
        ax.barh(i, result.value, color=COLORS[RANDOM_WALK], height=0.6, label=name)
        note(ax, f"{result.value:.0%}" + times_chance(result, "  ({})"), (result.value, i))
    draw_prior(ax, next(iter(results.values())).prior)
    ax.set_yticks(range(len(results)), list(results))
    ax.invert_yaxis()
    ax.set_xlim(0, min(1.4 * max(result.value for result in results.values()) or 1, 1.3))
    percent(ax.xaxis)
    ax.set_xlabel("share of edges between instances with the same label")
    return ax
