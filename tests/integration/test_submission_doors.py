"""The surveyor's round trip over HTTP, on a server as its users run it: hand in, check, look, publish or withdraw."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
import pytest
import shapely
from openapi_spec_validator import validate

from tests import served_city
from tests.commands import city_at_hand
from tests.integration.test_command_line import feature
from twin.embedded import EmbeddedCluster

LIMIT_MB = 2
END_S = 90.0
Json = dict[str, Any]


def geojson(*features: Json) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}, ensure_ascii=False).encode()


@dataclass
class Door:
    """A served city and a token to write with."""

    city: served_city.City
    client: httpx.Client
    token: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def hand_in(self, *files: tuple[str, bytes]) -> Json:
        answer = self.client.post("/api/submissions", files=[("file", f) for f in files], headers=self.headers)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/api/submissions/{answer.json()['id']}"
        return dict(answer.json())

    def order(self, submission: Json, dataset: str, feature_type: str = "building", **more: object) -> Json:
        body = {"parts": [{"feature_type": feature_type, "dataset": dataset}], **more}
        answer = self.client.post(f"/api/submissions/{submission['id']}/check", json=body, headers=self.headers)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def checked(self, submission: Json, dataset: str, feature_type: str = "building", **more: object) -> Json:
        self.order(submission, dataset, feature_type, **more)
        return self.ended(submission)

    def ended(self, submission: Json) -> Json:
        end = time.monotonic() + END_S
        while time.monotonic() < end:
            found = self.one(submission)
            if found["state"] != "received" or found["problem"]:
                return found
            time.sleep(0.1)
        raise AssertionError(f"the check did not end: {self.one(submission)}")

    def one(self, submission: Json) -> Json:
        return dict(self.client.get(f"/api/submissions/{submission['id']}").json())

    def act(self, submission: Json, door: str, **body: object) -> httpx.Response:
        return self.client.post(f"/api/submissions/{submission['id']}/{door}", json=body, headers=self.headers)

    def get(self, submission: Json, door: str, **query: object) -> Any:
        return self.client.get(f"/api/submissions/{submission['id']}/{door}", params={k: str(v) for k, v in query.items()}).json()


@pytest.fixture(scope="module")
def door(run_folder: Path, template: str, cluster: EmbeddedCluster) -> Iterator[Door]:
    with city_at_hand(run_folder, template, cluster.dsn) as city:
        token = city.run("token", "create", "测绘院", "--reviewer")["token"]
        with city.served(TWIN_MAX_UPLOAD_MB=str(LIMIT_MB)) as client:
            yield Door(city, client, token)


def test_a_surveyor_hands_in_mends_looks_and_publishes(door: Door) -> None:
    faulty = [feature(i) for i in range(10)] + [feature(50, 建筑高度=-5)]
    submission = door.hand_in(("建筑物.geojson", geojson(*faulty)))
    [proposal] = submission["proposals"]
    assert (proposal["feature_type"], proposal["rows"], proposal["crs"]) == ("building", 11, "OGC:CRS84")
    assert proposal["confidence"] > 0.9
    assert proposal["mapping"] == {"建筑编号": "building_id", "建筑高度": "height_m"}

    found = door.checked(submission, "round_trip")
    assert (found["state"], found["result"]["rejected"], found["progress"]) == ("accepted", 1, None)
    counted = {"count": 1, "waived": 0, "severity": "error", "severities": {"error": 1}}
    told = counted | {"title": {"zh": "取值范围", "en": "range"}, "waivable": True}
    assert {rule: {k: f[k] for k in told} for rule, f in found["findings"].items()} == {"range": told}
    assert all(own in found["findings"]["range"]["source"][language] for language, own in (("zh", "本系统自定"), ("en", "own")))
    [row] = door.get(submission, "findings")
    assert (row["row"], row["key"], row["severity"]) == (11, "B50", "error")
    assert door.client.get(f"/api/submissions/{submission['id']}/findings?f=csv").text.count("B50") == 1
    assert door.client.get("/ogc/collections/round_trip/items").status_code == 404, "nothing is published yet"
    assert door.act(submission, "withdraw").json()["state"] == "withdrawn"
    assert door.act(submission, "withdraw").status_code == 200, "asked again it answers the same"
    assert door.act(submission, "publish").json()["code"] == "not-checked"

    mended = door.hand_in(("建筑物.geojson", geojson(*faulty[:10], feature(50))))
    assert door.checked(mended, "round_trip")["result"]["datasets"] == {
        "round_trip": {"insert": 11, "update": 0, "unchanged": 0, "delete": 0}
    }
    changes = door.get(mended, "changes", action="insert", limit=100)
    assert (changes["numberReturned"], changes["next"]) == (11, None)
    assert {f["properties"]["key"] for f in changes["features"]} == {f"B{i}" for i in (*range(10), 50)}
    drawn = shapely.from_geojson(json.dumps(changes["features"][0]["geometry"]))
    given = shapely.from_geojson(json.dumps(faulty[0]["geometry"]))
    assert drawn.hausdorff_distance(given) < 1e-8
    published = door.act(mended, "publish", name="2026Q3普查成果", reason="季度更新").json()
    assert (published["state"], published["result"]["differs_from_check"]) == ("published", [])
    again = door.act(mended, "publish").json()
    assert again["commit"] == published["commit"], "a retry makes no second commit"
    items = door.client.get("/ogc/collections/round_trip/items?limit=100").json()["features"]
    assert len(items) == 11
    commit = door.client.get("/api/commits").json()[published["commit"] - 1]
    assert (commit["name"], commit["reason"], commit["actor"]) == ("2026Q3普查成果", "季度更新", mended["actor"])
    assert {d["slug"]: d["count"] for d in door.client.get("/api/datasets").json()}["round_trip"] == 11
    assert submission["id"] in {s["id"] for s in door.client.get("/api/submissions?state=withdrawn").json()}

    less = door.hand_in(("v2.geojson", geojson(*[feature(i, 建筑高度=99 if i == 0 else 10 + i) for i in range(6)])))
    result = door.checked(less, "round_trip")
    assert (result["problem"]["code"], result["state"]) == ("many-deletes", "accepted")
    assert [f["properties"]["after"] for f in door.get(less, "changes", action="update")["features"]] == [{"height_m": 99.0}]
    gone, after = [], "0"
    while after is not None:  # page by page: a past bug refused the server's own `next`
        page = door.get(less, "changes", action="delete", limit=2, after=after)
        gone += [f["properties"]["key"] for f in page["features"]]
        after = page["next"]
    assert sorted(gone) == ["B50", "B6", "B7", "B8", "B9"]
    assert door.act(less, "publish").status_code == 422
    assert door.act(less, "publish", allow_deletes=True).json()["result"]["datasets"]["round_trip"]["delete"] == 5


def test_writing_needs_a_token_in_force_and_reading_none(door: Door) -> None:
    body = [("file", ("a.geojson", geojson(feature(0))))]

    def code(headers: dict[str, str], **more: Any) -> str:
        answer = door.client.post("/api/submissions", files=body, headers=headers, **more)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        return str(answer.json()["code"])

    assert code({}) == "token-missing"
    assert code({"Authorization": f"Basic {door.token}"}) == "token-missing"
    assert code({}, params={"token": door.token}) == "token-missing"
    assert code({"Cookie": f"token={door.token}; Authorization=Bearer {door.token}"}) == "token-missing"
    for wrong in ("x", door.token[:-1], door.token + "A", door.token.swapcase()):
        assert code({"Authorization": f"Bearer {wrong}"}) == "token-invalid"
    made = door.city.run("token", "create", "field-crew")["token"]
    assert door.client.post("/api/submissions", files=body, headers={"Authorization": f"Bearer {made}"}).json()["actor"] == "field-crew"
    door.city.run("token", "revoke", "field-crew")
    assert code({"Authorization": f"Bearer {made}"}) == "token-invalid"
    submission = door.client.get("/api/submissions?limit=1").json()[0]
    order = {"parts": [{"feature_type": "building", "dataset": "buildings"}]}
    for act, given in (("check", order), ("publish", {}), ("withdraw", {})):
        assert door.client.post(f"/api/submissions/{submission['id']}/{act}", json=given).status_code == 401


def test_no_other_origin_may_write(door: Door) -> None:
    headers = {
        "Origin": "http://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = door.client.options("/api/submissions", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_only_a_hash_of_a_token_is_kept(door: Door) -> None:
    with psycopg.connect(door.city.variables["TWIN_DATABASE_URL"]) as connection:
        rows = connection.execute("SELECT * FROM catalog.token").fetchall()
    secret = door.token.removeprefix("twin_")
    assert len(secret) >= 43, "256 random bits"
    assert rows
    assert not any(secret in str(value) or secret.encode() in (value if isinstance(value, bytes) else b"") for row in rows for value in row)


def stored_uploads(door: Door) -> set[str]:
    return {p.name for p in (door.city.data_dir / "store" / "uploads").glob("*")} | {
        p.name for p in (door.city.data_dir / "store" / "uploads").glob(".*")
    }


def test_an_upload_above_the_limit_is_refused_and_nothing_of_it_kept(door: Door) -> None:
    before = stored_uploads(door)
    large = b"x" * (LIMIT_MB * 1_100_000)
    declared = door.client.post("/api/submissions", files=[("file", ("a.bin", large))], headers=door.headers)
    assert (declared.status_code, declared.json()["code"]) == (413, "too-large")

    def undeclared() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        for _ in range(40):
            yield large[:65536]
        yield b"\r\n--b--\r\n"

    headers = door.headers | {"Content-Type": "multipart/form-data; boundary=b"}
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # the server need not read what it does not take
        assert door.client.post("/api/submissions", content=undeclared(), headers=headers).status_code == 413
    broken = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\nhalf'
    assert door.client.post("/api/submissions", content=broken, headers=headers).json()["code"] == "upload-broken"
    assert door.client.post("/api/submissions", content=b"{}", headers=door.headers).status_code == 415
    assert door.client.post("/api/submissions", content=b"--b--\r\n", headers=headers).json()["code"] == "no-file"
    assert stored_uploads(door) == before


def test_a_name_is_never_a_path(door: Door) -> None:
    root = door.city.data_dir.parent
    unreadable = ("..\\evil2.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    submission = door.hand_in(("../../../evil.geojson", geojson(feature(0))), unreadable)
    assert [f["name"] for f in submission["files"]] == ["evil.geojson", "evil2.png"]
    assert submission["state"] == "received", "one file that is read is enough"
    assert [p["problem"] and p["problem"]["code"] for p in submission["proposals"]] == [None, "unsupported-media"]
    order = {"parts": [{"feature_type": "building", "dataset": "evil"}]}
    assert door.act(submission, "check", **order).json()["code"] == "which-file"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../slip.shp", b"\x00\x00\x27\x0a")
    slipped = door.hand_in(("a.zip", packed.getvalue()))
    assert (slipped["state"], slipped["problem"]["code"]) == ("rejected", "zip-unsafe-path")
    assert not [p for p in root.rglob("*") if "evil" in p.name or "slip" in p.name]
    twice = [("file", ("a.geojson", b"{}")), ("file", ("A.geojson", b"{}"))]
    assert door.client.post("/api/submissions", files=twice, headers=door.headers).json()["code"] == "duplicate-name"
    nameless = [("file", ("..", b"{}"))]
    assert door.client.post("/api/submissions", files=nameless, headers=door.headers).json()["code"] == "file-name"


def test_a_check_refused_for_its_crs_is_made_again_with_a_declared_one(door: Door) -> None:
    survey = "点号,X,Y,地面高程,井深,管线类型\nA1,3520895.0,497538.0,5.0,2.0,YS\nA2,3520905.0,497548.0,5.1,2.1,YS\n"
    submission = door.hand_in(("管点.csv", survey.encode("gb18030")))
    assert submission["proposals"][0]["feature_type"] == "pipe_node"
    assert submission["proposals"][0]["crs"] is None
    assert submission["proposals"][0]["encoding"].lower().replace("-", "") in ("gb18030", "gbk", "gb2312")
    refused = door.checked(submission, "wells", "pipe_node")
    assert (refused["state"], refused["problem"]["code"]) == ("rejected", "crs-undeclared")
    accepted = door.checked(submission, "wells", "pipe_node", crs="EPSG:4549")
    assert (accepted["state"], accepted["result"]["accepted"]) == ("accepted", 2)
    assert door.act(submission, "withdraw").status_code == 200


def test_an_order_that_cannot_be_is_refused_before_it_is_queued(door: Door) -> None:
    submission = next(s for s in door.client.get("/api/submissions").json() if s["state"] == "received")

    def status(part: Json, **more: object) -> int:
        known = {"feature_type": "building", "dataset": "orders", "file": submission["files"][0]["name"]}
        body = {"parts": [known | part], **more}
        return door.client.post(f"/api/submissions/{submission['id']}/check", json=body, headers=door.headers).status_code

    assert status({"feature_type": "no_such_type"}) == 404
    assert status({"dataset": "No Slug!"}) == 400
    assert status({"file": "b.geojson"}) == 400
    assert status({}, crs="/etc/passwd") == 400
    assert status({}, mode="area") == 400
    assert status({}, unknown=1) == 400
    assert door.client.get("/api/submissions/00000000-0000-0000-0000-000000000000").status_code == 404
    assert door.client.get("/api/submissions/nonsense").status_code == 400
    assert door.client.get(f"/api/submissions/{submission['id']}/changes").json()["code"] == "not-checked"


def test_the_definition_names_every_door(door: Door) -> None:
    document = door.client.get("/api/openapi").json()
    validate(document)
    paths = set(document["paths"])
    base = "/api/submissions/{submission}"
    assert {"/api/submissions", base, *(f"{base}/{d}" for d in ("check", "findings", "changes", "publish", "withdraw"))} <= paths
    assert {"/api/feature-types", "/api/datasets", "/api/events", "/scene.json"} <= paths
    assert {"/api/datasets/{dataset}/export", "/api/objects/{oid}"} <= paths
    assert document["paths"][f"{base}/publish"]["post"]["security"] == [{"token": []}]


class Listener:
    """A page that listens to /api/events until the block ends."""

    def __init__(self, client: httpx.Client, last_id: str | None = None) -> None:
        self._address = (client.base_url.host, client.base_url.port or 80)
        self._last_id = last_id
        self.heard: list[tuple[str, str, Json]] = []
        self._begun, self._end = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        assert self._begun.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def wait_for(self, name: str, **body: object) -> tuple[str, str, Json]:
        end = time.monotonic() + END_S
        while time.monotonic() < end:
            for event in list(self.heard):
                if event[1] == name and body.items() <= event[2].items():
                    return event
            time.sleep(0.05)
        raise AssertionError(f"no {name} {body} among {self.heard}")

    def _listen(self) -> None:
        with socket.create_connection(self._address, timeout=0.2) as connection:
            again = f"Last-Event-ID: {self._last_id}\r\n" if self._last_id else ""
            connection.sendall(f"GET /api/events HTTP/1.1\r\nHost: x\r\n{again}\r\n".encode())
            text = b""
            while not self._end.is_set():
                with contextlib.suppress(TimeoutError):
                    text += connection.recv(65536)
                if b"retry:" in text:
                    self._begun.set()
                *whole, text = text.split(b"\n\n")
                for event in whole:
                    self._take(dict(line.split(": ", 1) for line in event.decode().split("\n") if ": " in line))

    def _take(self, lines: dict[str, str]) -> None:
        if "data" in lines:
            self.heard.append((lines["id"], lines["event"], json.loads(lines["data"])))


def test_open_pages_hear_of_submissions_commits_and_builds(door: Door) -> None:
    with Listener(door.client) as page:
        submission = door.hand_in(("a.geojson", geojson(feature(0), feature(1))))
        door.checked(submission, "heard")
        commit = door.act(submission, "publish").json()["commit"]
        page.wait_for("commit", number=commit, datasets=["heard"])
        page.wait_for("asset", dataset="heard", revision=commit, state="ready")
        told = [body["progress"]["step"]["en"] for _, name, body in page.heard if name == "submission" and body["progress"]]
        states = [body["state"] for _, name, body in page.heard if name == "submission" and body["id"] == submission["id"]]
    assert list(dict.fromkeys(told))[:2] == ["waiting in line to be checked", "reading the files"]
    assert list(dict.fromkeys(states)) == ["received", "accepted", "published"]
    number = next(number for number, name, body in page.heard if name == "submission" and body["state"] == "accepted")
    with Listener(door.client, number) as back:
        back.wait_for("commit", number=commit)
        assert all(body.get("state") != "received" for _, _, body in back.heard), "what it has heard is not told again"
    with Listener(door.client, "0badc0de-7") as late:
        assert late.wait_for("resync")[2] == {}, "of another server or of too long ago: read all anew"


def test_a_check_whose_worker_is_killed_is_made_again(door: Door) -> None:
    submission = door.hand_in(("a.geojson", geojson(*[feature(i) for i in range(40)])))
    with psycopg.connect(door.city.variables["TWIN_DATABASE_URL"]) as connection:
        killed = workers(door.city.data_dir)
        signal_all(killed, signal.SIGSTOP)
        door.order(submission, "killed")
        connection.execute("LOCK TABLE catalog.dataset IN ACCESS EXCLUSIVE MODE")  # where the check makes its dataset, it waits
        signal_all(killed, signal.SIGCONT)
        wait_for(lambda: connection.execute(_SOMEBODY_WAITS).fetchone() == (True,))
        signal_all(killed, signal.SIGKILL)
        connection.rollback()
        assert door.one(submission)["state"] == "received", "never half"
        found = door.ended(submission)
        attempts = connection.execute("SELECT attempt FROM catalog.submission WHERE id = %s", (submission["id"],)).fetchone()
    assert (found["state"], found["result"]["accepted"], attempts) == ("accepted", 40, (2,))
    assert not set(workers(door.city.data_dir)) & set(killed)
    assert door.act(submission, "publish").json()["result"]["datasets"]["killed"]["insert"] == 40
    with psycopg.connect(door.city.variables["TWIN_DATABASE_URL"]) as connection:
        connection.execute("UPDATE catalog.dataset SET sharing = 'restricted' WHERE slug = 'killed'")
    wait_for(lambda: door.client.get(f"/api/submissions/{submission['id']}").status_code == 404)
    assert submission["id"] not in {s["id"] for s in door.client.get("/api/submissions").json()}
    for inside in ("findings", "changes"):
        assert door.client.get(f"/api/submissions/{submission['id']}/{inside}").status_code == 404, "values of a dataset nobody may see"


_SOMEBODY_WAITS = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'catalog.dataset'::regclass"


def workers(data_dir: Path) -> list[int]:
    """Processes that are workers of a city, once there are."""
    found: list[int] = []

    def look() -> bool:
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"worker" in words and str(data_dir).encode() in words:
                    found.append(int(folder.name))
        return bool(found)

    wait_for(look)
    return found


def signal_all(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + END_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
