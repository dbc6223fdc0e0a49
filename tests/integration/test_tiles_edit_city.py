"""Edits of a city in PostGIS: each revision's tiles are made from those before, and are those of a build of all; what none uses goes."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import shapely

from ingest.rollback import rollback
from tests.opened_city import get, load, opened_city, request
from tiles import build, tileset
from tiles.build import BuildOptions
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.tiling import Budget
from twin.errors import ConflictError
from twin.server import assets, builds
from twin.server.assets import build_asset, build_missing, is_edit
from twin.server.city import City
from twin.server.cli import build_parser
from twin.server.commands.tiles import tiles_build
from twin.server.jobs import BUILDS, EDITS, make_queue, wake_worker
from twin.server.scene import VARIANT
from twin.server.terminal import Terminal
from twin.server.tile_garbage import collect
from twin.server.tile_lock import building

COUNT = 60
SLUG = "buildings"


@pytest.fixture
def city(database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    monkeypatch.setattr(builds, "BuildOptions", functools.partial(BuildOptions, budget=Budget(400, 4_000)))
    with opened_city(database_url, open_folder / "city", 4549) as opened:
        yield opened


def feature(number: int, height_m: float, east_m: float = 0.0, **more: str) -> dict[str, object]:
    x, y = 497_000 + 40 * (number % 8) + east_m, 3_521_000 + 40 * (number // 8)
    shape = shapely.box(x, y, x + 20, y + 12)
    properties = {"建筑编号": f"B{number:03d}", "建筑高度": height_m, "基底高程": 4.0, **more}
    return {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(shape))}


def publish(city: City, folder: Path, features: list[dict[str, object]], mode: str) -> int:
    path = folder / f"{mode}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    result = load(city, request(path, (None, "building", SLUG), crs="EPSG:4549", mode=mode))
    assert result.rejected == 0
    return city.catalogue.last_commit()


def quiet(*_: object) -> None:
    """Progress nobody watches."""


def tree(city: City, commit: int) -> str:
    asset = city.catalogue.assets.find(city.catalogue.dataset(SLUG).id, commit, "tileset", VARIANT)
    assert asset is not None
    assert asset.state == "ready"
    return str(asset.detail["tree"])


def built_from_all(city: City, commit: int) -> str:
    """The tree of the same revision by a build of all features."""
    city.catalogue.assets.forget(city.catalogue.dataset(SLUG).id, commit, "tileset", VARIANT)
    assert build_asset(city, SLUG, commit, quiet, anew=True)
    return tree(city, commit)


def problems(city: City, commit: int) -> list[object]:
    read = dataset_reader(lambda key: city.store.get(f"tiles/{SLUG}/{key}"))
    return [p for name in ("tileset", "implicit") for p in check_tileset(read, f"{commit}/{name}.json@{VARIANT}")]


def objects(city: City) -> set[str]:
    return set(city.store.keys(f"tiles/{SLUG}"))


def test_every_revision_is_made_from_the_one_before_and_is_what_all_features_give(
    city: City, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(city, open_folder, [feature(i, 6.0 + i % 9) for i in range(COUNT)], "replace")
    assert not is_edit(city, SLUG, first)
    assert build_missing(city, quiet) is None
    before = objects(city)

    with monkeypatch.context() as only_updates:
        only_updates.delattr(builds, "build_tileset")
        edits = [feature(3, 250.0), feature(20, 9.0, east_m=20_000), feature(COUNT, 8.0), feature(7, 7.0, 变更="删除")]
        second = publish(city, open_folder, edits, "delta")
        assert is_edit(city, SLUG, second)  # it waits for no build of a city
        assert build_missing(city, quiet) is None
        rollback(city.catalogue, first, "test", "back", city.extent_deg)
        third = city.catalogue.last_commit()
        assert build_missing(city, quiet) is None
    assert first < second < third
    assert tree(city, third) == tree(city, first) != tree(city, second)
    assert before <= objects(city)
    assert tree(city, second) == built_from_all(city, second)
    assert [problems(city, commit) for commit in (first, second, third)] == [[], [], []]

    def read(path: str) -> bytes:
        (answer,) = get(city, f"/tiles/{SLUG}/{path}")
        if answer.status_code != 200:
            raise KeyError(path)
        return answer.content

    assert check_tileset(read, f"{second}/implicit.json") == []
    nowhere = ("0/1/0.glb", "60/0/0.subtree", "0/0/0.json", "1/9/9.glb")
    assert {answer.status_code for answer in get(city, *(f"/tiles/{SLUG}/{second}/i/{place}" for place in nowhere))} == {404}


def queued(city: City) -> list[object]:
    """The queues in which builds wait."""
    with city.pool.connection() as connection:
        query = "SELECT queue_name FROM jobs.procrastinate_jobs WHERE task_name = 'build_asset' AND status = 'todo' ORDER BY id"
        return [name for (name,) in connection.execute(query)]


def work(city: City, name: str) -> None:
    """Do what waits in a queue."""
    queue = make_queue(city, quiet)
    with ThreadPoolExecutor(1) as thread:  # a browser test may have left a running loop in this one
        thread.submit(queue.run_worker, queues=[name], wait=False, install_signal_handlers=False, delete_jobs="successful").result()


def test_an_edit_of_a_city_whose_tiles_are_not_ready_is_one_as_soon_as_they_are(
    city: City, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiles of one building changed after a million that were still being built were those of a million, in the queue of edits."""
    monkeypatch.setattr(assets, "_SMALL", 3)
    publish(city, open_folder, [feature(0, 6.0)], "replace")
    assert build_missing(city, quiet) is None
    many = publish(city, open_folder, [feature(i, 7.0) for i in range(4)], "delta")
    assert not is_edit(city, SLUG, many)
    edit = publish(city, open_folder, [feature(1, 9.0)], "delta")
    wake_worker(city)
    assert queued(city) == [BUILDS]
    assert build_asset(city, SLUG, many, quiet)
    wake_worker(city)
    assert queued(city) == [BUILDS, EDITS]
    work(city, EDITS)
    assert tree(city, edit)
    work(city, BUILDS)  # finds nothing to do
    assert queued(city) == []


