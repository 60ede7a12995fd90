"""Data sets that also return the index of each instance."""

from toolkit.datasets.indexed import Indexed

__all__ = ["Indexed"]
