"""False negatives without labels: an estimate from the embeddings."""

from dataclasses import dataclass

from toolkit import _checks
from toolkit._result import Result
from toolkit.proximity.false_negatives import FEWEST, RATIO, ByClusters, ByPositives


@dataclass(frozen=True, eq=False)
class EstimatedFalseNegatives(Result):
    """Estimated share of in-batch pairs that are false negatives.

    Attributes
    ----------
    values : float64 array, shape (n,)
        Share in each batch.
    prior : float
        Estimated share among all pairs of the data set: the expected mean for uniform batches.
    method : {"positives", "clusters"}
        How the estimate was made.
    """

    prior: float
    method: str

    column = "estimated_false_negative_rate"
    row = "batch"

    @property
    def over_chance(self) -> float:
        """Rate divided by the prior; NaN if the prior is 0."""
        return self.value / self.prior if self.prior > 0 else float("nan")

    def __repr__(self) -> str:
        return (
            f"EstimatedFalseNegatives(value={self.value:.3f}, prior={self.prior:.3f}, batches={len(self.values)}, "
            f"method={self.method!r})"
        )


def estimate_false_negatives(
    batches, embeddings, positives=None, *, ratio: float = RATIO, seed: int = 0
) -> EstimatedFalseNegatives:
    """Return an estimate of the share of false negatives within each batch, for data without labels.

    With positives, j is a false negative of i if it is nearly as similar to i as i's own positive, the rule by which
    retrieval trainers filter mined negatives (NV-Retriever: arXiv 2407.15831). Without positives, k-means clusters the
    data four times, into 10 to 300 clusters, and the probability that a pair is false is the share of clusterings that
    put both into one cluster. This ranks batches and settings, but its level depends on the number of classes:
    `benchmarks/README.md` compares both with labels.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    embeddings : array or tensor, shape (N, d)
        Embeddings of the instances, or of the queries of pairs; 200 or more without positives.
    positives : array or tensor, shape (N, d), optional
        Embeddings of each one's positive: the target of a query, or another view.
    ratio : float
        Fraction of the similarity to its own positive at which a negative counts as false; only with positives.
    seed : int
        Random seed of the clusters, or of the pairs that `prior` is estimated from.

    Raises
    ------
    ValueError, IndexError
        For an index out of range, a batch of fewer than two, too few embeddings, positives of another shape, and NaN,
        Inf or zero embeddings.

    Examples
    --------
    >>> points = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]
    >>> estimate_false_negatives([[0, 1], [0, 2]], points, positives=points).values.tolist()
    [1.0, 0.0]
    """
    unit, others = _checks.sides("embeddings", embeddings, "positives", positives)
    batches = _checks.batches("batches", batches, len(unit))
    ratio, seed = _checks.number("ratio", ratio, "(0, inf)"), _checks.seed(seed)
    if others is None and len(unit) < FEWEST:
        raise ValueError(
            f"embeddings must be {FEWEST} or more to be clustered, got {len(unit)}: give positives, or count with "
            "labels (false_negative_rate)"
        )
    counter = ByClusters(unit, seed) if others is None else ByPositives(unit, others, ratio, seed)
    return EstimatedFalseNegatives(counter.rates(batches), counter.prior, counter.method)
