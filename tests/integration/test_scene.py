"""What the scene says of layers: one of which nothing can be drawn in 3D has no tileset, and is shown flat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shapely.geometry import Point, mapping

from tests.opened_city import load, opened_city, request
from twin.model import Principal
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.scene import scene_document

SRID = 4549
EXTENT = (119.9, 31.7, 120.0, 31.8)


def cameras(path: Path, azimuths_deg: list[float | None]) -> Path:
    """Write cameras that look to where they look, or do not say so."""
    features = []
    for number, azimuth in enumerate(azimuths_deg):
        said = {"camera_id": f"c{number}", "azimuth_deg": azimuth, "tilt_deg": -20.0, "fov_deg": 60.0, "range_m": 50.0}
        features.append({"type": "Feature", "properties": said, "geometry": mapping(Point(119.95 + number / 1000, 31.75, 20.0))})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def tileset(city: City) -> Any:
    """Return what the scene says of the tileset of the one layer."""
    layers: Any = scene_document(city.catalogue, Principal.anonymous(), city.frame.vertical)["layers"]
    (layer,) = layers
    return layer["tileset"]


def test_a_tileset_of_which_nothing_is_drawn_is_left_out(database_url: str, open_folder: Path) -> None:
    with opened_city(database_url, open_folder / "data", SRID, EXTENT) as city:
        load(city, request(cameras(open_folder / "a.geojson", [None]), (None, "camera", "cameras")))
        assert tileset(city)["state"] == "missing"
        assert build_missing(city, lambda *_: None) is None
        assert tileset(city) is None
        load(city, request(cameras(open_folder / "a.geojson", [None, 90.0]), (None, "camera", "cameras")))
        assert build_missing(city, lambda *_: None) is None
        assert tileset(city)["state"] == "ready"
