"""Operations on sixteen values at a time, and fetching memory ahead.

Numba does not turn loops that compare, count and compact into vector code, so these few operations are written in
LLVM's own terms. They run on any processor; with AVX-512 each is one or two instructions, with AVX2 a few.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from toolkit.engine.jit import kernel

LANES = 16
LINE = 64  # bytes fetched at once

_I8, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()


def _parts(context):
    """Return how many lanes to treat at once, and where each part of `LANES` begins."""
    _, _, features = context.codegen().magic_tuple()
    lanes = 8 if "+avx2" in features and "+avx512f" not in features else LANES
    return lanes, range(0, LANES, lanes)


def _further(builder, address, count):
    """Emit: the address of the value so many values (an integer, or an emitted one) after another."""
    count = count if isinstance(count, ir.Value) else ir.Constant(_I64, count)
    return builder.add(address, builder.mul(count, ir.Constant(_I64, 4)))


def _load(builder, address, element, lanes):
    """Emit: load a vector from an address of 4-byte alignment."""
    value = builder.load(builder.inttoptr(address, ir.VectorType(element, lanes).as_pointer()))
    value.align = 4
    return value


def _store(builder, vector, address):
    """Emit: store a vector at an address of 4-byte alignment."""
    builder.store(vector, builder.inttoptr(address, vector.type.as_pointer())).align = 4


def _reach(builder, values, threshold):
    """Emit: which of the values are at least `threshold`, as a mask."""
    undefined = ir.Constant(values.type, ir.Undefined)
    one = builder.insert_element(undefined, threshold, ir.Constant(_I32, 0))
    all_lanes = builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(_I32, values.type.count), None))
    return builder.fcmp_ordered(">=", values, all_lanes)


def _bits(builder, mask):
    """Emit: a mask as an integer."""
    return builder.zext(builder.bitcast(mask, ir.IntType(mask.type.count)), _I64)


def _compress(builder, vector, mask):
    """Emit: the lanes set in `mask` one after the other, then anything."""
    kind = f"v{vector.type.count}{'f' if vector.type.element == _F32 else 'i'}32"
    if vector.type.count == LANES:
        signature = ir.FunctionType(vector.type, [vector.type, mask.type, vector.type])
        name = f"llvm.experimental.vector.compress.{kind}"
        arguments = [vector, mask, ir.Constant(vector.type, ir.Undefined)]
    else:
        # AVX2 can only permute: in an order looked up by the mask, one byte for each lane.
        entry = builder.load(builder.gep(_orders(builder.module), [ir.Constant(_I64, 0), _bits(builder, mask)]))
        order = builder.zext(builder.bitcast(entry, ir.VectorType(_I8, 8)), ir.VectorType(_I32, 8))
        signature = ir.FunctionType(vector.type, [vector.type, order.type])
        name = f"llvm.x86.avx2.perm{'ps' if vector.type.element == _F32 else 'd'}"
        arguments = [vector, order]
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def _orders(module):
    """Return a table in the module: for each mask of eight lanes its lanes in order, one byte each."""
    name = "toolkit_lane_orders"
    if name not in module.globals:
        chosen = [[lane for lane in range(8) if mask >> lane & 1] for mask in range(256)]
        entries = [sum(lane << 8 * place for place, lane in enumerate(lanes)) for lanes in chosen]
        table = ir.GlobalVariable(module, ir.ArrayType(_I64, len(entries)), name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(table.value_type, entries)
    return module.globals[name]


@intrinsic
def count_lanes(typingctx, values, threshold):
    """Count the lanes at the address `values` that are at least `threshold`."""

    def emit(context, builder, signature, arguments):
        address, bound = arguments
        count = ir.Constant(_I64, 0)
        lanes, firsts = _parts(context)
        for first in firsts:
            mask = _reach(builder, _load(builder, _further(builder, address, first), _F32, lanes), bound)
            count = builder.add(count, builder.ctpop(_bits(builder, mask)))
        return count

    return types.int64(types.int64, types.float32), emit


@intrinsic
def keep_lanes(typingctx, values, codes, threshold, kept_values, kept_codes):
    """Copy the lanes whose value is at least `threshold`, with their codes; return how many (all are addresses).

    Up to `LANES` values behind the last one copied are overwritten with anything.
    """

    def emit(context, builder, signature, arguments):
        from_values, from_codes, bound, to_values, to_codes = arguments
        count = ir.Constant(_I64, 0)
        lanes, firsts = _parts(context)
        for first in firsts:
            part = _load(builder, _further(builder, from_values, first), _F32, lanes)
            mask = _reach(builder, part, bound)
            # Compressed in a register: some processors are many times slower at doing it on the way to memory.
            _store(builder, _compress(builder, part, mask), _further(builder, to_values, count))
            part = _load(builder, _further(builder, from_codes, first), _I32, lanes)
            _store(builder, _compress(builder, part, mask), _further(builder, to_codes, count))
            count = builder.add(count, builder.ctpop(_bits(builder, mask)))
        return count

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
