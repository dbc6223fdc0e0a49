"""The example rows of docs/data as files that other tools wrote, and the city they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pyogrio
import pyproj
import rasterio
import shapely
from shapely.geometry import shape

from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType

EXAMPLES = Path(__file__).parents[1] / "docs/data/examples"
TYPES = load_feature_types()
OF_FEATURES = {name: ft for name, ft in TYPES.items() if ft.geometry_type != "coverage"}


def examples(name: str) -> list[dict[str, Any]]:
    """Return the GeoJSON features of a type's example file."""
    return json.loads((EXAMPLES / f"{name}.geojson").read_text("utf-8"))["features"]


def write_geopackage(path: Path) -> None:
    """Write the examples of every type that has features as one GeoPackage, a layer a type, called as the type is in Chinese."""
    for name, ft in OF_FEATURES.items():
        rows = examples(name)
        columns = list(rows[0]["properties"])
        geometry = shapely.to_wkb([shape(row["geometry"]) for row in rows])
        data = [np.array([row["properties"][column] for row in rows], dtype=object) for column in columns]
        pyogrio.raw.write(
            path,
            geometry=geometry,
            field_data=[_plain(values) for values in data],
            fields=columns,
            layer=ft.title.zh,
            driver="GPKG",
            geometry_type=ft.geometry_type + (" Z" if shape(rows[0]["geometry"]).has_z else ""),
            crs="EPSG:4326",
            append=path.exists(),
        )


def write_elevation(path: Path) -> None:
    """Write an elevation model of 4.5 m all over the ground of the examples, in the city's grid."""
    west, north, pixel_m, columns, rows = 497_490.0, 3_521_110.0, 10.0, 43, 33
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=columns,
        height=rows,
        count=1,
        dtype="float32",
        crs="EPSG:4549",
        transform=rasterio.transform.from_origin(west, north, pixel_m, pixel_m),
        nodata=-9999.0,
    ) as file:
        file.write(np.full((1, rows, columns), 4.5, dtype=np.float32))


def write_scan(path: Path) -> None:
    """Write a laser scan of the same ground, a point every 5 m."""
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = np.full(3, 0.001), np.array([497_000.0, 3_520_000.0, 0.0])
    header.add_crs(pyproj.CRS(4549))
    scan = laspy.LasData(header)
    x, y = np.meshgrid(np.arange(497_490.0, 497_920.0, 5.0), np.arange(3_520_780.0, 3_521_110.0, 5.0))
    scan.x, scan.y, scan.z = x.ravel(), y.ravel(), np.full(x.size, 4.5)
    scan.write(path)


def _plain(values: np.ndarray) -> np.ndarray:
    given = [v for v in values if v is not None]
    if given and all(isinstance(v, int | float) for v in given):
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return values


def stored(ft: FeatureType, properties: dict[str, Any]) -> dict[str, Any]:
    """Return what the example says of each field: titles to names, words to codes."""
    by_title = {f.title.zh: f for f in ft.fields}
    found: dict[str, Any] = {}
    for title, value in properties.items():
        field = by_title.get(title)
        if field is None or value is None:
            continue
        spellings = field.codelist.resolve() if field.codelist else {}
        found[field.name] = spellings[value] if field.codelist else float(value) if field.type == "number" else value
    return found
