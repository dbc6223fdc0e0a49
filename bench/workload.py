"""The buildings that all contenders work on: footprints of four shapes with seven attributes, EPSG:4549, the same every time."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

SRID = 4549
_ORIGIN_E, _ORIGIN_N = 490_000.0, 3_510_000.0
_PITCH_M = 45.0
_USES = np.array(["住宅", "商业", "办公", "工业", "教育", "医疗"], dtype=object)
_SEED = 20_251_121


@dataclass(frozen=True, slots=True)
class Buildings:
    """n footprints with base and height in metres; ``fields`` are columns by the names a Chinese survey gives them."""

    footprints: NDArray[np.object_]
    base_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    fields: dict[str, NDArray[np.generic]]


def make_buildings(count: int) -> Buildings:
    """Return ``count`` buildings on a square grid: rectangles, L shapes, courtyards and octagons, turned by any angle."""
    rng = np.random.default_rng(_SEED)
    side = int(np.ceil(np.sqrt(count)))
    row, column = np.divmod(np.arange(count), side)
    footprints = np.array([_shape(kind) for kind in range(4)], dtype=object)[rng.integers(0, 4, count)]
    size, turn = rng.uniform(0.6, 1.0, count), rng.uniform(0, 2 * np.pi, count)
    east, north = _ORIGIN_E + column * _PITCH_M, _ORIGIN_N + row * _PITCH_M
    places, owner = shapely.get_coordinates(footprints, return_index=True)
    cos, sin = np.cos(turn)[owner] * size[owner], np.sin(turn)[owner] * size[owner]
    moved = np.column_stack(
        [
            east[owner] + cos * places[:, 0] - sin * places[:, 1],
            north[owner] + sin * places[:, 0] + cos * places[:, 1],
        ]
    )
    footprints = shapely.set_coordinates(footprints.copy(), np.round(moved, 3))
    floors = rng.integers(1, 34, count)
    height = np.asarray(floors * 3.0 + 0.5, dtype=np.float64)
    base = np.asarray(np.round(4.0 + rng.random(count) * 3.0, 2), dtype=np.float64)
    number = np.arange(1, count + 1)
    fields: dict[str, NDArray[np.generic]] = {
        "建筑编号": np.array([f"B{k:07d}" for k in number], dtype=object),
        "名称": np.array([f"锦绣花园{k}幢" for k in number], dtype=object),
        "建筑用途": _USES[rng.integers(0, len(_USES), count)],
        "地上层数": floors.astype(np.int32),
        "建筑高度": height,
        "基底高程": base,
        "建成年份": rng.integers(1978, 2026, count).astype(np.int32),
    }
    return Buildings(footprints, base, height, fields)


def moved(buildings: Buildings, east_m: float, north_m: float, first: int) -> Buildings:
    """Return the same buildings elsewhere, numbered from ``first`` + 1."""
    footprints = shapely.transform(buildings.footprints, lambda places: np.round(places + np.array([east_m, north_m]), 3))
    numbers = {"建筑编号": np.array([f"B{first + k + 1:07d}" for k in range(len(footprints))], dtype=object)}
    return Buildings(footprints, buildings.base_m, buildings.height_m, buildings.fields | numbers)


def write_geopackage(buildings: Buildings, path: Path, *, append: bool = False) -> None:
    """Write the buildings as a department would hand them over; ``append`` adds them to those in the file."""
    # a spatial index is built at the end of the first write and kept up, row by row, by later ones: no reader of ours asks for it
    options = {} if append else {"SPATIAL_INDEX": "NO"}
    if not append:
        path.unlink(missing_ok=True)
    pyogrio.raw.write(
        path, shapely.to_wkb(buildings.footprints), list(buildings.fields.values()), list(buildings.fields),
        layer="建筑物", driver="GPKG", geometry_type="Polygon", crs=f"EPSG:{SRID}", append=append, **options,
    )  # fmt: skip


def solids_ewkb(buildings: Buildings) -> list[bytes]:
    """Return every building's block as EWKB MultiPolygonZ of its floor, roof and walls: what a peer that cannot extrude is given."""
    return [
        _solid(footprint, float(base), float(base + height))
        for footprint, base, height in zip(buildings.footprints, buildings.base_m, buildings.height_m, strict=True)
    ]


def _shape(kind: int) -> shapely.Polygon:
    match kind:
        case 0:
            return shapely.box(-14, -7, 14, 7)
        case 1:
            return shapely.Polygon([(-14, -12), (14, -12), (14, -2), (-4, -2), (-4, 12), (-14, 12)])
        case 2:
            return shapely.Polygon(shapely.box(-14, -14, 14, 14).exterior.coords, [shapely.box(-6, -6, 6, 6).exterior.coords])
        case _:
            return shapely.Polygon([(12 * np.cos(a), 12 * np.sin(a)) for a in np.arange(8) * np.pi / 4])


def _solid(footprint: shapely.Polygon, low: float, high: float) -> bytes:
    rings = [np.asarray(ring.coords) for ring in (shapely.orient_polygons(footprint).exterior, *footprint.interiors)]
    polygons = [[_at(ring, high) for ring in rings], [_at(ring[::-1], low) for ring in rings]]
    for ring in rings:
        for (x0, y0), (x1, y1) in itertools.pairwise(ring):
            wall = np.array([(x0, y0, low), (x1, y1, low), (x1, y1, high), (x0, y0, high), (x0, y0, low)])
            polygons.append([wall])
    body = b"".join(_polygon(rings) for rings in polygons)
    return struct.pack("<BIII", 1, 0x80000000 | 0x20000000 | 6, SRID, len(polygons)) + body


def _polygon(rings: list[NDArray[np.float64]]) -> bytes:
    points = b"".join(struct.pack("<I", len(ring)) + ring.astype("<f8").tobytes() for ring in rings)
    return struct.pack("<BII", 1, 0x80000000 | 3, len(rings)) + points


def _at(ring: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    return np.column_stack([ring, np.full(len(ring), height)])
