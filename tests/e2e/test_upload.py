"""What a surveyor does at /upload, in a real browser against a real server, and what a planner sees of it meanwhile in an open scene."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pyproj
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.commands import city_at_hand
from tests.viewer_page import Viewer, decoded, viewer
from twin.embedded import EmbeddedCluster

pytestmark = pytest.mark.browser


class Served(NamedTuple):
    """A client of the served city, and tokens of a surveyor and of a reviewer for it."""

    client: httpx.Client
    token: str
    reviewer: str


ORIGIN = (497_538.0, 3_520_895.0)
DEGREES = pyproj.Transformer.from_crs(4549, 4490, always_xy=True)
PATIENCE_MS = 60_000
SELECTED = (0, 184, 212)
expect.set_options(timeout=PATIENCE_MS)


def survey(folder: Path, name: str, houses: dict[str, tuple[float, float]], extra: tuple[dict[str, Any], ...] = ()) -> Path:
    """Write a GeoJSON file of square houses: number → (metres east of the origin, height)."""
    features = [house(number, east, height) for number, (east, height) in houses.items()]
    file = folder / name
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [*features, *extra]}, ensure_ascii=False), encoding="utf-8")
    return file


def house(number: str, east: float, height: float) -> dict[str, Any]:
    """Return one house, 20 m wide."""
    e, n = ORIGIN[0] + east, ORIGIN[1]
    ring = [DEGREES.transform(x, y) for x, y in ((e, n), (e + 20, n), (e + 20, n + 20), (e, n + 20), (e, n))]
    properties = {"建筑编号": number, "建筑高度": height, "基底高程": 4.0, "建筑用途": "住宅"}
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [[list(p) for p in ring]]}}


FIRST = {f"F{i:03}": (i * 30.0, 10.0) for i in range(10)}
SECOND = {**{k: v for k, v in FIRST.items() if k != "F009"}, "F001": (30.0, 25.0), "F010": (300.0, 10.0)}


@pytest.fixture(scope="module")
def city(run_folder: Path, template: str, cluster: EmbeddedCluster) -> Iterator[Served]:
    """A served city without data, and a surveyor's token."""
    with city_at_hand(run_folder, template, cluster.dsn) as made:
        token = made.run("token", "create", "测绘院")["token"]
        reviewer = made.run("token", "create", "李复核", "--reviewer")["token"]
        with made.served() as client:
            yield Served(client, token, reviewer)


@pytest.fixture
def desk(browser: Browser, city: Served) -> Iterator[Viewer]:
    """A page of the surveyor's browser, in Chinese."""
    with viewer(browser, str(city[0].base_url).rstrip("/")) as opened:
        opened.page.set_viewport_size({"width": 1000, "height": 700})
        yield opened


def section(page: Page, name: str) -> Any:
    return page.locator(f"[data-section={name}]")


def hand_in(desk: Viewer, file: Path, token: str | None = None) -> None:
    """Open the page, say who one is (a tab remembers it), send a file and have it checked as proposed."""
    desk.page.goto(f"{desk.base}/upload?msaa=1")
    if token is not None:
        desk.page.locator("input[name=token]").fill(token)
        desk.page.locator("input[name=token]").press("Enter")
    desk.page.locator("input[type=file]").set_input_files(file)
    section(desk.page, "files").get_by_role("button", name="上传 1 个文件").click()
    section(desk.page, "proposals").get_by_role("button", name="开始检查").click()
    expect(section(desk.page, "findings")).to_be_visible()


def publish(desk: Viewer, name: str) -> None:
    form = section(desk.page, "publish")
    form.locator("input[name=name]").fill(name)
    form.get_by_role("button", name="发布").click()
    expect(form).to_contain_text("已发布为提交")


