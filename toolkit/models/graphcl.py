"""GraphCL (You et al. 2020, arXiv 2010.13902)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toolkit.models.graph_encoders import xavier
from toolkit.models.losses import nt_xent


class GraphCL(nn.Module):
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
        Function of the two views' projections, the temperature and ``within=False``:
        `toolkit.models.losses.nt_xent`, `dcl`, `hcl`, or a partial of one with other settings.

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

    def __init__(self, encoder: nn.Module, temperature: float = 0.2, loss: Callable[..., Tensor] = nt_xent) -> None:
        super().__init__()
        self.encoder = encoder
        size = encoder.n_features
        self.head = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))
        xavier(self.head)
        self.temperature = temperature
        self.loss = loss

    def forward(self, view1, view2) -> tuple[Tensor, Tensor]:
        """Return the loss of two views of one batch, and embeddings (B, 2 n_features) for the sampler.

        The embeddings are the two views' normalised projections, concatenated: their cosine is the mean over the
        views. They carry no gradient.
        """
        z1, z2 = self.project(view1), self.project(view2)
        embeddings = torch.cat([F.normalize(z1, dim=1), F.normalize(z2, dim=1)], dim=1)
        return self.loss(z1, z2, self.temperature, within=False), embeddings.detach()

    def encode(self, batch) -> Tensor:
        """Return the features (B, n_features) that probes use: the encoder's, before the head."""
        return self.encoder(batch)

    def project(self, batch) -> Tensor:
        """Return the projections (B, n_features) that the loss compares."""
        return self.head(self.encoder(batch))
