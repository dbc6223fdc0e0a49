"""Coordinate reference systems: which operation leads from one to another, and how an output names them. No I/O."""

from twin.crs.geocentric import Geocentric, ecef_from_geodetic, ellipsoid_normal, geocentric, geodetic_from_ecef
from twin.crs.local import LOCAL, Helmert, LocalCrs, Similarity, is_local
from twin.crs.obfuscation import bd09_from_wgs84, gcj02_from_wgs84, wgs84_from_bd09, wgs84_from_gcj02
from twin.crs.operation import (
    CrsError,
    Extent,
    FloatArray,
    Operation,
    add_grid_directories,
    datum_equivalent,
    legacy_datum,
    operation,
    parse_crs,
)
from twin.crs.output import OutputCrs, crs_uri, output_crs, output_crs_list
from twin.crs.source import SourceTransform, Transformed, to_storage
from twin.crs.storage import StorageCrs, storage_crs

__all__ = [
    "LOCAL",
    "CrsError",
    "Extent",
    "FloatArray",
    "Geocentric",
    "Helmert",
    "LocalCrs",
    "Operation",
    "OutputCrs",
    "Similarity",
    "SourceTransform",
    "StorageCrs",
    "Transformed",
    "add_grid_directories",
    "bd09_from_wgs84",
    "crs_uri",
    "datum_equivalent",
    "ecef_from_geodetic",
    "ellipsoid_normal",
    "gcj02_from_wgs84",
    "geocentric",
    "geodetic_from_ecef",
    "is_local",
    "legacy_datum",
    "operation",
    "output_crs",
    "output_crs_list",
    "parse_crs",
    "storage_crs",
    "to_storage",
    "wgs84_from_bd09",
    "wgs84_from_gcj02",
]
