"""Triangle streams of EXT_meshopt_compression (Appendix A, mode 1, version 1): the bytes of the reference encoder in a third of its time.

What is told of a triangle is which of the last edges it continues and which of the last vertices it has. A vertex above all that came
before is in neither list: most of a flat-shaded mesh is written without a search. Vertices are numbered below 2³¹.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel

type _Bytes = NDArray[np.uint8]

_HEADER = 0xE1
_KEPT = 16
"""How many of the last edges and vertices can be named."""
_MOST_EDGE, _MOST_VERTEX_OF_EDGE, _MOST_VERTEX = 15, 13, 14
_BEFORE_LAST, _AFTER_LAST, _FREE = 13, 14, 15
"""Of a vertex beside an edge: the one before that last written out, the one after it, and any other, which is written out."""
_PAIRS = np.array([0x00, 0x76, 0x87, 0x56, 0x67, 0x78, 0xA9, 0x86, 0x65, 0x89, 0x68, 0x98, 0x01, 0x69, 0x00, 0x00], np.uint8)
"""How second and third vertex are often named together: the table that the reference encoder puts at the end of every stream."""
_NAMED_PAIRS = 14
_BYTES_A_TRIANGLE = 1 + 1 + 3 * 5
"""At most: a code, a pair of names, three vertices written out."""


def encode(triangles: NDArray[np.uint32]) -> bytes:
    """Return the TRIANGLES stream of ``triangles`` (t, 3), in the order and, but for turns of a triangle, as they are given."""
    out = np.empty(1 + _BYTES_A_TRIANGLE * len(triangles) + len(_PAIRS), np.uint8)
    return out[: _encode(np.ascontiguousarray(triangles, np.uint32), _PAIRS, _places(), out)].tobytes()


def _places() -> NDArray[np.int8]:
    """Return where in the table a pair stands (256,), -1 for those that do not."""
    places = np.full(256, -1, np.int8)
    for place in reversed(range(_NAMED_PAIRS)):
        places[_PAIRS[place]] = place
    return places


@kernel
def _encode(triangles: NDArray[np.uint32], pairs: _Bytes, places: NDArray[np.int8], out: _Bytes) -> int:
    """Write the stream; return its length."""
    edges, vertices = np.full(_KEPT, -1, np.int64), np.full(_KEPT, -1, np.int64)
    # state: edges and vertices pushed so far, the next new vertex, the one last written out, the first above all that came
    state = np.zeros(5, np.int64)
    out[0], at = _HEADER, 1 + len(triangles)
    for t in range(len(triangles)):
        a, b, c = int(np.int64(triangles[t, 0])), int(np.int64(triangles[t, 1])), int(np.int64(triangles[t, 2]))
        found, turn = _known_edge(edges, state[0], a, b, c, state[4])
        if found >= 0:
            a, b, c = _turned(a, b, c, turn)
            out[1 + t], at = _continued(found, c, vertices, state, out, at)
        else:
            a, b, c = _turned(a, b, c, 1 if b == state[2] else 2 if c == state[2] else 0)
            out[1 + t], at = _begun(a, b, c, vertices, state, places, out, at)
            edges[state[0] % _KEPT] = b << 32 | a
            state[0] += 1
        edges[state[0] % _KEPT], edges[(state[0] + 1) % _KEPT] = c << 32 | b, a << 32 | c
        state[0] += 2
        state[4] = max(state[4], max(a, b, c) + 1)
    for i in range(len(pairs)):
        out[at + i] = pairs[i]
    return at + len(pairs)


@kernel
def _turned(a: int, b: int, c: int, turn: int) -> tuple[int, int, int]:
    return (a, b, c) if turn == 0 else (b, c, a) if turn == 1 else (c, a, b)


@kernel
def _known_edge(edges: NDArray[np.int64], pushed: int, a: int, b: int, c: int, unseen: int) -> tuple[int, int]:
    """Return how many edges ago one of the triangle's was, and which it is; -1 where none of those that can be named is."""
    if (a >= unseen) + (b >= unseen) + (c >= unseen) > 1:
        return -1, 0
    first, second, third = a << 32 | b, b << 32 | c, c << 32 | a
    for ago in range(min(_MOST_EDGE, pushed)):
        edge = edges[(pushed - 1 - ago) % _KEPT]
        if edge == first:
            return ago, 0
        if edge == second:
            return ago, 1
        if edge == third:
            return ago, 2
    return -1, 0


@kernel
def _known_vertex(vertices: NDArray[np.int64], pushed: int, vertex: int, unseen: int) -> int:
    """Return how many vertices ago ``vertex`` was, -1 where it is not among the last."""
    if vertex < unseen:
        for ago in range(min(_KEPT, pushed)):
            if vertices[(pushed - 1 - ago) % _KEPT] == vertex:
                return ago
    return -1


@kernel
def _push(vertices: NDArray[np.int64], state: NDArray[np.int64], vertex: int) -> None:
    vertices[state[1] % _KEPT] = vertex
    state[1] += 1


@kernel
def _written(vertex: int, state: NDArray[np.int64], out: _Bytes, at: int) -> int:
    """Write how a vertex differs from that last written out, seven bits a byte; return where the next begins."""
    difference = vertex - state[3]
    state[3] = vertex
    rest = 2 * difference if difference >= 0 else -2 * difference - 1
    while rest > 127:
        out[at] = rest & 127 | 128
        rest, at = rest >> 7, at + 1
    out[at] = rest
    return at + 1


@kernel
def _continued(edge: int, c: int, vertices: NDArray[np.int64], state: NDArray[np.int64], out: _Bytes, at: int) -> tuple[int, int]:
    """Return the code of a triangle on a known ``edge`` whose other vertex is ``c``, and where the next vertices are written out."""
    ago = _known_vertex(vertices, state[1], c, state[4])
    if 1 <= ago < _MOST_VERTEX_OF_EDGE:
        return edge << 4 | ago, at
    name = _FREE
    if c == state[2]:
        state[2] += 1
        name = 0
    elif c == state[3] - 1 or c == state[3] + 1:
        name = _BEFORE_LAST if c < state[3] else _AFTER_LAST
        state[3] = c
    else:
        at = _written(c, state, out, at)
    _push(vertices, state, c)
    return edge << 4 | name, at


@kernel
def _begun(
    a: int, b: int, c: int, vertices: NDArray[np.int64], state: NDArray[np.int64], places: NDArray[np.int8], out: _Bytes, at: int
) -> tuple[int, int]:
    """Return the code of a triangle on no known edge, and where the next vertices are written out."""
    is_reset = a == 0 and b == 1 and c == 2 and state[2] > 0
    if is_reset:
        state[2] = 0
        vertices[:] = -1
    second, third = _known_vertex(vertices, state[1], b, state[4]), _known_vertex(vertices, state[1], c, state[4])
    is_new = bool(a == state[2])
    state[2] += is_new
    names = 0
    for vertex, ago in ((b, second), (c, third)):
        name = _FREE
        if 0 <= ago < _MOST_VERTEX:
            name = ago + 1
        elif vertex == state[2]:
            state[2] += 1
            name = 0
        names = names << 4 | name
    place = int(places[names])
    code = 0xF0 | place
    if not is_new or place < 0 or is_reset:
        code = 0xFE if is_new else 0xFF
        out[at] = names
        at += 1
    for vertex, name in ((a, 0 if is_new else _FREE), (b, names >> 4), (c, names & 15)):
        if name == _FREE:
            at = _written(vertex, state, out, at)
        if name in (0, _FREE):
            _push(vertices, state, vertex)
    return code, at
