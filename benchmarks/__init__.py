"""Benchmarks: ``python -m benchmarks.NAME`` from the top of the clone."""
