"""The binary chunk of a GLB as it grows, with its buffer views and accessors, and the container around it (glTF 2.0 §4.4, §5.1, §5.11)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tiles import meshopt

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
BYTE, UNSIGNED_BYTE, SHORT, UNSIGNED_SHORT, FLOAT = 5120, 5121, 5122, 5123, 5126
_RESTART = 65_535

type Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a buffer view holds: ``count`` rows of ``stride`` bytes, as they are or in the ``mode`` of EXT_meshopt_compression."""

    content: bytes
    count: int
    stride: int
    more: Json
    mode: str | None = None
    how: Json = field(default_factory=dict)


def stored_rows(rows: NDArray[np.generic], *, compress: bool) -> Stored:
    """Return vertex attributes as they are stored, one row a vertex."""
    stride = rows.nbytes // len(rows)
    more: Json = {"byteStride": stride, "target": ARRAY_BUFFER}
    if not compress:
        return Stored(rows.tobytes(), len(rows), stride, more)
    return Stored(meshopt.encode_vertices(rows), len(rows), stride, more, "ATTRIBUTES")


def stored_wide(rows: NDArray[np.float32], step_m: float, *, compress: bool) -> Stored:
    """Return float32 attributes (n, k) that are multiples of ``step_m``, a power of two, below 2^23 of it."""
    if not compress:
        return stored_rows(rows, compress=False)
    return replace(stored_rows(meshopt.exponential(rows, step_m), compress=True), how={"filter": "EXPONENTIAL"})


def stored_triangles(triangles: NDArray[np.uint32], *, compress: bool) -> Stored:
    """Return 16-bit indices of ``triangles`` (t, 3); MeshoptError where they do not hold one, 65,535 being the restart value."""
    if triangles.max(initial=0) >= _RESTART:
        raise meshopt.MeshoptError(f"vertex {triangles.max()} has no 16-bit index")
    content = meshopt.encode_triangles(triangles) if compress else triangles.astype(np.uint16).tobytes()
    return Stored(content, triangles.size, 2, {"target": ELEMENT_ARRAY_BUFFER}, "TRIANGLES" if compress else None)


class BinaryChunk:
    """Appends content and describes it; ``compress`` says whether vertices and indices become streams of EXT_meshopt_compression."""

    def __init__(self, compress: bool) -> None:
        self.compress = compress
        self.data = bytearray()
        self.fallback = 0
        self.views: list[Json] = []
        self.accessors: list[Json] = []

    def buffers(self) -> list[Json]:
        """Return the buffers: the chunk (its padding included) and, when compressed, the virtual one the streams expand to."""
        chunk: Json = {"byteLength": len(self.data) + -len(self.data) % 8}
        if not self.fallback:
            return [chunk]
        return [chunk, {"byteLength": self.fallback, "extensions": {"EXT_meshopt_compression": {"fallback": True}}}]

    def plain(self, content: bytes, more: Json | None = None) -> int:
        """Append ``content`` on 8 bytes; return its view."""
        self.data.extend(b"\0" * (-len(self.data) % 8))
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **(more or {})})
        self.data.extend(content)
        return len(self.views) - 1

    def vertices(self, rows: NDArray[np.generic]) -> int:
        """Append vertex attributes, one row a vertex; return the view."""
        return self.append(stored_rows(rows, compress=self.compress))

    def wide(self, rows: NDArray[np.float32], step_m: float) -> int:
        """Append what `stored_wide` gives of ``rows``; return the view."""
        return self.append(stored_wide(rows, step_m, compress=self.compress))

    def triangles(self, triangles: NDArray[np.uint32]) -> int:
        """Append 16-bit triangle indices; return the view."""
        return self.append(stored_triangles(triangles, compress=self.compress))

    def sequence(self, indices: NDArray[np.uint32]) -> int:
        """Append 16-bit indices that are no triangles; return the view."""
        if not self.compress:
            return self.plain(indices.astype(np.uint16).tobytes())
        return self.append(Stored(meshopt.encode_sequence(indices), indices.size, 2, {}, "INDICES"))

    def append(self, stored: Stored) -> int:
        """Append what a view holds; return the view."""
        if stored.mode is None:
            return self.plain(stored.content, stored.more)
        at = len(self.data) + -len(self.data) % 8
        self.data.extend(b"\0" * (at - len(self.data)))
        self.data.extend(stored.content)
        size = stored.count * stored.stride
        extension: Json = {"buffer": 0, "byteOffset": at, "byteLength": len(stored.content), "byteStride": stored.stride}
        extension |= {"mode": stored.mode, "count": stored.count, **stored.how}
        view: Json = {"buffer": 1, "byteOffset": self.fallback, "byteLength": size, **stored.more}
        self.views.append({**view, "extensions": {"EXT_meshopt_compression": extension}})
        self.fallback += size + -size % 8
        return len(self.views) - 1

    def accessor(self, view: int, component: int, kind: str, count: int, **more: object) -> int:
        """Append an accessor over the whole of ``view``; return it."""
        self.accessors.append({"bufferView": view, "componentType": component, "count": count, "type": kind, **more})
        return len(self.accessors) - 1


def container(document: bytes, binary: bytes) -> bytes:
    """Return the GLB of a JSON document and a binary chunk: JSON padded so that the chunk lies on 8 bytes, as property tables need."""
    document += b" " * (-(len(document) + 28) % 8)
    binary += b"\0" * (-len(binary) % 8)
    header = struct.pack("<4sII", b"glTF", 2, 28 + len(document) + len(binary))
    return b"".join([header, struct.pack("<I4s", len(document), b"JSON"), document, struct.pack("<I4s", len(binary), b"BIN\0"), binary])
