"""Jobs of OGC API - Processes: asked for at the served door, run as the worker runs them, their results read by others."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import ogc_server
import psycopg
import pyarrow.parquet
import pyogrio
import pyproj
import pytest
import query_city
import shapely
from psycopg import sql

from tests.reading import shared_template
from twin.embedded import EmbeddedCluster
from twin.server import process_runs
from twin.server.app import create_app
from twin.server.city import City, open_city
from twin.server.process_jobs import MOST_OF_AN_ADDRESS, MOST_WITHOUT_TOKEN, ProcessJobs
from twin.server.settings import read_settings
from twin.tokens import Tokens

PROCESS = "/processes/export-area"
EXECUTE = f"{PROCESS}/execution"
ASYNC = {"Prefer": "respond-async"}
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
N, E = query_city.NORTH, query_city.EAST
SOUTH_WEST = {"bbox": [N - 5, E - 5, N + 25, E + 155], "crs": f"{EPSG}4549"}
"""A box of the city's grid, northing first, that meets some of the buildings and some of the pipes."""


def order(**more: object) -> dict[str, Any]:
    return {"inputs": {"area": SOUTH_WEST, "collections": ["buildings", "pipes"], **more}}


@contextmanager
def served(city: City) -> Iterator[str]:
    with ogc_server.running(create_app(city)) as address:
        yield f"{address}/ogc"


@pytest.fixture(scope="module")
def city(cluster: EmbeddedCluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with query_city.clone_of(template, cluster.dsn) as url:
        query_city.small_city(url).pool.close()
        settings = read_settings({"TWIN_DATABASE_URL": url}, data_dir=tmp_path_factory.mktemp("city"))
        with open_city(settings, template=shared_template()) as city:
            yield city


@pytest.fixture(scope="module")
def door(city: City) -> Iterator[httpx.Client]:
    with served(city) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(autouse=True)
def no_jobs(city: City) -> Iterator[None]:
    yield
    with city.pool.connection() as connection:
        connection.execute("DELETE FROM catalog.process_job")
    city.store.delete_all(list(city.store.keys("results")))


def run_all(city: City) -> None:
    for job in process_runs.waiting_jobs(city):
        process_runs.run_job(city, job)


def ask(door: httpx.Client, body: object = None, code: int = 201, **headers: str) -> dict[str, Any]:
    answer = door.post(EXECUTE, json=order() if body is None else body, headers={**ASYNC, "Accept-Language": "en", **headers})
    assert answer.status_code == code, answer.text
    if code == 201:
        assert answer.headers["location"].endswith(f"/jobs/{answer.json()['jobID']}")
        assert answer.headers["preference-applied"] == "respond-async"
    return dict(answer.json())


def finished(city: City, door: httpx.Client, body: object = None, **headers: str) -> dict[str, Any]:
    job = ask(door, body, **headers)
    assert (job["status"], job["processID"], job["type"], job["progress"]) == ("accepted", "export-area", "process", 0)
    run_all(city)
    return dict(door.get(f"/jobs/{job['jobID']}", headers=headers).json())


def archive(door: httpx.Client, job: dict[str, Any]) -> zipfile.ZipFile:
    answer = door.get(f"/jobs/{job['jobID']}/results")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(answer.content))


def features(door: httpx.Client, collection: str, crs: str, as_of: int | None = None) -> dict[str, dict[str, Any]]:
    """Return what the items door says lies in the box, by id."""
    bbox = ",".join(map(str, SOUTH_WEST["bbox"]))
    asked = {"bbox": bbox, "bbox-crs": SOUTH_WEST["crs"], "crs": crs, **({"as-of": as_of} if as_of else {})}
    return {f["id"]: f for f in door.get(f"/collections/{collection}/items", params=asked).json()["features"]}


