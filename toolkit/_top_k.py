"""Selection of the K best of a row of cosine similarities, sixteen at a time.

Numba does not turn loops that compare, count and compact into vector code, so these few operations are written in
LLVM's own terms. They run on any processor; with AVX-512 each is one or two instructions.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16  # rows are padded to a multiple of this
PAD = -2.0  # below any cosine
_BELOW, _ABOVE = np.float32(-1.01), np.float32(1.01)
_SAMPLE = 128
_MARGIN = 1.5
_LINE = 64  # bytes fetched at once

_I8, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
_INTS, _FLOATS, _MASK = (ir.VectorType(lane, LANES) for lane in (_I32, _F32, ir.IntType(1)))


def _load(builder, address, vector):
    """Emit: load a vector from an address of 4-byte alignment."""
    value = builder.load(builder.inttoptr(address, vector.as_pointer()))
    value.align = 4
    return value


def _reach(builder, values, threshold):
    """Emit: the mask of the values that are at least `threshold`."""
    undefined = ir.Constant(_FLOATS, ir.Undefined)
    one = builder.insert_element(undefined, threshold, ir.Constant(_I32, 0))
    all_lanes = builder.shuffle_vector(one, undefined, ir.Constant(_INTS, [0] * LANES))
    return builder.fcmp_ordered(">=", values, all_lanes)


def _ones(builder, mask):
    """Emit: the number of lanes set in a mask."""
    return builder.zext(builder.ctpop(builder.bitcast(mask, ir.IntType(LANES))), _I64)


def _store_compressed(builder, vector, name, address, mask):
    """Emit: store the lanes set in `mask` one after the other, and anything up to `LANES` behind them."""
    signature = ir.FunctionType(vector.type, [vector.type, _MASK, vector.type])
    # Compressed in a register: some processors are many times slower at doing it on the way to memory.
    compress = cgutils.get_or_insert_function(
        builder.module, signature, f"llvm.experimental.vector.compress.v{LANES}{name}"
    )
    lanes = builder.call(compress, [vector, mask, ir.Constant(vector.type, ir.Undefined)])
    builder.store(lanes, builder.inttoptr(address, vector.type.as_pointer())).align = 4


@intrinsic
def _count_lanes(typingctx, values, threshold):
    """Count the lanes at the address `values` that are at least `threshold`."""

    def emit(context, builder, signature, arguments):
        address, bound = arguments
        return _ones(builder, _reach(builder, _load(builder, address, _FLOATS), bound))

    return types.int64(types.int64, types.float32), emit


@intrinsic
def _keep_lanes(typingctx, values, codes, threshold, kept_values, kept_codes):
    """Copy the lanes whose value is at least `threshold`, with their codes; return how many (all are addresses)."""

    def emit(context, builder, signature, arguments):
        from_values, from_codes, bound, to_values, to_codes = arguments
        lanes = _load(builder, from_values, _FLOATS)
        mask = _reach(builder, lanes, bound)
        _store_compressed(builder, lanes, "f32", to_values, mask)
        _store_compressed(builder, _load(builder, from_codes, _INTS), "i32", to_codes, mask)
        return _ones(builder, mask)

    return types.int64(types.int64, types.int64, types.float32, types.int64, types.int64), emit


@intrinsic
def _prefetch_line(typingctx, address):
    """Begin to fetch the line at an address, to be written soon."""

    def emit(context, builder, signature, arguments):
        pointer = _I8.as_pointer()
        types_of = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
        prefetch = cgutils.get_or_insert_function(builder.module, types_of, "llvm.prefetch.p0")
        write, all_caches, data = (ir.Constant(_I32, number) for number in (1, 3, 1))
        builder.call(prefetch, [builder.inttoptr(arguments[0], pointer), write, all_caches, data])
        return context.get_dummy_value()

    return types.void(types.int64), emit


@njit(nogil=True, cache=True)
def _count(values, length, threshold):
    """Count the first `length` values, a multiple of `LANES`, that are at least `threshold`."""
    address, count = values.ctypes.data, 0
    for j in range(0, length, LANES):
        count += _count_lanes(address + 4 * j, threshold)
    return count


@njit(nogil=True, cache=True)
def _keep(values, codes, length, threshold, kept_values, kept_codes):
    """Copy those of the first `length` values that are at least `threshold`, with their codes; return how many.

    The arrays for them have room for `LANES` more.
    """
    v, c = values.ctypes.data, codes.ctypes.data
    to_v, to_c, count = kept_values.ctypes.data, kept_codes.ctypes.data, 0
    for j in range(0, length, LANES):
        count += _keep_lanes(v + 4 * j, c + 4 * j, threshold, to_v + 4 * count, to_c + 4 * count)
    return count


@njit(nogil=True, cache=True)
def _prefetch(array):
    """Begin to fetch a contiguous array of 4-byte values."""
    for offset in range(0, 4 * len(array), _LINE):
        _prefetch_line(array.ctypes.data + offset)


@njit(nogil=True, cache=True)
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
        if count >= k:
            low, n_low = middle, count
        elif narrow:
            break
        else:
            high, n_high = middle, count
        # False position on the counts, kept off the ends so that the bracket always shrinks by a part.
        part = min(max((n_low - k - slack / 2) / max(n_low - n_high, 1), 0.1), 0.9)
        middle = np.float32(low + np.float32(part) * (high - low))
    return low, n_low


@njit(nogil=True, cache=True)
def select_top_k(scores, n, skip, codes, rows, best_codes, best_scores):
    """Write the K best of the first n scores of row r, but for ``scores[r, skip[r]]``, and their codes to ``rows[r]``.

    `scores` (R, C) are padded with `PAD` to a multiple of `LANES` columns and changed; `codes` (C,) name the columns.
    A first threshold from a sample leaves some 1.5 K values, among which the exact one is found.
    """
    k, length = best_codes.shape[1], scores.shape[1]
    n_sample = min(_SAMPLE, n)
    wanted = int(np.ceil(_MARGIN * k * n_sample / n))
    kept_scores, kept_codes = np.empty(length + LANES, np.float32), np.empty(length + LANES, np.int32)
    top_scores, top_codes = np.empty(k + LANES, np.float32), np.empty(k + LANES, np.int32)
    loose = gap = np.float32(0)  # of the row before: a good guess for the next
    for r in range(len(scores)):
        values, best_values, best = scores[r], best_scores[rows[r]], best_codes[rows[r]]
        _prefetch(best_values)
        _prefetch(best)
        values[skip[r]] = PAD
        loose, _ = _kth_largest(values, n_sample, min(_SAMPLE, length), wanted, wanted // 4, _BELOW, loose)
        n_kept = _keep(values, codes, length, loose, kept_scores, kept_codes)
        if n_kept < k:
            loose = _BELOW
            n_kept = _keep(values, codes, length, loose, kept_scores, kept_codes)
        padded = n_kept + -n_kept % LANES
        kept_scores[n_kept:padded] = PAD
        threshold, count = _kth_largest(kept_scores, n_kept, padded, k, 0, loose, loose + gap)
        gap = threshold - loose
        if count == k:
            _keep(kept_scores, kept_codes, padded, threshold, top_scores, top_codes)
        else:
            _keep_with_ties(kept_scores[:n_kept], kept_codes, threshold, count - k, top_scores, top_codes)
        best[:] = top_codes[:k]
        _clip(top_scores[:k], best_values)


@njit(nogil=True, cache=True)
def _clip(values, clipped):
    """Copy the values without what rounding put beyond [-1, 1]."""
    one = np.float32(1)
    for j in range(len(values)):
        value = values[j]
        value = one if value > one else value
        clipped[j] = -one if value < -one else value


@njit(nogil=True, cache=True)
def _keep_with_ties(values, codes, threshold, surplus, kept_values, kept_codes):
    """Copy the values that are at least `threshold` but for the first `surplus` that equal it."""
    count = 0
    for j in range(len(values)):
        if values[j] < threshold:
            continue
        if values[j] == threshold and surplus > 0:
            surplus -= 1
            continue
        kept_values[count], kept_codes[count] = values[j], codes[j]
        count += 1
