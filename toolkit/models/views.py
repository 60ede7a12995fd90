"""What models that compare two views have in common."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toolkit import _checks

Loss = Callable[..., Tensor]  # of `toolkit.models.losses`, or a partial of one


class ViewModel(nn.Module):
    """An encoder and a head, trained by a loss over the projections of two views.

    A subclass sets ``encoder`` and ``head``; its `forward` returns what `compare` does.

    Attributes
    ----------
    within : bool
        Whether projections of the same view are anchors and negatives too (see `toolkit.models.losses`).
    """

    encoder: nn.Module
    head: nn.Module
    within = False

    def __init__(self, temperature: float, loss: Loss) -> None:
        super().__init__()
        self.temperature = _checks.number("temperature", temperature, "(0, inf)")
        self.loss = loss

    def encode(self, batch, /) -> Tensor:
        """Return the features (B, n_features) that probes use: the encoder's, before the head."""
        return self.encoder(batch)

    def project(self, batch, /) -> Tensor:
        """Return the projections (B, d) that the loss compares."""
        return self.head(self.encode(batch))

    def compare(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of two views' projections (B, d), and their embeddings (`joined`)."""
        return self.loss(z1, z2, self.temperature, within=self.within), joined(z1, z2)


def joined(z1: Tensor, z2: Tensor) -> Tensor:
    """Return the embeddings (B, 2 d) for the sampler: the views' normalised vectors (B, d), concatenated.

    Their cosine is the mean over the views. They carry no gradient.
    """
    return torch.cat([F.normalize(z1, dim=1), F.normalize(z2, dim=1)], dim=1).detach()


def width_of(name: str, value: int) -> int:
    """Return the width of a layer as an int, or raise unless it is a number of features."""
    return _checks.integer(name, value, 1, most=2**16)


def n_features(encoder: nn.Module) -> int:
    """Return the width of an encoder's features, its attribute `n_features`, or raise if that is not an integer."""
    return _checks.integer("encoder.n_features", encoder.n_features, 1)
