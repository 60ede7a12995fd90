"""What is in batches, as a sampler yields them: hardness, false negatives, coverage. How stale a graph is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from toolkit import _checks
from toolkit.draws import Draws
from toolkit.graph import ProximityGraph

_ROWS_AT_ONCE = 2**14


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

    histogram = np.zeros(len(Hardness.edges) - 1, np.int64)
    means = [pair_histogram(scores, histogram) for _, scores in _similarities(batches, embeddings)]
    return Hardness(np.array(means), histogram)


def _similarities(batches, embeddings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each batch with the cosine similarities (B, B) of its members, which the next ones overwrite."""
    vectors = embeddings if isinstance(embeddings, torch.Tensor) else np.asarray(embeddings)
    batches = _checks.batches(batches, len(vectors))
    ends, scores = np.cumsum([len(batch) for batch in batches]), None
    # Rows of many batches are fetched and checked together, which takes less time, but not of all, which takes memory.
    for some in np.split(np.arange(len(batches)), np.flatnonzero(np.diff(ends // _ROWS_AT_ONCE)) + 1):
        rows = np.concatenate([batches[i] for i in some])
        members = _checks.embeddings(vectors[rows], rows=rows).cpu()
        for i, part in zip(some, members.split([len(batches[i]) for i in some]), strict=True):
            if scores is None or len(scores) != len(part):
                scores = part.new_empty(len(part), len(part))
            torch.mm(part, part.T, out=scores)
            yield batches[i], scores.numpy()


def false_negative_rate(batches, labels) -> FalseNegatives:
    """Return the share of pairs with the same label within each batch, and the share to expect by chance.

    Parameters
    ----------
    batches : sequence of int sequences
        Two or more distinct indices each.
    labels : array, shape (N,)
        Any kind of label. Only a diagnostic: samplers never see it.

    Raises
    ------
    IndexError, TypeError, ValueError
        For batches with less than two members or with indices outside [0, N).

    Examples
    --------
    >>> false_negative_rate([[0, 1, 2]], ["cat", "cat", "dog", "dog"])
    FalseNegatives(rate=0.333, prior=0.333, batches=1)
    """
    codes = _checks.labels(labels, len(labels))
    batches = _checks.batches(batches, len(codes))
    shares = [same_pairs(np.bincount(codes[batch])) for batch in batches]
    return FalseNegatives(np.array(shares), same_pairs(np.bincount(codes)))


def hardest_pairs(batches, embeddings, n_pairs: int = 8, labels=None, only_false: bool = False):
    """Return the most similar pairs of instances that share a batch.

    Parameters
    ----------
    batches : sequence of int sequences
    embeddings : array or tensor, shape (N, d)
    n_pairs : int
        At most; a pair that is in several batches counts once.
    labels : array, shape (N,), optional
    only_false : bool
        Leave out pairs with different labels.

    Returns
    -------
    DataFrame
        One row per pair, the most similar first: first, second, similarity, and with labels same_label.

    Raises
    ------
    IndexError, TypeError, ValueError
        For `n_pairs` below 1, `only_false` without labels, labels that are not one per row, and indices outside [0, N).

    Examples
    --------
    >>> points = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 2.0]]
    >>> hardest_pairs([[0, 1, 3], [0, 1, 2]], points, 1, labels=["a", "a", "b", "b"])
       first  second  similarity  same_label
    0      1       3         1.0       False
    """
    import pandas as pd

    _checks.integer("n_pairs", n_pairs, 1)
    if only_false and labels is None:
        raise ValueError("labels must be given with only_false=True, got None: they tell which negatives are false")
    codes = None if labels is None else _checks.labels(labels, len(embeddings))
    found: dict[tuple[int, int], float] = {}
    least = -2.0
    for batch, scores in _similarities(batches, embeddings):
        if only_false:
            scores[codes[batch, None] != codes[batch]] = -2
        i, j = np.divmod(np.flatnonzero(scores > least), len(batch))
        i, j = i[i < j], j[i < j]
        if len(i) > n_pairs:
            best = np.argpartition(scores[i, j], -n_pairs)[-n_pairs:]
            i, j = i[best], j[best]
        named = np.sort(np.column_stack([batch[i], batch[j]]), 1).tolist()
        found.update(zip(map(tuple, named), scores[i, j].tolist(), strict=True))
        if len(found) >= n_pairs:
            least = sorted(found.values())[-n_pairs]
    rows = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:n_pairs]
    frame = pd.DataFrame([(*pair, score) for pair, score in rows], columns=["first", "second", "similarity"])
    if codes is not None:
        frame["same_label"] = codes[frame["first"].to_numpy(int)] == codes[frame["second"].to_numpy(int)]
    return frame


def coverage(batches, n: int) -> Coverage:
    """Return how often each of `n` instances is in a batch.

    Raises
    ------
    IndexError, TypeError, ValueError
        For n below 2, batches with less than two members, and indices outside [0, n).

    Examples
    --------
    >>> coverage([[0, 1], [1, 2]], n=4)
    Coverage(share=0.750, mean=1.00, max=2)
    """
    _checks.integer("n", n, 2)
    return Coverage(np.bincount(np.concatenate(_checks.batches(batches, n)), minlength=n))


def staleness(graph: ProximityGraph, embeddings, n_rows: int = 500) -> float:
    """Return the share of a graph's neighbours that it would not choose anew: how far embeddings left it behind.

    For some random instances the candidates of then are ranked by the embeddings of now. 0: their neighbours are the
    same; 1 - K / M: the old ones are no better than random candidates.

    Parameters
    ----------
    graph : ProximityGraph
    embeddings : array or tensor, shape (N, d)
    n_rows : int
        Instances to look at, at least.

    Raises
    ------
    ValueError
        For a number of embeddings other than the graph's, and NaN, Inf or zero rows among those looked at.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10)
    >>> staleness(graph, points)
    0.0
    >>> 0 < staleness(graph, points + 0.1) < 0.9
    True
    """
    from toolkit._links import link_some

    vectors = _checks.vectors(embeddings)
    if len(vectors) != graph.n_nodes:
        raise ValueError(f"embeddings must be of the graph's {graph.n_nodes} instances, got {len(vectors)}")
    _checks.integer("n_rows", n_rows, 1)
    rows, fresh = link_some(vectors, graph.n_candidates, graph.n_neighbors, graph.seed, n_rows)
    kept = np.isin(*(rows[:, None] * graph.n_nodes + found for found in (graph.neighbors[rows], fresh)))
    return 1 - float(kept.mean())


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


def same_pairs(counts: np.ndarray) -> float:
    """Return the share of pairs within a class, given how many instances each class has."""
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent `values` (normal approximation)."""
    mean = float(values.mean())
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return mean - half, mean + half
