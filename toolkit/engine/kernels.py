"""Numba loops: random walks, permutations, gathering rows, pair statistics.

Arrays in, arrays out. Every kernel releases the GIL and runs on one thread, so callers may run several at
once and forked DataLoader workers are safe. Randomness is one explicit ``uint64`` of SplitMix64 state per walk
(Steele, Lea & Flood 2014), passed in and returned.
"""

import numpy as np

from toolkit.engine.jit import kernel
from toolkit.engine.simd import fetch_to_read, prefetch

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31, _U32 = (np.uint64(bits) for bits in (27, 30, 31, 32))
_LOW = np.uint64(0xFFFFFFFF)
_FREE = -1
_ROWS_AHEAD = 8
_WALKS = 16  # at once; as many as bits in uint16


@kernel
def _next(state):
    """Advance SplitMix64: the new state and 64 random bits."""
    state = state + _GAMMA
    z = (state ^ (state >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return state, z ^ (z >> _U31)


@kernel
def _below(bits, n):
    """Turn the low half of 64 random bits into an integer in [0, n)."""
    return np.int64(((bits & _LOW) * np.uint64(n)) >> _U32)


@kernel
def _threshold(restart):
    """Restart when the high half of the random bits lies below this."""
    return np.uint64(restart * 4294967296.0)


@kernel
def permutation(n, state):
    """Return a random permutation of the int32 numbers below n (Fisher & Yates)."""
    order = np.empty(n, np.int32)
    for i in range(n):
        state, bits = _next(state)
        j = _below(bits, i + 1)
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
def _square_sum(values):
    total = np.float32(0)
    for j in range(len(values)):
        total += values[j] * values[j]
    return total


@kernel
def scatter_unit(vectors, rows, out):
    """Write the float32 `vectors`, each divided by its norm, to the `rows` of `out`.

    Return whether that was done: nothing is if a row is not in `out`, or a norm not well between 1e-15 and 1e15.
    """
    one = np.float32(1)
    norms = np.empty(len(rows), np.float32)
    for i in range(len(rows)):
        norms[i] = np.sqrt(_square_sum(vectors[i]))
        if not (0 <= rows[i] < len(out) and 1e-15 < norms[i] < 1e15):
            return False
    for i in range(len(rows)):
        source, target, scale = vectors[i], out[rows[i]], one / norms[i]
        for j in range(len(source)):
            target[j] = source[j] * scale
    return True


@kernel
def visit_counts(neighbors, start, restart, n_steps, state):
    """Count how often each node is visited in `n_steps` steps from `start`."""
    n_nodes, n_neighbors = neighbors.shape
    counts = np.zeros(n_nodes, np.int64)
    threshold = _threshold(restart)
    node = start
    for _ in range(n_steps):
        state, bits = _next(state)
        node = start if (bits >> _U32) < threshold else neighbors[node, _below(bits, n_neighbors)]
        counts[node] += 1
    return counts


@kernel
def walk(neighbors, start, restart, max_idle, state, stamp, mark, batch, trace):
    """Fill `batch` by one random walk with restart; return (steps, reseeds).

    A node v is a member when ``stamp[v] == mark``. After `max_idle` steps without a new member the walk goes on
    from a fresh uniform seed, so it ends after at most ``len(batch) * max_idle`` steps. Unless `trace` is None,
    row s of this int32 array receives (node, restarted, new member, reseeded) of step s.
    """
    n_nodes, n_neighbors = neighbors.shape
    threshold = _threshold(restart)
    stamp[start] = mark
    batch[0] = start
    size, steps, idle, reseeds, node = 1, 0, 0, 0, start
    while size < len(batch):
        reseed = idle == max_idle
        restarted = False
        state, bits = _next(state)
        if reseed:
            start = _below(bits, n_nodes)
            while stamp[start] == mark:
                state, bits = _next(state)
                start = _below(bits, n_nodes)
            node = start
            reseeds += 1
        elif (bits >> _U32) < threshold:
            node = start
            restarted = True
        else:
            node = np.int64(neighbors[node, _below(bits, n_neighbors)])
        new = stamp[node] != mark
        if new:
            stamp[node] = mark
            batch[size] = node
            size += 1
            idle = 0
        else:
            idle += 1
        if trace is not None:
            trace[steps, 0], trace[steps, 1], trace[steps, 2], trace[steps, 3] = node, restarted, new, reseed
        steps += 1
    return steps, reseeds


@kernel
def walks(neighbors, starts, restarts, max_idles, states, batches):
    """Fill each row of `batches` by its own `walk` from its own random state; return (steps, reseeds) in all.

    Sixteen walks take turns, so that the memory each will read next is on its way while the others step. Bit w of
    ``members[v]`` tells whether node v is in the batch of walk w.
    """
    (n_nodes, n_neighbors), (n, batch_size) = neighbors.shape, batches.shape
    members = np.zeros(n_nodes, np.uint16)
    batch = np.full(_WALKS, -1, np.int64)
    size, idle = np.full(_WALKS, batch_size, np.int64), np.zeros(_WALKS, np.int64)
    node, start = np.zeros(_WALKS, np.int64), np.zeros(_WALKS, np.int64)
    state, bits, threshold = np.zeros(_WALKS, np.uint64), np.zeros(_WALKS, np.uint64), np.zeros(_WALKS, np.uint64)
    steps, reseeds, begun, going = 0, 0, 0, _WALKS
    while going > 0:
        for w in range(_WALKS):
            b, bit = batch[w], np.uint16(1 << w)
            if size[w] == batch_size:
                if b == n:
                    continue
                if b >= 0:
                    for member in batches[b]:
                        members[member] &= ~bit
                b = batch[w] = begun
                if b == n:
                    going -= 1
                    continue
                begun += 1
                node[w] = start[w] = starts[b]
                size[w] = idle[w] = 0
                threshold[w] = _threshold(restarts[b])
                state[w], bits[w] = _next(states[b])
            else:
                steps += 1
            if members[node[w]] & bit:
                idle[w] += 1
            else:
                members[node[w]] |= bit
                batches[b, size[w]] = node[w]
                size[w] += 1
                idle[w] = 0
            # The next step is chosen now, and taken when the turn comes round.
            if idle[w] == max_idles[b]:
                start[w] = _below(bits[w], n_nodes)
                while members[start[w]] & bit:
                    state[w], bits[w] = _next(state[w])
                    start[w] = _below(bits[w], n_nodes)
                node[w] = start[w]
                reseeds += 1
            elif (bits[w] >> _U32) < threshold[w]:
                node[w] = start[w]
            else:
                node[w] = neighbors[node[w], _below(bits[w], n_neighbors)]
            state[w], bits[w] = _next(state[w])
            fetch_to_read(members.ctypes.data + members.itemsize * node[w])
            place = node[w] * n_neighbors + _below(bits[w], n_neighbors)
            fetch_to_read(neighbors.ctypes.data + neighbors.itemsize * place)
    return steps, reseeds


@kernel
def partition(neighbors, order, batch_size, restarts, max_idles, state, queue):
    """Cut the nodes of `order` into batches by walks that exclude each other; return (steps, reseeds).

    All walks go on in turn, each until it finds one more member: none of them has to live on what the others left.
    `queue` receives the batches one after the other. `order` gives the seeds. A neighbour found to be taken by
    another batch is swapped behind the rest of its row, so that later moves never draw it again: `neighbors` is
    changed in place, each of its entries at most once, and the time is linear in its size.
    """
    n_nodes, n_neighbors = neighbors.shape
    n_batches = len(restarts)
    free = np.full(n_nodes, n_neighbors, np.int32)
    owner = np.full(n_nodes, -2, np.int32)
    owner[order] = _FREE
    start, node = np.full(n_batches, -1, np.int64), np.full(n_batches, -1, np.int64)
    steps, reseeds, cursor = 0, 0, 0
    for size in range(batch_size):
        for b in range(n_batches):
            place = b * batch_size + size
            if place >= len(order):
                continue
            idle = max_idles[b] if size == 0 else 0
            while True:
                if idle == max_idles[b]:
                    while owner[order[cursor]] != _FREE:
                        cursor += 1
                    start[b] = node[b] = order[cursor]
                    reseeds += size > 0
                    idle = 0
                else:
                    steps += 1
                    idle += 1
                    state, bits = _next(state)
                    if (bits >> _U32) < _threshold(restarts[b]):
                        node[b] = start[b]
                    else:
                        node[b], state = _move(neighbors, free, owner, b, node[b], start[b], bits, state)
                    if node[b] < 0:
                        idle = max_idles[b]
                        continue
                if owner[node[b]] == _FREE:
                    owner[node[b]] = b
                    queue[place] = node[b]
                    break
    return steps, reseeds


@kernel
def _move(neighbors, free, owner, b, node, start, bits, state):
    """Move to a neighbour that is free or in batch b; to `start` where there is none; -1 when stuck there too."""
    while free[node] > 0:
        j = _below(bits, free[node])
        neighbor = neighbors[node, j]
        if owner[neighbor] == _FREE or owner[neighbor] == b:
            return np.int64(neighbor), state
        free[node] -= 1
        last = free[node]
        neighbors[node, j], neighbors[node, last] = neighbors[node, last], neighbor
        state, bits = _next(state)
    return (np.int64(-1) if node == start else start), state


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
