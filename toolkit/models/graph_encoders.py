"""Graph encoders: GIN with jumping knowledge, GCN with a choice of edge weights."""

import warnings

import torch
from torch import Tensor, nn

from toolkit import _checks

MOST = 2**13  # features or layers: more is a mistake


class GIN(nn.Module):
    """Graph isomorphism network (Xu et al. 2019) as GraphCL uses it: the sums of all layers, concatenated.

    Each layer is a `torch_geometric.nn.GINConv` around a perceptron with one hidden layer, then ReLU and batch
    normalisation. A graph's features are the sums over its nodes after each layer (jumping knowledge).

    Parameters
    ----------
    in_features : int
        Number of features of a node.
    width : int
        Width of each layer.
    n_layers : int
        Number of layers.

    Attributes
    ----------
    n_features : int
        Number of features of a graph, ``width * n_layers``.

    Examples
    --------
    >>> from toolkit.datasets import graphs
    >>> molecules = graphs.bundled()
    >>> GIN(molecules.n_features)(molecules.batch([0, 1])).shape
    torch.Size([2, 96])
    """

    def __init__(self, in_features: int, width: int = 32, n_layers: int = 3) -> None:
        super().__init__()
        from torch_geometric.nn import GINConv

        width, sizes = _layer_sizes(in_features, width, n_layers)
        self.n_features = width * len(sizes)
        perceptrons = [nn.Sequential(nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width)) for size in sizes]
        self.layers = nn.ModuleList(GINConv(perceptron) for perceptron in perceptrons)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in sizes)
        xavier(self)

    def forward(self, batch) -> Tensor:
        """Return features (B, n_features) of a `torch_geometric.data.Batch` of B graphs."""
        nodes, sums = batch.x, []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            nodes = norm(layer(nodes, batch.edge_index).relu())
            sums.append(sum_pool(nodes, batch.batch, batch.num_graphs))
        return torch.cat(sums, dim=1)


class GCN(nn.Module):
    """Graph convolutions (Kipf & Welling 2017) with given edge weights, as MVGRL uses them.

    Each layer is a `torch_geometric.nn.GCNConv` and a PReLU.

    Parameters and attributes are those of `GIN`.

    Examples
    --------
    >>> encoder = GCN(in_features=3, width=8, n_layers=2)
    >>> edges = weighted_edges(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), n_nodes=4)
    >>> nodes, graphs = encoder(torch.rand(4, 3), edges, torch.tensor([0, 0, 1, 1]), 2)
    >>> nodes.shape, graphs.shape
    (torch.Size([4, 8]), torch.Size([2, 16]))
    """

    def __init__(self, in_features: int, width: int = 512, n_layers: int = 4) -> None:
        super().__init__()
        from torch_geometric.nn import GCNConv

        width, sizes = _layer_sizes(in_features, width, n_layers)
        self.n_features = width * len(sizes)
        self.layers = nn.ModuleList(GCNConv(size, width, normalize=False) for size in sizes)
        self.activations = nn.ModuleList(nn.PReLU() for _ in sizes)

    def forward(self, x: Tensor, edges: Tensor, batch: Tensor, n_graphs: int) -> tuple[Tensor, Tensor]:
        """Return the last layer's nodes (n, width), and the sums of all layers (n_graphs, n_features).

        `edges` come from `weighted_edges`, `batch` says which graph each of the n nodes belongs to.
        """
        nodes, sums = x, []
        for layer, activation in zip(self.layers, self.activations, strict=True):
            nodes = activation(_convolved(layer, nodes, edges))
            sums.append(sum_pool(nodes, batch, n_graphs))
        return nodes, torch.cat(sums, dim=1)


def _convolved(layer, nodes: Tensor, edges: Tensor) -> Tensor:
    """Return what a `GCNConv` without normalisation does, its product with the edges in their precision.

    On a CPU, torch has no product of a sparse matrix in bfloat16, to which autocast would turn it.
    """
    nodes = layer.lin(nodes)
    with torch.autocast(nodes.device.type, enabled=False):
        sums = layer.propagate(edges, x=nodes.to(torch.promote_types(nodes.dtype, edges.dtype)), edge_weight=None)
    return sums + layer.bias


def _layer_sizes(in_features: int, width: int, n_layers: int) -> tuple[int, list[int]]:
    """Return the width of each layer, and the size of its input."""
    in_features = _checks.integer("in_features", in_features, 1)
    width = _checks.integer("width", width, 1, most=MOST)
    n_layers = _checks.integer("n_layers", n_layers, 1, most=MOST)
    return width, [in_features] + [width] * (n_layers - 1)


def weighted_edges(index: Tensor, weight: Tensor, n_nodes: int) -> Tensor:
    """Return edges as a sparse matrix (n_nodes, n_nodes): row t, column s has the weight of the edge from s to t.

    A product with it takes a fraction of the time of one message per edge; the denser the graphs, the smaller.
    """
    from torch_geometric.utils import to_torch_csr_tensor

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse", UserWarning)  # PyTorch calls the format beta, once a process
        return to_torch_csr_tensor(index.flip(0), weight, size=(n_nodes, n_nodes))


def sum_pool(nodes: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
    """Return the sum over the nodes of each graph; a graph without nodes gets zeros."""
    return nodes.new_zeros(n_graphs, nodes.shape[1]).index_add(0, batch, nodes)


def xavier(module: nn.Module) -> None:
    """Initialise all linear layers as GraphCL and MVGRL do: Xavier uniform, no bias."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