def have_houses(server: httpx.Client, token: str, file: Path, dataset: str = "building") -> None:
    """Publish the houses of a file unless there are some already: these tests may run on workers of their own."""
    if any(known["slug"] == dataset for known in server.get("/api/datasets").json()):
        return
    writer = {"Authorization": f"Bearer {token}"}
    received = server.post("/api/submissions", headers=writer, files={"file": (file.name, file.read_bytes())})
    address = f"/api/submissions/{received.json()['id']}"
    order = {"parts": [{"layer": None, "feature_type": "building", "dataset": dataset}]}
    assert server.post(f"{address}/check", headers=writer, json=order).status_code == 202
    end = time.monotonic() + PATIENCE_MS / 1000
    while server.get(address).json()["state"] != "accepted" and time.monotonic() < end:
        time.sleep(0.2)
    assert server.post(f"{address}/publish", headers=writer, json={}).status_code == 200


def counts(desk: Viewer, dataset: str) -> dict[str, int]:
    row = section(desk.page, "changes").locator(f"tr[data-dataset={dataset}]")
    return {kind: int(row.locator(f"[data-kind={kind}]").inner_text()) for kind in ("insert", "update", "delete", "unchanged")}


def test_a_survey_goes_round_and_an_open_scene_shows_it(desk: Viewer, browser: Browser, city: Served, tmp_path: Path) -> None:
    server, token, _ = city
    wrong = house("F003", 500.0, 9999.0)
    with viewer(browser, desk.base) as scene:
        scene.page.set_viewport_size({"width": 800, "height": 400})
        scene.show()
        expect(scene.page.locator(".empty-city")).to_be_visible()
        scene.ask("() => { window.sameDocument = true }")

        hand_in(desk, survey(tmp_path, "建筑物.geojson", FIRST, (wrong,)), token)
        found = section(desk.page, "findings")
        expect(found).to_contain_text("读入 11 行")
        expect(found).to_contain_text("拒收 1")
        found.locator("[data-rule] .rule-head").first.click()
        expect(found.locator("tbody tr").first.locator("td").first).to_have_text("11")
        assert counts(desk, "building") == {"insert": 10, "update": 0, "delete": 0, "unchanged": 0}
        publish(desk, "第一季度")

        expect(scene.page.locator(".notice")).to_have_text("已更新到提交 1")  # first: it goes away by itself
        expect(scene.page.locator("[data-layer=building] .count")).to_have_text("10")
        scene.wait_for("window.__twin?.statistics().building?.featuresSelected === 10")

        hand_in(desk, survey(tmp_path, "第二季度 建筑物.geojson", SECOND))
        assert counts(desk, "building") == {"insert": 1, "update": 1, "delete": 1, "unchanged": 8}
        changes = section(desk.page, "changes")
        changes.locator("[data-action=update]").click()
        changes.locator("[data-change=F001] summary").click()
        expect(changes.locator("[data-change=F001] tbody tr")).to_have_text(["建筑高度10 m25 m"])
        desk.wait_for("window.__submission.mapPending()?.length === 0", "window.__submission.mapPending()")
        assert desk.ask("window.__submission.mapFeatures()") == 3
        publish(desk, "第二季度")

        expect(scene.page.locator(".notice")).to_have_text("已更新到提交 2")
        scene.wait_complete()
        assert scene.ask("__twin.statistics().building.featuresSelected") == 10
        heights = scene.ask("fetch('ogc/collections/building/items?f=json&limit=20').then(r => r.json())")["features"]
        assert {f["properties"]["building_id"]: f["properties"]["height_m"] for f in heights} == {k: h for k, (_, h) in SECOND.items()}
        assert scene.ask("window.sameDocument === true")
        assert scene.complaints == []
    assert desk.complaints == []
    [last, *_] = server.get("/api/commits").json()[::-1]
    assert (last["actor"], last["name"]) == ("测绘院", "第二季度")


