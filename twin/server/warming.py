"""Warming: run every compiled kernel once on a tiny city, so that their machine code is in the cache."""

from __future__ import annotations

import struct

import numpy as np

from tiles.build import TilesetTarget, build_tileset
from tiles.columns import FeatureColumns, NumberColumn, TextColumn, offsets_of
from tiles.terrain import warm_terrain_kernels
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType

_WKB = {
    "building": struct.pack("<BIIBII", 1, 1006, 1, 1, 1003, 1) + struct.pack("<I15d", 5, *(0, 0, 0, 10, 0, 0, 10, 8, 0, 0, 8, 0, 0, 0, 0)),
    "pipe_segment": struct.pack("<BII9d", 1, 1002, 3, *(0, 0, 1, 20, 0, 1, 20, 30, 1)),
    "pipe_node": struct.pack("<BI3d", 1, 1001, 0, 0, 3),
}
_NUMBERS = {"height_m": 9.0, "base_height_m": 0.0, "outer_diameter_mm": 300.0, "depth_m": 2.0, "bottom_elevation_m": 1.0}


def warm_kernels() -> None:
    """Build a tileset of one feature of every 3D recipe, and a tile of terrain, into nothing."""
    types = load_feature_types()
    for name, wkb in _WKB.items():
        target = TilesetTarget(dataset=name, revision=1, variant="warm", oid_prefix="2.25.0.")
        build_tileset([_feature(types[name], wkb)], types[name], _plane, target, lambda *_: None)
    warm_terrain_kernels()


def _feature(feature_type: FeatureType, wkb: bytes) -> FeatureColumns:
    columns = {
        f.name: TextColumn.from_texts(["x"]) if f.type in ("string", "code") else NumberColumn.from_numbers([_NUMBERS.get(f.name)])
        for f in feature_type.fields
        if f.type in ("string", "code", "integer", "number")
    }
    data = np.frombuffer(wkb, np.uint8)
    return FeatureColumns(np.array([1], np.uint32), data, offsets_of(np.array([len(wkb)], np.int64)), columns)


def _plane(easting_m: np.ndarray, northing_m: np.ndarray, height_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return easting_m + 6378137.0, northing_m, height_m
