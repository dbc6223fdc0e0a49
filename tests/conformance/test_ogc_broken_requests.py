"""Requests that once hung or broke the door, each refused or answered as it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import ogc_server
import pytest
import query_city as city

from ogc.formats import Formats
from ogc.processes.export_area import export_area
from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster
from twin.errors import BadRequestError
from twin.query.collection import collections_of

LAYER = "arcgis/rest/services/buildings/FeatureServer/0/query"


@pytest.fixture(scope="module")
def database(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def catalogue(database: str) -> Iterator[Catalogue]:
    made = city.small_city(database)
    yield made
    made.pool.close()


@pytest.fixture(scope="module")
def door(catalogue: Catalogue, database: str) -> Iterator[httpx.Client]:
    with ogc_server.served(catalogue, database) as base, httpx.Client(base_url=f"{base}/", timeout=30) as client:
        yield client


@pytest.mark.parametrize("year", ["99999999999", "10000"])
def test_a_year_that_no_clock_knows_is_no_time(door: httpx.Client, year: str) -> None:
    answer = door.get("collections/buildings/items", headers={"Accept-Datetime": f"Thu, 31 May {year} 20:35:00 GMT"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-accept-datetime")


@pytest.mark.parametrize("form", ["fgb", "gpkg", "parquet", "csv"])
def test_a_file_whose_rows_cannot_be_read_says_why(door: httpx.Client, form: str) -> None:
    page = door.get("collections/buildings/items", params={"filter": "10^400 > 1"})
    file = door.get("collections/buildings/items", params={"filter": "10^400 > 1", "f": form})
    assert page.status_code == 400
    assert (file.status_code, file.json()["code"]) == (400, page.json()["code"])


def test_a_field_to_order_by_may_be_named_again(door: httpx.Client) -> None:
    once = door.get(LAYER, params={"f": "json", "orderByFields": "floors_above DESC"}).json()
    again = door.get(LAYER, params={"f": "json", "orderByFields": "floors_above DESC,FLOORS_ABOVE,floors_above ASC"}).json()
    assert once == again
    assert len(once["features"]) > 1


def test_a_form_of_too_many_fields_is_refused(door: httpx.Client) -> None:
    fields = {f"field{i}": "" for i in range(150)}
    assert door.post(LAYER, data=fields).json()["error"]["details"] == ["bad-parameter"]


@pytest.mark.parametrize("shape", [{"points": [[0, 0]] * 1001}, {"paths": [[[0, 0]] * 501] * 2}, {"rings": [[[0, 0]] * 1001]}])
def test_a_large_geometry_is_refused_before_it_is_read(door: httpx.Client, shape: dict[str, object]) -> None:
    answer = door.post(LAYER, data={"f": "json", "geometry": json.dumps(shape), "geometryType": "esriGeometryPolygon"})
    assert answer.json()["error"]["details"] == ["filter-too-complex"]


def test_an_area_of_too_many_vertices_is_refused_however_they_are_nested(catalogue: Catalogue) -> None:
    visible = collections_of(catalogue)
    ring = [[114.0 + i * 1e-9, 22.5] for i in range(10_001)]
    for coordinates in ([ring], [[], ring], [[ring[:5000]], [ring[5000:]]]):
        area = {"type": "Polygon", "coordinates": coordinates}
        with pytest.raises(BadRequestError, match="more than 10000 vertices"):
            export_area({"area": area, "collections": ["buildings"]}, visible, Formats())
