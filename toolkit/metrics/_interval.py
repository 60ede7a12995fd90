"""The interval that comes with a mean over batches."""

import numpy as np


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent `values` (normal approximation)."""
    mean = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return mean - half, mean + half
