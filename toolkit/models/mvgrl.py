"""MVGRL at graph level (Hassani & Khasahmadi 2020, arXiv 2006.05582)."""

from torch import Tensor, nn

from toolkit.models.graph_encoders import GCN, weighted_edges
from toolkit.models.losses import jsd
from toolkit.models.views import joined


class MVGRL(nn.Module):
    """Two graph encoders, on the edges and on their diffusion, each trained to recognise the other's nodes.

    The nodes of each view are scored against the graphs of the other one (`toolkit.models.losses.jsd`). Batches are
    those of `toolkit.datasets.graphs.Graphs.diffused`.

    All of it is trained. The authors' code keeps its graph convolutions in a plain list, where their optimiser does not
    find them, and so trains the heads alone: ``model.encoders.requires_grad_(False)`` does the same.

    Parameters
    ----------
    in_features : int
        Number of features of a node.
    width : int
        Width of the graph convolutions and the heads.
    n_layers : int
        Number of graph convolutions; their sums over the nodes are concatenated and mapped to `width` features.

    Examples
    --------
    >>> from toolkit.datasets import graphs
    >>> molecules = graphs.Graphs(graphs.bundled().graphs[:8], range(8), tuple("abcdefgh")).diffused()
    >>> model = MVGRL(molecules.n_features, width=16, n_layers=2)
    >>> loss, embeddings = model(molecules.batch(range(8)))
    >>> loss.shape, embeddings.shape, model.encode(molecules.batch([0, 1])).shape
    (torch.Size([]), torch.Size([8, 32]), torch.Size([2, 16]))
    """

    def __init__(self, in_features: int, width: int = 512, n_layers: int = 4) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(GCN(in_features, width, n_layers) for _ in range(2))
        self.node_head = _Head(width, width)
        self.graph_head = _Head(width * n_layers, width)
        self.n_features = width

    def forward(self, batch) -> tuple[Tensor, Tensor]:
        """Return the loss of one batch, and embeddings (B, 2 width) of the graphs for the sampler."""
        (nodes1, graphs1), (nodes2, graphs2) = self._views(batch)
        loss = jsd(self.node_head(nodes1), graphs2, batch.batch) + jsd(self.node_head(nodes2), graphs1, batch.batch)
        return loss, joined(graphs1, graphs2)

    def encode(self, batch) -> Tensor:
        """Return the features (B, width) that probes use: the sum of the two views' graph representations."""
        (_, graphs1), (_, graphs2) = self._views(batch)
        return graphs1 + graphs2

    def _views(self, batch) -> list[tuple[Tensor, Tensor]]:
        """Return nodes (n, width) and graphs (B, width) of each view."""
        from torch_geometric.nn.conv.gcn_conv import gcn_norm

        if "diffusion_index" not in batch:
            raise ValueError("batch must have a diffusion_index, got none: train on graphs.diffused()")
        edges = gcn_norm(batch.edge_index, num_nodes=batch.num_nodes)
        diffusion = batch.diffusion_index, batch.diffusion_weight
        views = []
        for encoder, weighted in zip(self.encoders, (edges, diffusion), strict=True):
            matrix = weighted_edges(*weighted, batch.num_nodes)
            nodes, graphs = encoder(batch.x, matrix, batch.batch, batch.num_graphs)
            views.append((nodes, self.graph_head(graphs)))
        return views


class _Head(nn.Module):
    """A perceptron of three layers with a linear shortcut."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        sizes = (n_in, n_out, n_out)
        layers = [layer for size in sizes for layer in (nn.Linear(size, n_out), nn.PReLU())]
        self.layers, self.shortcut = nn.Sequential(*layers), nn.Linear(n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + self.shortcut(x)
