"""How many candidates and neighbours fit a graph."""

import numpy as np

from toolkit import _checks

DEFAULT_CANDIDATES = 1000


def fresh_candidates(fresh: float, *, skip: int, n_candidates: int, n_neighbors: int) -> int:
    """Return how many candidates a rebuild draws, or raise unless they suffice for the neighbours."""
    fresh = _checks.number("fresh", fresh, "(0, 1]", "it is a share of the candidates")
    drawn = int(np.ceil(fresh * n_candidates))
    if drawn < n_neighbors + skip:
        raise ValueError(
            f"fresh must leave at least n_neighbors + skip = {n_neighbors + skip} of {n_candidates} candidates to "
            f"draw, got {fresh}, which leaves {drawn}: give a larger share, or fewer neighbours"
        )
    return drawn


def graph_size(n: int, *, n_candidates: int | None = None, n_neighbors: int | None = None) -> tuple[int, int]:
    """Return M and K of a graph of `n` instances: those given, checked, or defaults that fit.

    M is 1,000 by default and at most N - 1; K is a tenth of M by default, at least 1.

    Examples
    --------
    >>> graph_size(8000), graph_size(90), graph_size(8000, n_candidates=200)
    ((1000, 100), (89, 8), (200, 20))
    """
    n = _checks.integer("number of embeddings", n, 2)
    wanted = DEFAULT_CANDIDATES if n_candidates is None else n_candidates
    n_candidates = min(_checks.integer("n_candidates", wanted, 1), n - 1)
    if n_neighbors is None:
        return n_candidates, max(n_candidates // 10, 1)
    remedy = "no more neighbours than candidates (at most N - 1)"
    return n_candidates, _checks.integer("n_neighbors", n_neighbors, 1, n_candidates, remedy)


def check_skip(skip: int, *, n_candidates: int, n_neighbors: int) -> int:
    """Return `skip`, or raise if it leaves too few candidates."""
    remedy = "no more than candidates beyond the neighbours (M - K)"
    return _checks.integer("skip", skip, 0, n_candidates - n_neighbors, remedy)
