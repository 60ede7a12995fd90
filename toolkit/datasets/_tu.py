"""The raw files of a TU data set, read and checked.

torch_geometric's own reader loses graphs without edges at the end of a set, and takes a file that was cut off for a
whole one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MAX_ONE_HOT = 2**30  # entries of the nodes' one-hot labels: 4 GiB


@dataclass(frozen=True)
class RawGraphs:
    """All graphs of a set in one, each after the other.

    Attributes
    ----------
    edges : int64 array, shape (2, m)
        Both ways, sorted, without self-loops and duplicates.
    graph : int64 array, shape (n,)
        Which graph each node belongs to.
    node_labels : int64 array, shape (L, n), or None
        Each row begins at 0.
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
                f"{path} is missing: pass download=True, or the folder that contains graphs/{name}/raw as root="
            )
    (graph,), (classes,) = (_numbers(paths[part], 1) for part in ("graph_indicator", "graph_labels"))
    _check_graphs(paths, graph, len(classes))
    edges, optional = _edges(paths, graph), folder / f"{name}_node_labels.txt"
    node_labels = _node_labels(optional, len(graph)) if optional.is_file() else None
    return RawGraphs(edges, graph - 1, node_labels, np.unique(classes, return_inverse=True)[1])


def raw_files(folder: Path, name: str) -> dict[str, Path]:
    """Return the paths of the files that a set must have."""
    return {part: folder / f"{name}_{part}.txt" for part in ("A", "graph_indicator", "graph_labels")}


def _check_graphs(paths: dict[str, Path], numbers: np.ndarray, n_labels: int) -> None:
    in_order = bool(numbers[0] == 1 and np.isin(np.diff(numbers), (0, 1)).all())
    _demand(in_order, paths["graph_indicator"], "the graphs are not numbered 1, 2, ... in order")
    last = numbers[-1]
    _demand(last == n_labels, paths["graph_labels"], f"it has {n_labels} labels for {last} graphs")


def _edges(paths: dict[str, Path], graph: np.ndarray) -> np.ndarray:
    n = len(graph)
    keys = _edge_keys(paths, n)
    edges = source, target = np.stack(np.divmod(keys, n))
    _demand(np.array_equal(graph[source], graph[target]), paths["A"], "some edges join two graphs")
    _demand(np.array_equal(keys, np.sort(target * n + source)), paths["A"], "some edges go one way only")
    return edges


def _edge_keys(paths: dict[str, Path], n: int) -> np.ndarray:
    """Return each edge once, as source * n + target, sorted; np.unique takes over a minute for as many as in COLLAB."""
    edges = _numbers(paths["A"], 2)
    low, high = edges.min(), edges.max()
    _demand(low >= 1 and high <= n, paths["graph_indicator"], f"it has {n} nodes, but the edges name {low} to {high}")
    source, target = edges - 1
    keys = np.sort((source * n + target)[source != target])
    return keys[np.diff(keys, prepend=-1) > 0]


def _node_labels(path: Path, n: int) -> np.ndarray:
    labels = _numbers(path)
    _demand(labels.shape[1] == n, path, f"it has {labels.shape[1]} labels for {n} nodes")
    low, high = labels.min(axis=1, keepdims=True), labels.max(axis=1, keepdims=True)
    size = n * (high.astype(float) - low + 1).sum()  # as integers, the difference may overflow
    if size > MAX_ONE_HOT:
        raise ValueError(
            f"{path} has labels from {low.min()} to {high.max()}, whose one-hot features take {size / 2**28:,.1f} "
            "GiB, more than 4: download it again if it is damaged, or use another data set"
        )
    return labels - low


def _demand(right: bool, path: Path, what: str) -> None:
    if not right:
        raise ValueError(f"{path} is damaged, {what}: download it again")


def _numbers(path: Path, n_columns: int | None = None) -> np.ndarray:
    """Return the numbers of a file, a row for each of its columns."""
    try:
        # pandas would take "1.0" and "1e3" for whole numbers.
        if strange := path.read_bytes().translate(None, b"0123456789-+, \t\r\n"):
            raise ValueError(f"it should hold whole numbers only, got {strange[:20]!r}")
        numbers = pd.read_csv(path, header=None, dtype=np.int64, na_filter=False).to_numpy().T
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} is damaged ({str(error).strip()}): download it again") from error
    _demand(n_columns in (None, len(numbers)), path, f"it has {len(numbers)} columns, not {n_columns}")
    return numbers
