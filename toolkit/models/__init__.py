"""Models: each turns one batch into a loss and embeddings."""

from toolkit.models.graphcl import GraphCL
from toolkit.models.moco import MoCoV3
from toolkit.models.mvgrl import MVGRL
from toolkit.models.pairs import PairModel
from toolkit.models.simclr import SimCLR
from toolkit.models.simcse import SimCSE

__all__ = ["MVGRL", "GraphCL", "MoCoV3", "PairModel", "SimCLR", "SimCSE"]
