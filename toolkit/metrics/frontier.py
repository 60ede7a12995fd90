"""The frontier: what hardness costs in false negatives, over the settings of the sampler."""

from collections.abc import Sequence

from toolkit import _checks
from toolkit.metrics.false_negatives import false_negative_rate
from toolkit.metrics.hardness import batch_hardness
from toolkit.samplers.side_by_side import Draws


def frontier(
    embeddings,
    labels,
    batch_size: int = 256,
    neighbors: Sequence[tuple[int, int]] = ((100, 200), (100, 500), (100, 1000), (20, 1000)),
    restarts: Sequence[float] = (0.05, 0.2, 0.5, 0.8),
    n_batches: int = 20,
    seed: int = 0,
):
    """Return hardness and false-negative rate of random-walk batches over their settings, and of both references.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    labels : array, shape (N,)
    batch_size : int
    neighbors : sequence of (n_neighbors, n_candidates)
    restarts : sequence of float
    n_batches : int
        Batches per setting, at most N // B. All settings use the same seeds.
    seed : int

    Returns
    -------
    DataFrame
        One row per setting: sampler, n_neighbors, n_candidates, restart, hardness, false_negative_rate,
        false_negative_half (half the 95 % interval), prior. References come without settings.

    Raises
    ------
    TypeError, ValueError
        For labels that are not one per row, NaN, Inf and zero rows, and settings out of their ranges.

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(500, 8)), np.arange(500) % 5
    >>> table = frontier(points, labels, 32, neighbors=[(10, 100)], restarts=[0.2, 0.5], n_batches=5)
    >>> table.sampler.tolist()
    ['Uniform', 'kNN', 'Random walk', 'Random walk']
    """
    import pandas as pd

    draws = Draws(embeddings, n_batches, seed)
    codes = _checks.labels(labels, draws.n)
    rows = []

    def measure(sampler: str, batches, **settings) -> None:
        found = false_negative_rate(batches, codes)
        rows.append(
            {
                "sampler": sampler,
                **settings,
                "hardness": batch_hardness(batches, draws.vectors).mean,
                "false_negative_rate": found.rate,
                "false_negative_half": found.interval()[1] - found.rate,
                "prior": found.prior,
            }
        )

    measure("Uniform", draws.uniform(batch_size))
    measure("kNN", draws.knn(batch_size))
    for n_neighbors, n_candidates in neighbors:
        graph = draws.graph(n_neighbors, n_candidates)
        for restart in restarts:
            settings = {"n_neighbors": n_neighbors, "n_candidates": graph.n_candidates, "restart": restart}
            measure("Random walk", draws.walks(batch_size, **settings)[0], **settings)
    return pd.DataFrame(rows)
