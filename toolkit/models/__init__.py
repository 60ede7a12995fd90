"""Models: each turns one batch into a loss and embeddings."""

from toolkit.models.simclr import SimCLR

__all__ = ["SimCLR"]
