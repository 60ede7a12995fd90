"""What is in a batch: hardness, false negatives, coverage.

All take a sequence of batches, as a sampler yields them: ``batches = list(sampler)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from toolkit import _checks
from toolkit.graph import ProximityGraph
from toolkit.samplers import KNNBatchSampler, UniformBatchSampler
from toolkit.walks import random_states, walk_batches


@dataclass(frozen=True, eq=False)
class Hardness:
    """Cosine similarity of in-batch pairs: of an anchor and its negatives.

    Attributes
    ----------
    per_batch : float64 array, shape (n,)
        Mean over the pairs of each batch.
    histogram : int64 array, shape (200,)
        Pairs of all batches in 200 equal bins from -1 to 1 (`edges`).
    """

    per_batch: np.ndarray = field(repr=False)
    histogram: np.ndarray = field(repr=False)

    edges = np.linspace(-1, 1, 201)

    @property
    def mean(self) -> float:
        """Mean over the batches."""
        return float(self.per_batch.mean())

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the mean over batches."""
        return _interval(self.per_batch)

    def to_frame(self):
        """Return a pandas frame with one row per batch."""
        import pandas as pd

        return pd.DataFrame({"hardness": self.per_batch}).rename_axis("batch")

    def __repr__(self) -> str:
        return f"Hardness(mean={self.mean:.3f}, batches={len(self.per_batch)})"


@dataclass(frozen=True, eq=False)
class FalseNegatives:
    """Share of in-batch pairs whose members have the same label.

    Attributes
    ----------
    per_batch : float64 array, shape (n,)
        Share in each batch.
    prior : float
        Share among all pairs of the data set: what uniform batches have on average.
    """

    per_batch: np.ndarray = field(repr=False)
    prior: float

    @property
    def rate(self) -> float:
        """Mean over the batches."""
        return float(self.per_batch.mean())

    @property
    def over_chance(self) -> float:
        """Rate over the prior; NaN if no label occurs twice."""
        return self.rate / self.prior if self.prior > 0 else float("nan")

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the rate over batches."""
        return _interval(self.per_batch)

    def to_frame(self):
        """Return a pandas frame with one row per batch."""
        import pandas as pd

        return pd.DataFrame({"false_negative_rate": self.per_batch}).rename_axis("batch")

    def __repr__(self) -> str:
        return f"FalseNegatives(rate={self.rate:.3f}, prior={self.prior:.3f}, batches={len(self.per_batch)})"


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often each instance is in a batch.

    Attributes
    ----------
    visits : int64 array, shape (N,)
        Batches that hold each instance.
    """

    visits: np.ndarray = field(repr=False)

    @property
    def share(self) -> float:
        """Share of the data set that is in at least one batch."""
        return float((self.visits > 0).mean())

    def to_frame(self):
        """Return a pandas frame with one row per instance."""
        import pandas as pd

        return pd.DataFrame({"visits": self.visits}).rename_axis("index")

    def __repr__(self) -> str:
        return f"Coverage(share={self.share:.3f}, mean={self.visits.mean():.2f}, max={self.visits.max()})"


def batch_hardness(batches, embeddings) -> Hardness:
    """Return the cosine similarities of all pairs within each batch.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    embeddings : array or tensor, shape (N, d)

    Raises
    ------
    ValueError, IndexError
        For an index out of range, a batch of less than two, and NaN, Inf or zero embeddings of a member.

    Examples
    --------
    >>> batch_hardness([[0, 1], [0, 2]], [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    Hardness(mean=0.500, batches=2)
    """
    from toolkit._kernels import pair_histogram

    vectors = embeddings if isinstance(embeddings, torch.Tensor) else np.asarray(embeddings)
    histogram = np.zeros(len(Hardness.edges) - 1, np.int64)
    means = []
    for batch in _checks.batches(batches, len(vectors)):
        members = _checks.embeddings(vectors[batch], rows=batch).cpu()
        means.append(pair_histogram((members @ members.T).numpy(), histogram))
    return Hardness(np.array(means), histogram)


def false_negative_rate(batches, labels) -> FalseNegatives:
    """Return the share of pairs with the same label within each batch, and the share to expect by chance.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    labels : array, shape (N,)
        Any kind of label. Only a diagnostic: samplers never see it.

    Examples
    --------
    >>> false_negative_rate([[0, 1, 2]], ["cat", "cat", "dog", "dog"])
    FalseNegatives(rate=0.333, prior=0.333, batches=1)
    """
    codes = _checks.labels(labels, len(labels))
    batches = _checks.batches(batches, len(codes))
    shares = [same_pairs(np.bincount(codes[batch])) for batch in batches]
    return FalseNegatives(np.array(shares), same_pairs(np.bincount(codes)))


def coverage(batches, n: int) -> Coverage:
    """Return how often each of `n` instances is in a batch.

    Examples
    --------
    >>> coverage([[0, 1], [1, 2]], n=4)
    Coverage(share=0.750, mean=1.00, max=2)
    """
    _checks.integer("n", n, 2)
    return Coverage(np.bincount(np.concatenate(_checks.batches(batches, n)), minlength=n))


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

    Examples
    --------
    >>> import numpy as np
    >>> points, labels = np.random.default_rng(0).normal(size=(500, 8)), np.arange(500) % 5
    >>> table = frontier(points, labels, 32, neighbors=[(10, 100)], restarts=[0.2, 0.5], n_batches=5)
    >>> table.sampler.tolist()
    ['Uniform', 'kNN', 'Random walk', 'Random walk']
    """
    import pandas as pd

    vectors = _checks.embeddings(embeddings).cpu()
    labels = _checks.labels(labels, len(vectors))
    _checks.integer("n_batches", n_batches, 1)
    rows = []

    def measure(sampler: str, batches, **settings) -> None:
        found = false_negative_rate(batches, labels)
        rows.append(
            {
                "sampler": sampler,
                **settings,
                "hardness": batch_hardness(batches, vectors).mean,
                "false_negative_rate": found.rate,
                "false_negative_half": found.interval()[1] - found.rate,
                "prior": found.prior,
            }
        )

    uniform = UniformBatchSampler(len(vectors), batch_size, seed=seed)
    knn = KNNBatchSampler.from_embeddings(vectors, batch_size, refresh_every=n_batches, seed=seed)
    measure("Uniform", list(islice(uniform, n_batches)))
    measure("kNN", list(islice(knn, n_batches)))
    starts = np.random.default_rng(seed).permutation(len(vectors))[: min(n_batches, len(uniform))]
    for n_neighbors, n_candidates in neighbors:
        graph = ProximityGraph.build(vectors, n_candidates, n_neighbors, seed)
        for restart in restarts:
            states = random_states(len(starts), seed)
            batches, _ = walk_batches(graph, starts, batch_size, restart, states=states)
            settings = {"n_neighbors": n_neighbors, "n_candidates": graph.n_candidates, "restart": restart}
            measure("Random walk", batches, **settings)
    return pd.DataFrame(rows)


def same_pairs(counts: np.ndarray) -> float:
    """Return the share of pairs within a class, given how many instances each class has."""
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent `values` (normal approximation)."""
    mean = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return mean - half, mean + half
