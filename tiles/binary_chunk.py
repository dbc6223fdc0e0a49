"""The binary chunk of a GLB as it grows, with its buffer views and accessors, and the container around it (glTF 2.0 §4.4, §5.1, §5.11)."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from tiles import meshopt

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
BYTE, UNSIGNED_BYTE, SHORT, UNSIGNED_SHORT, FLOAT = 5120, 5121, 5122, 5123, 5126

type Json = dict[str, object]


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

    def plain(self, content: bytes, **more: int) -> int:
        """Append ``content`` on 8 bytes; return its view."""
        self.data.extend(b"\0" * (-len(self.data) % 8))
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **more})
        self.data.extend(content)
        return len(self.views) - 1

    def vertices(self, rows: NDArray[np.generic]) -> int:
        """Append vertex attributes, one row a vertex; return the view."""
        stride = rows.nbytes // len(rows)
        if not self.compress:
            return self.plain(rows.tobytes(), byteStride=stride, target=ARRAY_BUFFER)
        stream = meshopt.encode_vertices(rows)
        return self._compressed(stream, len(rows), stride, "ATTRIBUTES", {"byteStride": stride, "target": ARRAY_BUFFER})

    def wide(self, rows: NDArray[np.float32], step_m: float) -> int:
        """Append float32 attributes (n, k) that are multiples of ``step_m``, a power of two, below 2^23 of it; return the view."""
        if not self.compress:
            return self.vertices(rows)
        stream = meshopt.encode_vertices(meshopt.exponential(rows, step_m))
        stride = 4 * rows.shape[1]
        return self._compressed(
            stream, len(rows), stride, "ATTRIBUTES", {"byteStride": stride, "target": ARRAY_BUFFER}, {"filter": "EXPONENTIAL"}
        )

    def triangles(self, triangles: NDArray[np.uint32]) -> int:
        """Append 16-bit triangle indices; return the view."""
        if not self.compress:
            return self.plain(triangles.astype(np.uint16).tobytes(), target=ELEMENT_ARRAY_BUFFER)
        stream = meshopt.encode_triangles(triangles)
        return self._compressed(stream, triangles.size, 2, "TRIANGLES", {"target": ELEMENT_ARRAY_BUFFER})

    def sequence(self, indices: NDArray[np.uint32]) -> int:
        """Append 16-bit indices that are no triangles; return the view."""
        if not self.compress:
            return self.plain(indices.astype(np.uint16).tobytes())
        return self._compressed(meshopt.encode_sequence(indices), indices.size, 2, "INDICES", {})

    def _compressed(self, stream: bytes, count: int, stride: int, mode: str, more: Json, how: Json | None = None) -> int:
        at = len(self.data) + -len(self.data) % 8
        self.data.extend(b"\0" * (at - len(self.data)))
        self.data.extend(stream)
        extension = {"buffer": 0, "byteOffset": at, "byteLength": len(stream), "byteStride": stride, "mode": mode, "count": count}
        view: Json = {"buffer": 1, "byteOffset": self.fallback, "byteLength": count * stride, **more}
        self.views.append({**view, "extensions": {"EXT_meshopt_compression": {**extension, **(how or {})}}})
        self.fallback += count * stride + -(count * stride) % 8
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
