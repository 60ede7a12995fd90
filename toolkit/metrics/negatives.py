"""The hardest negatives of one query in its batch, next to its positive."""

import numpy as np

from toolkit import _checks
from toolkit.engine.precision import full_precision
from toolkit.metrics.false_negatives import same_label
from toolkit.proximity.false_negatives import RATIO, ByPositives


@full_precision()
def hardest_negatives(
    batch, query: int, embeddings, targets, n_negatives: int = 8, *, labels=None, ratio: float = RATIO
):
    """Return the in-batch negatives that are most similar to a query, and which of them may be false.

    A negative is suspected to be false if it is nearly as similar to the query as the query's own target, the rule
    of `estimate_false_negatives`.

    Parameters
    ----------
    batch : index sequence
        Distinct pairs; `query` is one of them.
    query : int
        The pair whose query is examined.
    embeddings, targets : arrays or tensors, shape (N, d)
        Embeddings of the queries and of their targets.
    n_negatives : int
        Maximum number of negatives.
    labels : array, shape (N,), optional
        Labels of one type; None, NaN or -1 mean no label.
    ratio : float
        Fraction of the similarity to its own target at which a negative is suspected.

    Returns
    -------
    DataFrame
        One row per negative, the most similar first: index, similarity, positive (the similarity of the query and its
        own target, the same in all rows), suspected, and with labels same_label.

    Raises
    ------
    ValueError, TypeError, IndexError
        For a batch without the query, indices out of range, targets of another shape, labels that are not one per row,
        and NaN, Inf or zero rows.

    Examples
    --------
    >>> queries = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> hardest_negatives([0, 1, 2], 0, queries, queries, 1)
       index  similarity  positive  suspected
    0      2    0.707107       1.0      False
    """
    import pandas as pd

    queries, others = _checks.vectors("embeddings", embeddings), _checks.vectors("targets", targets)
    _checks.shape("targets", others, tuple(queries.shape), "that of the embeddings")
    query = _checks.integer("query", query, 0, len(queries) - 1)
    (rows,) = _checks.batches("batch", [batch], len(queries))
    if query not in rows:
        raise ValueError(f"batch must hold the query, got query {query} and a batch without it")
    n_negatives = _checks.integer("n_negatives", n_negatives, 1)
    ratio = _checks.number("ratio", ratio, "(0, inf)")
    codes = None if labels is None else _checks.labels("labels", labels, len(queries))
    rows = np.append(query, rows[rows != query])
    unit = _checks.embeddings("embeddings", queries[rows], rows=rows).cpu()
    positives = _checks.embeddings("targets", others[rows], rows=rows).cpu()
    similarities = (positives @ unit[0]).numpy()
    order = 1 + np.argsort(-similarities[1:], kind="stable")[:n_negatives]
    frame = pd.DataFrame(
        {
            "index": rows[order],
            "similarity": similarities[order],
            "positive": similarities[0],
            "suspected": ByPositives(unit, positives, ratio).near(0, order),
        }
    )
    if codes is not None:
        frame["same_label"] = same_label(codes, rows[order], query)
    return frame
