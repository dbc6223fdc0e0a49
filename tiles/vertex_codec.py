"""Vertex streams of EXT_meshopt_compression (Appendix A, mode 0): the bytes of the reference encoder in less than half of its time.

Words are compared instead of bytes, four differences at once: what does not change in 256 vertices, as most does, costs no more than that
look. The rest is measured and packed eight bytes at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel

type _Bytes = NDArray[np.uint8]
type _Words = NDArray[np.uint32]

_HEADER = 0xA0
_BLOCK_BYTES, _BLOCK_VERTICES, _GROUP = 8192, 256, 16
_SMALLEST_TAIL = 32
_LITERAL = 3
"""A group's kind is 0 (nothing changes), 1 (two bits a byte), 2 (four) or this: all bytes as they are."""
_LOW, _HIGH, _ONES = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x8080808080808080), np.uint64(0x0101010101010101)
_MOST_OF_2, _MOST_OF_4 = np.uint64(0x0303030303030303), np.uint64(0x0F0F0F0F0F0F0F0F)
"""The numbers of two and of four bits that say: the byte does not fit, it comes behind the group."""
_GATHER_2 = np.uint64(1 << 30 | 1 << 20 | 1 << 10 | 1)
"""Times four bytes of two bits each: these side by side, the first of them highest, in bits 24 to 31."""
_EVEN, _PAIRS, _QUADS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
_WORD_LOW, _WORD_HIGH, _WORD_ONES = np.uint32(0x7F7F7F7F), np.uint32(0x80808080), np.uint32(0x01010101)


def encode(vertices: NDArray[np.generic]) -> bytes:
    """Return the ATTRIBUTES stream of ``vertices`` (n ≥ 1), a contiguous array whose rows are a multiple of 4 bytes, at most 256."""
    columns = np.ascontiguousarray(vertices.reshape(len(vertices), -1).view(np.uint32).T)
    out = np.empty(_bound(*columns.shape), np.uint8)
    return out[: _encode(columns, out)].tobytes()