def test_a_reload_comes_back_to_the_submission_and_withdrawing_ends_it(desk: Viewer, city: Served, tmp_path: Path) -> None:
    server, token, _ = city
    have_houses(server, token, survey(tmp_path, "buildings.geojson", FIRST))
    before = server.get("/scene.json").json()["commit"]
    hand_in(desk, survey(tmp_path, "不要的 建筑物.geojson", {"X1": (900.0, 5.0), "X2": (930.0, 5.0)}), token)
    desk.page.reload()
    expect(section(desk.page, "findings")).to_contain_text("读入 2 行")
    # Nearly all that is there would go: publishing waits for a tick.
    form = section(desk.page, "publish")
    button = form.get_by_role("button", name="发布")
    expect(button).to_be_disabled()
    expect(form.locator(".warning-box")).to_contain_text("大量现有要素：建筑物")
    form.locator("input[name=allow_deletes]").check()
    expect(button).to_be_enabled()
    form.get_by_role("button", name="撤回").click()
    form.locator(".sure").get_by_role("button", name="撤回").click()
    expect(form).to_contain_text("已撤回，没有发布任何内容")
    assert server.get("/scene.json").json()["commit"] == before
    desk.page.locator(".language").click()
    expect(form).to_contain_text("Withdrawn; nothing was published.")
    assert desk.ask("document.documentElement.lang") == "en"


def test_what_is_located_is_outlined_over_the_roof_that_hides_its_ground(desk: Viewer, city: Served, tmp_path: Path) -> None:
    """Seen from above the roof of a tower covers its outline on the ground and much around it."""
    server, token, _ = city
    have_houses(server, token, survey(tmp_path, "towers.geojson", {"T001": (2000.0, 90.0)}), "towers")
    hand_in(desk, survey(tmp_path, "towers.geojson", {"T001": (2000.0, 95.0)}), token)
    changes = section(desk.page, "changes")
    changes.locator("[data-action=update]").click()
    expect(changes.locator("[data-change=T001]")).to_be_visible()
    desk.wait_for("window.__submission.mapPending()?.length === 0", "window.__submission.mapPending()")
    assert outlined(desk) == 0
    changes.locator("[data-change=T001] button").click()
    desk.wait_for("window.__submission.mapPending()?.length === 0", "window.__submission.mapPending()")
    assert outlined(desk) > 300
    assert desk.complaints == []


def outlined(desk: Viewer) -> int:
    """Return how many pixels of the map have the colour of what is selected."""
    picture = decoded(desk.page.locator("#map canvas").screenshot()).astype(int)
    return int((np.abs(picture - SELECTED).max(axis=2) < 40).sum())


def test_a_wrong_token_is_said_and_nothing_is_kept(desk: Viewer, city: Served, tmp_path: Path) -> None:
    server, *_ = city
    known = len(server.get("/api/submissions").json())
    desk.page.goto(f"{desk.base}/upload#lang=en")
    desk.page.locator("input[type=file]").set_input_files(survey(tmp_path, "buildings.geojson", FIRST))
    upload = section(desk.page, "files").get_by_role("button", name="Upload 1 file(s)")
    upload.click()
    expect(desk.page.get_by_role("alert")).to_contain_text("Enter your token first.")
    desk.page.locator("input[name=token]").fill("twin_no-such-token")
    desk.page.locator("input[name=token]").press("Enter")
    upload.click()
    expect(desk.page.get_by_role("alert")).to_contain_text("The token is wrong or was revoked.")
    assert len(server.get("/api/submissions").json()) == known


def send(city: Served, file: Path) -> None:
    """Hand a file in by HTTP: open pages hear of another submission."""
    writer = {"Authorization": f"Bearer {city.token}"}
    assert city.client.post("/api/submissions", headers=writer, files={"file": (file.name, file.read_bytes())}).status_code == 201