def test_the_first_edit_after_a_new_engine_waits_among_the_builds(city: City, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is built from all features, and the edits of other datasets waited for it."""
    publish(city, open_folder, [feature(i, 6.0) for i in range(3)], "replace")
    assert build_missing(city, quiet) is None
    monkeypatch.setattr(build, "ENGINE_VERSION", "another")
    edit = publish(city, open_folder, [feature(1, 9.0)], "delta")
    wake_worker(city)
    assert queued(city) == [EDITS]
    work(city, EDITS)
    assert queued(city) == [BUILDS]
    work(city, BUILDS)
    assert tree(city, edit)
    after = publish(city, open_folder, [feature(2, 9.0)], "delta")
    wake_worker(city)
    work(city, EDITS)
    assert tree(city, after)


def test_nothing_is_dropped_between_the_end_of_a_build_and_its_registration(
    city: City, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = publish(city, open_folder, [feature(i, 6.0 + i % 9) for i in range(COUNT)], "replace")
    finish, settle = city.catalogue.assets.finish, city.store.settle
    on_disk: set[str] = set()

    def settled(keys: Collection[str]) -> None:
        settle(keys)
        on_disk.update(keys)

    def collected_first(*how: object) -> bool:
        with pytest.raises(ConflictError):
            collect(city, city.catalogue.dataset(SLUG), None)
        assert objects(city) <= on_disk  # the database outlasts a loss of power, and so must what it names
        return bool(finish(*how))  # type: ignore[arg-type]

    with monkeypatch.context() as between:
        between.setattr(city.catalogue.assets, "finish", collected_first)
        between.setattr(city.store, "settle", settled)
        assert build_asset(city, SLUG, commit, quiet)
    assert problems(city, commit) == []


def test_a_lease_is_kept_while_a_build_waits_for_the_disk(city: City, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last phases of a build tell no progress; a large city's took longer than the lease, and a second build began beside the first."""
    commit = publish(city, open_folder, [feature(1, 6.0)], "replace")
    monkeypatch.setattr(assets, "LEASE_S", 1.0)
    prolonged = []

    def lease_until() -> object:
        with city.pool.connection() as connection:
            return connection.execute("SELECT max(lease_until) FROM catalog.asset").fetchone()

    def settled(_: object) -> None:
        first, deadline = lease_until(), time.monotonic() + 20
        while lease_until() == first and time.monotonic() < deadline:
            time.sleep(0.02)
        prolonged.append(lease_until() != first)

    monkeypatch.setattr(city.store, "settle", settled)
    assert build_asset(city, SLUG, commit, quiet)
    assert prolonged == [True]
    dataset = city.catalogue.dataset(SLUG).id
    assert not city.catalogue.assets.keep_lease(dataset, commit, "tileset", VARIANT, 1, 60.0), "what is built is nobody's to keep"


def test_tilesets_of_an_earlier_engine_are_kept_whole(city: City, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tileset, "LARGEST_INLINE_BYTES", 500)
    first = publish(city, open_folder, [feature(i, 6.0 + i % 9) for i in range(COUNT)], "replace")
    assert build_missing(city, quiet) is None
    second = publish(city, open_folder, [feature(3, 250.0)], "delta")
    assert build_missing(city, quiet) is None
    entry = f"tiles/{SLUG}/{VARIANT}/r/{first}/tileset.json"
    body = json.loads(city.store.get(entry))
    body["root"]["contents"] = [body["root"].pop("content"), {"uri": f"../{VARIANT}/c/01.glb"}]
    city.store.put(entry, json.dumps(body).encode())
    city.store.put(f"tiles/{SLUG}/{VARIANT}/c/01.glb", b"glTF")
    with city.pool.connection() as connection:
        connection.execute("UPDATE catalog.asset SET detail = detail - 'tree' WHERE revision = %s", (first,))
    held = {key for key in objects(city) if "/n/" not in key}
    assert any("/t/" in key for key in held)

    nodes = collect(city, city.catalogue.dataset(SLUG), None).dropped
    assert nodes > 0
    assert held <= objects(city)
    assert problems(city, second) == []
    collect(city, city.catalogue.dataset(SLUG), 1)
    assert problems(city, second) == []
    assert entry not in objects(city)


def test_objects_that_no_kept_revision_uses_are_dropped_and_no_other(city: City, open_folder: Path) -> None:
    with city.pool.connection() as connection:  # a worker that died a moment ago does not keep us from building
        connection.execute("INSERT INTO jobs.procrastinate_workers DEFAULT VALUES")
    first = publish(city, open_folder, [feature(i, 6.0 + i % 9) for i in range(COUNT)], "replace")
    assert build_missing(city, quiet) is None
    second = publish(city, open_folder, [feature(3, 250.0)], "delta")
    assert build_missing(city, quiet) is None
    used = objects(city)
    dataset = city.catalogue.dataset(SLUG)
    for place in ("c/00.glb", "n/00", f"b/{first}-00/1.json"):
        city.store.put(f"tiles/{SLUG}/{VARIANT}/{place}", b"[]")
    with building(city, dataset), pytest.raises(ConflictError) as caught:
        collect(city, dataset, None)
    assert caught.value.code == "tiles-building"

    assert collect(city, dataset, None).dropped == 3
    assert objects(city) == used
    collected = collect(city, dataset, 1)
    assert collected.dropped_revisions == (first,)
    assert collected.dropped > 3
    assert problems(city, second) == []
    old, new = get(city, f"/tiles/{SLUG}/{first}/tileset.json", f"/tiles/{SLUG}/{second}/tileset.json")
    assert (old.status_code, old.json()["code"], new.status_code) == (410, "tiles-not-kept", 200)
    command = ["tiles", "build", SLUG, "--revision", str(first), "--json", "--data-dir", str(city.settings.data_dir)]
    assert f"tiles build {SLUG} --revision {first}" in old.json()["detail"]
    tiles_build(city.settings, build_parser().parse_args(command), Terminal(json_output=True, environment={}))
    assert objects(city) == used
    tilesets = [f"/tiles/{SLUG}/{first}/{name}" for name in ("tileset.json", "implicit.json", "i/0/0/0.subtree")]
    for answer in get(city, *tilesets):  # they are replaced when they are built anew: to be kept, and asked for each time
        assert (answer.status_code, answer.headers["cache-control"], bool(answer.headers["etag"])) == (200, "no-cache", True)
    content = next(key for key in used if key.endswith(".glb"))
    assert "immutable" in get(city, f"/{content}")[0].headers["cache-control"]


def test_notes_of_builds_are_kept_while_they_are_of_use(city: City, open_folder: Path) -> None:
    commit = publish(city, open_folder, [feature(0, 6.0)], "replace")
    dataset = city.catalogue.dataset(SLUG)
    notes = {
        f"b/{commit}-00/1.json": b"[]",
        f"b/{commit}-00/2.json": b"[[1,",
        f"b/{commit}-00/3.json": b'[[1, "00"]]',
        "b/0-00/1.json": b"[]",
    }
    for place, content in notes.items():
        city.store.put(f"tiles/{SLUG}/{VARIANT}/{place}", content)
    assert collect(city, dataset, None).dropped == 3
    assert objects(city) == {f"tiles/{SLUG}/{VARIANT}/b/{commit}-00/1.json"}
    assert build_asset(city, SLUG, commit, quiet)
    assert collect(city, dataset, None).dropped == 1


def test_a_build_that_kills_its_process_is_not_begun_for_ever(city: City, open_folder: Path) -> None:
    commit = publish(city, open_folder, [feature(0, 6.0)], "replace")
    dataset = city.catalogue.dataset(SLUG).id
    claims = [city.catalogue.assets.claim(dataset, commit, "tileset", VARIANT, lease_s=-1) for _ in range(4)]
    assert claims == [1, 2, 3, None]
    asset = city.catalogue.assets.find(dataset, commit, "tileset", VARIANT)
    assert asset is not None
    assert (asset.state, "begun 3 times" in str(asset.detail["error"])) == ("failed", True)
    assert not build_asset(city, SLUG, commit, quiet)
    problem = build_missing(city, quiet)
    assert problem is not None
    assert problem.code == "build-failed"
    city.catalogue.assets.forget(dataset, commit, "tileset", VARIANT)
    assert build_asset(city, SLUG, commit, quiet)
