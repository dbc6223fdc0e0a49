"""`?filter=` on a tileset: exactly the features that items gives for that filter, drawn when they are asked for, and kept for a while."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import threading
import time
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import psycopg
import pytest
import shapely

from tests.event_loop import run_alone
from tests.opened_city import get, load, opened_city, request
from tiles import tileset
from tiles.build import BuildOptions
from tiles.checker import check_glb, check_tileset
from tiles.tiling import Budget
from twin.errors import ConflictError
from twin.server import assets, builds, filtered_tiles, pace
from twin.server.app import create_app
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.filtered_tiles import kept_places
from twin.server.packer import Packer
from twin.server.packing import pack_missing, pack_tiles
from twin.server.tile_garbage import Collected, collect

COUNT = 90
SLUG = "buildings"
OWN = f"tiles/{SLUG}/open/f"


@pytest.fixture
def city(database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    for module in (builds, filtered_tiles):
        monkeypatch.setattr(module, "BuildOptions", functools.partial(BuildOptions, budget=Budget(400, 4_000)))
    with opened_city(database_url, open_folder / "city", 4549) as opened:
        path = open_folder / "buildings.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [building(i) for i in range(COUNT)]}), encoding="utf-8")
        assert load(opened, request(path, (None, "building", SLUG), crs="EPSG:4549")).rejected == 0
        assert build_missing(opened, lambda *_: None) is None
        yield opened


def building(number: int) -> dict[str, object]:
    """A block; one of 91 m, which alone is so high, at the end of each row; those of the first row are one storey."""
    x, y, column, row = 497_000 + 60 * (number % 10), 3_521_000 + 60 * (number // 10), number % 10, number // 10
    height_m = 91.0 if column == 9 else 3.0 if row == 0 else 10.0 + column
    properties = {"建筑编号": f"B{number:03d}", "建筑高度": height_m, "基底高程": 4.0}
    return {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(shapely.box(x, y, x + 20, y + 12)))}


def crawled(city: City, entry: str) -> dict[str, bytes]:
    """Everything that a client gets who begins at ``entry`` and follows every address, by path."""

    async def follow() -> dict[str, bytes]:
        app, found, waiting = create_app(city), {}, [entry]
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin")
        async with app.router.lifespan_context(app), client:
            while waiting:
                address = waiting.pop()
                answer = await client.get(address)
                assert answer.status_code == 200, (address, answer.text)
                found[urlsplit(address).path] = answer.content
                if not answer.content.startswith(b"glTF"):
                    waiting += [urljoin(address, uri) for uri in uris(json.loads(answer.content)["root"])]
        return found

    return run_alone(follow())


def uris(tile: dict[str, object]) -> Iterator[str]:
    content, children = tile.get("content"), tile.get("children", [])
    if isinstance(content, dict):
        yield content["uri"]
    for child in children if isinstance(children, list) else []:
        yield from uris(child)


def drawn(files: dict[str, bytes], entry: str) -> set[int]:
    """The fids of a tileset in which the checker finds nothing wrong: every feature in one leaf, and in all contents above it."""
    assert check_tileset(files.__getitem__, entry) == []
    reports = [check_glb(body) for path, body in files.items() if path.endswith(".glb")]
    return {int(fid) for report in reports if report.fids is not None for fid in report.fids}


def items(city: City, text: str) -> set[int]:
    (answer,) = get(city, f"/ogc/collections/{SLUG}/items?limit=1000&skipGeometry=true&filter={quote(text)}")
    return {int(feature["id"].rpartition(".")[2]) for feature in answer.json()["features"]}


def kept(city: City, keep: int | None = None) -> Collected:
    dataset = city.catalogue.dataset(SLUG)
    return collect(city, dataset, keep, functools.partial(kept_places, city, dataset))


CASES = {"height_m < 12": 25, "height_m > 90": 9, "height_m > 5": 81, "height_m > 0": COUNT, "building_id = 'B042'": 1}


def test_a_filtered_tileset_draws_the_features_that_items_gives(city: City) -> None:
    entry, blocks = f"/tiles/{SLUG}/tileset.json", set()
    for text, count in CASES.items():
        files = crawled(city, f"{entry}?filter={quote(text)}")
        assert drawn(files, entry) == items(city, text)
        assert len(items(city, text)) == count
        made = {path: body for path, body in files.items() if "/open/f/" in path and path.endswith(".glb")}
        assert bool(made) == (count < COUNT)
        blocks |= {check_glb(body).blocks for body in made.values()}
    assert {key for key in city.store.keys(OWN) if key.endswith(".glb")} >= {path[1:] for path in made}
    assert max(b for b in blocks if b is not None) == CASES["height_m > 5"]


def test_a_filter_is_kept_and_its_contents_are_drawn_once_asked_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = city.catalogue.last_commit()
    asked = f"?filter={quote('height_m < 12')}"
    (first,) = get(city, f"/tiles/{SLUG}/tileset.json{asked}")
    assert not any(key.endswith(".glb") for key in city.store.keys(OWN))
    files = crawled(city, f"/tiles/{SLUG}/{commit}/tileset.json{asked}")
    with monkeypatch.context() as nothing_new:
        nothing_new.delattr(filtered_tiles, "filtered_tree")
        nothing_new.delattr(filtered_tiles, "FilteredContents")
        assert crawled(city, f"/tiles/{SLUG}/{commit}/tileset.json{asked}") == files
        assert get(city, f"/tiles/{SLUG}/tileset.json{asked}")[0].headers["ETag"] == first.headers["ETag"]
    inside = json.loads(first.content)["root"]["content"]["uri"].split("/")[2]
    nowhere = ("c/00.glb", f"f/{inside}/{'0' * 32}.glb", f"f/{'0' * 32}/{'0' * 32}.glb", f"f/{'0' * 32}/tileset.json", f"f/{inside}/fids")
    assert {answer.status_code for answer in get(city, *(f"/tiles/{SLUG}/open/{place}" for place in nowhere))} == {404}


def test_filters_that_mean_nothing_and_filters_that_are_none(city: City) -> None:
    entry = f"/tiles/{SLUG}/tileset.json"
    assert drawn(crawled(city, f"{entry}?filter={quote('height_m < 0')}"), entry) == set()
    for wrong in (
        "filter=height_m%20%3E",
        "filter=colour%3D1",
        "filter-lang=cql2-text",
        "filter=TRUE&filter=TRUE",
        "filter=TRUE&filter-crs=x",
    ):
        tiles, rows = get(city, f"{entry}?{wrong}", f"/ogc/collections/{SLUG}/items?{wrong}")
        assert (tiles.status_code, tiles.json()["code"]) == (400, rows.json()["code"]), wrong
        assert tiles.json()["detail"] == rows.json()["detail"]


def test_filters_go_when_nobody_asks_or_their_revision_goes_or_too_many_are_asked_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tileset, "LARGEST_INLINE_BYTES", 500)
    texts = [f"height_m < {limit}" for limit in (12, 13, 14)]
    unfiltered = set(city.store.keys(f"tiles/{SLUG}"))
    for text in texts:
        crawled(city, f"/tiles/{SLUG}/tileset.json?filter={quote(text)}")
    tilesets = sorted(key for key in city.store.keys(OWN) if key.endswith("/tileset.json"))
    assert len(tilesets) == 3
    made = set(city.store.keys(f"tiles/{SLUG}")) - unfiltered
    assert {key for key in made if not key.startswith(OWN)} == set()
    assert {key.rpartition("/")[0] for key in made if re.search("/[0-9a-f]{32}.json$", key)} == {key.rpartition("/")[0] for key in tilesets}
    assert kept(city).dropped == 0
    os.utime(city.store.path(tilesets[0]), (0, 0))
    assert kept(city).dropped > 3
    assert sorted(key for key in city.store.keys(OWN) if key.endswith("/tileset.json")) == tilesets[1:]

    os.utime(city.store.path(tilesets[1]), (1, 1))
    monkeypatch.setattr(filtered_tiles, "MOST_KEPT", 2)
    get(city, f"/tiles/{SLUG}/tileset.json?filter={quote('height_m < 15')}")
    left = {key for key in city.store.keys(OWN) if key.endswith("/tileset.json")}
    assert len(left) == 2
    assert tilesets[2] in left


def test_what_is_left_of_a_filter_is_made_whole_or_goes(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = f"/tiles/{SLUG}/tileset.json?filter={quote('height_m < 12')}"
    files = crawled(city, entry)
    (tileset_key,) = (key for key in city.store.keys(OWN) if key.endswith("/tileset.json"))
    folder = tileset_key.removesuffix("/tileset.json")

    touch, delete_all = city.store.touch, city.store.delete_all

    def collected_first(key: str) -> bool:
        with pytest.raises(ConflictError):
            kept(city)
        return touch(key)

    def killed(keys: Collection[str]) -> None:
        delete_all(sorted(keys)[:1])
        raise KeyboardInterrupt

    for lost in ("plan.json", "fids"):
        with monkeypatch.context() as between:
            between.setattr(city.store, "touch", collected_first)
            assert crawled(city, entry) == files
        for key in [key for key in city.store.keys(folder) if key.endswith((lost, ".glb"))]:
            city.store.delete(key)
    city.store.delete(f"{folder}/plan.json")
    assert kept(city).dropped > 0
    assert not city.store.exists(tileset_key)

    assert crawled(city, entry) == files
    city.store.put(f"{folder}/plan.json", b"{")
    with monkeypatch.context() as between:
        between.setattr(city.store, "delete_all", killed)
        with pytest.raises(KeyboardInterrupt):
            kept(city)
    assert (city.store.exists(tileset_key), city.store.exists(f"{folder}/plan.json")) == (False, True)
    assert kept(city).dropped > 0
    assert set(city.store.keys(OWN)) == set()


def packed(city: City) -> int:
    return sum(key.endswith(".gz") for key in city.store.keys(f"tiles/{SLUG}"))


def test_tiles_are_packed_once_and_packed_files_go_with_their_tiles(city: City) -> None:
    before = crawled(city, f"/tiles/{SLUG}/tileset.json")
    packer = Packer(city)
    with packer.resting():
        packer.pack_soon()
        packer.pack_soon()
        time.sleep(0.2)
        assert packed(city) == 0, "an edit is being built"
    for thread in threading.enumerate():
        if thread.name == "packer":
            thread.join()
    assert packed(city) > 10
    assert pack_missing(city) == pack_tiles(city, SLUG) == 0
    content = next(path for path in before if path.endswith(".glb"))
    (answer,) = get(city, content)
    assert (answer.headers["content-encoding"], answer.content) == ("gzip", before[content])
    assert crawled(city, f"/tiles/{SLUG}/tileset.json") == before
    assert kept(city).dropped == 0
    revision = f"tiles/{SLUG}/open/r/{city.catalogue.last_commit()}/tileset.json"
    city.store.put(revision, city.store.get(revision))
    assert pack_missing(city) == 1
    city.store.put(f"tiles/{SLUG}/open/c/00.glb.gz", b"")
    assert kept(city).dropped == 1


def test_a_tileset_and_some_of_its_features_are_given_as_one_file(city: City) -> None:
    commit, text = city.catalogue.last_commit(), "height_m < 12"
    asked = f"filter={quote(text)}"
    newest, same, some, wrong, nowhere = get(
        city,
        f"/tiles/{SLUG}/export.3tz",
        f"/tiles/{SLUG}/{commit}/export.3tz",
        f"/tiles/{SLUG}/{commit}/export.3tz?{asked}",
        f"/tiles/{SLUG}/export.3tz?filter=colour%3D1",
        f"/tiles/{SLUG}/0/export.3tz",
    )
    assert [answer.status_code for answer in (newest, same, some, wrong, nowhere)] == [200, 200, 200, 400, 404]
    assert newest.headers["content-type"] == "application/vnd.maxar.archive.3tz+zip"
    assert newest.headers["content-disposition"] == f'attachment; filename="{SLUG}-{commit}.3tz"'
    assert (newest.content, newest.headers["etag"]) == (same.content, same.headers["etag"]) != (some.content, some.headers["etag"])
    everything = archived(newest.content)
    assert everything.keys() >= {f"c/{key.rpartition('/')[2]}" for key in city.store.keys(f"tiles/{SLUG}/open/c")}
    assert drawn(everything, "tileset.json") == items(city, "height_m > 0")
    assert drawn(archived(some.content), "tileset.json") == items(city, text)
    (misspelt,) = get(city, f"/tiles/{SLUG}/export.3tz?filtre=height_m%3E1")  # else it would be the whole city
    assert (misspelt.status_code, misspelt.json()["code"]) == (400, "unknown-parameter")
    again, other = get(city, *[f"/tiles/{SLUG}/export.3tz"] * 2, headers={"If-None-Match": newest.headers["etag"]})
    assert {again.status_code, other.status_code} == {304}
    assert get(city, f"/tiles/{SLUG}/export.3tz?{asked}", headers={"If-None-Match": newest.headers["etag"]})[0].content == some.content


def archived(file: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_how_far_a_build_is_is_told_to_pages_and_scripts(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_TOLD_S", 0.0)
    monkeypatch.setattr(pace, "_ENOUGH_S", 0.0)
    commit = city.catalogue.last_commit()
    states: list[object] = []

    def told(_: str, done: int, total: int | None) -> None:
        (entry,) = [d for d in get(city, "/api/datasets")[0].json() if d["slug"] == SLUG] if done == total else [None]
        states.append(entry and entry["tiles"])

    city.catalogue.assets.forget(city.catalogue.dataset(SLUG).id, commit, "tileset", "open")
    with psycopg.connect(city.database_url, autocommit=True) as listening:
        listening.execute("LISTEN twin_event")
        assert assets.build_asset(city, SLUG, commit, told, anew=True)
        heard: list[dict[str, Any]] = []
        for event in listening.notifies(timeout=30):  # they need not all come at once
            heard.append(json.loads(event.payload))
            if heard[-1]["state"] == "ready":
                break
    assert {(event["event"], event["dataset"], event["revision"]) for event in heard} == {("asset", SLUG, commit)}
    *building, ready = heard
    assert {event["state"] for event in building} == {"building"}
    assert [building[-1]["progress"][name] for name in ("done", "total")] == [COUNT, COUNT]
    assert building[-1]["progress"]["per_s"] > 0
    assert building[-1]["progress"]["left_s"] == 0
    assert states[-1] == {"state": "building", "progress": building[-1]["progress"]}
    assert (ready["state"], "progress" in ready) == ("ready", False)
    assert get(city, "/api/datasets")[0].json()[0]["tiles"] == {"state": "ready", "progress": None}
