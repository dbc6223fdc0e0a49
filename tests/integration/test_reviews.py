"""What a check found is taken along as a report, and what a reviewer lets pass is published with the reason; all through the doors."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import openpyxl
import pytest

from ingest import faulty_rows, further_findings, tally
from tests.opened_city import look, opened_city, request
from twin.model import Principal
from twin.server.app import create_app
from twin.server.checks import run_check
from twin.server.city import City
from twin.server.orders import WaiveOrder
from twin.server.review_desk import ReviewDesk
from twin.server.settings import read_settings
from twin.tokens import Role, Tokens

Json = dict[str, Any]
ROLES: tuple[Role | None, ...] = (None, "writer", "reviewer")
RING = [[119.97, 31.81], [119.9702, 31.81], [119.9702, 31.8102], [119.97, 31.8102], [119.97, 31.81]]
BOW = [[119.98, 31.81], [119.9802, 31.8102], [119.9802, 31.81], [119.98, 31.8102], [119.98, 31.81]]


def building(key: str, height: object, ring: list[list[float]] = RING, **more: object) -> Json:
    shifted = [[x + (int(key.strip("=B")) % 50) * 0.0004, y] for x, y in ring]
    properties = {"建筑编号": key, "建筑高度": height, "备注": "=HYPERLINK(1)", **more}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [shifted]}, "properties": properties}


def survey(*features: Json) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


@dataclass
class Client:
    """Asks the whole application of a city, in this process; a check that was ordered is made at once."""

    city: City
    http: httpx.AsyncClient
    loop: asyncio.AbstractEventLoop
    writer: str
    reviewer: str

    def ask(self, method: str, path: str, role: Role | None = None, **more: Any) -> httpx.Response:
        token = {"writer": self.writer, "reviewer": self.reviewer}.get(role or "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return asyncio.run_coroutine_threadsafe(self.http.request(method, path, headers=headers, **more), self.loop).result(120)

    def checked(self, content: bytes, dataset: str, **more: object) -> str:
        made = self.ask("POST", "/api/submissions", "writer", files=[("file", ("普查.geojson", content))]).json()
        order = {"parts": [{"feature_type": "building", "dataset": dataset}], **more}
        answer = self.ask("POST", f"/api/submissions/{made['id']}/check", "writer", json=order)
        assert answer.status_code == 202, answer.text
        run_check(self.city, uuid.UUID(made["id"]))
        return str(made["id"])

    def one(self, submission: str) -> Json:
        return dict(self.ask("GET", f"/api/submissions/{submission}").json())

    def waive(self, submission: str, role: Role | None = "reviewer", **order: object) -> httpx.Response:
        answer = self.ask("POST", f"/api/submissions/{submission}/waivers", role, json=order)
        if answer.status_code == 202:
            run_check(self.city, uuid.UUID(submission))
        return answer


@contextmanager
def opened(database_url: str, folder: Path) -> Iterator[Client]:
    with opened_city(database_url, folder / "data", 4549) as city:
        tokens, app, loop = Tokens(city.pool), create_app(city), asyncio.new_event_loop()
        running = threading.Thread(target=loop.run_forever)
        running.start()
        lifespan, http = app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://twin")
        try:
            asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), loop).result(60)
            yield Client(city, http, loop, tokens.make("张测量"), tokens.make("李复核", "reviewer"))
        finally:
            asyncio.run_coroutine_threadsafe(http.aclose(), loop).result(60)
            asyncio.run_coroutine_threadsafe(lifespan.__aexit__(None, None, None), loop).result(60)
            loop.call_soon_threadsafe(loop.stop)
            running.join(60)
            loop.close()


def test_a_load_that_was_killed_or_still_reads_has_reports_that_say_no_hash(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:
        submission = client.city.catalogue.submissions.receive("张测量", [{"name": "普查.gpkg", "size": 2_048}], {})
        path = f"/api/submissions/{submission}/report"
        document = client.ask("GET", f"{path}.json").json()
        assert document["files"] == [{"name": "普查.gpkg", "size": 2_048, "sha256": None}]
        jsonschema.Draft202012Validator(_schema(), format_checker=jsonschema.FormatChecker()).validate(document)
        book = openpyxl.load_workbook(io.BytesIO(client.ask("GET", f"{path}.xlsx?lang=en").content))
        assert ("普查.gpkg", None, 2_048) in [row[:3] for row in book["Overview"].iter_rows(values_only=True)]
        assert "普查.gpkg" in pdf_text(client.ask("GET", f"{path}.pdf?lang=en").content)
        assert client.ask("GET", f"{path}.geojson").status_code == 200

        client.city.catalogue.submissions.describe_files(submission, [{"name": "普查.gpkg", "size": 2_048, "sha256": "ab" * 32}])
        assert client.ask("GET", f"{path}.json").json()["files"][0]["sha256"] == "ab" * 32, "what is kept of the first is not answered"


def _schema() -> Json:
    return dict(json.loads(resources.files("ingest.reports").joinpath("report.schema.json").read_text(encoding="utf-8")))


def test_a_reviewer_lets_a_finding_pass_and_it_is_published_with_the_reason(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:
        rows = [*(building(f"B{i}", 10 + i) for i in range(1, 9)), building("B20", -5), building("B21", -6), building("B30", 9, BOW)]
        first = client.checked(survey(*rows), "blocks")
        found = client.one(first)
        assert (found["state"], found["result"]["rejected"]) == ("accepted", 3)
        assert {r: (f["count"], f["waived"], f["waivable"]) for r, f in found["findings"].items() if f["severity"] == "error"} == {
            "range": (2, 0, True),
            "geometry-valid": (1, 0, False),
        }

        assert {role: client.ask("GET", "/api/token", role).json().get("role") for role in ROLES} == {r: r for r in ROLES}
        order = {"rule": "range", "reason": "地下建筑，现场复测属实", "features": [{"key": "B20"}]}
        assert client.waive(first, None, **order).status_code == 401
        refused = client.waive(first, "writer", **order)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-a-reviewer")
        never = client.waive(first, rule="geometry-valid", reason="well")
        assert (never.status_code, never.json()["code"]) == (409, "not-waivable")
        nothing = client.waive(first, rule="range", reason="well", features=[{"key": "B1"}])
        assert (nothing.status_code, nothing.json()["code"]) == (404, "no-such-finding")
        assert client.waive(first, rule="range", reason=" ").status_code == 400
        assert client.one(first) == found, "what was refused changed nothing"

        answer = client.waive(first, **order)
        assert (answer.status_code, answer.json()["state"]) == (202, "received")
        found = client.one(first)
        assert (found["state"], found["result"]["rejected"], found["findings"]["range"]["waived"]) == ("accepted", 2, 1)
        waived = [f for f in client.ask("GET", f"/api/submissions/{first}/findings?rule=range").json() if f["waived"]]
        assert [(f["key"], f["waived"]) for f in waived] == [("B20", {"reason": order["reason"], "reviewer": "李复核"})]

        published = client.ask("POST", f"/api/submissions/{first}/publish", "writer").json()
        [revision] = client.ask("GET", "/api/datasets/blocks/revisions").json()
        record = {"rule": "range", "reason": order["reason"], "reviewer": "李复核", "key": "B20", "findings": 1}
        assert revision["lineage"]["waivers"] == [record]
        commit = client.ask("GET", f"/api/commits/{published['commit']}").json()
        assert [r["lineage"]["waivers"] for r in commit["revisions"]] == [[record]]
        items = client.ask("GET", "/ogc/collections/blocks/items?limit=100").json()["features"]
        assert {i["properties"]["building_id"]: i["properties"]["height_m"] for i in items}["B20"] == -5
        assert len(items) == 9
        assert client.waive(first, **order).json()["code"] == "ended", "what is published stays as it is"

        # the same features again: nothing passes by itself, the earlier waiver is offered
        second = client.checked(survey(*rows), "blocks")
        assert client.one(second)["result"]["rejected"] == 3
        offered = client.ask("GET", f"/api/submissions/{second}/waivers").json()
        assert (offered["waivers"], [(w["key"], w["submission"]) for w in offered["earlier"]]) == ([], [("B20", first)])
        assert client.waive(second, rule="range", reason="全部属实").status_code == 202
        assert client.one(second)["result"]["rejected"] == 1
        [whole] = client.ask("GET", f"/api/submissions/{second}/waivers").json()["waivers"]
        taken = client.ask("DELETE", f"/api/submissions/{second}/waivers/{whole['number']}", "reviewer")
        assert taken.status_code == 202
        run_check(client.city, uuid.UUID(second))
        assert client.one(second)["result"]["rejected"] == 3
        again = client.ask("DELETE", f"/api/submissions/{second}/waivers/{whole['number']}", "reviewer")
        assert (again.status_code, again.json()["code"]) == (404, "no-such-waiver")
        assert client.ask("DELETE", f"/api/submissions/{second}/waivers/{whole['number']}", "writer").status_code == 403


def test_what_a_reviewer_let_pass_holds_only_while_the_files_are_read_as_they_were_seen(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:
        rows = [*(building(f"B{i}", 10 + i, 层高=-1) for i in range(1, 9)), building("B20", -5)]
        submission = client.checked(survey(*rows), "blocks")
        part: Json = {"feature_type": "building", "dataset": "blocks"}
        assert client.waive(submission, rule="range", reason="地下建筑").status_code == 202
        assert client.one(submission)["result"]["rejected"] == 0

        def checked_again(**order: object) -> int:
            answer = client.ask("POST", f"/api/submissions/{submission}/check", "writer", json={"parts": [part], **order})
            assert answer.status_code == 202, answer.text
            run_check(client.city, uuid.UUID(submission))
            return int(answer.json()["waivers_withdrawn"])

        assert checked_again(reason="again", name="2026Q3", allow_deletes=True) == 0
        assert client.one(submission)["result"]["rejected"] == 0
        # the heights of all rows out of another column, which no reviewer saw
        part["mapping"] = {"层高": "height_m", "建筑高度": ""}
        assert checked_again(max_rejected=1.0) == 1
        assert client.one(submission)["result"]["rejected"] == 8
        [taken] = client.ask("GET", f"/api/submissions/{submission}/waivers").json()["waivers"]
        assert taken["withdrawn_by"] == "张测量"
        assert checked_again(max_rejected=1.0) == 0, "what is withdrawn is so once"


def test_nobody_lets_pass_what_they_handed_in_nor_a_row_without_its_key(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:
        keyless = building("B20", 5)
        keyless["properties"].pop("建筑编号")
        rows = [*(building(f"B{i}", 10 + i) for i in range(1, 9)), keyless, building("B30", -5)]
        part = {"feature_type": "building_part", "dataset": "parts", "mapping": {"建筑编号": "part_id", "建筑高度": "height_m"}}
        submission = client.checked(survey(*rows), "parts", parts=[part])
        [missing] = client.ask("GET", f"/api/submissions/{submission}/findings?rule=required").json()
        for features in ([], [{"row": missing["row"]}]):
            answer = client.waive(submission, rule="required", reason="编号待补", features=features)
            assert (answer.status_code, answer.json()["code"]) == (409, "row-without-key")

        with client.city.pool.connection() as connection:
            connection.execute("UPDATE catalog.submission SET actor = '李复核'")
        answer = client.waive(submission, rule="range", reason="地下建筑")
        assert (answer.status_code, answer.json()["code"]) == (403, "own-submission")
        assert client.one(submission)["result"]["rejected"] == 2
        trusting = replace(client.city, settings=replace(client.city.settings, own_waivers=True))
        order = WaiveOrder(rule="range", reason="地下建筑")
        ReviewDesk(trusting).waive(Principal.anonymous(), uuid.UUID(submission), "李复核", order)
        run_check(client.city, uuid.UUID(submission))
        assert client.one(submission)["result"]["rejected"] == 1
        assert [read_settings({"TWIN_OWN_WAIVERS": said}).own_waivers for said in ("yes", "no", "")] == [True, False, False]


def test_a_file_refused_as_a_whole_is_reported_and_taken_once_its_rows_may_pass(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:
        rows = [building(f"B{i}", -5 if i > 2 else 5) for i in range(1, 31)]
        submission = client.checked(survey(*rows), "blocks")
        found = client.one(submission)
        assert (found["state"], found["problem"]["code"], found["result"]["read"]) == ("rejected", "too-many-rejected", 30)
        with client.city.pool.connection() as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").fetchone() == (0,)
        report = client.ask("GET", f"/api/submissions/{submission}/report.json").json()
        assert report["refusal"]["en"].startswith("28 of 30 rows")
        assert client.waive(submission, rule="range", reason="地下建筑").status_code == 202
        assert client.one(submission)["state"] == "accepted"


def test_every_form_of_a_report_says_the_same(database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(database_url, open_folder) as client:
        unsure = building("B1", 10, 建筑用途="无此用途")
        rows = [
            unsure,
            *(building(f"B{i}", 10) for i in range(2, 9)),
            building("B20", -5),
            building("=B21", -6) | {"geometry": RING_POLYGON},
        ]
        submission = client.checked(survey(*rows), "blocks")
        assert client.waive(submission, rule="range", reason="现场复测属实", features=[{"key": "B20"}]).status_code == 202
        path = f"/api/submissions/{submission}/report"

        document = client.ask("GET", f"{path}.json").json()
        jsonschema.Draft202012Validator(_schema(), format_checker=jsonschema.FormatChecker()).validate(document)
        assert (document["read"], document["accepted"], document["rejected"]) == (10, 9, 1)
        assert {f["key"]: (f["source"]["建筑高度"], bool(f["waived"])) for f in document["findings"] if f["rule"] == "range"} == {
            "B20": (-5, True),
            "=B21": (-6, False),
        }
        [part] = document["parts"]
        assert sum(m["count"] for m in part["measures"]) == part["accepted"]

        places = client.ask("GET", f"{path}.geojson")
        assert places.headers["content-type"] == "application/geo+json"
        assert places.json()["type"] == "FeatureCollection"

        book = openpyxl.load_workbook(io.BytesIO(client.ask("GET", f"{path}.xlsx?lang=en").content))
        assert book.sheetnames[0] == "Overview"
        sheet = list(book["range"].iter_rows(min_row=3, values_only=True))
        head, rows_by_key = sheet[0], {r[5]: r for r in sheet[1:]}
        assert set(rows_by_key) == {"B20", "'=B21"}
        assert rows_by_key["B20"][head.index("建筑高度")] == -5
        assert rows_by_key["B20"][head.index("Waived by")] == "李复核"
        assert rows_by_key["B20"][head.index("备注")] == "'=HYPERLINK(1)", "nothing of a file becomes a formula"
        assert not any(cell.data_type == "f" for s in book for row in s.iter_rows() for cell in row)

        for language, words in (("zh", ("空间数据成果验收单", "部分合格", "李复核")), ("en", ("Acceptance sheet", "accepted in part"))):
            answer = client.ask("GET", f"{path}.pdf?lang={language}")
            assert answer.headers["content-type"] == "application/pdf"
            said = pdf_text(answer.content)
            assert [w for w in (*words, document["files"][0]["sha256"], "blocks", "range") if w not in said] == []
        work = client.city.settings.data_dir / "work"
        kept = {file.name: file.stat().st_ino for file in work.iterdir()}
        assert {name.split(".")[0].split("-")[0] for name in kept} == {"report"}
        assert client.ask("GET", f"{path}.json?lang=en").json() == document
        assert {file.name: file.stat().st_ino for file in work.iterdir()} == kept, "who asks again has nothing made anew"

        changed = "UPDATE catalog.submission SET changed_at = now(), request = jsonb_set(request, '{parts,0,feature_type}', %s)"
        monkeypatch.setattr(faulty_rows, "MOST_ROWS", 1)
        for feature_type, omitted, given in (("building", 2, 1), ("gone", 3, 0)):  # what its rows were read as is known here no more
            with client.city.pool.connection() as connection:
                connection.execute(changed, [json.dumps(feature_type)])
            document = client.ask("GET", f"{path}.json").json()
            with_source = [f["rule"] for f in document["findings"] if "source" in f]
            assert (document["rows_omitted"], with_source) == (omitted, ["range"] * given), "rows that were refused go before"
            before = set(work.iterdir())
            assert client.ask("GET", f"{path}.json").json() == document
            assert (set(work.iterdir()) == before) == (given == 1), "without rows that could be read it is made anew"


def test_every_finding_is_had_as_a_table_however_many_there_are(
    database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "KEPT_FINDINGS", 2)
    monkeypatch.setattr(further_findings, "_PACKED_AT_BYTES", 600)
    with opened(database_url, open_folder) as client:
        wrong = [building(f"B{n}", -n) for n in range(10, 19)]
        submission = client.checked(survey(*wrong, *(building(f"B{n}", 5) for n in range(20, 40))), "blocks")
        path = f"/api/submissions/{submission}"
        for _ in range(2):  # checked again, each is there once
            for rule in ("", "&rule=range"):
                answer = client.ask("GET", f"{path}/findings?f=csv{rule}")
                rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
                found = [(r["规则 rule"], int(r["行号 row"]), r["编号 key"], r["值 value"]) for r in rows if r["规则 rule"] == "range"]
                assert found == [("range", n - 9, f"B{n}", str(-n)) for n in range(10, 19)]
            assert client.ask("GET", f"{path}/findings?f=csv&rule=code").text.count("\n") == 1
            client.ask("POST", f"{path}/check", "writer", json={"parts": [{"feature_type": "building", "dataset": "blocks"}]})
            run_check(client.city, uuid.UUID(submission))

        document = client.ask("GET", f"{path}/report.json").json()
        jsonschema.Draft202012Validator(_schema(), format_checker=jsonschema.FormatChecker()).validate(document)
        [entry] = [r for r in document["rules"] if r["id"] == "range"]
        assert (entry["count"], entry["listed"]) == (9, 2)
        everything = f"{path}/findings?f=csv"
        for places in (
            client.ask("GET", f"{path}/report.geojson").json(),
            client.ask("GET", f"{path}/findings?f=geojson").json(),
            document,
        ):
            assert (places["findings_found"] - places["findings_listed"], places["all_findings"]) == (7, everything)
        book = openpyxl.load_workbook(io.BytesIO(client.ask("GET", f"{path}/report.xlsx?lang=zh").content))
        assert f"共 9 条，本表列出前 2 条；全部问题（含行号）见 {everything}" in str(book["range"]["A2"].value)
        assert any(everything in str(cell) for row in book["总览"].iter_rows(values_only=True) for cell in row)
        with client.city.pool.connection() as connection:
            assert connection.execute("SELECT count(*) > 1 FROM catalog.finding_further").fetchone() == (True,), "in several packs"


RING_POLYGON = {"type": "Polygon", "coordinates": [[[x + 0.01, y] for x, y in RING]]}


def pdf_text(content: bytes) -> str:
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


def test_findings_are_a_collection_that_shows_what_the_caller_may_see(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:
        shown = client.checked(survey(building("B1", 5), building("B2", -5), building("B30", 9, BOW)), "blocks")
        hidden = client.checked(survey(building("B1", 5), building("B3", -5)), "secrets")
        with client.city.pool.connection() as connection:
            connection.execute("UPDATE catalog.dataset SET sharing = 'restricted' WHERE slug = 'secrets'")
        door = "/ogc/collections/findings"

        def asked(query: str) -> Json:
            answer = client.ask("GET", f"{door}/items?{query}")
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        assert "findings" in [c["id"] for c in client.ask("GET", "/ogc/collections").json()["collections"]]
        every = asked("limit=1000")["features"]
        assert {f["properties"]["submission"] for f in every} == {shown}
        assert asked(f"submission={hidden}")["features"] == []
        listed = client.ask("GET", f"/api/submissions/{shown}/findings").json()
        assert [int(f["id"]) for f in every] == [f["number"] for f in listed]
        assert [f["properties"]["rule"] for f in asked("severity=error&dataset=blocks")["features"]] == ["range", "geometry-valid"]
        [crossing] = asked(f"submission={shown}&rule=geometry-valid")["features"]
        [place] = [f["place"] for f in listed if f["rule"] == "geometry-valid"]
        assert crossing["geometry"]["coordinates"] == pytest.approx(place, abs=1e-8)
        assert asked("bbox=119.9,31.8,119.95,31.9")["features"] == []
        x, y = place
        assert [f["id"] for f in asked(f"bbox={x - 1e-5},{y - 1e-5},{x + 1e-5},{y + 1e-5}")["features"]] == [crossing["id"]]
        pages, address = [], f"{door}/items?limit=1"
        while address is not None:
            page = client.ask("GET", address).json()
            pages += [f["id"] for f in page["features"]]
            address = next((link["href"].removeprefix("http://twin") for link in page["links"] if link["rel"] == "next"), None)
        assert pages == [f["id"] for f in every]
        one = client.ask("GET", f"{door}/items/{crossing['id']}").json()
        assert one["properties"] == crossing["properties"]
        for wrong in ("severity=bad", "state=bad", "submission=1", "cursor=x", "color=red", "limit=0", "bbox=1,2,3"):
            assert client.ask("GET", f"{door}/items?{wrong}").status_code == 400, wrong
        assert client.ask("GET", f"{door}/items/0").status_code == 404
        assert client.ask("GET", f"{door}/tiles").status_code == 404
        named = {"submission", "state", "dataset", "rule", "severity", "geometry"}
        assert set(client.ask("GET", f"{door}/queryables").json()["properties"]) == named
        made = client.ask("POST", "/api/submissions", "writer", files=[("file", ("a.geojson", survey(building("B1", 5))))]).json()
        order = {"parts": [{"feature_type": "building", "dataset": "findings"}]}
        assert client.ask("POST", f"/api/submissions/{made['id']}/check", "writer", json=order).status_code == 400


def test_findings_of_what_is_over_are_left_out_unless_they_are_asked_for(database_url: str, open_folder: Path) -> None:
    with opened(database_url, open_folder) as client:

        def shown(query: str = "limit=1000") -> set[tuple[str, str]]:
            features = client.ask("GET", f"/ogc/collections/findings/items?{query}").json()["features"]
            return {(f["properties"]["submission"], f["properties"]["state"]) for f in features}

        first = client.checked(survey(building("B1", 5), building("B2", -5)), "blocks")
        second = client.checked(survey(building("B1", 6), building("B4", -5)), "blocks")
        given_up = client.checked(survey(building("B1", 5), building("B9", -5)), "others")
        assert shown() == {(first, "accepted"), (second, "accepted"), (given_up, "accepted")}
        assert client.ask("POST", f"/api/submissions/{given_up}/withdraw", "writer").status_code == 200
        assert client.ask("POST", f"/api/submissions/{first}/publish", "writer").status_code == 200
        assert shown() == {(first, "published"), (second, "accepted")}
        assert client.ask("POST", f"/api/submissions/{second}/publish", "writer").status_code == 200
        file = open_folder / "b.geojson"
        file.write_bytes(survey(building("B1", 5), building("B5", -5)))
        assert look(client.city, request(file, (None, "building", "blocks"))).findings
        assert shown() == {(second, "published")}, "another survey came after the first; a check of the command line is of nobody"
        assert shown("state=published") == {(first, "published"), (second, "published")}
        mended = client.checked(survey(building("B1", 6)), "blocks")
        published = client.ask("POST", f"/api/submissions/{mended}/publish", "writer").json()
        assert (published["state"], published["commit"]) == ("published", None), "nothing differs from what is there"
        assert shown() == set(), "and nothing is wrong with it any more"
        assert shown("state=withdrawn") == {(given_up, "withdrawn")}
        assert shown(f"submission={first}") == {(first, "published")}
