"""Statistics of a proximity graph: how often each instance is a neighbour, and how many edges join equal labels."""

from dataclasses import dataclass

import numpy as np

from toolkit import _checks
from toolkit._result import Result, mean_interval
from toolkit.engine.linking import candidate_blocks
from toolkit.engine.precision import full_precision
from toolkit.proximity.false_negatives import class_prior
from toolkit.proximity.graph import ProximityGraph


@dataclass(frozen=True, eq=False)
class InDegrees(Result):
    """How often each instance is somebody's neighbour.

    Attributes
    ----------
    values : int64 array, shape (N,)
        Count of each instance.
    """

    column = "in_degree"
    row = "index"

    @property
    def value(self) -> float:
        """Coefficient of variation: standard deviation over mean. Random neighbours give about 1 / sqrt(K)."""
        return float(self.values.std() / self.values.mean())

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the coefficient of variation (jackknife)."""
        n, counts = len(self.values), self.values.astype(float)
        means = (counts.sum() - counts) / (n - 1)
        deviations = np.sqrt(np.maximum((np.square(counts).sum() - np.square(counts)) / (n - 1) - means**2, 0))
        return mean_interval(n * self.value - (n - 1) * deviations / means, level)

    @property
    def unreachable(self) -> float:
        """Share of instances that are nobody's neighbour: a walk visits them only as its seed."""
        return float((self.values == 0).mean())

    def __repr__(self) -> str:
        return f"InDegrees(value={self.value:.2f}, max={self.values.max()}, unreachable={self.unreachable:.3f})"


@dataclass(frozen=True, eq=False)
class SameLabelEdges(Result):
    """Share of edges between instances with the same label: the false negatives one step away.

    Attributes
    ----------
    values : float64 array, shape (N,)
        Share among each instance's own edges to others between known labels; NaN without any.
    prior : float
        Share among all pairs of the data set.
    """

    prior: float

    column = "same_label_share"
    row = "index"

    @property
    def over_chance(self) -> float:
        """Share divided by the prior; NaN if no label occurs twice."""
        return self.value / self.prior if self.prior > 0 else float("nan")

    def __repr__(self) -> str:
        return f"SameLabelEdges(value={self.value:.3f}, prior={self.prior:.3f})"


def in_degrees(graph: ProximityGraph) -> InDegrees:
    """Return how often each instance is somebody's neighbour.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> in_degrees(ProximityGraph.build(np.eye(4) + 0.1, n_candidates=3, n_neighbors=3))
    InDegrees(value=0.00, max=3, unreachable=0.000)
    """
    return InDegrees(graph.in_degree_counts())


def same_label_edges(graph: ProximityGraph, labels) -> SameLabelEdges:
    """Return the share of edges between instances with the same label.

    Parameters
    ----------
    graph : ProximityGraph
    labels : array, shape (N,)
        Labels of one type; None, NaN or -1 mean no label.

    Raises
    ------
    TypeError, ValueError
        For labels that are not one per instance, labels of several types, and fewer than two known labels.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> graph = ProximityGraph.build(np.eye(4) + 0.1, n_candidates=3, n_neighbors=3)
    >>> same_label_edges(graph, ["cat", "cat", "dog", "dog"])
    SameLabelEdges(value=0.333, prior=0.333)
    """
    from toolkit.engine.kernels import count_same

    codes = _checks.labels("labels", labels, graph.n_nodes)
    same, known = np.zeros((2, len(codes)), np.int64)
    count_same(graph.neighbors, codes.astype(np.int32), same, known)
    shares = np.divide(same, known, out=np.full(len(codes), np.nan), where=known > 0)
    return SameLabelEdges(shares, class_prior(codes))


class Candidates:
    """The random candidates that `ProximityGraph.build` compared, drawn again from its seed.

    Parameters
    ----------
    n : int
        Instances (N).
    n_candidates : int
        Candidates per instance (M), capped at N - 1.
    seed : int
        That of the graph.

    Raises
    ------
    TypeError, ValueError
        For n below 2, `n_candidates` below 1, and a negative seed.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> graph = ProximityGraph.build(points, n_candidates=100, n_neighbors=10, seed=3)
    >>> candidates = Candidates(500, n_candidates=100, seed=3)
    >>> len(candidates.of(7)), set(graph.neighbors[7].tolist()) <= set(candidates.of(7).tolist())
    (100, True)
    """

    def __init__(self, n: int, *, n_candidates: int, seed: int = 0) -> None:
        self.n = _checks.integer("n", n, 2)
        width = min(_checks.integer("n_candidates", n_candidates, 1), self.n - 1)
        seed = _checks.seed(seed)
        blocks = list(candidate_blocks(self.n, width, seed))
        self._shared = [shared for _, shared in blocks]
        self._block = np.empty(self.n, np.int32)
        for number, (rows, _) in enumerate(blocks):
            self._block[rows] = number

    def of(self, index: int) -> np.ndarray:
        """Return the candidates of an instance, itself left out; int32, shape (M,)."""
        index = _checks.integer("index", index, 0, self.n - 1)
        shared = self._shared[self._block[index]]
        others = shared != index
        if others.all():
            others[-1] = False
        return shared[others]


@full_precision()
def worst_neighbor_ranks(graph: ProximityGraph, embeddings, rows) -> np.ndarray:
    """Return the rank of the least similar neighbour of some instances among all others; 1 is the most similar.

    Parameters
    ----------
    graph : ProximityGraph
    embeddings : array or tensor, shape (N, d)
        Those the graph was built from; for a graph of pairs, as `join_pairs` makes them.
    rows : int array
        Instances.

    Returns
    -------
    int64 array, one per row

    Raises
    ------
    IndexError, TypeError, ValueError
        For rows outside [0, N), NaN, Inf and zero rows.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit import ProximityGraph
    >>> points = np.random.default_rng(0).normal(size=(100, 8))
    >>> worst_neighbor_ranks(ProximityGraph.nearest(points, n_neighbors=10), points, [0, 7]).tolist()
    [10, 10]
    """
    unit = _checks.embeddings("embeddings", embeddings).cpu()
    if len(unit) != graph.n_nodes:
        raise ValueError(f"embeddings must be of the graph's {graph.n_nodes} instances, got {len(unit)}")
    rows = _checks.indices("rows", rows, graph.n_nodes)
    similarities = (graph.rules.seen_from(unit[rows]) @ unit.T).numpy()
    neighbors = graph.neighbors[rows]
    worst = np.take_along_axis(similarities, neighbors, axis=1).min(1)
    return (similarities >= worst[:, None]).sum(1) - (np.take_along_axis(similarities, rows[:, None], 1)[:, 0] >= worst)
