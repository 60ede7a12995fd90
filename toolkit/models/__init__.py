"""Models: each turns one batch into a loss and embeddings."""

from toolkit.models.moco import MoCoV3
from toolkit.models.simclr import SimCLR

__all__ = ["MoCoV3", "SimCLR"]
