"""Interactive views for Jupyter; every number and picture is also to be had from `metrics` and `plots`."""

from toolkit.explorers.hardness import HardnessExplorer

__all__ = ["HardnessExplorer"]
