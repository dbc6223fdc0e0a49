"""The water network of a Kentucky town as its EPANET model, and the districts of Changzhou as Chinese web maps shift them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from psycopg import sql
from pyproj import Transformer

from ingest.protocol import Limits
from ingest.readers.epanet import units
from ingest.readers.inp import read_sections
from tests.opened_city import load, opened_city, request
from twin.errors import RejectedError
from twin.server.city import City
from twin.tables import current_table

FOOT_M = 0.3048
KENTUCKY, KENTUCKY_FEET = 3546, "EPSG:3547"
EXTENT = (-85.8, 37.9, -85.3, 38.2)
NETWORK = ((None, "pipe_node", "water_nodes"), (None, "pipe_segment", "water_pipes"))


def stored(city: City, dataset: str, columns: str) -> dict[str, tuple[object, ...]]:
    found = city.catalogue.dataset(dataset)
    with city.pool.connection() as connection:
        table = current_table(found.feature_type, found.id)
        rows = connection.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(columns), table)).fetchall()  # type: ignore[arg-type]
    return {str(row[0]): row[1:] for row in rows}


def test_an_epanet_model_goes_in_as_a_network_where_other_software_puts_it(database_url: str, open_folder: Path, real_data: Path) -> None:
    """WNTR wrote the same model as GeoJSON: geometry, diameters (metres) and ends are its."""
    folder = real_data / "water-epanet"
    with opened_city(database_url, open_folder / "data", KENTUCKY, EXTENT) as city:
        with pytest.raises(RejectedError) as undeclared:
            load(city, request(folder / "ky4.inp", *NETWORK))
        assert undeclared.value.code == "crs-undeclared"
        result = load(city, request(folder / "ky4.inp", *NETWORK, crs=KENTUCKY_FEET))
        assert (result.read, result.published, result.rejected) == (964 + 1158, 2120, 2)  # both pumps have no length
        nodes = stored(city, "water_nodes", "node_id, ST_X(geom), ST_Y(geom), ST_Z(geom), appurtenance")
        pipes = stored(
            city,
            "water_pipes",
            "segment_id, ST_AsBinary(ST_Force2D(geom)), start_node, end_node, outer_diameter_mm, ST_Z(ST_StartPoint(geom))",
        )
        again = load(city, request(folder / "ky4.inp", *NETWORK, crs=KENTUCKY_FEET))
        assert (again.published, again.commit) == (0, None)
    to_metres = Transformer.from_crs(KENTUCKY_FEET, KENTUCKY, always_xy=True)
    meta, _, wkb, columns = pyogrio.raw.read(folder / "ky4_pipes.geojson")
    theirs = dict(zip(meta["fields"], columns, strict=True))
    assert set(theirs["name"]) == pipes.keys()
    moved = shapely.transform(shapely.from_wkb(wkb), lambda xy: np.column_stack(to_metres.transform(xy[:, 0], xy[:, 1])))
    for i, name in enumerate(theirs["name"]):
        geometry, start, end, diameter, height = pipes[name]
        assert shapely.hausdorff_distance(shapely.from_wkb(bytes(geometry)), moved[i]) < 0.01  # type: ignore[call-overload]
        assert (start, end) == (theirs["start_node_name"][i], theirs["end_node_name"][i])
        assert diameter == pytest.approx(theirs["diameter"][i] * 1000)
        assert height == pytest.approx(nodes[str(start)][2], abs=1e-3)
    meta, _, wkb, columns = pyogrio.raw.read(folder / "ky4_junctions.geojson")
    theirs = dict(zip(meta["fields"], columns, strict=True))
    for name, elevation in zip(theirs["name"], theirs["elevation"], strict=True):
        assert nodes[name][2] == pytest.approx(elevation, abs=1e-3)
    assert {name for name, row in nodes.items() if row[3] == "tank"} == {"T-1", "T-2", "T-3", "T-4"}


@pytest.mark.parametrize(
    ("text", "elevation_m", "diameter_mm"),
    [(b"[OPTIONS]\nUnits LPS\n", 1.0, 1.0), (b"[OPTIONS]\n UNITS  gpm ; flow\n", FOOT_M, 25.4), (b"", FOOT_M, 25.4)],
)
def test_units_follow_the_flow_unit(text: bytes, elevation_m: float, diameter_mm: float) -> None:
    assert units(read_sections(text, Limits())) == (elevation_m, diameter_mm)


def test_changzhous_districts_are_brought_back_by_half_a_kilometre(database_url: str, open_folder: Path, real_data: Path) -> None:
    """The file says WGS 84 and is GCJ-02: declared so, every vertex moves to where this test's own inverse puts it."""
    path = real_data / "admin-changzhou" / "320400_full.json"
    source = {
        str(f["properties"]["adcode"]): shapely.from_geojson(json.dumps(f["geometry"]))
        for f in json.loads(path.read_text("utf-8"))["features"]
    }
    to_grid = Transformer.from_crs("EPSG:4490", "EPSG:4549", always_xy=True)
    with opened_city(database_url, open_folder / "data", 4549, (119.0, 31.0, 120.4, 32.2)) as city:
        result = load(city, request(path, (None, "admin_unit", "districts"), crs="X-GCJ02"))
        assert (result.read, result.published) == (6, 6)
        districts = stored(city, "districts", "code, ST_AsBinary(ST_Force2D(geom))")
    shifts = []
    for code, geometry in source.items():
        shifted = shapely.get_coordinates(geometry)
        true = np.array([unshifted(*vertex) for vertex in shifted])
        here = np.column_stack(to_grid.transform(true[:, 0], true[:, 1]))
        there = shapely.get_coordinates(shapely.from_wkb(bytes(districts[code][0])))  # type: ignore[call-overload]
        assert np.abs(np.sort(here, axis=0) - np.sort(there, axis=0)).max() < 0.01
        shifts.append(np.linalg.norm(np.column_stack(to_grid.transform(shifted[:, 0], shifted[:, 1])) - here, axis=1))
    assert np.median(np.concatenate(shifts)) == pytest.approx(503, abs=40)


def unshifted(longitude: float, latitude: float) -> tuple[float, float]:
    """Return the WGS 84 position that is shifted to this one: the published formula (eviltransform), turned round step by step."""
    x, y = longitude, latitude
    for _ in range(30):
        dx, dy = shift_deg(x, y)
        x, y = longitude - dx, latitude - dy
    return x, y


def shift_deg(longitude: float, latitude: float) -> tuple[float, float]:
    x, y, pi = longitude - 105.0, latitude - 35.0, math.pi
    wave = 20.0 * math.sin(6.0 * x * pi) + 20.0 * math.sin(2.0 * x * pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (
        (wave + 20.0 * math.sin(y * pi) + 40.0 * math.sin(y / 3.0 * pi) + 160.0 * math.sin(y / 12.0 * pi) + 320.0 * math.sin(y * pi / 30.0))
        * 2.0
        / 3.0
    )
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (
        (wave + 20.0 * math.sin(x * pi) + 40.0 * math.sin(x / 3.0 * pi) + 150.0 * math.sin(x / 12.0 * pi) + 300.0 * math.sin(x / 30.0 * pi))
        * 2.0
        / 3.0
    )
    a, ee, phi = 6378245.0, 0.00669342162296594323, math.radians(latitude)
    magic = 1.0 - ee * math.sin(phi) ** 2
    return (
        math.degrees(east / (a / math.sqrt(magic) * math.cos(phi))),
        math.degrees(north / (a * (1.0 - ee) / (magic * math.sqrt(magic)))),
    )
