"""A city with something of everything that is served: houses drawn in 3D, two images, a dataset that is not open, a style of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import query_city
import rasterio
import shapely

from ingest.request import LoadRequest, PartSpec
from tests.opened_city import load, opened_city
from twin.model import SharingClass
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.cli import build_parser
from twin.server.commands.describe import describe
from twin.server.terminal import Terminal

EAST, NORTH = 499_000.0, 3_520_000.0
EXTENT_DEG = (119.9, 31.7, 120.1, 31.9)
COLOURS = {"dom_20200401": (200, 40, 40), "dom_20240301": (40, 40, 200)}
"""What the images show, by their names, which tell the day they were taken."""


@contextmanager
def whole_city(database_url: str, files: Path, folder: Path) -> Iterator[City]:
    """Have the city for the block; ``files`` is where its sources are written, ``folder`` where it lives."""
    with opened_city(database_url, folder / "city", 4549, EXTENT_DEG) as city:
        for name, east in (("dom_20200401", 0.0), ("dom_20240301", 32.0)):
            load(city, LoadRequest(files=(image(files, name, east),), parts=(PartSpec(None, "imagery", "imagery"),), mode="delta"))
        load(city, LoadRequest(files=(houses(files),), parts=(PartSpec(None, "building", "houses"),), mode="replace"))
        said = ["--title-zh", "房屋", "--title-en", "Houses", "--owner", "自然资源局", "--steward", "测绘科", "--licence", "CC-BY-4.0"]
        said += ["--source-platform", "不动产登记平台", "--update-cycle", "monthly", "--json"]
        describe(city.settings, build_parser().parse_args(["describe", "houses", *said]), Terminal(json_output=True, environment={}))
        (folder / "city" / "styles").mkdir()
        (folder / "city" / "styles" / "building.json").write_text('{"color_by": "usage", "colors": {"usage": {"residential": "#123456"}}}')
        query_city.publish_first(city.catalogue, "secret", "building", [], SharingClass.RESTRICTED)
        assert build_missing(city, lambda *_: None) is None
        yield city


def image(folder: Path, name: str, east: float) -> Path:
    """Write an orthophoto of one colour, 64 m × 64 m."""
    path = folder / f"{name}.tif"
    place = rasterio.Affine(1, 0, EAST + east, 0, -1, NORTH + 64)
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=3, dtype="uint8", crs="EPSG:4549", transform=place) as target:
        target.write(np.array(COLOURS[name], np.uint8)[:, None, None] * np.ones((1, 64, 64), np.uint8))
    return path


def houses(folder: Path) -> Path:
    """Write three houses."""
    features = [
        {
            "type": "Feature",
            "properties": {"building_id": f"B{i}", "floors_above": 3 * i, "height_m": 9.0 * i, "usage": "residential"},
            "geometry": shapely.geometry.mapping(shapely.box(EAST + 30 * i, NORTH, EAST + 30 * i + 10, NORTH + 10)),
        }
        for i in (1, 2, 3)
    ]
    path = folder / "houses.geojson"
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    return path
