"""One terrain tile as quantized-mesh 1.0 bytes (CesiumGS/quantized-mesh), a regular grid of 65 × 65 vertices.

Topology, u and v are the same for every tile, so only heights, normals and the header are computed. Heights lie on a
lattice of a power of two metres; the vertices on the four edges lie on ``EDGE_STEP_M``, the same in every tile, so
neighbours decode them to the same number and no crack opens.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiles.terrain_kernels import enclosing, lattice_heights, zigzag_delta
from tiles.terrain_pyramid import INTERVALS, POSTS, QUANTISED
from twin.crs import FloatArray

EDGE_STEP_M = 2.0**-6
"""Lattice of edge heights (15.6 mm); a tile with more than 512 m of relief has a coarser one of its own."""
_FINEST_STEP_M = 2.0**-13
_FLOAT32_INTEGERS = 2.0**23
_SIDE = INTERVALS + 1
_HEADER = struct.Struct("<3d2f4d3d")
_EXTENSION = struct.Struct("<BI")
_OCT_NORMALS_ID = 1


@dataclass(frozen=True)
class GridTopology:
    """What all tiles share: the order of vertices and the encoded u, v, triangle and edge lists."""

    order: npt.NDArray[np.int64]
    """For each vertex in file order its place in the row-major grid (rows from the south)."""
    head: bytes
    """Vertex count, u and v."""
    tail: bytes
    """Triangle count, high-water-mark indices, the west, south, east and north edge lists."""


def grid_topology() -> GridTopology:
    """Return the shared topology: triangles counter-clockwise seen from above, vertices in order of first use."""
    row, column = np.mgrid[0:INTERVALS, 0:INTERVALS]
    corner = (row * _SIDE + column).ravel()
    a, b, c, d = corner, corner + 1, corner + 1 + _SIDE, corner + _SIDE
    triangles = np.stack([a, b, c, a, c, d], axis=1).ravel()
    _, first = np.unique(triangles, return_index=True)
    order = triangles[np.sort(first)].astype(np.int64)
    rank = np.empty(_SIDE * _SIDE, np.int64)
    rank[order] = np.arange(order.size)
    u, v = np.tile(POSTS, _SIDE), np.repeat(POSTS, _SIDE)
    head = struct.pack("<I", order.size) + zigzag_delta(u, order).tobytes() + zigzag_delta(v, order).tobytes()
    tail = struct.pack("<I", triangles.size // 3) + _high_water_mark(rank[triangles])
    line = np.arange(_SIDE)
    for edge in (line * _SIDE, line, line * _SIDE + INTERVALS, line + INTERVALS * _SIDE):
        tail += struct.pack("<I", _SIDE) + rank[edge].astype("<u2").tobytes()
    return GridTopology(order, head, tail)


@dataclass(frozen=True)
class QuantisedHeights:
    """Heights of a tile as 0…32767 between two limits that float32 holds exactly."""

    minimum_m: float
    maximum_m: float
    values: npt.NDArray[np.int64]


def quantise_heights(heights_m: FloatArray) -> QuantisedHeights:
    """Return ellipsoidal ``heights_m`` (65 × 65) on the lattice: off by half a step, edges by half ``EDGE_STEP_M``."""
    low, high = float(heights_m.min()), float(heights_m.max())
    span = high - low + 2 * EDGE_STEP_M
    exact = max(abs(low), abs(high)) / _FLOAT32_INTEGERS
    step = max(_power_of_two(span / (QUANTISED - 2)), _power_of_two(exact), _FINEST_STEP_M)
    lattice = lattice_heights(heights_m, step, max(step, EDGE_STEP_M))
    base = int(lattice.min())
    return QuantisedHeights(base * step, (base + QUANTISED) * step, lattice - base)


def encode_tile(topology: GridTopology, heights: QuantisedHeights, ecef: tuple[FloatArray, ...], normals: npt.NDArray[np.uint8]) -> bytes:
    """Return the bytes of a tile.

    ``ecef``: geocentric X, Y, Z of the vertices, (65, 65) each, rows from the south; ``normals``: (65, 65, 2) oct-encoded.
    """
    x, y, z, radius, *occlusion_point = enclosing(*ecef)
    header = _HEADER.pack(x, y, z, heights.minimum_m, heights.maximum_m, x, y, z, radius + EDGE_STEP_M, *occlusion_point)
    values = zigzag_delta(heights.values.reshape(-1), topology.order).tobytes()
    oct_normals = normals.reshape(-1, 2)[topology.order].tobytes()
    extension = _EXTENSION.pack(_OCT_NORMALS_ID, len(oct_normals)) + oct_normals
    return header + topology.head + values + topology.tail + extension


def _high_water_mark(indices: npt.NDArray[np.int64]) -> bytes:
    highest = np.maximum.accumulate(indices)
    before = np.concatenate([[0], highest[:-1] + 1])
    return (before - indices).astype("<u2").tobytes()


def _power_of_two(value: float) -> float:
    """Return the smallest power of two not below ``value``."""
    return float(2.0 ** np.ceil(np.log2(value))) if value > 0 else 0.0
