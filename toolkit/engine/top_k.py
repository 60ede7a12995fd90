"""Selection of the K best of a row of cosine similarities.

Compiled code is kept until this file changes: after a change of `_simd` alone, delete ``__pycache__``.
"""

import numpy as np

from toolkit.engine.jit import kernel
from toolkit.engine.simd import LANES, count_lanes, keep_lanes, prefetch

PAD = np.float32(-2)  # below any cosine
_BELOW, _ABOVE = np.float32(-1.01), np.float32(1.01)
_SAMPLED_BEST = 12  # the sample is to hold so many of the K best
_MARGIN = 1.5


@kernel
def _count(values, length, threshold):
    """Count the first `length` values, a multiple of `LANES`, that are at least `threshold`."""
    address, count = values.ctypes.data, 0
    for j in range(0, length, LANES):
        count += count_lanes(address + 4 * j, threshold)
    return count


@kernel
def _keep(values, codes, length, threshold, kept_values, kept_codes):
    """Copy those of the first `length` values that are at least `threshold`, with their codes; return how many.

    The arrays for them have room for `LANES` more.
    """
    v, c = values.ctypes.data, codes.ctypes.data
    to_v, to_c, count = kept_values.ctypes.data, kept_codes.ctypes.data, 0
    for j in range(0, length, LANES):
        count += keep_lanes(v + 4 * j, c + 4 * j, threshold, to_v + 4 * count, to_c + 4 * count)
    return count


@kernel
def _keep_padded(values, codes, length, threshold, kept_values, kept_codes):
    """Do as `_keep`, and pad the values to a multiple of `LANES`."""
    count = _keep(values, codes, length, threshold, kept_values, kept_codes)
    for j in range(count, count + -count % LANES):
        kept_values[j] = PAD
    return count


@kernel
def _kth_largest(values, n, length, k, slack, low, guess):
    """Return a threshold that at least k of n values reach, at most k + slack unless some equal it, and how many do.

    All n values are at least `low`; they are padded to `length`. The search begins with `guess`.
    """
    high, middle = _ABOVE, guess
    n_low, n_high = n, 0
    while n_low > k + slack:
        narrow = not low < middle < high
        if narrow:
            # No room between the ends for another guess: try the next larger value there is.
            middle = _ABOVE
            for j in range(n):
                if low < values[j] < middle:
                    middle = values[j]
        count = _count(values, length, middle)
        if count >= k and middle < _ABOVE:
            low, n_low = middle, count
        elif narrow:
            break
        else:
            high, n_high = middle, count
        # False position on the counts, kept off the ends so that the bracket always shrinks by a part.
        part = min(max((n_low - k - slack / 2) / max(n_low - n_high, 1), 0.1), 0.9)
        middle = np.float32(low + np.float32(part) * (high - low))
    return low, n_low


