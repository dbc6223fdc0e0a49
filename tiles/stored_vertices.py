"""How vertices lie in a primitive: on which grid, and in which order, so that the codec finds what repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.extent import extent
from tiles.kernel import kernel

_KINDS = 256
_WIDE = 2**23
"""Numbers below this are exact in float32 and positive in the 24 bits of the codec's exponential filter."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """Position = origin + number × step: numbers of 16 bits, or of 24 (``is_wide``), which are float32 once decoded.

    ``step_m`` None: positions are float32 as they are. ``error_m`` bounds what that costs.
    """

    origin: tuple[float, float, float]
    step_m: float | None
    error_m: float
    is_wide: bool = False


def quantization_for(positions: NDArray[np.float64], accuracy_m: float | None) -> Quantization:
    """Return the grid for ``positions`` (v, 3) whose error, step × √3 / 2, stays within ``accuracy_m``; None asks for float32.

    16 bits as long as they reach (328 m at 5 mm), 24 bits at a step that is a power of two beyond (65 km), float32 beyond that.
    """
    low, high = extent(positions)
    if accuracy_m is not None:
        origin, width = (float(low[0]), float(low[1]), float(low[2])), float((high - low).max())
        step = max(accuracy_m, width / 65_535)
        if _error(step) <= accuracy_m:
            return Quantization(origin, step, _error(step))
        step = 2.0 ** float(np.floor(np.log2(2 * accuracy_m / np.sqrt(3))))
        if width < _WIDE * step:
            return Quantization(origin, step, _error(step), is_wide=True)
    reach = float(np.maximum(np.abs(low), np.abs(high)).max())
    return Quantization((0.0, 0.0, 0.0), None, reach * 2.0**-24 * float(np.sqrt(3)))


def _error(step_m: float) -> float:
    return float(step_m * np.sqrt(3) / 2)


@dataclass(frozen=True, slots=True)
class Order:
    """``vertices`` (n,): which vertex of the mesh each stored one is; ``triangles`` (t, 3) by stored vertices."""

    vertices: NDArray[np.int64]
    triangles: NDArray[np.uint32]


def codec_order(triangles: NDArray[np.uint32], vertex_count: int, surface: NDArray[np.uint8] | None) -> Order:
    """Return the order in which a mesh is stored: by kind of surface, within a kind as it comes, vertices by their first use.

    All roofs of a content have one normal, kind and shade, so those attributes cost nothing but where the kind changes; vertices in the
    order of their first use cost the index codec no explicit number. Vertices without a triangle are dropped.
    """
    kinds = np.zeros(1, np.uint8) if surface is None else surface
    vertices, ordered = np.empty(vertex_count, np.int64), np.empty_like(triangles)
    count = _order(triangles, kinds, surface is not None, vertices, ordered)
    return Order(vertices[:count], ordered)


@kernel
def _order(
    triangles: NDArray[np.uint32], kinds: NDArray[np.uint8], has_kinds: bool, vertices: NDArray[np.int64], out: NDArray[np.uint32]
) -> int:
    """Write the triangles sorted by kind with new numbers, and the vertices in that order; return how many are used."""
    place = np.zeros(_KINDS + 1, np.int64)
    if has_kinds:
        for t in range(len(triangles)):
            place[kinds[triangles[t, 0]] + 1] += 1
        for kind in range(_KINDS):
            place[kind + 1] += place[kind]
    for t in range(len(triangles)):
        kind = kinds[triangles[t, 0]] if has_kinds else 0
        for k in range(3):
            out[place[kind], k] = triangles[t, k]
        place[kind] += 1
    number = np.full(len(vertices), -1, np.int64)
    count = 0
    for t in range(len(out)):
        for k in range(3):
            vertex = out[t, k]
            if number[vertex] < 0:
                number[vertex] = count
                vertices[count] = vertex
                count += 1
            out[t, k] = number[vertex]
    return count


def stored_positions(positions: NDArray[np.float64], order: Order, grid: Quantization) -> NDArray[np.uint16] | NDArray[np.float32]:
    """Return ``positions`` on ``grid``: (n, 4) uint16 numbers whose last column is 0, or (n, 3) float32 metres from its origin."""
    if grid.step_m is None:
        return positions[order.vertices].astype(np.float32)
    if grid.is_wide:
        metres = np.empty((len(order.vertices), 3), np.float32)
        _round(positions, order.vertices, *grid.origin, grid.step_m, metres)
        return metres
    out = np.empty((len(order.vertices), 4), np.uint16)
    _quantize(positions, order.vertices, *grid.origin, grid.step_m, out)
    return out


@kernel
def _round(
    positions: NDArray[np.float64], vertices: NDArray[np.int64], x: float, y: float, z: float, step: float, out: NDArray[np.float32]
) -> None:
    for i in range(len(vertices)):
        v = vertices[i]
        out[i, 0] = np.rint((positions[v, 0] - x) / step) * step
        out[i, 1] = np.rint((positions[v, 1] - y) / step) * step
        out[i, 2] = np.rint((positions[v, 2] - z) / step) * step


@kernel
def _quantize(
    positions: NDArray[np.float64], vertices: NDArray[np.int64], x: float, y: float, z: float, step: float, out: NDArray[np.uint16]
) -> None:
    for i in range(len(vertices)):
        v = vertices[i]
        out[i, 0] = np.uint16(np.rint((positions[v, 0] - x) / step))
        out[i, 1] = np.uint16(np.rint((positions[v, 1] - y) / step))
        out[i, 2] = np.uint16(np.rint((positions[v, 2] - z) / step))
        out[i, 3] = 0


def stored_normals(normals: NDArray[np.float32], order: Order, *, quantize: bool) -> NDArray[np.int8] | NDArray[np.float32]:
    """Return ``normals`` as they are stored: (n, 4) int8 in 127ths whose last column is 0, or (n, 3) float32."""
    if not quantize:
        return normals[order.vertices]
    out = np.empty((len(order.vertices), 4), np.int8)
    _quantize_normals(normals, order.vertices, out)
    return out


@kernel
def _quantize_normals(normals: NDArray[np.float32], vertices: NDArray[np.int64], out: NDArray[np.int8]) -> None:
    for i in range(len(vertices)):
        for k in range(3):
            out[i, k] = np.int8(np.rint(normals[vertices[i], k] * np.float32(127)))
        out[i, 3] = 0
