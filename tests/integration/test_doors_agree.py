"""Every door and every form gives the same values of the same features: what is odd comes back as it is from each of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import odd_values
import ogc_server
import pyogrio
import pytest
import query_city as city
from lxml import etree

from twin.embedded import EmbeddedCluster

Values = dict[str, tuple[Any, Any, Any]]
"""Key of a feature → its name, floors and height."""


@pytest.fixture(scope="module")
def client(cluster: EmbeddedCluster, template: str) -> Iterator[httpx.Client]:
    with city.clone_of(template, cluster.dsn) as url:
        catalogue = city.new_catalogue(url)
        odd_values.publish(catalogue)
        with ogc_server.served(catalogue, url) as base, httpx.Client(base_url=base, timeout=60) as made:
            yield made
        catalogue.pool.close()


TRUTH: Values = {f"O{fid}": (text, odd_values.BEYOND_DOUBLE + 2 * fid, fid / 7) for fid, text in enumerate(odd_values.TEXTS, 1)} | {
    "none": (None, -odd_values.BEYOND_DOUBLE, None)
}
ITEMS = f"/collections/{odd_values.SLUG}/items"


def _of(properties: list[dict[str, Any]]) -> Values:
    return {p["building_id"]: (p["name"], p["floors_above"], p["height_m"]) for p in properties}


def _geojson(text: str) -> Values:
    return _of([f["properties"] for f in json.loads(text)["features"]])


def _lines(text: str) -> Values:
    return _of([json.loads(line.strip("\x1e"))["properties"] for line in text.split("\n") if line.strip("\x1e \n")])


@pytest.mark.parametrize(
    ("form", "read"),
    [("json", _geojson), ("jsonfg", _geojson), ("geojsonseq", _lines), ("ndjson", _lines)],
)  # fmt: skip
def test_forms_of_json(client: httpx.Client, form: str, read: Callable[[str], Values]) -> None:
    response = client.get(ITEMS, params={"f": form})
    assert response.status_code == 200, response.text
    assert read(response.text) == TRUTH


@pytest.mark.parametrize(("form", "suffix"), [("fgb", "fgb"), ("gpkg", "gpkg"), ("parquet", "parquet")])
def test_files(client: httpx.Client, form: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"odd.{suffix}"
    file.write_bytes(client.get(ITEMS, params={"f": form}).raise_for_status().content)
    if form == "parquet":
        from pyarrow import parquet

        rows = parquet.read_table(file).to_pylist()
    else:
        _, table = pyogrio.read_arrow(file)
        rows = table.to_pylist()
    assert _of(rows) == TRUTH


def test_csv_has_all_but_the_difference_between_nothing_and_an_empty_text(client: httpx.Client) -> None:
    text = client.get(ITEMS, params={"f": "csv"}).raise_for_status().content.decode("utf-8-sig")
    rows = {row["building_id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert set(rows) == set(TRUTH)
    for key, (name, floors, height) in TRUTH.items():
        assert rows[key]["name"].removeprefix("'") == (name or ""), key  # one guards what a spreadsheet would run, and what begins with one
        assert int(rows[key]["floors_above"]) == floors
        assert (float(rows[key]["height_m"]) if rows[key]["height_m"] else None) == height


def test_a_feature_server_and_wfs(client: httpx.Client) -> None:
    arcgis = f"/arcgis/rest/services/{odd_values.SLUG}/FeatureServer/0/query"
    asked = client.get(arcgis, params={"where": "1=1", "outFields": "*", "f": "json"}).raise_for_status().json()
    assert _of([f["attributes"] for f in asked["features"]]) == TRUTH
    assert _geojson(client.get(arcgis, params={"where": "1=1", "outFields": "*", "f": "geojson"}).text) == TRUTH
    wfs = {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": odd_values.SLUG}
    assert _geojson(client.get("/wfs", params=wfs | {"outputFormat": "application/geo+json"}).text) == TRUTH
    names = {}
    for member in etree.fromstring(client.get("/wfs", params=wfs).content).iter("{*}" + odd_values.SLUG):
        found = {etree.QName(child).localname: child for child in member}
        name = found.get("name")
        names[found["building_id"].text] = (
            None if name is None or name.get("{http://www.w3.org/2001/XMLSchema-instance}nil") else name.text or ""
        )
    assert names == {key: value[0] for key, value in TRUTH.items()}
