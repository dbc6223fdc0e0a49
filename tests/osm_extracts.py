"""OSM PBF written by hand, for what no tool writes: numbers far apart, nodes out of order (OSM wiki, "PBF Format")."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

APART = 64
"""GDAL keeps nodes by 64: numbers as far apart take 512 bytes each."""
_IN_A_BLOCK, _IN_A_ROW = 8_000, 100
_UNITS = 10_000_000
"""Of a degree."""


def write_buildings(path: Path, buildings: int, *, nodes_reversed: bool = False, origin_deg: tuple[int, int] = (47, 9)) -> Path:
    """Write closed ways of four nodes, each node's number 64 above the one before; in blocks the last of which can come first.

    ``origin_deg``: latitude, and longitude less half a degree, of the first.
    """
    count = 4 * buildings
    numbers = [k * APART for k in range(1, count + 1)]
    lat = [origin_deg[0] * _UNITS + k // 4 // _IN_A_ROW * 3_000 + (k % 4 > 1) * 1_000 for k in range(count)]
    lon = [origin_deg[1] * _UNITS + _UNITS // 2 + k // 4 % _IN_A_ROW * 3_000 + (k % 4 in (1, 2)) * 1_000 for k in range(count)]
    parts = [slice(k, k + _IN_A_BLOCK) for k in range(0, count, _IN_A_BLOCK)]
    nodes = [_field(2, b"".join(_field(n, _steps(v[part])) for n, v in ((1, numbers), (8, lat), (9, lon)))) for part in parts]
    rings = [[*numbers[4 * k : 4 * k + 4], numbers[4 * k]] for k in range(buildings)]
    ways = [_field(3, _field(1, k + 1) + _field(2, b"\x01") + _field(3, b"\x02") + _field(8, _steps(ring))) for k, ring in enumerate(rings)]
    blocks = [*(nodes[::-1] if nodes_reversed else nodes), *(b"".join(ways[k : k + 2_000]) for k in range(0, buildings, 2_000))]
    head = _blob(b"OSMHeader", _field(4, b"OsmSchema-V0.6") + _field(4, b"DenseNodes"))
    path.write_bytes(head + b"".join(map(_block, blocks)))
    return path


def _block(group: bytes) -> bytes:
    texts = b"".join(_field(1, text) for text in (b"", b"building", b"yes"))
    return _blob(b"OSMData", _field(1, texts) + _field(2, group))


def _blob(kind: bytes, content: bytes) -> bytes:
    packed = _field(1, content)
    head = _field(1, kind) + _field(3, len(packed))
    return struct.pack(">I", len(head)) + head + packed


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _steps(values: Sequence[int]) -> bytes:
    """Return signed differences, packed."""
    apart = [b - a for a, b in zip([0, *values], values, strict=False)]
    return b"".join(_varint(d << 1 if d >= 0 else (-d << 1) - 1) for d in apart)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