@pytest.mark.parametrize("form", ["gpkg", "fgb", "parquet"])
def test_an_export_holds_what_the_items_door_says_and_a_manifest_of_it(city: City, door: httpx.Client, tmp_path: Path, form: str) -> None:
    job = finished(city, door, order(format=form, crs=f"{EPSG}3857"))
    assert (job["status"], job["progress"]) == ("successful", 100), job
    with archive(door, job) as found:
        found.extractall(tmp_path)
        manifest = json.loads(found.read("manifest.json"))
    assert {f["collection"] for f in manifest["files"]} == {"buildings", "pipes"}
    assert manifest["commit"]["number"] == city.catalogue.last_commit()
    for listed in manifest["files"]:
        written = (tmp_path / listed["file"]).read_bytes()
        assert (len(written), hashlib.sha256(written).hexdigest()) == (listed["size"], listed["sha256"])
        expected = features(door, listed["collection"], f"{EPSG}3857")
        assert listed["features"] == len(expected) > 3
        assert written_shapes(tmp_path / listed["file"]).keys() == expected.keys()
        for oid, shape in written_shapes(tmp_path / listed["file"]).items():
            there = shapely.from_geojson(json.dumps(expected[oid]["geometry"]))
            assert shapely.hausdorff_distance(shapely.force_2d(shape), there) < 0.001


def written_shapes(path: Path) -> dict[str, shapely.Geometry]:
    """Return the geometries of a file by the ids of their features, as another reader reads them."""
    if path.suffix == ".parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
        return {row["id"]: shapely.from_wkb(row["geometry"]) for row in rows}
    info, _, shapes, values = pyogrio.raw.read(path)
    assert pyproj.CRS(info["crs"]).to_epsg() == 3857
    ids = values[list(info["fields"]).index("id")]
    return dict(zip(ids, shapely.from_wkb(shapes), strict=True))


@pytest.mark.slow
def test_every_format_that_is_described_is_written_or_refused_at_once(city: City, door: httpx.Client) -> None:
    names = door.get(PROCESS).json()["inputs"]["format"]["schema"]["enum"]
    assert {"gpkg", "fgb", "parquet", "geojsonseq", "csv", "dxf", "cityjson"} <= set(names)
    for name in names:
        for collection in ("pipes", "buildings"):
            answer = door.post(EXECUTE, json=order(format=name, collections=[collection]), headers=ASYNC)
            if answer.status_code == 400:
                assert (answer.json()["code"], name, collection) == ("bad-format", "dxf", "buildings")
                continue
            run_all(city)
            with archive(door, answer.json()) as found:
                (listed,) = json.loads(found.read("manifest.json"))["files"]
                assert listed["size"] == len(found.read(listed["file"])) > 100


def test_all_collections_are_as_of_the_commit_at_which_the_job_was_taken(city: City, door: httpx.Client) -> None:
    before = {slug: features(door, slug, f"{EPSG}4549") for slug in ("buildings", "pipes")}
    taken = ask(door, order(format="geojsonseq"))
    commit = city.catalogue.last_commit()
    query_city.publish_change(city.catalogue, "pipes", deleted=[1, 2])
    run_all(city)
    then = ask(door, order(format="geojsonseq", asOf=commit))
    run_all(city)
    for job in (taken, then):
        with archive(door, job) as found:
            assert json.loads(found.read("manifest.json"))["commit"]["number"] == commit
            for slug, expected in before.items():
                lines = found.read(f"{slug}.geojsonseq").split(b"\x1e")[1:]
                written = {f["id"]: f for f in map(json.loads, lines)}
                assert written.keys() == expected.keys()
                assert all(written[oid]["properties"] == feature["properties"] for oid, feature in expected.items())


