"""Building models: GlobalIds stay, rooms lie where the map conversion puts them, what stands nowhere is not placed by guess."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from psycopg import sql

from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from tests.ifc_model import MapConversion, write_house
from tests.opened_city import get, load, look, opened_city, request
from tests.reading import inspect_file, read_file
from tests.vector_layers import Layer
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types
from twin.server.city import City
from twin.tables import current_table

_TURN = math.radians(30.0)
_PLACE = MapConversion("EPSG:4549", 497_538.0, 3_520_895.0, 4.5, math.cos(_TURN), math.sin(_TURN))
_PARTS = ((None, "building", "buildings"), (None, "storey", "storeys"), (None, "space", "rooms"))


def test_a_house_comes_in_whole_and_stands_where_its_map_conversion_says(database_url: str, open_folder: Path) -> None:
    ids = write_house(path := open_folder / "house.ifc", _PLACE)
    with opened_city(database_url, open_folder / "data", 4549) as city:
        result = load(city, request(path, *_PARTS))
        assert (result.published, result.rejected) == (5, 0)
        rooms = {r["space_id"]: r for r in _rows(city, "space", "rooms")}
        storeys = {r["storey_id"]: r for r in _rows(city, "storey", "storeys")}
        room, storey = rooms[ids["room 2"]], storeys[ids["storey 2"]]
        assert (room["storey_id"], room["building_id"], room["name"]) == (ids["storey 2"], ids["building"], "会议室2")
        assert (room["area_m2"], room["height_m"], room["floor_elevation_m"]) == (20.0, 2.8, 7.5)
        assert (storey["level"], storey["building_id"], storey["floor_elevation_m"]) == (2, ids["building"], 7.5)
        assert storeys[ids["storey 1"]]["storey_height_m"] == 3.0
        corners = np.array([(1, 2), (6, 2), (6, 6), (1, 6)], dtype=float)
        turned = corners @ np.array([[math.cos(_TURN), math.sin(_TURN)], [-math.sin(_TURN), math.cos(_TURN)]])
        expected = shapely.Polygon(turned + np.array([_PLACE.eastings, _PLACE.northings]))
        assert shapely.hausdorff_distance(shapely.force_2d(room["geom"]), shapely.MultiPolygon([expected])) < 1e-3
        (answer,) = get(city, "/ogc/collections/rooms/items?limit=10&f=json")
        assert {f["properties"]["space_id"] for f in answer.json()["features"]} == {ids["room 1"], ids["room 2"]}


def test_a_scale_to_metres_says_the_unit_of_a_map_that_names_none(tmp_path: Path) -> None:
    for unit in ("METRE", None):
        write_house(path := tmp_path / "house.ifc", replace(_PLACE, unit=unit))
        assert Layer(path, "storey", "storey").columns["floor_elevation_m"] == [4.5, 7.5]
        west, south, east, north = Layer(path, "space", "space").shapes[0].bounds
        assert max(east - west, north - south) < 10.0
        assert abs(west - _PLACE.eastings) + abs(south - _PLACE.northings) < 20.0


@pytest.mark.parametrize(
    ("factor", "said"), [(1000.0, "in units of 0.001 m"), (1.0, "taken in the unit of the CRS, the model itself in 0.001 m")]
)
def test_a_map_without_unit_and_scale_is_read_in_the_unit_that_leads_into_the_area_of_its_crs(
    tmp_path: Path, factor: float, said: str
) -> None:
    """In millimetres as the model, as the standard has it, or in metres as many programs write it: a house of 5 m is one either way."""
    place = replace(_PLACE, eastings=_PLACE.eastings * factor, northings=_PLACE.northings * factor, height=_PLACE.height * factor)
    write_house(path := tmp_path / "house.ifc", replace(place, unit=None, scale=1.0))
    assert Layer(path, "storey", "storey").columns["floor_elevation_m"] == [4.5, 7.5]
    layer = Layer(path, "space", "space")
    west, south, east, north = layer.shapes[0].bounds
    assert max(east - west, north - south) < 10.0
    assert abs(west - _PLACE.eastings) + abs(south - _PLACE.northings) < 20.0
    assert any(said in note.en for note in layer.source.notes)


@pytest.mark.parametrize(
    ("unit", "scale", "factor", "is_odd"),
    [
        ("MILLI METRE", 1.0, 1000.0, False),
        ("MILLI METRE", 1.0, 1.0, False),
        ("MILLI METRE", 0.001, 1000.0, True),
        ("MILLI METRE", 0.001, 1.0, True),
        ("METRE", 0.001, 1.0, False),
        ("METRE", 1.0, 1.0, True),
    ],
)
def test_a_house_keeps_its_size_and_place_whatever_unit_its_map_names(
    tmp_path: Path, unit: str, scale: float, factor: float, is_odd: bool
) -> None:
    """Also where unit and scale say the same twice, or neither: a house of 5 m is none of 5 mm or 5 km."""
    place = replace(_PLACE, eastings=_PLACE.eastings * factor, northings=_PLACE.northings * factor, height=_PLACE.height * factor)
    write_house(path := tmp_path / "house.ifc", replace(place, unit=unit, scale=scale))
    assert Layer(path, "storey", "storey").columns["floor_elevation_m"] == [4.5, 7.5]
    layer = Layer(path, "space", "space")
    assert any("its scale is not that" in note.en for note in layer.source.notes) is is_odd
    room = layer.shapes[0]
    assert room.area == pytest.approx(20.0, abs=1e-3)
    west, south, _, _ = room.bounds
    assert abs(west - _PLACE.eastings) + abs(south - _PLACE.northings) < 20.0


def test_a_model_that_stands_nowhere_needs_a_declared_crs(open_folder: Path, database_url: str) -> None:
    write_house(path := open_folder / "house.ifc", None)
    with opened_city(database_url, open_folder / "data", 4549) as city:
        with pytest.raises(RejectedError) as error:
            load(city, request(path, *_PARTS))
        assert error.value.code == "crs-undeclared"


def test_real_models_have_their_storeys_and_spaces(real_data: Path) -> None:
    found = {}
    for name in ("LargeBuilding", "Ifc2x3_Duplex_Architecture"):
        info = inspect_file(real_data / "ifc" / f"{name}.ifc")
        assert info.format == "IFC (IFC2X3)"
        found[name] = {layer.name: layer.rows for layer in info.layers}
    assert found["LargeBuilding"] == {"building": 1, "storey": 2, "space": 8}
    assert found["Ifc2x3_Duplex_Architecture"] == {"building": 1, "storey": 4, "space": 21}


def test_the_place_of_a_site_is_an_assumption_and_lies_outside_the_city(database_url: str, open_folder: Path, real_data: Path) -> None:
    with opened_city(database_url, open_folder / "data", 4549) as city:
        result = look(city, request(real_data / "ifc" / "Ifc2x3_Duplex_Architecture.ifc", (None, "space", "rooms")))
    assert result.sources[0]["crs_assumed"] is True
    assert {f.rule for f in result.findings if f.rejects} == {"area-of-use"}
    assert result.refusal is not None


def test_a_building_with_too_many_vertices_keeps_its_outline_and_says_that_its_body_is_not_kept(real_data: Path) -> None:
    path, building = real_data / "ifc" / "Ifc2x3_Duplex_Architecture.ifc", load_feature_types()["building"]
    batches = {}
    for limit in (200_000, 200):
        asked = ReadRequest(path, (PartRequest(None, building, "b"),), storage_srid=26916, limits=Limits(vertices_per_feature=limit))
        batches[limit] = next(m for m in read_file(asked) if isinstance(m, PartBatch))
    whole, small = batches[200_000], batches[200]
    assert (whole.representations is None, small.representations is None) == (False, True)
    assert whole.table["geom"].equals(small.table["geom"])
    assert "ifc_body_left_out" in small.table["extra"][0].as_py()
    assert "ifc_body_left_out" not in whole.table["extra"][0].as_py()


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_model_that_breaks_off_is_refused(open_folder: Path, share: float) -> None:
    write_house(path := open_folder / "house.ifc", _PLACE)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RejectedError):
        inspect_file(path, Limits(wall_s=60))


def _rows(city: City, feature_type: str, slug: str) -> list[dict[str, object]]:
    dataset = city.catalogue.dataset(slug)
    with city.pool.connection() as connection:
        cursor = connection.execute(sql.SQL("SELECT *, ST_AsBinary(geom) AS wkb FROM {}").format(current_table(feature_type, dataset.id)))
        names = [c.name for c in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row | {"geom": shapely.from_wkb(bytes(row["wkb"]))} for row in rows]
