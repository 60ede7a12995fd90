"""Interactive views for Jupyter; every number and picture is also available from `metrics` and `plots`."""

from toolkit.explorers.compare import CompareExplorer
from toolkit.explorers.dashboard import Dashboard
from toolkit.explorers.embedding import EmbeddingExplorer
from toolkit.explorers.false_negatives import FalseNegativeExplorer
from toolkit.explorers.graph_batch import GraphBatchExplorer
from toolkit.explorers.hardness import HardnessExplorer
from toolkit.explorers.monitor import TrainingMonitor
from toolkit.explorers.pairs import PairExplorer
from toolkit.explorers.proximity_graph import ProximityGraphExplorer
from toolkit.explorers.selection import SelectionExplorer
from toolkit.explorers.sentences import SentenceExplorer
from toolkit.explorers.tuner import TunerExplorer
from toolkit.explorers.walk_player import WalkPlayer

__all__ = [
    "CompareExplorer",
    "Dashboard",
    "EmbeddingExplorer",
    "FalseNegativeExplorer",
    "GraphBatchExplorer",
    "HardnessExplorer",
    "PairExplorer",
    "ProximityGraphExplorer",
    "SelectionExplorer",
    "SentenceExplorer",
    "TrainingMonitor",
    "TunerExplorer",
    "WalkPlayer",
]
