"""Numba loops: random walks, alone and many at once.

Each walk has a random state of its own, passed in and returned. `groups` are codes (N,), or None: nodes of one group
never share a batch.
"""

import numpy as np

from toolkit.engine.jit import kernel
from toolkit.engine.random_bits import U32, below, next_bits, restart_threshold
from toolkit.engine.simd import fetch_to_read

_WALKS = 16  # at once; as many as bits in uint16


@kernel
def visit_counts(neighbors, start, restart, n_steps, state):
    """Count how often each node is visited in `n_steps` steps from `start`."""
    n_nodes, n_neighbors = neighbors.shape
    counts = np.zeros(n_nodes, np.int64)
    threshold = restart_threshold(restart)
    node = start
    for _ in range(n_steps):
        state, bits = next_bits(state)
        node = start if (bits >> U32) < threshold else neighbors[node, below(bits, n_neighbors)]
        counts[node] += 1
    return counts


@kernel
def _key(groups, node):
    """Return what is marked when a node becomes a member: the node, or all of its group."""
    if groups is None:
        return np.int64(node)
    return np.int64(groups[node])


@kernel
def walk(neighbors, known, groups, start, restart, max_idle, state, stamp, mark, batch, trace):
    """Fill `batch` by one random walk with restart; return (steps, reseeds).

    Unless `known` (N,) is None, it tells which rows of `neighbors` are there. Where the walk needs another one, it ends
    with (-1, the node).

    A node v is a member when ``stamp[v] == mark``; with groups, a member is of group g when ``stamp[g] == mark``. After
    `max_idle` steps without a new member the walk continues from a fresh uniform seed, so it ends after at most
    ``len(batch) * max_idle`` steps. Unless `trace` is None, row s of this int32 array receives (node, restarted, new
    member, reseeded) of step s.
    """
    n_nodes, n_neighbors = neighbors.shape
    threshold = restart_threshold(restart)
    stamp[_key(groups, start)] = mark
    batch[0] = start
    size, steps, idle, reseeds, node = 1, 0, 0, 0, start
    while size < len(batch):
        reseed = idle == max_idle
        restarted = False
        state, bits = next_bits(state)
        if reseed:
            start = below(bits, n_nodes)
            while stamp[_key(groups, start)] == mark:
                state, bits = next_bits(state)
                start = below(bits, n_nodes)
            node = start
            reseeds += 1
        elif (bits >> U32) < threshold:
            node = start
            restarted = True
        elif known is not None and not known[node]:
            return -1, node
        else:
            node = np.int64(neighbors[node, below(bits, n_neighbors)])
        new = stamp[_key(groups, node)] != mark
        if new:
            stamp[_key(groups, node)] = mark
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
def walks(neighbors, groups, starts, restarts, max_idles, states, batches):
    """Fill each row of `batches` by its own `walk` from its own random state; return (steps, reseeds) in all.

    Sixteen walks take turns, so that the memory each will read next is on its way while the others step. Bit w of
    ``members[v]`` tells whether node v, or with groups a node of group v, is in the batch of walk w.
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
                        members[_key(groups, member)] &= ~bit
                b = batch[w] = begun
                if b == n:
                    going -= 1
                    continue
                begun += 1
                node[w] = start[w] = starts[b]
                size[w] = idle[w] = 0
                threshold[w] = restart_threshold(restarts[b])
                state[w], bits[w] = next_bits(states[b])
            else:
                steps += 1
            key = _key(groups, node[w])
            if members[key] & bit:
                idle[w] += 1
            else:
                members[key] |= bit
                batches[b, size[w]] = node[w]
                size[w] += 1
                idle[w] = 0
            # The next step is chosen now, and taken when the turn comes round.
            if idle[w] == max_idles[b]:
                start[w] = below(bits[w], n_nodes)
                while members[_key(groups, start[w])] & bit:
                    state[w], bits[w] = next_bits(state[w])
                    start[w] = below(bits[w], n_nodes)
                node[w] = start[w]
                reseeds += 1
            elif (bits[w] >> U32) < threshold[w]:
                node[w] = start[w]
            else:
                node[w] = neighbors[node[w], below(bits[w], n_neighbors)]
            state[w], bits[w] = next_bits(state[w])
            if groups is None:
                fetch_to_read(members.ctypes.data + members.itemsize * node[w])
            else:
                fetch_to_read(groups.ctypes.data + groups.itemsize * node[w])
            place = node[w] * n_neighbors + below(bits[w], n_neighbors)
            fetch_to_read(neighbors.ctypes.data + neighbors.itemsize * place)
    return steps, reseeds
