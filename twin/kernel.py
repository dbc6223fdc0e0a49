"""Compiled loops that release the GIL and are cached on disk; numba is named here, in `twin.kernel_cache` and `twin.bare_pipeline` only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from twin.bare_pipeline import BarePipeline
from twin.kernel_cache import KernelCache


def kernel[F: Callable[..., object]](function: F) -> F:
    """Return ``function`` compiled by numba (nogil, cached where it can be, numpy error model: division by zero gives inf)."""
    return _compiled(function, is_inlined=False)


def inlined_kernel[F: Callable[..., object]](function: F) -> F:
    """Return a `kernel` that becomes part of each kernel that calls it: a call counts the references of every array it hands over."""
    return _compiled(function, is_inlined=True)


def bare_kernel[F: Callable[..., object]](function: F) -> F:
    """Return an `inlined_kernel` that counts no references.

    It must allocate nothing (NumbaError when compiled). It and the kernels that it calls must return nothing but numbers and tuples of
    them (TypingError when compiled): nobody would let go of an array that it is given, and of one that it returns its caller would.
    numba leaves the counting out by itself only where a kernel calls no other. It is done atomically, at every call, for each array of each
    tuple that is handed over.
    """
    return _compiled(function, is_inlined=True, is_bare=True)


def _compiled[F: Callable[..., object]](function: F, *, is_inlined: bool, is_bare: bool = False) -> F:
    pipeline = BarePipeline if is_bare else numba.core.compiler.Compiler
    wrap = numba.njit(nogil=True, error_model="numpy", forceinline=is_inlined, _nrt=not is_bare, pipeline_class=pipeline)
    compiled = wrap(function)
    with contextlib.suppress(RuntimeError):  # numba knows no folder that it may write to: compiled anew by every process
        compiled._cache = KernelCache(compiled)  # noqa: SLF001 - numba has no other way to name a cache
    return cast("F", compiled)


def _is_bytes(array: Any) -> bool:  # noqa: ANN401
    """Return whether an array type is of contiguous bytes: what is done by address alone is wrong, without a word, on any other."""
    return bool(isinstance(array, types.Array) and array.layout == "C" and array.dtype == types.uint8)


def _copied_bytes(_: object, to: Any, at: Any, given: Any, first: Any, count: Any) -> tuple[object, object] | None:  # noqa: ANN401, ARG001
    if not (_is_bytes(to) and _is_bytes(given)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> object:  # noqa: ANN401
        target, source = (context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 2))
        cgutils.raw_memcpy(builder, builder.gep(target, [arguments[1]]), builder.gep(source, [arguments[3]]), arguments[4], 1)
        return context.get_dummy_value()

    return types.void(to, types.intp, given, types.intp, types.intp), generate


copy_bytes = cast("Callable[[Any, int, Any, int, int], None]", intrinsic(_copied_bytes))
"""Within kernels only: copy (to, at, given, first, count) between contiguous arrays of bytes, else refused; ends are not looked at."""


def _word(bits: int, *, is_network_order: bool) -> Any:  # noqa: ANN401
    def typed(_: object, data: Any, at: Any) -> tuple[object, object] | None:  # noqa: ANN401, ARG001
        if not _is_bytes(data):
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> object:  # noqa: ANN401
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(bits).as_pointer())
            word = builder.load(place, align=1)
            return builder.bswap(word) if is_network_order else word

        return {32: types.uint32, 64: types.uint64}[bits](data, types.intp), generate

    return intrinsic(typed)


little_uint32 = cast("Callable[[Any, int], np.uint32]", _word(32, is_network_order=False))
"""Within kernels only: the little-endian word at a place of a contiguous array of bytes, in one load, without a look at where it ends."""
little_uint64 = cast("Callable[[Any, int], np.uint64]", _word(64, is_network_order=False))
"""Within kernels only: the same of eight bytes."""
network_word32 = cast("Callable[[Any, int], np.uint32]", _word(32, is_network_order=True))
"""Within kernels only: the word that four bytes are in network order."""
network_word64 = cast("Callable[[Any, int], np.uint64]", _word(64, is_network_order=True))
"""Within kernels only: the same of eight bytes."""


def _counted_noughts(_: object, word: Any) -> tuple[object, object] | None:  # noqa: ANN401
    if word != types.uint64:
        return None

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> object:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


trailing_noughts = cast("Callable[[np.uint64], int]", intrinsic(_counted_noughts))
"""Within kernels only: how many of the lowest bits of a word are 0; 64 of no other."""


def _multiplied(_: object, a: Any, b: Any) -> tuple[object, object] | None:  # noqa: ANN401
    if a != types.uint64 or b != types.uint64:
        return None

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> object:  # noqa: ANN401
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


high_product = cast("Callable[[np.uint64, np.uint64], np.uint64]", intrinsic(_multiplied))
"""Within kernels only: the upper half of the 128 bits that the product of two words has; of words without a sign alone."""


def _compared_eight(sign: str) -> Any:  # noqa: ANN401
    def typed(_: object, array: Any, row: Any, at: Any, limit: Any) -> tuple[object, object] | None:  # noqa: ANN401, ARG001
        if not (isinstance(array, types.Array) and array.layout == "C" and array.ndim == 2 and array.dtype == types.float64):
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> object:  # noqa: ANN401
            given = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.add(builder.mul(arguments[1], cgutils.unpack_tuple(builder, given.shape)[1]), arguments[2])
            eight = ir.VectorType(ir.DoubleType(), 8)
            numbers = builder.load(builder.bitcast(builder.gep(given.data, [place]), eight.as_pointer()), align=8)
            one = builder.insert_element(ir.Constant(eight, ir.Undefined), arguments[3], ir.Constant(ir.IntType(32), 0))
            limits = builder.shuffle_vector(one, ir.Constant(eight, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8))
            return builder.zext(builder.bitcast(builder.fcmp_ordered(sign, numbers, limits), ir.IntType(8)), ir.IntType(64))

        return types.uint64(array, types.intp, types.intp, types.float64), generate

    return intrinsic(typed)


eight_at_most = cast("Callable[[Any, int, int, float], np.uint64]", _compared_eight("<="))
"""Within kernels only: bits of which of eight numbers of a row (array, row, from where, limit) are no greater; ends are not looked at."""
eight_at_least = cast("Callable[[Any, int, int, float], np.uint64]", _compared_eight(">="))
"""Within kernels only: the same of those that are no less."""
