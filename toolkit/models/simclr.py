"""SimCLR (Chen et al. 2020, arXiv 2002.05709)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toolkit.models.encoders import build_encoder
from toolkit.models.losses import nt_xent


class SimCLR(nn.Module):
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
        Function of the two views' projections, the temperature and ``within=True``: `toolkit.models.losses.nt_xent`,
        `dcl`, `hcl`, or a partial of one with other settings.

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

    def __init__(
        self,
        encoder: str | nn.Module = "small",
        in_channels: int = 1,
        projection_dim: int = 128,
        temperature: float = 0.5,
        loss: Callable[..., Tensor] = nt_xent,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, in_channels) if isinstance(encoder, str) else encoder
        n_features = self.encoder.n_features
        self.head = nn.Sequential(
            nn.Linear(n_features, n_features, bias=False),
            nn.BatchNorm1d(n_features),
            nn.ReLU(inplace=True),
            nn.Linear(n_features, projection_dim),
        )
        self.temperature = temperature
        self.loss = loss

    def forward(self, view1: Tensor, view2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of one batch, and embeddings (B, 2 projection_dim) for the sampler.

        The embeddings are the two views' normalised projections, concatenated as published: their cosine is the
        mean over the views. They carry no gradient.
        """
        z1, z2 = self.project(torch.cat([view1, view2])).chunk(2)
        embeddings = torch.cat([F.normalize(z1, dim=1), F.normalize(z2, dim=1)], dim=1)
        return self.loss(z1, z2, self.temperature, within=True), embeddings.detach()

    def encode(self, images: Tensor) -> Tensor:
        """Return the features (B, n_features) that probes use: the encoder's, before the head."""
        return self.encoder(images)

    def project(self, images: Tensor) -> Tensor:
        """Return the projections (B, projection_dim) that the loss compares."""
        return self.head(self.encoder(images))
