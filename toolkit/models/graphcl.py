"""GraphCL (You et al. 2020, arXiv 2010.13902)."""

from torch import Tensor, nn

from toolkit.models.graph_encoders import xavier
from toolkit.models.losses import nt_xent
from toolkit.models.views import Loss, ViewModel, n_features


class GraphCL(ViewModel):
    """A graph encoder and a projection head, trained to recognise a graph's changed view among those of the batch.

    As in the authors' code, the anchors are the first views and the negatives the others' second views. There the
    positive is left out of the denominator; here it is not (InfoNCE).

    Parameters
    ----------
    encoder : nn.Module
        A `toolkit.models.graph_encoders.GIN`, or any module with an attribute `n_features` that maps a
        `torch_geometric.data.Batch` of B graphs to features (B, n_features).
    temperature : float
        Loss temperature.
    loss : callable
        One of `toolkit.models.losses`, called with ``within=False``.

    Examples
    --------
    >>> from toolkit.datasets import graphs
    >>> from toolkit.models.graph_encoders import GIN
    >>> molecules = graphs.bundled()
    >>> views = graphs.GraphViews(molecules)
    >>> index, graph, changed = views.collate([views[i] for i in range(8)])
    >>> loss, embeddings = GraphCL(GIN(molecules.n_features))(graph, changed)
    >>> loss.shape, embeddings.shape
    (torch.Size([]), torch.Size([8, 192]))
    """

    def __init__(self, encoder: nn.Module, temperature: float = 0.2, loss: Loss = nt_xent) -> None:
        super().__init__(temperature, loss)
        self.encoder = encoder
        size = n_features(encoder)
        self.head = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))
        xavier(self.head)

    def forward(self, view1, view2) -> tuple[Tensor, Tensor]:
        """Return the loss of two views of one batch of graphs, and embeddings (B, 2 n_features) for the sampler."""
        return self.compare(self.project(view1), self.project(view2))