def _bound(width: int, count: int) -> int:
    block = _vertices_a_block(width)
    groups = block // _GROUP
    return 1 + -(-count // block) * 4 * width * ((groups + 3) // 4 + block) + max(4 * width, _SMALLEST_TAIL) + _GROUP


@kernel
def _vertices_a_block(width: int) -> int:
    return int(min(_BLOCK_BYTES // (4 * width) // _GROUP * _GROUP, _BLOCK_VERTICES))


@kernel
def _encode(columns: _Words, out: _Bytes) -> int:
    """Write the stream of ``columns`` (width, n); return its length."""
    width, count = columns.shape
    block = _vertices_a_block(width)
    changes, plane = np.zeros(block, np.uint32), np.zeros(block, np.uint8)
    eights = plane.view(np.uint64)
    out[0], at = _HEADER, 1
    for start in range(0, count, block):
        size = min(block, count - start)
        groups = (size + _GROUP - 1) // _GROUP
        changes[size:] = 0
        for w in range(width):
            changed = _differences(columns[w, max(start - 1, 0) : start + size], changes[:size])
            for byte in range(4):
                shift = np.uint32(8 * byte)
                header, at = at, at + (groups + 3) // 4
                for i in range(header, at):
                    out[i] = 0
                if (changed >> shift) & np.uint32(255):
                    for i in range(block):
                        plane[i] = np.uint8(changes[i] >> shift)
                    at = _encode_plane(plane, eights, groups, header, out, at)
    return _end(columns[:, 0], out, at)


@kernel
def _differences(column: _Words, changes: _Words) -> np.uint32:
    """Write how each of the last words differs from the one before, byte by byte, small ones of either sign as small numbers.

    The first of all has none before it and no difference. Return all bits that any has.
    """
    first, seen = len(changes) + 1 - len(column), np.uint32(0)
    changes[:first] = 0
    now, before, out = column[1:], column[:-1], changes[first:]
    for i in range(len(out)):
        difference = ((now[i] | _WORD_HIGH) - (before[i] & _WORD_LOW)) ^ ((now[i] ^ ~before[i]) & _WORD_HIGH)
        sign = ((difference >> np.uint32(7)) & _WORD_ONES) * np.uint32(255)
        change = ((difference << np.uint32(1)) & ~_WORD_ONES) ^ sign
        out[i] = change
        seen |= change
    return seen


@kernel
def _encode_plane(plane: _Bytes, eights: NDArray[np.uint64], groups: int, header: int, out: _Bytes, at: int) -> int:
    """Write ``groups`` of 16 bytes, their kinds at ``header``; return where the next begin.

    A group is of the kind that is shortest; of two as short, of that of the group before.
    """
    kind = 0
    for g in range(groups):
        first, second = eights[2 * g], eights[2 * g + 1]
        if first | second == 0:
            kind = 0
            continue
        two = 4 + _count(_carries(first, _LOW - _MOST_OF_2 + _ONES)) + _count(_carries(second, _LOW - _MOST_OF_2 + _ONES))
        four = 8 + _count(_carries(first, _LOW - _MOST_OF_4 + _ONES)) + _count(_carries(second, _LOW - _MOST_OF_4 + _ONES))
        kind = _LITERAL if min(two, four) >= _GROUP else 1 if two < four or (two == four and kind != 2) else 2
        out[header + g // 4] |= np.uint8(kind << (2 * (g % 4)))
        if kind == _LITERAL:
            for i in range(_GROUP):
                out[at + i] = plane[_GROUP * g + i]
            at += _GROUP
        else:
            at = _pack(first, second, kind, out, at)
            most = 3 if kind == 1 else 15
            for i in range(_GROUP * g, _GROUP * (g + 1)):
                out[at] = plane[i]  # always, and kept where it did not fit: a loop without a branch
                at += plane[i] >= most
    return at


@kernel
def _carries(eight: np.uint64, limit: np.uint64) -> np.uint64:
    """Return the eighth bit of each byte that, or whose lower seven with ``limit``, has one."""
    return (((eight & _LOW) + limit) | eight) & _HIGH


@kernel
def _count(carried: np.uint64) -> int:
    return int(((carried >> np.uint64(7)) * _ONES) >> np.uint64(56))


@kernel
def _clamped(eight: np.uint64, most: np.uint64) -> np.uint64:
    """Return each byte, or that of ``most`` where it is not below it."""
    beyond = (_carries(eight, _LOW - most + _ONES) >> np.uint64(7)) * np.uint64(255)
    return (eight & ~beyond) | (most & beyond)


@kernel
def _pack(first: np.uint64, second: np.uint64, kind: int, out: _Bytes, at: int) -> int:
    """Write 16 bytes in two or four bits each; return where the next begin."""
    for eight in (first, second):
        if kind == 1:
            low = _clamped(eight, _MOST_OF_2)
            out[at] = np.uint8(((low & _QUADS) * _GATHER_2) >> np.uint64(24))
            out[at + 1] = np.uint8(((low >> np.uint64(32)) * _GATHER_2) >> np.uint64(24))
            at += 2
        else:
            low = _clamped(eight, _MOST_OF_4)
            low = (low << np.uint64(4) | low >> np.uint64(8)) & _EVEN
            low = (low | low >> np.uint64(8)) & _PAIRS
            low |= low >> np.uint64(16)
            for i in range(4):
                out[at + i] = np.uint8(low >> np.uint64(8 * i))
            at += 4
    return at


@kernel
def _end(first: _Words, out: _Bytes, at: int) -> int:
    """Write the ``first`` vertex, from which all others differ, at the end of the stream; return its length."""
    for i in range(max(_SMALLEST_TAIL - 4 * len(first), 0)):
        out[at + i] = 0
    at += max(_SMALLEST_TAIL - 4 * len(first), 0)
    for w in range(len(first)):
        for byte in range(4):
            out[at + 4 * w + byte] = np.uint8(first[w] >> np.uint32(8 * byte))
    return at + 4 * len(first)
