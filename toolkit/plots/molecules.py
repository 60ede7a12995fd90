"""Small graphs, mainly molecules, and what an augmentation changed in them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from toolkit import _checks
from toolkit.plots.style import INK, OTHERS, new_axes, styled
from toolkit.plots.writing import write

ELEMENT_COLORS = {"O": "#A50026", "N": "#4B3F9E", "S": "#8C6D00", "F": "#1B7837", "Cl": "#1B7837", "Br": "#1B7837"}
CHANGED = OTHERS[1]
DROPPED = "#CFCFCF"


@styled
def molecule(graph, elements: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw a graph of up to about fifty nodes, as chemists draw molecules.

    Parameters
    ----------
    graph : torch_geometric.data.Data
        At its ``pos`` if it has them, else laid out by springs. Its ``bond`` are the orders of the bonds, by default 1.
    elements : sequence of str, optional
        Names of the features: each node is written as that of its largest one, carbon ("C") left out. By default, nodes
        are dots.

    Examples
    --------
    >>> from toolkit import plots
    >>> from toolkit.datasets import graphs
    >>> ax = plots.molecule(graphs.bundled().graphs[100], graphs.ELEMENTS)
    >>> [text.get_text() for text in ax.texts]
    ['Cl', 'Cl', 'Cl']
    """
    return _draw(graph, elements, np.zeros(graph.num_nodes, bool), {}, (), ax)


@styled
def augmentation_diff(graph, changed, elements: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw a graph with what an augmentation changed in it.

    What was dropped is pale; edges that came in are dashed, and nodes with new features ringed, both in one colour.

    Parameters
    ----------
    graph : torch_geometric.data.Data
    changed : torch_geometric.data.Batch
        What `toolkit.datasets.graph_views.GraphAugmentation` made of a batch of this graph alone.
    elements, ax
        As for `molecule`.

    Examples
    --------
    >>> from toolkit import plots
    >>> from toolkit.datasets import graphs
    >>> from toolkit.datasets.graph_views import GraphAugmentation
    >>> data = graphs.bundled()
    >>> changed = GraphAugmentation(("nodes",))(data.batch([100]))
    >>> plots.augmentation_diff(data.graphs[100], changed).get_title("left")
    '1 of 5 atoms dropped'
    """
    kept = changed.origin.numpy()
    dropped = np.ones(graph.num_nodes, bool)
    dropped[kept] = False
    before = {tuple(sorted(pair)) for pair in graph.edge_index.T.tolist()}
    after = {tuple(sorted(pair)) for pair in changed.origin[changed.edge_index].T.tolist()}
    lost = {pair for pair in before - after if not dropped[list(pair)].any()}
    masked = kept[(changed.x != graph.x[changed.origin]).any(1).numpy()]
    pale = dict.fromkeys(before - after, DROPPED)
    ax = _draw(graph, elements, dropped, pale, masked, ax, after - before)
    words = [
        f"{dropped.sum()} of {len(dropped)} atoms dropped" if dropped.any() else "",
        f"{len(lost)} of {len(before)} bonds moved" if lost else "",
        f"{len(masked)} of {len(dropped)} atoms masked" if len(masked) else "",
    ]
    ax.set_title(", ".join(filter(None, words)) or "unchanged", fontsize=9)
    return ax


def _draw(graph, elements, dropped, pale, masked, ax, added=()) -> Axes:
    ax = new_axes(ax, figsize=(2.4, 2.4))
    positions = _positions(graph)
    size = max(np.ptp(positions, axis=0).max(), 1e-9)
    ends = graph.edge_index.T.numpy()
    length = np.median(np.linalg.norm(positions[ends[:, 0]] - positions[ends[:, 1]], axis=1)) if len(ends) else size
    middle = (positions.max(0) + positions.min(0)) / 2
    half = size / 2 + 0.5 * length
    ax.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    ax.set(aspect="equal", xticks=[], yticks=[])
    # Bond lengths in points: letters and lines shrink with the molecule.
    box = ax.get_window_extent()
    unit = min(box.width, box.height) / ax.figure.dpi * 72 * length / (2 * half)
    orders = graph.bond.numpy() if "bond" in graph else np.ones(len(ends), int)
    lines, colors = [], []
    for (a, b), order in zip(ends, orders, strict=True):
        if a < b:
            lines += _parallel(positions[a], positions[b], int(order), 0.16 * length)
            colors += [pale.get((a, b), INK)] * int(order)
    width = float(np.clip(unit / 12, 0.4, 1.4))
    ax.add_collection(LineCollection(lines, colors=colors, linewidths=width, zorder=1))
    new = [positions[list(pair)] for pair in added]
    ax.add_collection(LineCollection(new, colors=CHANGED, linewidths=width, linestyles=(0, (3, 2)), zorder=1))
    if len(masked):
        ax.scatter(*positions[masked].T, s=(0.75 * unit) ** 2, facecolors="none", edgecolors=CHANGED, zorder=3)
    _write(ax, positions, _names(graph, elements), dropped, unit)
    return ax


def _write(ax: Axes, positions: np.ndarray, names: list[str], dropped: np.ndarray, unit: float) -> None:
    """Write the nodes' names over the lines, or dots where there are none."""
    for position, name, gone in zip(positions, names, dropped, strict=True):
        color = DROPPED if gone else ELEMENT_COLORS.get(name, INK)
        if name == "•":
            ax.plot(*position, "o", color=color, markersize=unit / 4, zorder=2)
        elif name:
            box = {"boxstyle": "circle,pad=0.08", "facecolor": "white", "edgecolor": "none"}
            letters = {"fontsize": float(np.clip(0.55 * unit, 2.5, 11)), "weight": "bold", "color": color}
            write(ax.text(*position, "", ha="center", va="center", bbox=box, zorder=2, **letters), name)


def _names(graph, elements: Sequence[str] | None) -> list[str]:
    """Return what to write for each node: nothing for carbon, unless it stands alone."""
    if elements is None:
        return ["•"] * graph.num_nodes
    elements = _checks.listed("elements", elements, "names of the features")
    if len(elements) < graph.x.shape[1]:
        raise ValueError(f"elements must name all {graph.x.shape[1]} features, got {len(elements)}")
    names = [elements[code] for code in graph.x.argmax(1).tolist()]
    return names if graph.num_nodes == 1 else ["" if name == "C" else name for name in names]


def _positions(graph) -> np.ndarray:
    """Return where the nodes are drawn; float64, shape (n, 2)."""
    if "pos" in graph:
        return graph.pos.double().numpy()
    import networkx as nx

    pairs = nx.Graph()
    pairs.add_nodes_from(range(graph.num_nodes))
    pairs.add_edges_from(graph.edge_index.T.tolist())
    layout = nx.spring_layout(pairs, seed=0)
    return np.array([layout[node] for node in range(graph.num_nodes)])


def _parallel(start: np.ndarray, end: np.ndarray, order: int, gap: float) -> list[np.ndarray]:
    """Return as many parallel lines as the bond has orders."""
    along = end - start
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-9)
    return [np.array([start, end]) + across * gap * (k - (order - 1) / 2) for k in range(order)]
