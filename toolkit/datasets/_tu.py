"""The raw files of a TU set, read as they stand and checked.

torch_geometric's own reader loses graphs without edges at the end of a set, and takes a file that was cut off for a
whole one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class RawGraphs:
    """All graphs of a set in one, each after the other.

    Attributes
    ----------
    edges : int64 array, shape (m, 2)
        Both ways, sorted, without self-loops and duplicates.
    graph : int64 array, shape (n,)
        Which graph each node belongs to.
    node_labels : int64 array, shape (n, L), or None
    labels : int64 array, shape (N,)
        Codes 0, 1, ... of the graphs' classes.
    """

    edges: np.ndarray
    graph: np.ndarray
    node_labels: np.ndarray | None
    labels: np.ndarray


def read_raw(folder: Path, name: str) -> RawGraphs:
    """Return the graphs of ``folder/NAME_A.txt`` and so on, or raise if a file is missing or damaged (it is named)."""
    paths = raw_files(folder, name)
    for path in paths.values():
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: pass download=True, or as root= the folder that holds graphs/{name}/raw"
            )
    edges, graph, classes = (_numbers(path) for path in paths.values())
    _check_graphs(paths, graph[:, 0], len(classes))
    graph = graph[:, 0] - 1
    _check_edges(paths, edges, graph)
    node_labels = None
    optional = folder / f"{name}_node_labels.txt"
    if optional.is_file():
        node_labels = _numbers(optional)
        _demand(len(node_labels) == len(graph), optional, f"it has {len(node_labels)} labels for {len(graph)} nodes")
    edges = np.unique(edges - 1, axis=0)
    return RawGraphs(
        edges[edges[:, 0] != edges[:, 1]], graph, node_labels, np.unique(classes[:, 0], return_inverse=True)[1]
    )


def raw_files(folder: Path, name: str) -> dict[str, Path]:
    """Return the paths of the files that a set must have."""
    return {part: folder / f"{name}_{part}.txt" for part in ("A", "graph_indicator", "graph_labels")}


def _check_graphs(paths: dict[str, Path], numbers: np.ndarray, n_labels: int) -> None:
    in_order = numbers[0] == 1 and np.isin(np.diff(numbers), (0, 1)).all()
    _demand(in_order, paths["graph_indicator"], "the graphs are not numbered 1, 2, ... in order")
    last = numbers[-1]
    _demand(last == n_labels, paths["graph_labels"], f"it has {n_labels} labels for {last} graphs")


def _check_edges(paths: dict[str, Path], edges: np.ndarray, graph: np.ndarray) -> None:
    n = len(graph)
    _demand(edges.shape[1] == 2, paths["A"], f"it has {edges.shape[1]} columns, not 2")
    inside = edges.min() >= 1 and edges.max() <= n
    _demand(inside, paths["graph_indicator"], f"it has {n} nodes, but the edges name {edges.min()} to {edges.max()}")
    source, target = edges.T - 1
    _demand((graph[source] == graph[target]).all(), paths["A"], "some edges join two graphs")
    there, back = (np.unique(one * n + other) for one, other in ((source, target), (target, source)))
    _demand(np.array_equal(there, back), paths["A"], "some edges go one way only")


def _demand(right: bool, path: Path, what: str) -> None:
    if not right:
        raise ValueError(f"{path} is damaged, {what}: get it again")


def _numbers(path: Path) -> np.ndarray:
    """Return the numbers of a file, a row for each line."""
    try:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        return np.loadtxt(path, dtype=np.int64, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): get it again") from error
