"""Buffer streams of EXT_meshopt_compression: vertex codec version 0, index codec version 1, as the extension demands."""

from __future__ import annotations

import ctypes

import numpy as np
from meshoptimizer._loader import lib
from numpy.typing import NDArray

from tiles import index_codec, vertex_codec
from tiles.kernel import kernel


class MeshoptError(ValueError):
    """A stream could not be encoded or is not a valid stream."""


def encode_vertices(vertices: NDArray[np.generic]) -> bytes:
    """Return the ATTRIBUTES stream of ``vertices``, a contiguous array whose rows are a multiple of 4 bytes, at most 256."""
    stride = vertices.nbytes // max(len(vertices), 1)
    if not vertices.flags.c_contiguous or stride % 4 or not 0 < stride <= 256:
        raise MeshoptError(f"rows of {stride} bytes cannot be encoded")
    return vertex_codec.encode(vertices)


def exponential(rows: NDArray[np.float32], step: float) -> NDArray[np.int32]:
    """Return what the EXPONENTIAL filter decodes to ``rows``, which are multiples of ``step``, a power of two: 2^exponent × mantissa.

    One exponent throughout, so that neighbours differ in their low bytes only. Multiples are in [-2^23, 2^23).
    """
    out = np.empty(rows.shape, np.uint32)
    _with_exponent(rows.ravel(), 1.0 / step, np.uint32((int(np.log2(step)) & 0xFF) << 24), out.ravel())
    return out.view(np.int32)


@kernel
def _with_exponent(numbers: NDArray[np.float32], per_step: float, exponent: np.uint32, out: NDArray[np.uint32]) -> None:
    for i in range(len(numbers)):
        out[i] = exponent | (np.uint32(np.int32(np.rint(numbers[i] * per_step))) & np.uint32(0xFFFFFF))


def encode_triangles(triangles: NDArray[np.uint32]) -> bytes:
    """Return the TRIANGLES stream of ``triangles`` (t, 3)."""
    return index_codec.encode(triangles)


def encode_sequence(indices: NDArray[np.uint32]) -> bytes:
    """Return the INDICES stream of ``indices``, in any order and number."""
    lib.meshopt_encodeIndexVersion(1)
    flat = np.ascontiguousarray(indices, np.uint32).ravel()
    out = np.empty(lib.meshopt_encodeIndexSequenceBound(len(flat), int(flat.max(initial=0)) + 1), np.uint8)
    size = lib.meshopt_encodeIndexSequence(_bytes_of(out), len(out), flat.ctypes.data_as(ctypes.POINTER(ctypes.c_uint)), len(flat))
    if size == 0:
        raise MeshoptError("the index sequence does not fit its bound")
    return out[:size].tobytes()


def decode(stream: bytes, mode: str, count: int, stride: int, stored: str = "NONE") -> bytes:
    """Return ``count`` × ``stride`` bytes of an ATTRIBUTES, TRIANGLES or INDICES stream, and undo the filter it was ``stored`` with.

    MeshoptError when it is malformed or the filter is none that we write.
    """
    calls = {
        "ATTRIBUTES": lib.meshopt_decodeVertexBuffer,
        "TRIANGLES": lib.meshopt_decodeIndexBuffer,
        "INDICES": lib.meshopt_decodeIndexSequence,
    }
    if mode not in calls:
        raise MeshoptError(f"unknown mode {mode}")
    source = np.frombuffer(stream, np.uint8)
    out = np.empty(count * stride, np.uint8)
    status = calls[mode](out.ctypes.data_as(ctypes.c_void_p), count, stride, _bytes_of(source), len(source))
    if status != 0:
        raise MeshoptError(f"{mode} stream is malformed ({status})")
    if stored == "EXPONENTIAL" and stride % 4 == 0:
        lib.meshopt_decodeFilterExp(out.ctypes.data_as(ctypes.c_void_p), count, stride)
    elif stored != "NONE":
        raise MeshoptError(f"filter {stored} over rows of {stride} bytes")
    return out.tobytes()


def _bytes_of(array: NDArray[np.uint8]) -> object:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_ubyte))
