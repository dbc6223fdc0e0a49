"""What a surveyor reads at /upload when the network goes amid an upload or a check, and how it goes on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.commands import city_at_hand
from tests.e2e.test_upload import FIRST, Served, house, section
from tests.viewer_page import Viewer, viewer
from twin.embedded import EmbeddedCluster

pytestmark = pytest.mark.browser
MB = 1 << 20
expect.set_options(timeout=60_000)


class CuttingProxy:
    """Passes TCP connections on to a port; ``cut_after`` resets each that has sent more bytes than that, None: none."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.cut_after: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pass_on, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(far, near, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_sent: bool) -> None:
        passed = 0
        try:
            while content := source.recv(64 << 10):
                passed += len(content)
                if is_sent and self.cut_after is not None and passed > self.cut_after:
                    for end in (source, target):
                        end.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )  # a reset, as of a network that is gone
                    break
                target.sendall(content)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)  # or the other thread would hold it open
                end.close()


@pytest.fixture(scope="module")
def city(run_folder: Path, template: str, cluster: EmbeddedCluster) -> Iterator[Served]:
    """A served city without data, and a surveyor's token."""
    with city_at_hand(run_folder, template, cluster.dsn) as made:
        token = made.run("token", "create", "测绘院")["token"]
        with made.served() as client:
            yield Served(client, token, token)


@pytest.fixture
def proxy(city: Served) -> Iterator[CuttingProxy]:
    port = city.client.base_url.port
    assert port is not None
    made = CuttingProxy(port)
    yield made
    made.close()


@pytest.fixture
def desk(browser: Browser, proxy: CuttingProxy) -> Iterator[Viewer]:
    """A page of the surveyor's browser behind the network, in Chinese."""
    with viewer(browser, f"http://127.0.0.1:{proxy.port}") as opened:
        opened.page.set_viewport_size({"width": 1000, "height": 700})
        yield opened


def heavy_survey(folder: Path, name: str) -> Path:
    """Write ten houses and 24 MB of remarks."""
    features = [house(number, east, height) for number, (east, height) in FIRST.items()]
    for feature in features:
        feature["properties"]["备注"] = "x" * (24 * MB // len(features))
    file = folder / name
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return file


def begin_upload(desk: Viewer, file: Path, token: str) -> None:
    desk.page.goto(f"{desk.base}/upload?msaa=1")
    desk.page.locator("input[name=token]").fill(token)
    desk.page.locator("input[name=token]").press("Enter")
    desk.page.locator("input[type=file]").set_input_files(file)
    section(desk.page, "files").get_by_role("button", name="上传 1 个文件").click()


def test_an_upload_that_is_cut_off_says_so_and_is_sent_again(desk: Viewer, proxy: CuttingProxy, city: Served, tmp_path: Path) -> None:
    proxy.cut_after = 8 * MB
    begin_upload(desk, heavy_survey(tmp_path, "建筑物.geojson"), city.token)
    failed = section(desk.page, "failure")
    expect(failed).to_contain_text("连接中断，文件没有传完")
    expect(section(desk.page, "files").locator(".file-name")).to_have_text("建筑物.geojson")
    assert city.client.get("/api/submissions").json() == [], "nothing is kept of half an upload"
    proxy.cut_after = None
    failed.get_by_role("button", name="重试").click()
    expect(section(desk.page, "proposals")).to_contain_text("列已对应")
    expect(failed).to_have_count(0)
    assert len(city.client.get("/api/submissions").json()) == 1


def test_an_upload_can_be_stopped(desk: Viewer, city: Served, tmp_path: Path) -> None:
    before = len(city.client.get("/api/submissions").json())
    cdp = desk.page.context.new_cdp_session(desk.page)
    cdp.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2 * MB}
    cdp.send("Network.emulateNetworkConditions", slow)
    begin_upload(desk, heavy_survey(tmp_path, "建筑物.geojson"), city.token)
    files = section(desk.page, "files")
    expect(files).to_contain_text(re.compile(r"MB / 24\.0 MB"))
    files.get_by_role("button", name="取消").click()
    expect(files.get_by_role("button", name="上传 1 个文件")).to_be_visible()
    expect(section(desk.page, "failure")).to_have_count(0)
    assert len(city.client.get("/api/submissions").json()) == before


def test_a_server_that_is_away_amid_a_check_is_told_of_until_it_is_back(desk: Viewer, city: Served, tmp_path: Path) -> None:
    is_seen, is_away = False, True

    def answer(route: Route) -> None:
        nonlocal is_seen
        if is_seen and is_away:
            route.abort("connectionrefused")
            return
        answered = route.fetch()
        is_seen = is_seen or answered.json()["progress"] is not None
        route.fulfill(response=answered)

    file = tmp_path / "建筑物.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [house("A1", 0, 9.0)]}), encoding="utf-8")
    begin_upload(desk, file, city.token)
    expect(section(desk.page, "proposals")).to_contain_text("列已对应")
    desk.page.route(re.compile(r"/api/submissions/[0-9a-f-]{36}$"), answer)
    section(desk.page, "proposals").get_by_role("button", name="开始检查").click()
    expect(section(desk.page, "progress")).to_contain_text("服务器无响应，正在重试")
    is_away = False
    expect(section(desk.page, "findings")).to_contain_text("读入 1 行")
    expect(section(desk.page, "failure")).to_have_count(0)


def test_what_is_refused_before_it_was_sent_says_why(desk: Viewer, tmp_path: Path) -> None:
    begin_upload(desk, heavy_survey(tmp_path, "建筑物.geojson"), "twin_not-a-token")
    expect(section(desk.page, "failure")).to_contain_text("令牌无效")


def test_a_file_that_was_saved_again_after_it_was_chosen_is_to_be_chosen_anew(desk: Viewer, city: Served, tmp_path: Path) -> None:
    before = len(city.client.get("/api/submissions").json())
    file = heavy_survey(tmp_path, "建筑物.geojson")
    os.utime(file, (1_700_000_000, 1_700_000_000))  # a browser takes files of the same second for the same
    desk.page.goto(f"{desk.base}/upload?msaa=1")
    desk.page.locator("input[name=token]").fill(city.token)
    desk.page.locator("input[name=token]").press("Enter")
    desk.page.locator("input[type=file]").set_input_files(file)
    files, failed = section(desk.page, "files"), section(desk.page, "failure")
    expect(files.locator(".file-name")).to_have_text("建筑物.geojson")
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [house("A1", 0, 9.0)]}), encoding="utf-8")
    files.get_by_role("button", name="上传 1 个文件").click()
    expect(failed).to_contain_text("所选文件在选择之后被修改")
    expect(failed.get_by_role("button", name="重试")).to_have_count(0)
    assert len(city.client.get("/api/submissions").json()) == before
    desk.page.locator("input[type=file]").set_input_files(file)
    files.get_by_role("button", name="上传 1 个文件").click()
    expect(section(desk.page, "proposals")).to_contain_text("列已对应")
    expect(failed).to_have_count(0)


def test_trying_again_without_files_sends_nothing(desk: Viewer, proxy: CuttingProxy, city: Served, tmp_path: Path) -> None:
    proxy.cut_after = 8 * MB
    begin_upload(desk, heavy_survey(tmp_path, "建筑物.geojson"), city.token)
    failed, sent = section(desk.page, "failure"), []
    expect(failed).to_contain_text("连接中断，文件没有传完")
    section(desk.page, "files").get_by_role("button", name="移除").click()
    desk.page.on("request", lambda request: sent.append(request.method))
    failed.get_by_role("button", name="重试").click()
    expect(failed).to_have_count(0)
    assert "POST" not in sent
