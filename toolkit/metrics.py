"""What is in a batch: hardness, false negatives, coverage.

All take a sequence of batches, as a sampler yields them: ``batches = list(sampler)``.
"""

from dataclasses import dataclass, field

import numpy as np

from toolkit import _checks


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
        For an index out of range, an empty batch, and NaN, Inf or zero embeddings.

    Examples
    --------
    >>> batch_hardness([[0, 1], [0, 2]], [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    Hardness(mean=0.500, batches=2)
    """
    from toolkit._kernels import pair_histogram

    unit = _checks.embeddings(embeddings).cpu()
    batches = _checks.batches(batches, len(unit))
    histogram = np.zeros(len(Hardness.edges) - 1, np.int64)
    means = []
    for batch in batches:
        members = unit[batch]
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


def same_pairs(counts: np.ndarray) -> float:
    """Return the share of pairs within a class, given how many instances each class has."""
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent `values` (normal approximation)."""
    mean = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return mean - half, mean + half