def test_a_polygon_asks_for_what_meets_it_and_nothing_else(city: City, door: httpx.Client) -> None:
    to_grid = pyproj.Transformer.from_crs(4549, 4326, always_xy=True)
    corner = [list(to_grid.transform(E + x, N + y)) for x, y in ((-5, -5), (45, -5), (-5, 25), (-5, -5))]
    triangle = {"type": "Polygon", "coordinates": [corner]}
    job = finished(city, door, order(area=triangle, collections=["buildings"], format="geojsonseq"))
    with archive(door, job) as found:
        ids = {json.loads(line)["id"] for line in found.read("buildings.geojsonseq").split(b"\x1e")[1:]}
    around = shapely.Polygon([(E - 5, N - 5), (E + 45, N - 5), (E - 5, N + 25)])
    everything = features(door, "buildings", f"{EPSG}4549")
    flipped = {
        oid: shapely.transform(shapely.from_geojson(json.dumps(f["geometry"])), lambda p: p[:, ::-1]) for oid, f in everything.items()
    }
    assert ids == {oid for oid, shape in flipped.items() if shapely.force_2d(shape).intersects(around)}


def test_waiting_for_the_answer_gives_the_archive_itself(city: City, door: httpx.Client) -> None:
    worker = threading.Timer(0.3, run_all, [city])
    worker.start()
    answer = door.post(EXECUTE, json=order())
    worker.join()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert 'rel="monitor"' in answer.headers["link"]
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