def test_what_was_typed_stays_while_the_page_hears_of_others_and_changes_its_language(desk: Viewer, city: Served, tmp_path: Path) -> None:
    have_houses(city.client, city.token, survey(tmp_path, "buildings.geojson", FIRST))
    hand_in(desk, survey(tmp_path, "typed.geojson", {"T001": (0.0, 9.0), "T002": (30.0, 9.0)}), city.token)
    form = section(desk.page, "publish")
    name, reason, tick = (form.locator(f"input[name={control}]") for control in ("name", "reason", "allow_deletes"))
    button = form.locator("button.primary")
    name.fill("第三季度")
    tick.check()
    reason.press_sequentially("复测完")
    send(city, survey(tmp_path, "another.geojson", {"O001": (0.0, 9.0)}))
    expect(section(desk.page, "recent")).to_contain_text("another.geojson")
    desk.page.keyboard.insert_text("成")
    expect(reason).to_have_value("复测完成")
    desk.page.locator(".language").click()
    expect(button).to_have_text("Publish")
    expect(name).to_have_value("第三季度")
    expect(reason).to_have_value("复测完成")
    expect(tick).to_be_checked()
    expect(button).to_be_enabled()
    tick.uncheck()
    desk.page.locator(".language").click()
    expect(button).to_have_text("发布")
    expect(tick).not_to_be_checked()
    expect(button).to_be_disabled()


def test_a_file_that_cannot_be_read_asks_nothing_of_the_surveyor(desk: Viewer, city: Served, tmp_path: Path) -> None:
    file = tmp_path / "broken.shp"
    file.write_bytes(bytes([0, 0, 0x27, 0x0A]) + bytes(96))
    desk.page.goto(f"{desk.base}/upload?msaa=1")
    desk.page.locator("input[name=token]").fill(city.token)
    desk.page.locator("input[name=token]").press("Enter")
    desk.page.locator("input[type=file]").set_input_files(file)
    section(desk.page, "files").get_by_role("button", name="上传 1 个文件").click()
    expect(section(desk.page, "problem")).to_contain_text("文件整体被拒收")
    form = section(desk.page, "proposals")
    expect(form).to_contain_text("broken.shx")
    expect(form.locator("input, select, button")).to_have_count(0)


def test_what_is_declared_takes_neither_the_keyboard_nor_the_click_that_comes_after_it(desk: Viewer, city: Served, tmp_path: Path) -> None:
    desk.page.goto(f"{desk.base}/upload?msaa=1")
    desk.page.locator("input[name=token]").fill(city.token)
    desk.page.locator("input[name=token]").press("Enter")
    desk.page.locator("input[type=file]").set_input_files(survey(tmp_path, "keyboard.geojson", {"K001": (0.0, 9.0)}))
    section(desk.page, "files").get_by_role("button", name="上传 1 个文件").click()
    form = section(desk.page, "proposals")
    dataset = form.get_by_role("combobox", name="数据集: keyboard")
    dataset.fill("by_keyboard")
    desk.page.keyboard.press("Tab")
    expect(form.locator(".badge", has_text="新建")).to_be_visible()
    expect(form.locator("summary").first).to_be_focused()
    desk.page.keyboard.press("Shift+Tab")
    expect(dataset).to_be_focused()
    dataset.fill("by_mouse")
    # A whole click takes a person a tenth of a second; the form is built anew in between unless it waits for the hand.
    form.get_by_role("button", name="开始检查").click(delay=100)
    expect(section(desk.page, "findings")).to_contain_text("读入 1 行")
    assert city.client.get("/api/submissions").json()[0]["request"]["parts"][0]["dataset"] == "by_mouse"


def test_a_refusal_stays_said_while_the_page_hears_of_others(desk: Viewer, city: Served, tmp_path: Path) -> None:
    hand_in(desk, survey(tmp_path, "refused.geojson", {"W001": (0.0, 9.0)}), city.token)
    desk.page.get_by_role("button", name="换一个令牌").click()
    section(desk.page, "proposals").get_by_role("button", name="重新检查").click()
    expect(section(desk.page, "failure")).to_contain_text("请先填写令牌")
    expect(section(desk.page, "failure")).to_be_in_viewport()
    send(city, survey(tmp_path, "later.geojson", {"O001": (0.0, 9.0)}))
    expect(section(desk.page, "recent")).to_contain_text("later.geojson")
    expect(section(desk.page, "failure")).to_contain_text("请先填写令牌")


