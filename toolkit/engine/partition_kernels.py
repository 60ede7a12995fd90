"""Numba loops: cutting a data set into batches, by walks that exclude each other or as it comes.

`groups` are codes (N,), or None: nodes of one group never share a batch. Nodes ``mates[begins[g]:begins[g + 1]]`` are
those of group g. A batch that finds no node of a new group swaps: another batch gives it a member and takes one of the
free nodes. While every group has at most as many nodes as there are full batches, there always is such a batch, since
it has room for a node of the free one's group and a member of a group that the first batch lacks.
"""

import numpy as np

from toolkit.engine.jit import kernel
from toolkit.engine.random_bits import U32, below, next_bits, restart_threshold

_FREE, _OUTSIDE = -1, -2


@kernel
def partition(neighbors, groups, mates, begins, order, batch_size, restarts, max_idles, state, queue):
    """Cut the nodes of `order` into batches by walks that exclude each other; return (steps, reseeds, left out).

    All walks go on in turn, each until it finds one more member: none of them has to live on what the others left.
    `queue` receives the batches one after the other, and -1 where no node could be placed; if it has more places than
    there are nodes, the batches share what is missing. `order` gives the seeds.
    A neighbour found to be taken by another batch is swapped behind the rest of its row, so that later moves never
    draw it again: `neighbors` is changed in place, each of its entries at most once, and the time is linear in its
    size.
    """
    n_nodes, n_neighbors = neighbors.shape
    n_batches = len(restarts)
    free = np.full(n_nodes, n_neighbors, np.int32)
    owner = np.full(n_nodes, _OUTSIDE, np.int32)
    owner[order] = _FREE
    queue[:] = -1
    start, node = np.full(n_batches, -1, np.int64), np.full(n_batches, -1, np.int64)
    steps, reseeds, left_out, cursor = 0, 0, 0, 0
    for size in range(batch_size):
        for b in range(n_batches):
            if size >= _room(b, batch_size, len(order), len(queue)):
                continue
            place = b * batch_size + size
            idle = max_idles[b] if node[b] < 0 else 0
            while True:
                if idle == max_idles[b]:
                    while owner[order[cursor]] != _FREE:
                        cursor += 1
                    start[b] = node[b] = _fresh(groups, mates, begins, order, cursor, batch_size, b, size, owner, queue)
                    reseeds += size > 0
                    idle = 0
                    if node[b] < 0:
                        left_out += 1
                        break
                else:
                    steps += 1
                    idle += 1
                    state, bits = next_bits(state)
                    if (bits >> U32) < restart_threshold(restarts[b]):
                        node[b] = start[b]
                    else:
                        node[b], state = _move(neighbors, free, owner, b, node[b], start[b], bits, state)
                    if node[b] < 0:
                        idle = max_idles[b]
                        continue
                if owner[node[b]] == _FREE and not _in_batch(
                    groups, mates, begins, node[b], b, batch_size, owner, queue
                ):
                    owner[node[b]] = b
                    queue[place] = node[b]
                    break
                if owner[node[b]] == b and queue[place] == node[b]:
                    break  # taken from another batch
    return steps, reseeds, left_out


