"""A small city that can be written: footprints with a key, a network of pipes and nodes, and points without a key, loaded as files are."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import ogc_server

from tests.in_process import load
from tests.opened_city import opened_city, request
from twin.server.city import City
from twin.server.feature_writes import FeatureWrites
from twin.tokens import Tokens

EAST_DEG, NORTH_DEG = 119.9742, 31.8112
STEP_DEG = 0.0005

Feature = dict[str, Any]


@dataclass(frozen=True)
class WrittenCity:
    """A city behind a real server, with a client that may write."""

    city: City
    base: str
    reader: httpx.Client
    writer: httpx.Client
    """Sends a token with every request."""


@contextmanager
def written_city(database_url: str, folder: Path, buildings: int = 6) -> Iterator[WrittenCity]:
    """Serve a city of some buildings, five nodes with four pipes between them and three trees."""
    with opened_city(database_url, folder / "city", 4549) as city:
        publish(city, folder, "buildings", "building", [building(i) for i in range(1, buildings + 1)])
        publish(city, folder, "nodes", "pipe_node", [node(i) for i in range(1, 6)])
        publish(city, folder, "pipes", "pipe_segment", [pipe(i) for i in range(1, 5)])
        publish(city, folder, "addresses", "poi", [poi(i) for i in range(1, 4)])
        tokens = Tokens(city.pool)
        text = tokens.make("测绘院")
        with (
            ogc_server.served(city.catalogue, database_url, writer=FeatureWrites(city, tokens)) as base,
            httpx.Client(base_url=base, timeout=60) as reader,
            httpx.Client(base_url=base, timeout=60, headers={"Authorization": f"Bearer {text}"}) as writer,
        ):
            yield WrittenCity(city, base, reader, writer)


@contextmanager
def city_folder(run_folder: Path) -> Iterator[Path]:
    """Have a folder that the postgres user can enter for the block."""
    folder = Path(tempfile.mkdtemp(dir=run_folder))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def publish(city: City, folder: Path, dataset: str, feature_type: str, features: list[Feature], **more: Any) -> None:
    """Load features as a file."""
    file = folder / f"{dataset}.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    load(city, request(file, (None, feature_type, dataset), **more))


def building(number: int, **properties: object) -> Feature:
    """Return a footprint, 20 m wide, on a row from west to east."""
    west, south = EAST_DEG + number * STEP_DEG, NORTH_DEG
    ring = [[west, south], [west + 2e-4, south], [west + 2e-4, south + 2e-4], [west, south + 2e-4], [west, south]]
    given = {"building_id": f"B{number}", "name": f"样例{number}幢", "floors_above": number, "height_m": 3.0 * number} | properties
    return _feature({"type": "MultiPolygon", "coordinates": [[ring]]}, given)


def node(number: int, **properties: object) -> Feature:
    """Return a manhole whose ground is at 5 m."""
    given = {"node_id": f"N{number}", "kind": "YS", "appurtenance": "检查井", "ground_elevation_m": 5.0, "depth_m": 2.0} | properties
    return _feature({"type": "Point", "coordinates": _node_place(number)}, given)


def pipe(number: int, **properties: object) -> Feature:
    """Return the pipe from node ``number`` to the next."""
    ends = {"start_node": f"N{number}", "end_node": f"N{number + 1}", "start_depth_m": 1.5, "end_depth_m": 1.6}
    given = {"segment_id": f"P{number}", "kind": "YS", "material": "PE", "outer_diameter_mm": 300.0} | ends | properties
    return _feature({"type": "LineString", "coordinates": [_node_place(number, 3.5), _node_place(number + 1, 3.4)]}, given)


def poi(number: int, **properties: object) -> Feature:
    """Return a point of interest."""
    return _feature(
        {"type": "Point", "coordinates": [EAST_DEG + number * STEP_DEG, NORTH_DEG + 0.003]}, {"name": f"点{number}"} | properties
    )


def _node_place(number: int, z: float = 5.0) -> list[float]:
    return [EAST_DEG + number * STEP_DEG, NORTH_DEG - 0.001, z]


def _feature(geometry: Feature, properties: Feature) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}
