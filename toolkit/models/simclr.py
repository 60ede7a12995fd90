"""SimCLR (Chen et al. 2020, arXiv 2002.05709)."""

import torch
from torch import Tensor, nn

from toolkit.models.encoders import build_encoder
from toolkit.models.losses import nt_xent
from toolkit.models.views import Loss, ViewModel, n_features, width_of


class SimCLR(ViewModel):
    """An encoder and a projection head, trained to recognise the other view of an instance among those of the batch.

    Parameters
    ----------
    encoder : str or nn.Module
        "small" (default) or another name that `toolkit.models.encoders.build_encoder` knows, or any module with an
        attribute `n_features` that maps images (B, C, H, W) to features (B, n_features).
    in_channels : int
        Channels of the images, for an encoder given by name.
    projection_dim : int
        Width of the projections that the loss compares.
    temperature : float
        Loss temperature.
    loss : callable
        One of `toolkit.models.losses`, called with ``within=True``.

    Examples
    --------
    >>> import torch
    >>> from toolkit.models import SimCLR
    >>> model = SimCLR("small", in_channels=1)
    >>> view1, view2 = torch.rand(2, 8, 1, 28, 28)
    >>> loss, embeddings = model(view1, view2)
    >>> loss.shape, embeddings.shape
    (torch.Size([]), torch.Size([8, 256]))
    """

    within = True

    def __init__(
        self,
        encoder: str | nn.Module = "small",
        in_channels: int = 1,
        projection_dim: int = 128,
        temperature: float = 0.5,
        loss: Loss = nt_xent,
    ) -> None:
        super().__init__(temperature, loss)
        self.encoder = build_encoder(encoder, in_channels)
        width, projection_dim = n_features(self.encoder), width_of("projection_dim", projection_dim)
        self.head = nn.Sequential(
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Linear(width, projection_dim),
        )

    def forward(self, view1: Tensor, view2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of one batch, and embeddings (B, 2 projection_dim) for the sampler, as published.

        Both views (B, C, H, W) go through the network together, so that its batch normalisation sees 2B images.
        """
        return self.compare(*self.project(torch.cat([view1, view2])).chunk(2))
