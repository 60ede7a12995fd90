"""Graph data sets: ``(index, graph)``, in batches of torch_geometric.

`root` is the folder with ``graphs/NAME/raw/NAME_A.txt`` and so on, in torch_geometric's layout of the TU data sets. It
defaults to the environment variable ``TOOLKIT_DATA``, or ``~/.cache/toolkit``.

>>> from torch.utils.data import DataLoader
>>> from toolkit import UniformBatchSampler
>>> from toolkit.datasets import graphs
>>> views = graphs.GraphViews(graphs.bundled())
>>> sampler = UniformBatchSampler(len(views), batch_size=64)
>>> index, graph, changed = next(iter(DataLoader(views, batch_sampler=sampler, collate_fn=views.collate)))
>>> index.shape, graph.num_graphs, changed.num_graphs
(torch.Size([64]), 64, 64)
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.datasets._files import bundled_array, data_root
from toolkit.datasets._tu import raw_files, read_raw
from toolkit.datasets.graph_views import GraphAugmentation

ELEMENTS = ("C", "O", "N", "Cl", "S", "F", "Br", "I", "P", "H", "Sn")
SOLUBILITY_CLASSES = ("low", "medium", "high")


class Graphs(Dataset):
    """Graphs in memory with their labels; an item is (index, graph).

    Attributes
    ----------
    graphs : list of torch_geometric.data.Data
        With ``x`` (n, n_features) float, ``edge_index`` (2, m) both ways, and what else a loader adds.
    labels : int64 array, shape (N,)
    classes : tuple of str
        Names of the labels.
    name : str

    Raises
    ------
    ValueError
        For no graphs, another number of labels than graphs, and a graph without nodes or features (named).
    """

    def __init__(self, graphs: list, labels, classes: tuple[str, ...], name: str = "graphs") -> None:
        graphs = _checks.listed("graphs", graphs, "a list of torch_geometric.data.Data")
        if not graphs:
            raise ValueError("graphs must hold one graph or more, got none")
        classes = tuple(_checks.listed("classes", classes, "names of the labels"))
        for position, graph in enumerate(graphs):
            if not hasattr(graph, "x"):
                raise TypeError(f"graphs must be torch_geometric.data.Data, got {type(graph).__name__} at {position}")
            if graph.x is None or not graph.x.numel():
                raise ValueError(f"graphs must have nodes with features, graph {position} has none")
        self.graphs, self.classes, self.name = graphs, classes, name
        self.labels = _checks.class_numbers("labels", labels, len(graphs), "one per graph")

    @property
    def n_features(self) -> int:
        """Features of a node."""
        return self.graphs[0].x.shape[1]

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, index: int) -> tuple:
        return index, self.graphs[index]

    @staticmethod
    def collate(items: list[tuple]) -> tuple:
        """Return the indices (B,) and a `torch_geometric.data.Batch` of items."""
        from torch_geometric.data import Batch

        indices, graphs = zip(*items, strict=True)
        return torch.tensor(indices), Batch.from_data_list(list(graphs))

    def batch(self, indices):
        """Return a `torch_geometric.data.Batch` of the graphs `indices`."""
        rows = _checks.indices("indices", indices, len(self))
        _checks.integer("number of indices", len(rows), 1)
        return self.collate([self[row] for row in rows])[1]

    def diffused(self, alpha: float = 0.2, eps: float = 1e-4) -> "Graphs":
        """Return the graphs with their diffusion, which `toolkit.models.MVGRL` needs.

        Each gets ``diffusion_index`` and ``diffusion_weight``, the entries of the personalised PageRank matrix
        ``alpha (I - (1 - alpha) D^-1/2 A D^-1/2)^-1``, where A has self-loops (Hassani & Khasahmadi 2020, equation 4).

        Parameters
        ----------
        alpha : float
            Probability of the walk's jump back, in (0, 1).
        eps : float
            Smaller entries are left out: in large graphs most are tiny.
        """
        alpha, eps = _checks.number("alpha", alpha, "(0, 1)"), _checks.number("eps", eps, "[0, inf)")
        parts = []
        for graph in self.graphs:
            part, matrix = graph.clone(), _diffusion(graph, alpha)
            part.diffusion_index = (matrix >= eps).nonzero().T
            part.diffusion_weight = matrix[tuple(part.diffusion_index)].float()
            parts.append(part)
        return Graphs(parts, self.labels, self.classes, self.name)

    def __repr__(self) -> str:
        return f"Graphs({self.name}, {len(self)} graphs, n_features={self.n_features}, classes={len(self.classes)})"


def _diffusion(graph, alpha: float) -> Tensor:
    """Return the dense personalised PageRank matrix of a graph, float64."""
    identity = torch.eye(graph.num_nodes, dtype=torch.float64)
    adjacency = identity.clone()
    adjacency[tuple(graph.edge_index)] = 1
    scale = adjacency.sum(1).rsqrt()
    return alpha * torch.linalg.inv(identity - (1 - alpha) * scale[:, None] * adjacency * scale)


class GraphViews(Dataset):
    """Each graph with a randomly changed copy; a batch is (indices, graphs, changed graphs).

    Parameters
    ----------
    graphs : Graphs
    augmentation : callable
        Turns a `torch_geometric.data.Batch` into a changed copy; all graphs of a batch are changed at once.
    """

    def __init__(self, graphs: Graphs, augmentation: Callable | None = None) -> None:
        self.graphs = graphs
        self.augmentation = _checks.function("augmentation", augmentation) or GraphAugmentation()

    @property
    def labels(self) -> np.ndarray:
        """Labels of the graphs, for diagnostics only."""
        return self.graphs.labels

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, index: int) -> tuple:
        return self.graphs[index]

    def collate(self, items: list[tuple]) -> tuple:
        """Return the indices (B,) and two batches of items: as they are, and changed."""
        indices, batch = self.graphs.collate(items)
        return indices, batch, self.augmentation(batch)


def bundled() -> Graphs:
    """Return the bundled molecules: 1,282 with their solubility in water, in three classes.

    Nodes are heavy atoms, features their elements (`ELEMENTS`). Each graph has also ``pos`` (n, 2), its drawing's
    coordinates, and ``bond`` (m,), the bonds' orders. A missing or damaged file raises.

    Examples
    --------
    >>> bundled()
    Graphs(solubility, 1282 graphs, n_features=11, classes=3)
    """
    from torch_geometric.data import Data

    names = ("elements", "positions", "bonds", "sizes", "labels")
    elements, positions, bonds, sizes, labels = (bundled_array("solubility", f"{name}.npy") for name in names)
    features = F.one_hot(elements.long(), len(ELEMENTS)).float()
    n_atoms, n_bonds = sizes.long().T.tolist()
    parts = features.split(n_atoms), positions.split(n_atoms), bonds.long().split(n_bonds)
    graphs = []
    for x, pos, bond in zip(*parts, strict=True):
        ends = bond[:, :2].T
        both = torch.cat([ends, ends.flip(0)], dim=1)
        graphs.append(Data(x=x, edge_index=both, pos=pos, bond=bond[:, 2].repeat(2)))
    return Graphs(graphs, labels.numpy(), SOLUBILITY_CLASSES, "solubility")


def tu(
    name: str, root: str | Path | None = None, download: bool = False, max_degree: int = 100, degrees: bool = False
) -> Graphs:
    """Return a graph classification data set of the TU collection.

    Node features are the one-hot labels of the nodes; where a set has none, their one-hot degrees.

    Parameters
    ----------
    name : str
        Name of a set with classes of graphs, such as "MUTAG", "NCI1" or "COLLAB".
    root : path, optional
    download : bool
        Fetch the set through `torch_geometric.datasets.TUDataset` if it is not there.
    max_degree : int
        Higher degrees count as this one, as in GraphCL's code for semi-supervised learning.
    degrees : bool
        Put the one-hot degrees next to the labels, as MVGRL's code does.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or damaged, or one-hot node labels would take more than 4 GiB (the file is named).
    """
    from torch_geometric.data import Data

    max_degree = _checks.integer("max_degree", max_degree, 1)
    folder = data_root(root) / "graphs"
    raw = folder / name / "raw"
    if download and not all(path.is_file() for path in raw_files(raw, name).values()):
        _fetch(name, raw)
    found = read_raw(raw, name)
    (source, _), graph = found.edges, found.graph
    n, n_graphs = len(graph), len(found.labels)
    columns = [] if found.node_labels is None else list(found.node_labels)
    if degrees or not columns:
        columns.append(np.bincount(source, minlength=n).clip(max=max_degree))
    sizes, n_edges = np.bincount(graph), np.bincount(graph[source], minlength=n_graphs)
    edges = torch.from_numpy(found.edges - np.repeat(sizes.cumsum() - sizes, n_edges))
    parts = _one_hot(np.stack(columns, axis=1)).split(sizes.tolist()), edges.split(n_edges.tolist(), dim=1)
    graphs = [Data(x=x, edge_index=ends.contiguous()) for x, ends in zip(*parts, strict=True)]
    return Graphs(graphs, found.labels, tuple(map(str, range(found.labels.max() + 1))), name)


def _fetch(name: str, raw: Path) -> None:
    """Fetch the raw files of a set.

    In a separate folder: torch_geometric unpickles any processed files that it finds, no matter who made them.
    """
    from torch_geometric.datasets import TUDataset

    raw.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=raw.parent) as folder:
        TUDataset(folder, name)
        for path in (Path(folder) / name / "raw").iterdir():
            os.replace(path, raw / path.name)


def _one_hot(columns: np.ndarray) -> Tensor:
    """Return the one-hot vectors of each row's codes side by side, float."""
    widths = columns.max(axis=0) + 1
    places = torch.from_numpy(columns + widths.cumsum() - widths)
    return torch.zeros(len(columns), widths.sum()).scatter_(1, places, 1.0)
