"""Numba loops: permutations, gathering and scattering rows, pair statistics.

Arrays in, arrays out. Every kernel releases the GIL and runs on one thread, so callers may run several at
once and forked DataLoader workers are safe.
"""

import numpy as np

from toolkit.engine.jit import kernel
from toolkit.engine.random_bits import below, next_bits
from toolkit.engine.simd import prefetch

_ROWS_AHEAD = 8


@kernel
def permutation(n, state):
    """Return a random permutation of the int32 numbers below n (Fisher & Yates)."""
    order = np.empty(n, np.int32)
    for i in range(n):
        state, bits = next_bits(state)
        j = below(bits, i + 1)
        order[i] = order[j]
        order[j] = i
    return order


@kernel
def gather_unit(vectors, norms, rows, out):
    """Copy the `rows` of float32 `vectors` to `out`, each divided by its norm."""
    one = np.float32(1)
    for i in range(len(rows)):
        # Random rows are not in the cache: fetch a few ahead.
        prefetch(vectors[rows[min(i + _ROWS_AHEAD, len(rows) - 1)]], False)
        source, target, scale = vectors[rows[i]], out[i], one / norms[rows[i]]
        for j in range(len(source)):
            target[j] = source[j] * scale


@kernel(fastmath={"reassoc", "contract"})
def _dot(left, right):
    total = np.float32(0)
    for j in range(len(left)):
        total += left[j] * right[j]
    return total


@kernel
def cross_halves(rows, crossed, products):
    """Write the rows with their halves in each other's place, and the product of each row with that."""
    half = rows.shape[1] // 2
    for i in range(len(rows)):
        queries, targets = rows[i, :half], rows[i, half:]
        crossed[i, :half], crossed[i, half:] = targets, queries
        products[i] = 2 * _dot(queries, targets)


@kernel
def score_kept(vectors, norms, anchors, kept, rows, scores):
    """Write the products of each anchor with the `kept` of its row, vectors divided by their norms; none for -1."""
    one, n_kept = np.float32(1), kept.shape[1]
    for r in range(len(rows)):
        candidates = kept[rows[r]]
        for i in range(n_kept):
            candidate, ahead = candidates[i], candidates[min(i + _ROWS_AHEAD, n_kept - 1)]
            if ahead >= 0:
                prefetch(vectors[ahead], False)
            if candidate >= 0:
                scores[r, i] = _dot(anchors[r], vectors[candidate]) * (one / norms[candidate])


@kernel
def scatter_unit(vectors, rows, out):
    """Write the float32 `vectors`, each divided by its norm, to the `rows` of `out`.

    Return whether that was done: nothing is if a row is not in `out`, or a norm not well between 1e-15 and 1e15.
    """
    norms = np.empty(len(rows), np.float32)
    if not _measure(vectors, rows, len(out), norms):
        return False
    _scatter(vectors, norms, rows, out, 0)
    return True


@kernel
def scatter_pairs(queries, targets, rows, out):
    """Write queries and targets next to each other, at the same length and together of length 1, as `scatter_unit`."""
    norms = np.empty((2, len(rows)), np.float32)
    if not (_measure(queries, rows, len(out), norms[0]) and _measure(targets, rows, len(out), norms[1])):
        return False
    norms *= np.float32(np.sqrt(2))
    _scatter(queries, norms[0], rows, out, 0)
    _scatter(targets, norms[1], rows, out, queries.shape[1])
    return True


@kernel
def _measure(vectors, rows, n, norms):
    """Write the norms; return whether they are well between 1e-15 and 1e15, and the rows below n."""
    for i in range(len(rows)):
        norms[i] = np.sqrt(_dot(vectors[i], vectors[i]))
        if not (0 <= rows[i] < n and 1e-15 < norms[i] < 1e15):
            return False
    return True


@kernel
def _scatter(vectors, norms, rows, out, first):
    """Write vectors divided by their norms to the `rows` of `out`, from column `first` on."""
    one = np.float32(1)
    for i in range(len(rows)):
        source, target, scale = vectors[i], out[rows[i]], one / norms[i]
        for j in range(len(source)):
            target[first + j] = source[j] * scale


@kernel
def count_entries(neighbors, counts):
    """Add to `counts` how often each index is in `neighbors`."""
    for i in range(len(neighbors)):
        for j in neighbors[i]:
            counts[j] += 1


@kernel
def count_same(neighbors, codes, same, known):
    """Count how many of each row's neighbours have its code, and how many have one; -1 is none, also a row's own.

    A row without neighbours is its own in a graph, which does not count.
    """
    for i in range(len(neighbors)):
        own = codes[i]
        if own < 0:
            continue
        for j in neighbors[i]:
            if j != i:
                same[i] += codes[j] == own
                known[i] += codes[j] >= 0


@kernel
def pair_histogram(similarities, histogram):
    """Add the pairs above the diagonal to equal bins from -1 to 1; return their mean."""
    n, n_bins = len(similarities), len(histogram)
    total = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            value = similarities[i, j]
            total += value
            histogram[min(max(np.int64((value + 1) * 0.5 * n_bins), 0), n_bins - 1)] += 1
    return total / (n * (n - 1) / 2)
