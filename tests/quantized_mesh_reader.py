"""An independent reader of quantized-mesh 1.0, written from the specification, sharing no line with the encoder."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tile:
    """A decoded tile: u, v, height of each vertex, triangles, edge lists, header."""

    centre: tuple[float, float, float]
    minimum_m: float
    maximum_m: float
    sphere: tuple[float, float, float, float]
    occlusion_point: tuple[float, float, float]
    u: np.ndarray
    v: np.ndarray
    h: np.ndarray
    triangles: np.ndarray
    edges: dict[str, np.ndarray]
    normals: np.ndarray | None

    def lon_lat(self, level: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
        """Return degrees of the vertices of tile (x, y) of ``level``."""
        size = 180.0 / 2**level
        return -180 + (x + self.u / 32767) * size, -90 + (y + self.v / 32767) * size


class _Cursor:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def unpack(self, form: str) -> tuple:
        values = struct.unpack_from("<" + form, self.content, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def u16(self, count: int) -> np.ndarray:
        return np.array(self.unpack(f"{count}H"), dtype=np.int64)


def read_tile(stored: bytes) -> Tile:
    """Decode a stored (gzipped) tile; ValueError when anything is left over or out of place."""
    cursor = _Cursor(gzip.decompress(stored))
    centre = cursor.unpack("3d")
    minimum, maximum = cursor.unpack("2f")
    sphere, occlusion = cursor.unpack("4d"), cursor.unpack("3d")
    (count,) = cursor.unpack("I")
    u, v, q = (_accumulate(cursor.u16(count)) for _ in range(3))
    index_size = 2 if count <= 65536 else 4
    if cursor.at % index_size:
        raise ValueError("indices are not aligned")
    (triangles,) = cursor.unpack("I")
    codes = cursor.u16(triangles * 3)
    zeros = np.cumsum(codes == 0)
    indices = zeros - (codes == 0) - codes  # the high-water mark is the number of zeros met before
    if zeros[-1] != count or indices.min() < 0:
        raise ValueError("vertices that no triangle uses, or indices below zero")
    edges = {name: cursor.u16(cursor.unpack("I")[0]) for name in ("west", "south", "east", "north")}
    normals = None
    while cursor.at < len(cursor.content):
        kind, length = cursor.unpack("BI")
        body = cursor.content[cursor.at : cursor.at + length]
        cursor.at += length
        if kind == 1:
            normals = _oct_decode(np.frombuffer(body, np.uint8).reshape(count, 2))
    if cursor.at != len(cursor.content):
        raise ValueError("trailing bytes")
    heights = minimum + q / 32767 * (maximum - minimum)
    return Tile(centre, minimum, maximum, sphere, occlusion, u, v, heights, indices.reshape(-1, 3), edges, normals)


def _accumulate(codes: np.ndarray) -> np.ndarray:
    values = np.cumsum((codes >> 1) ^ -(codes & 1))
    if values.min() < 0 or values.max() > 32767:
        raise ValueError("a vertex outside its tile")
    return values


def _oct_decode(codes: np.ndarray) -> np.ndarray:
    x, y = (codes.astype(float) / 255 * 2 - 1).T
    z = 1 - np.abs(x) - np.abs(y)
    t = np.maximum(-z, 0)
    vectors = np.stack([x - np.where(x >= 0, t, -t), y - np.where(y >= 0, t, -t), z], axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
