"""What a LAS file says of its CRS and the unit of its heights, as WKT or as GeoKeys. Sources: ASPRS LAS 1.4-R15; OGC 19-008r4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyproj

from ingest.georeference import Georeference
from twin.crs import CrsError, parse_crs

_USER, _WKT, _GEO_KEYS = "LASF_Projection", 2112, 34735
_MODEL, _GEOGRAPHIC, _PROJECTED, _VERTICAL, _VERTICAL_UNIT = 1024, 2048, 3072, 4096, 4099
_PROJECTED_MODEL, _GEOGRAPHIC_MODEL = 1, 2
_EPSG_CODES = range(1024, 32767)
_UNITS_M = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937}
_NOTHING = "\0 \"'"
"""What some writers put into the record of the WKT where they have none."""
_ALIKE = 20
"""PROJ's confidence that suffices for a candidate, which is then compared."""


def crs_of(header: Any) -> str | None:  # noqa: ANN401  # a LasHeader; laspy has no types
    """Return the authority code or WKT that a header declares; None when it declares nothing that can be understood."""
    wkt = next((text for record in _records(header, _WKT) if (text := getattr(record, "string", "").strip(_NOTHING))), None)
    return _of_keys(_geo_keys(header)) if wkt is None else _coded(wkt)


def height_unit_m(placing: Georeference, header: Any) -> float:  # noqa: ANN401
    """Return the length in metres of one unit of the points' heights.

    That of the vertical CRS; without one, that of the GeoKeys, else of the plane coordinates, as such files are written; metres
    beside degrees.
    """
    if placing.transform.obfuscation is not None:
        return 1.0
    crs = parse_crs(placing.source_crs)
    if crs.is_compound or len(crs.axis_info) == 3:
        return placing.transform.height_unit_m
    stated = _UNITS_M.get(_geo_keys(header).get(_VERTICAL_UNIT, 0))
    return stated or (float(crs.axis_info[0].unit_conversion_factor) if crs.is_projected else 1.0)


def _coded(wkt: str) -> str | None:
    """Return the EPSG code of the CRS whose WKT 1 it is, which may be without axes and so of another order; else the WKT.

    None for a text that is no WKT: a user can still declare the CRS.
    """
    try:
        crs = parse_crs(wkt)
    except CrsError:
        return None
    code = None if crs.is_compound else crs.to_epsg(min_confidence=_ALIKE)
    same = code is not None and parse_crs(pyproj.CRS.from_epsg(code).to_wkt("WKT1_GDAL")) == crs
    return f"EPSG:{code}" if same else wkt


def _of_keys(keys: Mapping[int, int]) -> str | None:
    """Return the CRS of GeoKeys; none of a projected one that they describe by parameters, though they name what it is based on."""
    wanted = {_PROJECTED_MODEL: _PROJECTED, _GEOGRAPHIC_MODEL: _GEOGRAPHIC}.get(keys.get(_MODEL, _PROJECTED_MODEL))
    code = 0 if wanted is None else keys.get(wanted, 0)
    if code not in _EPSG_CODES:
        return None
    vertical = keys.get(_VERTICAL, 0)
    return f"EPSG:{code}+{vertical}" if vertical in _EPSG_CODES else f"EPSG:{code}"


def _geo_keys(header: Any) -> dict[int, int]:  # noqa: ANN401
    """Return the keys whose value stands in the directory itself."""
    return {
        key.id: key.value_offset
        for record in _records(header, _GEO_KEYS)
        for key in getattr(record, "geo_keys", ())
        if key.tiff_tag_location == 0
    }


def _records(header: Any, number: int) -> list[Any]:  # noqa: ANN401
    return [r for r in (*header.vlrs, *(header.evlrs or ())) if (r.user_id, r.record_id) == (_USER, number)]