@pytest.mark.slow
def test_whoever_hands_in_is_told_that_another_has_to_review(browser: Browser, city: Served, tmp_path: Path) -> None:
    file = survey(tmp_path, "own.geojson", {"R001": (0.0, 9.0), "R002": (30.0, -5.0)})
    with viewer(browser, str(city.client.base_url).rstrip("/")) as desk:
        hand_in(desk, file, city.reviewer)
        found = section(desk.page, "findings")
        found.locator("[data-rule=range] .rule-head").click()
        found.locator(".waive-form input[name=waive-reason]").fill("现场复测属实")
        found.get_by_role("checkbox", name="选择第 2 行").check()
        found.get_by_role("button", name="豁免所选").click()
        expect(section(desk.page, "failure")).to_contain_text("请由其他复核人复核")
        expect(found).to_contain_text("可发布 1，拒收 1")


@pytest.mark.slow
def test_a_reviewer_lets_a_finding_pass_and_takes_it_back(browser: Browser, city: Served, tmp_path: Path) -> None:
    file = survey(tmp_path, "review.geojson", {"R001": (0.0, 9.0), "R002": (30.0, -5.0), "R003": (60.0, -6.0)})
    base = str(city.client.base_url).rstrip("/")
    with viewer(browser, base) as surveyor:
        hand_in(surveyor, file, city.token)
        address = surveyor.page.url
    with viewer(browser, base) as desk:
        desk.page.goto(address)
        desk.page.locator("input[name=token]").fill(city.reviewer)
        desk.page.locator("input[name=token]").press("Enter")
        expect(desk.page.locator(".token-kept")).to_be_visible()
        desk.page.reload()
        desk.complaints.clear()  # of what the reload broke off
        found = section(desk.page, "findings")
        expect(found).to_contain_text("可发布 1，拒收 2")
        found.locator("[data-rule=range] .rule-head").click()
        form = found.locator(".waive-form")
        expect(form.get_by_role("button", name="豁免所选")).to_be_disabled()
        form.locator("input[name=waive-reason]").fill("地下建筑，现场复测属实")
        found.get_by_role("checkbox", name="选择第 2 行").check()
        # Neither folding the rule in nor giving another token takes back what was ticked and typed.
        found.locator("[data-rule=range] .rule-head").click()
        desk.page.get_by_role("button", name="换一个令牌").click()
        found.locator("[data-rule=range] .rule-head").click()
        expect(form).to_have_count(0)
        desk.page.locator("input[name=token]").press_sequentially(city.reviewer)
        desk.page.locator("input[name=token]").press("Enter")
        expect(form.locator("input[name=waive-reason]")).to_have_value("地下建筑，现场复测属实")
        expect(found.get_by_role("checkbox", name="选择第 2 行")).to_be_checked()
        expect(form.get_by_role("status")).to_have_text("已选 1 项")
        form.get_by_role("button", name="豁免所选").click()
        expect(found).to_contain_text("可发布 2，拒收 1")
        expect(found.locator("tr.is-waived")).to_contain_text("已豁免：地下建筑，现场复测属实（李复核）")
        desk.page.wait_for_function("window.__submission.mapFeatures() > 0")
        with desk.page.expect_download() as downloading:
            found.get_by_role("link", name="验收单 (PDF)").click()
        assert downloading.value.path().read_bytes().startswith(b"%PDF-")
        found.locator(".waivers").get_by_role("button", name="撤销豁免").click()
        expect(found).to_contain_text("可发布 1，拒收 2")
        expect(found.locator(".waivers")).to_have_count(0)
        assert desk.complaints == []
