"""One object by its OID over HTTP: what it is linked with, and what is said of it when it is gone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.opened_city import get, load, opened_city, request


def test_an_object_shows_its_links_and_is_remembered_when_it_is_gone(database_url: str, open_folder: Path) -> None:
    with opened_city(database_url, open_folder / "data", 4549) as city:
        houses = [feature("Polygon", [[[119.97, 31.81], [119.9701, 31.81], [119.9701, 31.8101], [119.97, 31.81]]], 建筑编号="B1")]
        load(city, request(written(open_folder / "b.geojson", houses), (None, "building", "buildings")))
        doors = [feature("Point", [119.97, 31.81], 地址编码="A1", 标准地址="劳动中路1号", 建筑编号="B1")]
        load(city, request(written(open_folder / "a.geojson", doors), (None, "address", "addresses")))
        (listed,) = get(city, "/ogc/collections/addresses/items?f=json")
        oid = listed.json()["features"][0]["id"]
        (here,) = get(city, f"/api/objects/{oid}")
        [link] = here.json()["links"]
        assert (link["direction"], link["dataset"], link["key"], link["feature_type"]) == ("out", "buildings", "B1", "building")
        back, item = get(city, f"/api/objects/{link['oid']}", f"/{link['item']}?f=json")
        assert [(other["direction"], other["oid"]) for other in back.json()["links"]] == [("in", oid)]
        assert item.json()["properties"]["building_id"] == "B1"
        doors = [feature("Point", [119.97, 31.81], 地址编码="A2", 标准地址="劳动中路2号")]
        load(city, request(written(open_folder / "a.geojson", doors), (None, "address", "addresses"), allow_deletes=True))
        gone, then, before, unknown = get(city, *(f"/api/objects/{o}" for o in (oid, f"{oid}?as-of=2", f"{oid}?as-of=1", f"{oid}0")))
    assert (gone.status_code, then.status_code, before.status_code, unknown.status_code) == (410, 200, 404, 404)
    assert gone.headers["content-type"] == "application/problem+json"
    assert {"code": "gone", "dataset": "addresses", "key": "A1", "commit_from": 2, "commit_to": 3}.items() <= gone.json().items()


def feature(kind: str, coordinates: object, **properties: str) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def written(path: Path, features: list[dict[str, object]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")
    return path
