"""Features for the tests of the tile engine: a small type system, seeded footprints, pipes and wells, and a geocentric function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from tiles.columns import Column, FeatureColumns, NumberColumn, TextColumn, offsets_of
from twin.errors import Text
from twin.model import Code, CodeList, FeatureType, Field, FieldType, GeometryType, Recipe, Style

SEPARATION_M = 5.118
GEOCENTRIC = pyproj.Transformer.from_pipeline(
    "+proj=pipeline +step +inv +proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +step +proj=cart +ellps=GRS80"
)
"""EPSG:4549 with ellipsoidal height → EPSG:4479, spelt out."""


def to_geocentric(
    easting: NDArray[np.float64], northing: NDArray[np.float64], height: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return X, Y, Z under a constant geoid separation."""
    x, y, z = GEOCENTRIC.transform(easting, northing, np.asarray(height) + SEPARATION_M)
    return x, y, z


def field(name: str, kind: FieldType, zh: str, unit: str | None = None, codes: CodeList | None = None) -> Field:
    """Return a plain field."""
    return Field(name, kind, Text(zh=zh, en=name), unit, codelist=codes)


def code_list(name: str, titles: Mapping[str, str]) -> CodeList:
    """Return a code list with Chinese titles."""
    return CodeList(name, Text(zh=name, en=name), "test", verified=True, codes=tuple(Code(c, Text(zh=t, en=c)) for c, t in titles.items()))


def feature_type(
    name: str, geometry: GeometryType, recipe: Recipe, roles: Mapping[str, str], fields: tuple[Field, ...], version: int = 1
) -> FeatureType:
    """Return a FeatureType that has what tiles need."""
    text = Text(zh=f"类型{name}", en=name)
    return FeatureType(
        name=name,
        version=version,
        title=text,
        description=text,
        cim_class="test",
        cim_level="CIM1",
        geometry_type=geometry,
        has_z=True,
        fields=fields,
        natural_key=(),
        checks=(),
        recipe=recipe,
        recipe_fields=roles,
        style=Style(None, "#ffffff", (), {}),
    )


USAGE = code_list("building_usage", {"residential": "住宅", "office": "办公", "industry": "工业"})
BUILDING = feature_type(
    "building",
    "MultiPolygon",
    "extrude",
    {"base": "base_height_m", "height": "height_m"},
    (
        field("building_id", "string", "建筑编号"),
        field("name", "string", "名称"),
        field("usage", "code", "用途", codes=USAGE),
        field("floors_above", "integer", "地上层数"),
        field("height_m", "number", "建筑高度", "m"),
        field("base_height_m", "number", "基底高程", "m"),
        field("listed", "boolean", "文物"),
        field("built_on", "date", "建成日期"),
    ),
)
Z_REFERENCE = code_list("z_reference", {"top": "管顶", "invert": "管底", "axis": "轴线"})
PIPE = feature_type(
    "pipe_segment",
    "LineString",
    "tube",
    {"diameter": "outer_diameter_mm", "width": "width_mm", "height": "section_height_mm", "z_reference": "z_reference"},
    (
        field("segment_id", "string", "管线编号"),
        field("outer_diameter_mm", "number", "外径", "mm"),
        field("width_mm", "number", "宽", "mm"),
        field("section_height_mm", "number", "高", "mm"),
        field("z_reference", "code", "高程位置", codes=Z_REFERENCE),
    ),
)
NODE = feature_type(
    "pipe_node",
    "Point",
    "well",
    {"depth": "depth_m", "bottom": "bottom_elevation_m", "diameter": "well_diameter_mm"},
    (
        field("depth_m", "number", "井深", "m"),
        field("bottom_elevation_m", "number", "井底高程", "m"),
        field("well_diameter_mm", "number", "井径", "mm"),
    ),
)
CAMERA = feature_type(
    "camera",
    "Point",
    "view",
    {"azimuth": "azimuth_deg", "tilt": "tilt_deg", "fov": "fov_deg", "range": "range_m"},
    (
        field("azimuth_deg", "number", "方位角", "deg"),
        field("tilt_deg", "number", "俯角", "deg"),
        field("fov_deg", "number", "水平视场角", "deg"),
        field("range_m", "number", "有效距离", "m"),
    ),
)


