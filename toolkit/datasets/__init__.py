"""Data sets that also return the index of each instance."""
