"""MoCo v3 (Chen, Xie & He 2021, arXiv 2104.02057), without a queue: the negatives are those of the batch."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from toolkit import _checks
from toolkit.models.encoders import build_encoder
from toolkit.models.losses import nt_xent
from toolkit.models.views import Loss, ViewModel, joined, n_features, width_of


@dataclass(frozen=True)
class CosineMomentum:
    """A momentum that rises from `start` to 1 over `n_steps` steps by half a cosine, then stays.

    Examples
    --------
    >>> momentum = CosineMomentum(start=0.99, n_steps=100)
    >>> [round(momentum(step), 3) for step in (0, 50, 100, 1000)]
    [0.99, 0.995, 1.0, 1.0]
    """

    start: float = 0.99
    n_steps: int = 10_000

    def __post_init__(self) -> None:
        _checks.number("start", self.start, "[0, 1]")
        _checks.integer("n_steps", self.n_steps, 1)

    def __call__(self, step: int) -> float:
        """Return the momentum of step number `step`."""
        return 1 - (1 - self.start) * (1 + math.cos(math.pi * min(step / self.n_steps, 1))) / 2


class MoCoV3(ViewModel):
    """An encoder with projection and prediction heads, trained to find the keys of a slowly moving copy of itself.

    Each view's prediction is compared with the keys of the other views; the loss is symmetric and scaled by twice the
    temperature, as published. The copy follows by ``copy = momentum * copy + (1 - momentum) * original``, once before
    each batch in training mode, and receives no gradient. Both views go through a network together, so that its batch
    normalisation sees 2B images.

    Parameters
    ----------
    encoder : str or nn.Module
        The image encoder, as for `SimCLR`.
    in_channels : int
        Channels of the images, for an encoder given by name.
    projection_dim : int
        Width of predictions and keys.
    hidden_dim : int
        Width of the heads' hidden layers (published: 4096).
    momentum : float or callable
        Momentum in [0, 1], or a function of the training step such as `CosineMomentum`. The step is part of the state.
    temperature : float
        Loss temperature.
    loss : callable
        One of `toolkit.models.losses`, called with predictions, keys and ``within=False``.

    Examples
    --------
    >>> import torch
    >>> from toolkit.models import MoCoV3
    >>> model = MoCoV3("small", in_channels=1, hidden_dim=64)
    >>> view1, view2 = torch.rand(2, 8, 1, 28, 28)
    >>> loss, embeddings = model(view1, view2)
    >>> loss.shape, embeddings.shape
    (torch.Size([]), torch.Size([8, 256]))
    """

    momentum: float | Callable[[int], float]
    step: Tensor

    def __init__(
        self,
        encoder: str | nn.Module = "small",
        in_channels: int = 1,
        projection_dim: int = 128,
        hidden_dim: int = 1024,
        momentum: float | Callable[[int], float] = 0.99,
        temperature: float = 0.2,
        loss: Loss = nt_xent,
    ) -> None:
        super().__init__(temperature, loss)
        if not callable(momentum):
            momentum = _checks.number("momentum", momentum, "[0, 1]", "or give a function of the step")
        projection_dim, hidden_dim = width_of("projection_dim", projection_dim), width_of("hidden_dim", hidden_dim)
        self.encoder = build_encoder(encoder, in_channels)
        self.projector = nn.Sequential(
            *_hidden(n_features(self.encoder), hidden_dim),
            nn.Linear(hidden_dim, projection_dim, bias=False),
            nn.BatchNorm1d(projection_dim, affine=False),
        )
        self.predictor = nn.Sequential(
            *_hidden(projection_dim, hidden_dim), nn.Linear(hidden_dim, projection_dim, bias=False)
        )
        copies = copy.deepcopy((self.encoder, self.projector))
        self.momentum_encoder, self.momentum_projector = (part.requires_grad_(False) for part in copies)
        self.momentum = momentum
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, view1: Tensor, view2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of one batch, and embeddings (B, 2 projection_dim) for the sampler, made of the keys."""
        if self.training:
            self._follow()
        both = torch.cat([view1, view2])
        q1, q2 = self.predictor(self.project(both)).chunk(2)
        with torch.no_grad():
            k1, k2 = self.momentum_projector(self.momentum_encoder(both)).chunk(2)
        compare = self.loss(q1, k2, self.temperature, within=False) + self.loss(q2, k1, self.temperature, within=False)
        return 2 * self.temperature * compare, joined(k1, k2)

    def project(self, images: Tensor, /) -> Tensor:
        """Return the projections (B, projection_dim), before the prediction head."""
        return self.projector(self.encode(images))

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the copy towards the original."""
        step = int(self.step)
        momentum = self.momentum if isinstance(self.momentum, (int, float)) else self.momentum(step)
        copies = (*self.momentum_encoder.parameters(), *self.momentum_projector.parameters())
        originals = (*self.encoder.parameters(), *self.projector.parameters())
        for ours, theirs in zip(copies, originals, strict=True):
            ours.lerp_(theirs, 1 - momentum)
        self.step += 1


def _hidden(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    return nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(inplace=True)