@kernel
def select_top_k(scores, candidates, rows, slot, groups, heads, limits, kept, neighbors, similarities, skipped):
    """Write the K candidates with the best scores to ``neighbors[rows[r]]``, and their scores unless there is no room.

    Return how many rows have fewer than K. `similarities` has K columns, or none.

    `scores` (R, C) has a column for each of the M + 1 `candidates`, then one for each column of `kept` (N, C - M - 1),
    which holds further candidates of each row (-1: none) or is None, and is padded to a multiple of `LANES` columns.
    A row leaves itself out, or if it is not among the candidates, the last one of these. `slot` (N,) holds -1
    everywhere, and so does `heads`, with an entry for each group.

    Candidates of a row's own group (`groups` (N,), or None) and with a score of at least ``limits[r]`` (or None) are
    left out. The best of the others, as many as `skipped` has columns, go there. Where fewer than K candidates
    are left, they are repeated; where none is, the row is its own neighbour.

    A first threshold from a sample leaves some 1.5 K values, among which the exact one is found.
    """
    k, skip, n_fresh, length = neighbors.shape[1], skipped.shape[1], len(candidates), scores.shape[1]
    n, n_best, lacking = n_fresh, k + skip, 0
    if kept is not None:
        n += kept.shape[1]
    codes = np.zeros(length, np.int32)
    for j in range(n_fresh):
        codes[j] = candidates[j]
        slot[candidates[j]] = j
    following, firsts = np.empty(length, np.int32), np.empty(len(rows), np.int32)
    if groups is not None:
        # The candidates of each group as a list, since a row's own group has few.
        for j in range(n_fresh):
            group = groups[candidates[j]]
            following[j], heads[group] = heads[group], j
        for r in range(len(rows)):  # at once, since they lie all over the memory
            firsts[r] = heads[groups[rows[r]]]
    n_sample = min(n, n * _SAMPLED_BEST // n_best // LANES * LANES + LANES)
    wanted = int(np.ceil(_MARGIN * n_best * n_sample / n))
    kept_scores, kept_codes = np.empty(length + LANES, np.float32), np.empty(length + LANES, np.int32)
    room = (n_best if limits is None else length) + LANES
    top_scores, top_codes = np.zeros(room, np.float32), np.zeros(room, np.int32)
    loose = gap = rise = np.float32(0)  # of the row before: a good guess for the next
    for r in range(len(rows)):
        row, values = rows[r], scores[r]
        prefetch(similarities[row], True)
        prefetch(neighbors[row], True)
        prefetch(skipped[row], True)
        if kept is not None:
            _add_kept(kept[row], row, groups, n_fresh, values, codes, slot)
        for j in range(n, length):
            values[j] = PAD
        values[slot[row] if 0 <= slot[row] < n_fresh else n_fresh - 1] = PAD
        if groups is not None:
            j = firsts[r]
            while j >= 0:
                values[j] = PAD
                j = following[j]
        loose, _ = _kth_largest(values, n_sample, n_sample + -n_sample % LANES, wanted, wanted // 4, _BELOW, loose)
        n_kept = _keep_padded(values, codes, length, loose, kept_scores, kept_codes)
        if limits is not None:
            # What reaches the limit are the best ones: they are found as well, and then left out.
            if loose <= limits[r]:
                n_over = _count(kept_scores, n_kept + -n_kept % LANES, limits[r])
            else:
                n_over = _count(values, length, limits[r])
            n_best = min(k + skip + n_over, n)
        if n_kept < n_best:
            loose = _BELOW
            n_kept = _keep_padded(values, codes, length, loose, kept_scores, kept_codes)
        padded = n_kept + -n_kept % LANES
        threshold, count = _kth_largest(kept_scores, n_kept, padded, n_best, 0, loose, loose + gap)
        gap = threshold - loose
        if count <= n_best:
            _keep(kept_scores, kept_codes, padded, threshold, top_scores, top_codes)
        else:
            _keep_with_ties(kept_scores, kept_codes, n_kept, threshold, count - n_best, top_scores, top_codes)
        found = min(count, n_best)
        if limits is not None:
            found = _leave_out(top_scores, top_codes, found, limits[r])
        if skip > 0:
            rise = _set_aside(top_scores, top_codes, found, threshold, rise, skipped[row])
            found = max(found - skip, 0)
        lacking += found < k
        _write(top_scores, top_codes, found, row, neighbors[row], similarities[row])
    for j in range(n_fresh):
        slot[candidates[j]] = -1
        if groups is not None:
            heads[groups[candidates[j]]] = -1
    return lacking


@kernel
def _add_kept(kept, row, groups, n_fresh, values, codes, slot):
    """Note the codes of a row's kept candidates behind the fresh ones; rule out its own group and copies."""
    for i in range(len(kept)):
        j, candidate = n_fresh + i, kept[i]
        codes[j] = max(candidate, 0)
        if candidate < 0 or candidate == row or slot[candidate] >= 0:
            values[j] = PAD
        else:
            slot[candidate] = j
            if groups is not None and groups[candidate] == groups[row]:
                values[j] = PAD
    for candidate in kept:
        if candidate >= 0 and slot[candidate] >= n_fresh:
            slot[candidate] = -1


@kernel
def _leave_out(values, codes, n, limit):
    """Drop those of the first n values that are at least `limit`, with their codes; return how many are left."""
    left = 0
    for j in range(n):
        if values[j] < limit:
            values[left], codes[left] = values[j], codes[j]
            left += 1
    return left


@kernel
def _set_aside(values, codes, n, low, rise, skipped):
    """Move the best of the first n values' codes to `skipped`, -1 where there are too few, and close the gaps.

    All n values are at least `low`. Return by how much the least of the best exceeds it, which `rise` guesses.
    """
    skip = len(skipped)
    skipped[:] = -1
    if n > skip:
        length = n + -n % LANES
        for j in range(n, length):
            values[j] = PAD
        threshold, count = _kth_largest(values, n, length, skip, 0, low, low + rise)
        surplus, rise = count - skip, threshold - low
    else:
        threshold, surplus = _BELOW, 0
    aside = left = 0
    for j in range(n):
        best = values[j] >= threshold
        if best and values[j] == threshold and surplus > 0:
            surplus -= 1
            best = False
        if best:
            skipped[aside] = codes[j]
            aside += 1
        else:
            values[left], codes[left] = values[j], codes[j]
            left += 1
    return rise


@kernel
def _write(values, codes, found, row, neighbors, similarities):
    """Write what was found, from the first again where it does not suffice."""
    one = np.float32(1)
    for j in range(len(neighbors)):
        neighbors[j] = row if found == 0 else codes[j if j < found else j % found]
    for j in range(len(similarities)):
        value = one if found == 0 else values[j if j < found else j % found]
        similarities[j] = max(-one, min(one, value))  # rounding may have put it beyond [-1, 1]


@kernel
def _keep_with_ties(values, codes, n, threshold, surplus, kept_values, kept_codes):
    """Copy those of the first n values that are at least `threshold`, except the first `surplus` that equal it."""
    count = 0
    for j in range(n):
        if count == len(kept_values):
            break
        if values[j] < threshold:
            continue
        if values[j] == threshold and surplus > 0:
            surplus -= 1
            continue
        kept_values[count], kept_codes[count] = values[j], codes[j]
        count += 1


@kernel
def narrow_rows(neighbors, similarities, start, stop, best, best_similarities):
    """Write the best of each row's neighbours, in their order, to the narrower arrays; of rows `start` to `stop`.

    Return how many rows have fewer, as `select_top_k` does: its repetitions are left out, then made again.
    """
    n, k, lacking = neighbors.shape[1], best.shape[1], 0
    values, codes = np.empty(n + LANES, np.float32), np.empty(n + LANES, np.int32)
    top_values, top_codes = np.zeros(k + LANES, np.float32), np.zeros(k + LANES, np.int32)
    guess = np.float32(0)
    for r in range(start, stop):
        found = _count_found(neighbors[r])
        lacking += found < k or neighbors[r, 0] == r
        n_best, length = min(k, found), found + -found % LANES
        values[:found], codes[:found] = similarities[r, :found], neighbors[r, :found]
        values[found:length] = PAD
        guess, count = _kth_largest(values, found, length, n_best, 0, _BELOW, guess)
        if count == n_best:
            _keep(values, codes, length, guess, top_values, top_codes)
        else:
            _keep_with_ties(values, codes, found, guess, count - n_best, top_values, top_codes)
        _write(top_values, top_codes, n_best, r, best[r], best_similarities[r])
    return lacking


@kernel
def _count_found(neighbors):
    """Return how many of a row's neighbours come before the first again: what `_write` was given."""
    n, first, times = len(neighbors), neighbors[0], 0
    for j in range(n):  # without a branch, since hardly any row repeats it
        times += neighbors[j] == first
    if times > 1:
        for j in range(1, n):
            if neighbors[j] == first:
                return j
    return n
