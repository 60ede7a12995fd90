"""Operations on sixteen values at a time, and fetching memory ahead.

Numba does not turn loops that compare, count and compact into vector code, so these few operations are written in
LLVM's own terms. They run on any processor; with AVX-512 each is one or two instructions.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from toolkit._jit import kernel

LANES = 16
LINE = 64  # bytes fetched at once

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
def count_lanes(typingctx, values, threshold):
    """Count the lanes at the address `values` that are at least `threshold`."""

    def emit(context, builder, signature, arguments):
        address, bound = arguments
        return _ones(builder, _reach(builder, _load(builder, address, _FLOATS), bound))

    return types.int64(types.int64, types.float32), emit


@intrinsic
def keep_lanes(typingctx, values, codes, threshold, kept_values, kept_codes):
    """Copy the lanes whose value is at least `threshold`, with their codes; return how many (all are addresses).

    Up to `LANES` values behind the last one copied are overwritten with anything.
    """

    def emit(context, builder, signature, arguments):
        from_values, from_codes, bound, to_values, to_codes = arguments
        lanes = _load(builder, from_values, _FLOATS)
        mask = _reach(builder, lanes, bound)
        _store_compressed(builder, lanes, "f32", to_values, mask)
        _store_compressed(builder, _load(builder, from_codes, _INTS), "i32", to_codes, mask)
        return _ones(builder, mask)

    return types.int64(types.int64, types.int64, types.float32, types.int64, types.int64), emit


def _prefetcher(write):
    """Return an intrinsic that begins to fetch the line at an address, to be read or written soon."""

    @intrinsic
    def fetch_line(typingctx, address):
        def emit(context, builder, signature, arguments):
            pointer = _I8.as_pointer()
            types_of = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
            fetch = cgutils.get_or_insert_function(builder.module, types_of, "llvm.prefetch.p0")
            flags = [ir.Constant(_I32, number) for number in (write, 3, 1)]  # into all caches, as data
            builder.call(fetch, [builder.inttoptr(arguments[0], pointer), *flags])
            return context.get_dummy_value()

        return types.void(types.int64), emit

    return fetch_line


fetch_to_read, fetch_to_write = _prefetcher(0), _prefetcher(1)


@kernel
def prefetch(array, write):
    """Begin to fetch a contiguous array of 4-byte values, to be read or written soon."""
    for offset in range(0, 4 * len(array), LINE):
        if write:
            fetch_to_write(array.ctypes.data + offset)
        else:
            fetch_to_read(array.ctypes.data + offset)