@kernel
def deal(groups, mates, begins, order, batch_size, queue):
    """Cut the nodes of `order` into batches as they come, each taking one in turn; return how many are left out."""
    n_batches = -(-len(queue) // batch_size)
    owner = np.full(len(groups), _OUTSIDE, np.int32)
    owner[order] = _FREE
    queue[:] = -1
    left_out, cursor = 0, 0
    for size in range(batch_size):
        for b in range(n_batches):
            place = b * batch_size + size
            if place >= len(queue):
                continue
            while owner[order[cursor]] != _FREE:
                cursor += 1
            node = _fresh(groups, mates, begins, order, cursor, batch_size, b, size, owner, queue)
            if node < 0:
                left_out += 1
            else:
                owner[node] = b
                queue[place] = node
    return left_out


@kernel
def cut(groups, mates, begins, order, batch_size, queue):
    """Cut the nodes of `order` into batches, each taking the next ones; return how many are left out.

    A node whose group is in a batch already waits for the next batch. If `queue` has more places than there are nodes,
    the batches share what is missing.
    """
    owner = np.full(len(groups), _OUTSIDE, np.int32)
    owner[order] = _FREE
    queue[:] = -1
    left_out, cursor = 0, 0
    for b in range(-(-len(queue) // batch_size)):
        at = cursor
        for size in range(_room(b, batch_size, len(order), len(queue))):
            while at < len(order) and (
                owner[order[at]] != _FREE or _in_batch(groups, mates, begins, order[at], b, batch_size, owner, queue)
            ):
                at += 1
            if at < len(order):
                owner[order[at]] = b
                queue[b * batch_size + size] = order[at]
                continue
            # Nothing that is left may join: the first that another batch takes in exchange frees a member for this one.
            found = np.int64(-1)
            for i in range(cursor, len(order)):
                if owner[order[i]] == _FREE:
                    found = _swap(groups, mates, begins, order[i], batch_size, b, size, owner, queue)
                if found >= 0:
                    break
            left_out += found < 0
        while cursor < len(order) and owner[order[cursor]] != _FREE:
            cursor += 1
    return left_out


@kernel
def _room(b, batch_size, n_nodes, n_places):
    """Return how many members batch b is to have, where there may be fewer nodes than places."""
    n_batches, missing = -(-n_places // batch_size), n_places - n_nodes
    return min(batch_size, n_places - b * batch_size) - missing // n_batches - (b < missing % n_batches)


@kernel
def _in_batch(groups, mates, begins, node, b, batch_size, owner, queue):
    """Return whether batch b has a node of the group of `node`; look through whichever is smaller."""
    if groups is None:
        return False
    group = groups[node]
    first, last = begins[group], begins[group + 1]
    if last - first <= batch_size:
        found = False
        for mate in mates[first:last]:
            found |= owner[mate] == b
        return found
    found = False
    for member in queue[b * batch_size : (b + 1) * batch_size]:
        found |= member >= 0 and groups[member] == group
    return found


@kernel
def _fresh(groups, mates, begins, order, cursor, batch_size, b, size, owner, queue):
    """Return the first free node of `order` that may join batch b of `size` members, or make one by a swap; or -1.

    The first free node is that at `cursor`. A node from a swap belongs to batch b already, as member number `size`.
    """
    if groups is None:
        return np.int64(order[cursor])
    for i in range(cursor, len(order)):
        if owner[order[i]] == _FREE and not _in_batch(groups, mates, begins, order[i], b, batch_size, owner, queue):
            return np.int64(order[i])
    return _swap(groups, mates, begins, order[cursor], batch_size, b, size, owner, queue)


@kernel
def _swap(groups, mates, begins, spare, batch_size, b, size, owner, queue):
    """Let another batch take the free node `spare` and give a member of a new group to batch b; return that, or -1."""
    for first in range(0, len(queue), batch_size):
        other = first // batch_size
        if other == b or _in_batch(groups, mates, begins, spare, other, batch_size, owner, queue):
            continue
        for place in range(first, min(first + batch_size, len(queue))):
            given = queue[place]
            if given >= 0 and not _in_batch(groups, mates, begins, given, b, batch_size, owner, queue):
                queue[place], queue[b * batch_size + size] = spare, given
                owner[spare], owner[given] = other, b
                return np.int64(given)
    return np.int64(-1)


@kernel
def _move(neighbors, free, owner, b, node, start, bits, state):
    """Move to a neighbour that is free or in batch b; to `start` where there is none; -1 when stuck there too."""
    while free[node] > 0:
        j = below(bits, free[node])
        neighbor = neighbors[node, j]
        if owner[neighbor] == _FREE or owner[neighbor] == b:
            return np.int64(neighbor), state
        free[node] -= 1
        last = free[node]
        neighbors[node, j], neighbors[node, last] = neighbors[node, last], neighbor
        state, bits = next_bits(state)
    return (np.int64(-1) if node == start else start), state