def test_results_come_by_value_or_by_reference_as_they_were_asked_for(city: City, door: httpx.Client) -> None:
    by_reference = {"outputs": {"archive": {"transmissionMode": "reference"}}}
    document = finished(city, door, order() | {"response": "document"} | by_reference)
    found = door.get(f"/jobs/{document['jobID']}/results").json()["archive"]
    assert door.get(found["href"]).headers["content-type"] == found["type"] == "application/zip"
    raw = finished(city, door, order() | by_reference)
    answer = door.get(f"/jobs/{raw['jobID']}/results")
    kept = (answer.headers["cache-control"], answer.headers["vary"])
    assert (answer.status_code, *kept) == (204, "private, no-cache", "Accept, Accept-Encoding, Accept-Language")
    assert door.get(answer.links["item"]["url"]).content[:2] == b"PK"
    inline = finished(city, door, order() | {"response": "document"})
    value = door.get(f"/jobs/{inline['jobID']}/results").json()["archive"]
    assert (value["mediaType"], value["encoding"], value["value"][:2]) == ("application/zip", "base64", "UE")
    part = door.get(f"/jobs/{raw['jobID']}/results?as=file", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PK\x03\x04")
    for address in (f"/jobs/{raw['jobID']}/results?as=file", *(f"/jobs/{job['jobID']}/results" for job in (document, inline))):
        whole = door.get(address)
        held = door.get(address, headers={"If-None-Match": whole.headers["etag"]})
        assert (whole.status_code, held.status_code, held.content) == (200, 304, b"")
        assert [held.headers[name] for name in ("etag", "cache-control", "vary")] == [
            whole.headers[name] for name in ("etag", "cache-control", "vary")
        ]
        assert whole.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": {}}, "bad-input"),
        (order(collections=["nothing"]), "bad-input"),
        (order(collections=["secret"]), "bad-input"),
        (order(collections=[]), "bad-input"),
        (order(collections=["pipes", "pipes"]), "bad-input"),
        (order(format="shp"), "bad-format"),
        (order(format="dxf", collections=["buildings"]), "bad-format"),
        (order(crs=f"{EPSG}32650"), "crs-not-offered"),
        (order(asOf="yesterday"), "bad-as-of"),
        (order(asOf=True), "bad-input"),
        (order(area={"bbox": [1, 2, 3]}), "bad-bbox"),
        (order(area={"bbox": [1, 2, "x", 4]}), "bad-input"),
        (order(area={"bbox": [0, 0, 10**400, 1]}), "bad-execute"),
        (order(area={"href": "http://127.0.0.1:1/area.json"}), "bad-input"),
        (order(area={"type": "Point", "coordinates": [1, 2]}), "bad-input"),
        (order(area={"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}), "bad-input"),
        (order(area={"type": "Polygon", "coordinates": "x"}), "bad-input"),
        (order(colour="red"), "bad-input"),
        (order() | {"subscriber": {"successUri": "http://127.0.0.1:1/"}}, "no-callbacks"),
        (order() | {"response": "html"}, "bad-execute"),
        (order() | {"response": {}}, "bad-execute"),
        (order() | {"outputs": {"archive": {"transmissionMode": []}}}, "bad-execute"),
        (order(area={"type": {}, "coordinates": []}), "bad-input"),
        (order(crs={}), "bad-input"),
        (order() | {"outputs": {"map": {}}}, "bad-execute"),
        ([1], "bad-execute"),
    ],
)
def test_what_cannot_be_done_is_refused_before_it_is_a_job(door: httpx.Client, body: object, code: str) -> None:
    problem = ask(door, body, code=400)
    assert problem["code"] == code
    assert door.get("/jobs").json()["jobs"] == []


def test_a_job_belongs_to_who_asked_for_it(city: City, door: httpx.Client) -> None:
    tokens = Tokens(city.pool)
    owner, other = ({"Authorization": f"Bearer {tokens.renew(name)}"} for name in ("owner", "other"))
    own = finished(city, door, None, **owner)
    address = f"/jobs/{own['jobID']}"
    for stranger in ({}, other):
        for path in (address, f"{address}/results"):
            refused = door.get(path, headers=stranger)
            assert (refused.status_code, refused.json()["code"]) == (404, "no-such-job")
        assert door.delete(address, headers=stranger).status_code == 404
        assert door.get("/jobs", headers=stranger).json()["jobs"] == []
    assert door.get(f"{address}/results", headers=owner).status_code == 200
    assert [j["jobID"] for j in door.get("/jobs", headers=owner).json()["jobs"]] == [own["jobID"]]
    assert door.get("/jobs", headers={"Authorization": "Bearer twin_x"}).status_code == 401


def test_a_job_asked_for_without_a_token_is_listed_to_nobody_and_found_by_its_id(city: City, door: httpx.Client) -> None:
    job = finished(city, door)
    assert door.get("/jobs").json()["jobs"] == []  # others may come from the same address
    with city.pool.connection() as connection:
        connection.execute("UPDATE catalog.process_job SET asker = 'address:elsewhere'")
    assert door.get(f"/jobs/{job['jobID']}").status_code == 200
    refused = door.delete(f"/jobs/{job['jobID']}")
    assert (refused.status_code, refused.json()["code"]) == (403, "not-your-job")


def test_a_dataset_that_is_closed_later_takes_its_exports_along(city: City, door: httpx.Client) -> None:
    job = finished(city, door, order(collections=["plots", "buildings"]))
    sharing = "UPDATE catalog.dataset SET sharing = %s WHERE slug = 'plots'"
    with city.pool.connection() as connection:
        connection.execute(sharing, ("restricted",))
    try:
        city.catalogue.refresh()
        assert door.get(f"/jobs/{job['jobID']}/results").status_code == 404
    finally:
        with city.pool.connection() as connection:
            connection.execute(sharing, ("open",))


def test_too_many_jobs_of_one_asker_are_refused(city: City, door: httpx.Client) -> None:
    for _ in range(MOST_OF_AN_ADDRESS):
        ask(door)
    refused = door.post(EXECUTE, json=order(), headers=ASYNC)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
    assert refused.headers["retry-after"]
    ask(door, Authorization=f"Bearer {Tokens(city.pool).renew('busy')}")


def test_places_are_kept_for_those_who_have_a_token(city: City, door: httpx.Client) -> None:
    ask(door)
    crowd = "INSERT INTO catalog.process_job (id, process, asker, classes, commit, inputs, response, transmission)"
    crowd += " SELECT gen_random_uuid(), process, 'address:' || n, classes, commit, inputs, response, transmission"
    crowd += " FROM catalog.process_job, generate_series(2, %s) AS n"
    with city.pool.connection() as connection:
        connection.execute(crowd, (MOST_WITHOUT_TOKEN,))
    assert door.post(EXECUTE, json=order(), headers=ASYNC).status_code == 429
    ask(door, Authorization=f"Bearer {Tokens(city.pool).renew('known')}")


def test_the_result_of_a_job_that_ends_while_it_is_dismissed_is_forgotten(
    city: City, door: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, desk = uuid.UUID(ask(door)["jobID"]), ProcessJobs(city, Tokens(city.pool), lambda: None)
    before = desk.one(job)
    run_all(city)
    assert list(city.store.keys("results"))
    monkeypatch.setattr(desk, "one", lambda _: before)  # a look just before it ended
    assert desk.dismiss(job) is not None
    assert list(city.store.keys("results")) == []


def test_a_job_that_waits_is_dismissed_and_never_runs(city: City, door: httpx.Client) -> None:
    job = ask(door)
    waiting = door.get(f"/jobs/{job['jobID']}")
    dismissed = door.delete(f"/jobs/{job['jobID']}")
    assert (dismissed.status_code, dismissed.json()["status"]) == (200, "dismissed")
    run_all(city)
    told = door.get(f"/jobs/{job['jobID']}", headers={"If-None-Match": waiting.headers["etag"]})
    assert told.json()["status"] == "dismissed"
    assert door.get(f"/jobs/{job['jobID']}/results").status_code == 410
    assert door.delete(f"/jobs/{job['jobID']}").status_code == 410


def test_a_running_job_stops_when_it_is_dismissed(city: City, door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_runs, "_LOOK_S", 0.05)
    job = ask(door)
    # The database keeps the export busy until it is cancelled: somebody else holds the table.
    with psycopg.connect(city.database_url) as holder:
        holder.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(
                sql.Identifier("city", f"building_d{city.catalogue.dataset('buildings').id}")
            )
        )
        running = threading.Thread(target=run_all, args=[city])
        running.start()
        until = time.monotonic() + 20
        while door.get(f"/jobs/{job['jobID']}").json()["status"] != "running" and time.monotonic() < until:
            time.sleep(0.02)
        assert door.delete(f"/jobs/{job['jobID']}").json()["status"] == "dismissed"
        running.join(20)
        assert not running.is_alive()
    assert door.get(f"/jobs/{job['jobID']}").json()["status"] == "dismissed"
    assert list(city.store.keys("results")) == []


def test_a_job_whose_worker_was_lost_runs_again_and_fails_when_that_goes_on(city: City, door: httpx.Client) -> None:
    job = ask(door)
    claim = "UPDATE catalog.process_job SET state = 'running', fencing = fencing + 1, attempt = %s, lease_until = now() + %s::interval"
    with city.pool.connection() as connection:
        connection.execute(claim, (1, "1 minute"))
    assert process_runs.waiting_jobs(city) == ()
    with city.pool.connection() as connection:
        connection.execute(claim, (1, "-1 second"))
    run_all(city)
    assert door.get(f"/jobs/{job['jobID']}").json()["status"] == "successful"
    other = ask(door)
    with city.pool.connection() as connection:
        connection.execute(claim + " WHERE state = 'accepted'", (process_runs.MAX_ATTEMPTS, "-1 second"))
    run_all(city)
    failed = door.get(f"/jobs/{other['jobID']}").json()
    assert (failed["status"], failed["code"]) == ("failed", "job-interrupted")


def test_a_worker_that_lost_its_lease_registers_nothing(city: City, door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(door)
    write = process_runs.write_export

    def overtaken(*arguments: Any) -> None:
        write(*arguments)
        monkeypatch.setattr(process_runs, "write_export", write)
        with city.pool.connection() as connection:
            connection.execute("UPDATE catalog.process_job SET lease_until = now() - interval '1 second'")
        run_all(city)

    monkeypatch.setattr(process_runs, "write_export", overtaken)
    run_all(city)
    assert door.get(f"/jobs/{job['jobID']}").json()["status"] == "successful"
    with archive(door, job) as found:
        assert found.testzip() is None
    assert len(list(city.store.keys("results"))) == 1


def test_results_and_jobs_are_forgotten_after_their_time(city: City, door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = finished(city, door)
    process_runs.sweep_jobs(city)
    assert door.get(f"/jobs/{job['jobID']}/results").status_code == 200
    with city.pool.connection() as connection:
        connection.execute("UPDATE catalog.process_job SET finished_at = now() - interval '8 days'")
    monkeypatch.setattr(process_runs, "_YOUNG_S", 0.0)
    process_runs.sweep_jobs(city)
    assert door.get(f"/jobs/{job['jobID']}").status_code == 404
    assert list(city.store.keys("results")) == []


def test_a_full_disk_fails_the_job_and_says_so(city: City, door: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(process_runs, "write_export", full)
    job = finished(city, door)
    assert (job["status"], job["code"]) == ("failed", "disk-full")
    refused = door.get(f"/jobs/{job['jobID']}/results")
    assert (refused.status_code, refused.json()["code"]) == (507, "disk-full")


def test_jobs_are_listed_by_pages_and_filtered(city: City, door: httpx.Client) -> None:
    token = {"Authorization": f"Bearer {Tokens(city.pool).renew('lister')}"}
    made = [finished(city, door, None, **token)["jobID"] for _ in range(2)] + [ask(door, **token)["jobID"]]
    listed: list[str] = []
    address: str | None = "/jobs?limit=1"
    while address is not None:
        page = door.get(address, headers=token).json()
        listed += [j["jobID"] for j in page["jobs"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert listed == made[::-1]

    def ids(query: str) -> set[str]:
        return {j["jobID"] for j in door.get(f"/jobs?{query}", headers=token).json()["jobs"]}

    assert ids("status=accepted") == {made[2]}
    assert ids("status=successful,failed") == set(made[:2])
    assert ids("processID=export-area&type=process") == set(made)
    assert ids("processID=other") == set()
    assert ids("maxDuration=100") == set(made[:2])
    assert ids("minDuration=100") == set()
    assert ids("datetime=../2020-01-01T00:00:00Z") == set()
    assert ids("datetime=2020-01-01T00:00:00Z/..") == set(made)
    for wrong in ("status=done", "type=x", "datetime=x", "minDuration=x", "cursor=x", "limit=0", "colour=red"):
        assert door.get(f"/jobs?{wrong}", headers=token).status_code == 400, wrong


def test_descriptions_are_in_both_languages_and_their_schemas_hold(city: City, door: httpx.Client) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for language, title in (("zh", "按范围导出"), ("en", "Export of an area")):
        assert door.get("/processes", params={"lang": language}).json()["processes"][0]["title"] == title
        document = door.get(PROCESS, params={"lang": language}).json()
        assert document["title"] == title
        for given in document["inputs"].values():
            jsonschema.Draft202012Validator.check_schema(given["schema"])
        for name, value in order(format="gpkg", crs=f"{EPSG}4549", asOf=3)["inputs"].items():
            jsonschema.validate(value, document["inputs"][name]["schema"])
        assert "secret" not in json.dumps(document)
        for path in ("/processes", PROCESS, "/jobs", f"/jobs/{ask(door)['jobID']}"):
            page = door.get(path, params={"lang": language, "f": "html"})
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert "<script" not in page.text
            again = door.get(path, params={"lang": language, "f": "html"}, headers={"If-None-Match": page.headers["etag"]})
            assert (again.status_code, again.headers["cache-control"]) == (304, page.headers["cache-control"])
            assert ("private" in page.headers["cache-control"]) == path.startswith("/jobs")
    for path in ("/processes/other", "/jobs/1", "/jobs/00000000-0000-4000-8000-000000000000"):
        assert door.get(path).status_code == 404
    assert door.post("/processes/other/execution", json=order()).json()["code"] == "no-such-process"
    assert door.post(EXECUTE, content=b"x").status_code == 415