def features(geometries: Sequence[BaseGeometry | bytes], columns: Mapping[str, Column], first_fid: int = 1) -> FeatureColumns:
    """Return ``geometries`` (or raw WKB) with ``columns``, numbered from ``first_fid``."""
    wkb = [g if isinstance(g, bytes) else shapely.to_wkb(g, byte_order=1) for g in geometries]
    lengths = np.array([len(b) for b in wkb], np.int64)
    fid = np.arange(first_fid, first_fid + len(wkb), dtype=np.uint32)
    return FeatureColumns(fid, np.frombuffer(bytearray(b"".join(wkb)), np.uint8), offsets_of(lengths), columns)


def numbers(values: Iterable[float | None]) -> NumberColumn:
    """Return a number column."""
    return NumberColumn.from_numbers(values)


def texts(values: Iterable[str | None]) -> TextColumn:
    """Return a text column."""
    return TextColumn.from_texts(values)


def footprints(count: int, seed: int = 1, spacing_m: float = 30.0) -> list[BaseGeometry]:
    """Return seeded footprints with Z: rectangles, L, U, courtyards and pairs, turned at random, on a grid near Changzhou."""
    rng = np.random.default_rng(seed)
    shapes = [
        shapely.box(-8, -5, 8, 5),
        shapely.Polygon([(-8, -6), (8, -6), (8, 0), (0, 0), (0, 6), (-8, 6)]),
        shapely.Polygon([(-9, -6), (9, -6), (9, 6), (5, 6), (5, -2), (-5, -2), (-5, 6), (-9, 6)]),
        shapely.Polygon([(-9, -9), (9, -9), (9, 9), (-9, 9)], [[(-4, -4), (-4, 4), (4, 4), (4, -4)]]),
        shapely.MultiPolygon([shapely.box(-9, -6, -1, 6), shapely.box(1, -6, 9, 6)]),
    ]
    side = int(np.ceil(np.sqrt(count)))
    out: list[BaseGeometry] = []
    for i in range(count):
        turned = affinity.rotate(shapes[rng.integers(len(shapes))], float(rng.uniform(0, 360)), origin=(0, 0))
        moved = affinity.translate(turned, 497_000 + spacing_m * (i % side), 3_521_000 + spacing_m * (i // side))
        out.append(shapely.force_3d(shapely.MultiPolygon([moved]) if moved.geom_type == "Polygon" else moved, 4.0))
    return out


def buildings(count: int, seed: int = 1, spacing_m: float = 30.0) -> FeatureColumns:
    """Return ``count`` buildings with every kind of column, some values missing."""
    rng = np.random.default_rng(seed + 1)
    usage = np.array(["residential", "office", "industry"])[rng.integers(3, size=count)]
    columns: dict[str, Column] = {
        "building_id": texts(f"B{i:06d}" for i in range(count)),
        "name": texts(None if i % 4 == 0 else f"滨江花园{i}栋" for i in range(count)),
        "usage": texts(None if i % 7 == 0 else str(u) for i, u in enumerate(usage)),
        "floors_above": numbers(None if i % 5 == 0 else float(i % 30) for i in range(count)),
        "height_m": numbers(np.round(rng.uniform(3, 60, count), 2).tolist()),
        "base_height_m": numbers(np.round(rng.uniform(2, 9, count), 2).tolist()),
        "listed": NumberColumn(rng.integers(2, size=count).astype(np.bool_), np.arange(count) % 3 > 0),
        "built_on": NumberColumn(np.datetime64("1990-01-01") + rng.integers(12_000, size=count).astype("m8[D]"), np.arange(count) % 2 > 0),
    }
    return features(footprints(count, seed, spacing_m), columns)
