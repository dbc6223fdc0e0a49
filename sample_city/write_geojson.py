"""Writes the administrative units as GeoJSON (RFC 7946: longitude and latitude in CRS84, no ``crs`` member)."""

from __future__ import annotations

import json
from pathlib import Path

import shapely

from sample_city.admin import AdminUnit

FILE_NAME, LAYER = "行政区划.geojson", "行政区划"


def write_units(folder: Path, units: list[AdminUnit]) -> None:
    """Write one feature a line; a missing name is null."""
    features = ",\n".join(json.dumps(_feature(unit), ensure_ascii=False) for unit in units)
    text = f'{{"type": "FeatureCollection", "features": [\n{features}\n]}}\n'
    (folder / FILE_NAME).write_text(text, encoding="utf-8")


def _feature(unit: AdminUnit) -> dict[str, object]:
    geometry: object = json.loads(shapely.to_geojson(unit.shape))
    properties = {
        "行政区划代码": unit.code,
        "名称": unit.name or None,
        "级别": unit.level,
        "上级代码": unit.parent_code,
    }
    return {"type": "Feature", "properties": properties, "geometry": geometry}
