"""Projections of all instances, with an instance's neighbours or a walk drawn on them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from toolkit import _checks
from toolkit.metrics import same_label
from toolkit.plots.style import CLASSES, COLORS, FALSE_NEGATIVE, RANDOM_WALK, UNIFORM, UNLABELLED, new_axes, styled
from toolkit.plots.writing import write
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.walks import WalkTrace

SCALE = "viridis_r"
_SEED = {"marker": "*", "markersize": 15, "color": "#F0E442", "markeredgecolor": "black", "linestyle": "none"}
_MOST_NAMES = 2 * len(CLASSES)
_MOST_SHAPES = 3000  # points of a vector graphic, which holds more of them as one picture
_MOST_POINTS = 50_000  # more of them cover each other


@styled
def embedding_map(
    positions, labels=None, values=None, title: str = "", ax: Axes | None = None, faint: bool = False
) -> Axes:
    """Draw all instances at their positions, coloured by label or by a number.

    Of more than 50,000, that many are drawn, chosen at random: more would cover each other.

    Parameters
    ----------
    positions : array, shape (N, 2)
        Result of `toolkit.plots.projection`, or any other coordinates.
    labels : array, shape (N,), optional
        Labels of any type; up to 20 of them are written where the instances are. None, NaN or -1 mean no label:
        pale grey.
    values : array, shape (N,), optional
        Numbers to colour by instead, with a scale next to the map.
    title : str
    faint : bool
        Whether to draw it pale, as the background of something else.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import plots
    >>> positions = np.random.default_rng(0).normal(size=(50, 2))
    >>> ax = plots.embedding_map(positions, labels=["left" if x < 0 else "right" for x in positions[:, 0]])
    >>> [text.get_text() for text in ax.texts]
    ['left', 'right']
    """
    positions, faint = _positions(positions), _checks.flag("faint", faint)
    ax = new_axes(ax, figsize=(6.4, 4.8))
    points = {"s": np.clip(20_000 / len(positions), 1.2, 14), "linewidths": 0, "alpha": 0.3 if faint else 0.75}
    points["rasterized"] = len(positions) > _MOST_SHAPES
    some = np.sort(np.random.default_rng(0).permutation(len(positions))[:_MOST_POINTS])  # in the order given
    drawn = positions[some].T
    if values is not None:
        values = _checks.shape("values", _checks.numbers("values", values), (len(positions),), "one per instance")
        low, high = np.quantile(values, [0.02, 0.98])
        shown = ax.scatter(*drawn, c=values[some], cmap=SCALE, vmin=low, vmax=high, **points)
        ax.figure.colorbar(shown, ax=ax, shrink=0.7, aspect=30, extend="both")
    elif labels is not None:
        codes, names = _checks.classes("labels", labels, len(positions))
        colors = np.array([*CLASSES, UNLABELLED])[np.where(codes < 0, len(CLASSES), codes % len(CLASSES))[some]]
        ax.scatter(*drawn, c=colors, **points)
        _write_names(ax, positions, codes, names)
    else:
        ax.scatter(*drawn, c=COLORS[UNIFORM], **points)
    ax.update_datalim(positions)
    ax.set(aspect="equal", xticks=[], yticks=[], title=title)
    ax.spines[:].set_visible(False)
    return ax


def _positions(positions) -> np.ndarray:
    """Return positions (N, 2), or raise unless they are finite numbers of this shape."""
    found = _checks.numbers("positions", positions)
    if found.ndim != 2 or found.shape[1] != 2 or not len(found):
        n = len(found) if found.ndim else "N"
        raise ValueError(f"positions must have shape ({n}, 2), x and y of each one, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"positions must be finite, got {(~np.isfinite(found)).sum()} NaN or Inf")
    return found


def _write_names(ax: Axes, positions: np.ndarray, codes: np.ndarray, names: np.ndarray) -> None:
    """Write each label at its instance nearest to the mean of its positions, or a little higher if another is there."""
    if len(names) > _MOST_NAMES:
        return
    width, height = np.ptp(positions, axis=0)
    taken = np.empty((0, 2))
    for code, name in enumerate(names):
        own = positions[codes == code]
        centre = own[np.linalg.norm(own - own.mean(0), axis=1).argmin()].astype(float)
        while (np.abs(taken - centre) < (0.2 * width, 0.045 * height)).all(1).any():
            centre[1] += 0.01 * height
        taken = np.vstack([taken, centre])
        look = {"ha": "center", "va": "center", "fontsize": 8.5, "weight": "bold", "zorder": 6}
        write(ax.text(*centre, "", path_effects=[withStroke(linewidth=2.5, foreground="white")], **look), name)


@styled
def neighborhood(positions, graph: ProximityGraph, index: int, labels=None, ax: Axes | None = None) -> Axes:
    """Draw an instance and its neighbours in the proximity graph on the map; those with its label are ringed.

    Parameters
    ----------
    positions : array, shape (N, 2)
    graph : ProximityGraph
    index : int
    labels : array, shape (N,), optional

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, plots
    >>> points = np.random.default_rng(0).normal(size=(200, 2))
    >>> plots.neighborhood(points, ProximityGraph.build(points, n_candidates=50, n_neighbors=10), 7).get_title("left")
    'The 10 neighbours of #7'
    """
    index = _checks.integer("index", index, 0, graph.n_nodes - 1)
    positions = _checks.shape("positions", _positions(positions), (graph.n_nodes, 2), "x and y of each instance")
    ax = embedding_map(positions, labels, ax=ax, faint=True)
    neighbors = graph.neighbors[index]
    ends = np.stack([np.broadcast_to(positions[index], (len(neighbors), 2)), positions[neighbors]], axis=1)
    ax.add_collection(LineCollection(ends, colors=COLORS[RANDOM_WALK], linewidths=0.7, alpha=0.5, zorder=3))
    same = _members(ax, positions, labels, neighbors, index)
    title = f"The {len(neighbors)} neighbours of #{index}"
    if labels is not None:
        title += f": {same.sum()} have its label (ringed)"
    ax.set_title(title)
    return ax


@styled
def walk(positions, trace: WalkTrace, labels=None, step: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw a walk on the map: its moves, restarts dashed, members, and which of them have the seed's label.

    Parameters
    ----------
    positions : array, shape (N, 2)
    trace : WalkTrace
    labels : array, shape (N,), optional
    step : int, optional
        Number of steps to draw; by default all.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph, plots
    >>> from toolkit.proximity import trace_walk
    >>> points = np.random.default_rng(0).normal(size=(200, 2))
    >>> trace = trace_walk(ProximityGraph.build(points, n_candidates=50, n_neighbors=10), start=7, batch_size=16)
    >>> plots.walk(points, trace, step=0).get_title("left")
    '0 steps, 0 restarts (dashed), 1 members'
    """
    positions = _positions(positions)
    _checks.indices("trace.nodes", trace.nodes, len(positions), "positions must be of all instances")
    step = trace.n_steps if step is None else _checks.integer("step", step, 0, trace.n_steps)
    ax = embedding_map(positions, labels, ax=ax, faint=True)
    nodes = np.append(trace.start, trace.nodes[:step])
    moves = np.stack([positions[nodes[:-1]], positions[nodes[1:]]], axis=1)
    restarted, reseeded = trace.restarted[:step], trace.reseeded[:step]
    look = {"alpha": 0.6, "zorder": 3}
    followed = moves[~restarted & ~reseeded]
    ax.add_collection(LineCollection(followed, colors=COLORS[RANDOM_WALK], linewidths=1, **look))
    ax.add_collection(LineCollection(moves[restarted], colors="#444444", linewidths=0.7, linestyles="dashed", **look))
    batch = trace.batch[: 1 + trace.new_member[:step].sum()]
    same = _members(ax, positions, labels, batch, trace.start)
    title = f"{step} steps, {restarted.sum()} restarts (dashed), {len(batch)} members"
    if labels is not None and len(batch) > 1:
        title += f", {same[1:].mean():.0%} with the seed's label"
    ax.set_title(title)
    return ax


def _members(ax: Axes, positions: np.ndarray, labels, members: np.ndarray, seed: int) -> np.ndarray:
    """Draw a seed and its members, and return which of them have its label; these are ringed."""
    same = np.zeros(len(members), bool)
    if labels is not None:
        same = same_label(_checks.labels("labels", labels, len(positions)), members, seed)
    for chosen, color, width in ((~same, "white", 0.5), (same, FALSE_NEGATIVE, 1.3)):
        rings = {"edgecolors": color, "linewidths": width}
        ax.scatter(*positions[members[chosen]].T, s=22, c=COLORS[RANDOM_WALK], zorder=5, **rings)
    ax.plot(*positions[seed], zorder=7, **_SEED)
    return same
