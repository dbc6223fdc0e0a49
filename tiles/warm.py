"""``python -m tiles.warm``: compile every kernel of the tile engine once, so that the first build of a machine does not wait for it."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.columns import FeatureColumns
from tiles.glb import Encoding
from tiles.read import COPY_SIGNATURE, decode_copy
from twin.errors import Text
from twin.model import Code, CodeList, FeatureType, Field, GeometryType, Recipe, Style

_EARTH_RADIUS_M = 6_371_000.0


def warm() -> int:
    """Build and check a tiny tileset of each recipe in both encodings; return the number of problems found (0)."""
    problems = 0
    for feature_type, make in (_type("extrude"), _square), (_type("tube"), _line), (_type("well"), _point):
        features = make(feature_type)
        for encoding in Encoding(), Encoding(quantize=False, meshopt=False):
            store: dict[str, bytes] = {}
            target = TilesetTarget("warm", 1, "open", "2.25.0.")
            build_tileset([features], feature_type, _sphere, target, store.__setitem__, options=BuildOptions(encoding=encoding))
            files = {key.replace("tiles/warm/open/r/1/", "1/").removeprefix("tiles/warm/"): value for key, value in store.items()}
            problems += len(check_tileset(files.__getitem__, "1/tileset.json"))
    return problems


def _sphere(
    easting_m: NDArray[np.float64], northing_m: NDArray[np.float64], height_m: NDArray[np.float64], /
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return points of a sphere: warming up needs no CRS."""
    longitude, latitude, radius = easting_m / _EARTH_RADIUS_M, northing_m / _EARTH_RADIUS_M, _EARTH_RADIUS_M + height_m
    across = radius * np.cos(latitude)
    return across * np.cos(longitude), across * np.sin(longitude), radius * np.sin(latitude)


def _type(recipe: Recipe) -> FeatureType:
    text = Text(zh="预热", en="warm-up")
    codes = CodeList("kind", text, "", verified=False, codes=(Code("a", text),))
    fields = (Field("size_m", "number", text, "m"), Field("name", "string", text), Field("kind", "code", text, codelist=codes))
    geometries: dict[str, GeometryType] = {"extrude": "MultiPolygon", "tube": "LineString", "well": "Point"}
    roles = {"extrude": "height", "tube": "diameter", "well": "depth"}
    return FeatureType(
        name="warm",
        version=1,
        title=text,
        description=text,
        cim_class="",
        cim_level="",
        geometry_type=geometries[recipe],
        has_z=True,
        fields=fields,
        natural_key=(),
        checks=(),
        recipe=recipe,
        recipe_fields={roles[recipe]: "size_m"},
        style=Style(None, "#ffffff", (), {}),
    )


def _features(feature_type: FeatureType, header: tuple[int, ...], coordinates: list[tuple[float, float, float]]) -> FeatureColumns:
    """Return one feature as it would come from the database: ISO WKB of the 32-bit numbers of ``header`` and points, in a COPY stream."""
    wkb = b"\x01" + np.array(header, "<u4").tobytes() + np.array(coordinates, "<f8").tobytes()
    values = [struct.pack(">q", 1), wkb, struct.pack(">d", 2.0), "热".encode(), b"a"]
    row = struct.pack(">h", len(values)) + b"".join(struct.pack(">i", len(v)) + v for v in values)
    types = tuple(f.type for f in feature_type.fields)
    return decode_copy(COPY_SIGNATURE + bytes(8) + row + struct.pack(">h", -1), feature_type.field_names, types, header=True)


def _square(feature_type: FeatureType) -> FeatureColumns:
    return _features(feature_type, (1003, 1, 5), [(0, 0, 0), (9, 0, 0), (9, 9, 0), (0, 9, 0), (0, 0, 0)])


def _line(feature_type: FeatureType) -> FeatureColumns:
    return _features(feature_type, (1002, 3), [(0, 0, 0), (9, 0, 0), (9, 9, 1)])


def _point(feature_type: FeatureType) -> FeatureColumns:
    return _features(feature_type, (1001,), [(0, 0, 0)])


if __name__ == "__main__":
    raise SystemExit(warm())
