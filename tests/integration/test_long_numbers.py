"""A number of thousands of digits, which Python refuses to read, names nothing: problem documents, never a failure of ours."""

from __future__ import annotations

from pathlib import Path

from tests.opened_city import get, opened_city

LONG = "1" * 5000
PLACES = (
    f"/tiles/d/1/i/{LONG}/0/0.glb",
    f"/tiles/d/1/i/0/0/{LONG}.subtree",
    f"/tiles/d/{LONG}/tileset.json",
    f"/tiles/d/{LONG}/implicit.json",
    f"/tiles/d/{LONG}/layer.json",
    f"/tiles/d/1/{LONG}/0/0.terrain",
    f"/tiles/d/1/0/{LONG}/0.webp",
    f"/api/commits/{LONG}",
    "/api/commits/" + "1" * 19,
    "/api/commits/999999999",
    f"/api/objects/{LONG}",
    f"/ogc/collections/findings/items/{LONG}",
    f"/ogc/collections/d/tiles/WebMercatorQuad/{LONG}/0/0",
)


def test_numbers_in_paths_of_any_length_fail_nothing(database_url: str, open_folder: Path) -> None:
    with opened_city(database_url, open_folder / "city", 4549) as city:
        for answer in get(city, *PLACES):
            told = answer.headers["content-type"], answer.status_code, answer.json()["code"]
            assert told == ("application/problem+json", 404, "not-found"), answer.url.path[:40]
