"""``python -m tiles.warm``: compile every kernel of the tile engine once, so that the first build of a machine does not wait for it."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.columns import FeatureColumns, Representations, concatenate
from tiles.glb import Encoding
from tiles.memory_store import MemoryStore
from tiles.read import COPY_SIGNATURE, decode_copy
from tiles.tiling import Budget
from twin.errors import Text
from twin.model import Code, CodeList, FeatureType, Field, GeometryType, Recipe, Style
from twin.representation import Faces, encode
from twin.unpacked_faces import unpacked

_EARTH_RADIUS_M = 6_371_000.0


def warm() -> int:
    """Build and check a tiny tileset of each form in both encodings; return the number of problems found (0)."""
    problems = 0
    solid = _type("extrude")
    forms = [(solid, _square(solid)), (solid, _faces(_square(solid))), (solid, concatenate([_square(solid), _square(solid, 2)]))]
    forms += [(kind, _square(kind)) for kind in [_type("envelope")]]
    forms += [(kind, _line(kind)) for kind in [_type("tube")]] + [(kind, _point(kind)) for kind in (_type("well"), _type("view"))]
    for feature_type, features in forms:
        for encoding in Encoding(), Encoding(quantize=False, meshopt=False):
            store = MemoryStore()
            target = TilesetTarget("warm", 1, "open", "2.25.0.")
            build_tileset([features], feature_type, _sphere, target, store, options=BuildOptions(Budget(1, 1), encoding))
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
    fields = (
        Field("size_m", "number", text, "m"),
        Field("name", "string", text),
        Field("kind", "code", text, codelist=codes),
        Field("angle_deg", "number", text, "deg"),
    )
    geometries: dict[str, GeometryType] = {
        "extrude": "MultiPolygon",
        "envelope": "MultiPolygon",
        "tube": "LineString",
        "well": "Point",
        "view": "Point",
    }
    lengths = {"extrude": "height", "envelope": "height", "tube": "diameter", "well": "depth", "view": "range"}
    angles = ("azimuth", "tilt", "fov") if recipe == "view" else ()
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
        recipe_fields={lengths[recipe]: "size_m"} | dict.fromkeys(angles, "angle_deg"),
        style=Style(None, "#ffffff", (), {}),
    )


def _features(
    feature_type: FeatureType, header: tuple[int, ...], coordinates: list[tuple[float, float, float]], fid: int = 1
) -> FeatureColumns:
    """Return one feature as it would come from the database: ISO WKB of the 32-bit numbers of ``header`` and points, in a COPY stream."""
    wkb = b"\x01" + np.array(header, "<u4").tobytes() + np.array(coordinates, "<f8").tobytes()
    values = [struct.pack(">q", fid), wkb, struct.pack(">d", 2.0), "热".encode(), b"a", struct.pack(">d", 30.0)]
    row = struct.pack(">h", len(values)) + b"".join(struct.pack(">i", len(v)) + v for v in values)
    types = tuple(f.type for f in feature_type.fields)
    return decode_copy(COPY_SIGNATURE + bytes(8) + row + struct.pack(">h", -1), feature_type.field_names, types, header=True)


def _square(feature_type: FeatureType, fid: int = 1) -> FeatureColumns:
    return _features(feature_type, (1003, 1, 5), [(0, 0, 0), (9, 0, 0), (9, 9, 0), (0, 9, 0), (0, 0, 0)], fid)


def _faces(features: FeatureColumns) -> FeatureColumns:
    """Return ``features``, one, drawn by a tetrahedron and a face of its own with a hole."""
    corners = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9], [1, 1, 0], [2, 1, 0], [1, 2, 0]], np.float64)
    indices = np.array([0, 2, 1, 0, 1, 3, 1, 2, 3, 2, 0, 3, 0, 1, 2, 4, 6, 5], np.uint32)
    ends = np.arange(3, 19, 3, dtype=np.uint32)
    kinds, parts = np.array([3, 2, 1, 2, 0], np.uint8), np.zeros(5, np.uint16)
    one = np.ones(1, np.uint32)
    encoded = encode(Faces(corners, indices, ends, np.array([1, 2, 3, 4, 6], np.uint32), kinds, parts, 4 * one, one))
    faces, starts = unpacked(np.frombuffer(bytearray(encoded), np.uint8), np.array([0, len(encoded)]))
    return replace(features, representations=Representations(faces, starts, np.array([20], np.uint8)))


def _line(feature_type: FeatureType) -> FeatureColumns:
    return _features(feature_type, (1002, 3), [(0, 0, 0), (9, 0, 0), (9, 9, 1)])


def _point(feature_type: FeatureType) -> FeatureColumns:
    return _features(feature_type, (1001,), [(0, 0, 0)])


if __name__ == "__main__":
    raise SystemExit(warm())
