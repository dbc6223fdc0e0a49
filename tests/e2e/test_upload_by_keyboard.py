"""The page /upload without a mouse: where the keyboard is, what a screen reader is told, and what was done before the page had read all."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.e2e import test_upload as uploads
from tests.viewer_page import Viewer

pytestmark = pytest.mark.browser
city, desk = uploads.city, uploads.desk
expect.set_options(timeout=uploads.PATIENCE_MS)


def test_a_survey_goes_round_by_the_keyboard_alone_and_what_comes_about_is_said(desk: Viewer, city: uploads.Served, tmp_path: Path) -> None:
    page, said = desk.page, desk.page.locator("#spoken")
    page.goto(f"{desk.base}/upload?msaa=1")

    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if desk.ask("(document.activeElement.ariaLabel ?? document.activeElement.innerText ?? '')").strip().startswith(name):
                return
        raise AssertionError(f"no way to {name!r}")

    page.locator("input[name=token]").focus()
    page.keyboard.insert_text(city.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="换一个令牌")).to_be_focused()
    page.locator("input[type=file]").set_input_files(
        uploads.survey(tmp_path, "keys.geojson", {"K101": (0.0, 9.0), "K102": (30.0, -5.0), "K103": (60.0, -5.0)})
    )
    for button, section_after, words in (
        ("上传 1 个文件", "proposals", "已识别 1 个图层"),
        ("开始检查", "findings", "读入 3 行，可发布 1，拒收 2"),
    ):
        tab_to(button)
        page.keyboard.press("Enter")
        expect(uploads.section(page, section_after).locator("h2")).to_be_focused()
        expect(said).to_contain_text(words)
    tab_to("错误（该行拒收）")
    page.keyboard.press("Enter")
    expect(uploads.section(page, "findings").get_by_role("button", name="在地图上看 2")).to_be_visible()
    tab_to("在地图上看 2")
    page.keyboard.press("ArrowDown")
    expect(uploads.section(page, "findings").get_by_role("button", name="在地图上看 3")).to_be_focused()
    tab_to("问题表")  # the rows are one stop, however many there are
    tab_to("撤回")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(uploads.section(page, "publish").get_by_role("button", name="撤回")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(uploads.section(page, "publish").locator("h2")).to_be_focused()
    expect(said).to_have_text("已撤回，没有发布任何内容。")


def test_what_is_handed_in_before_the_page_knows_who_asks_stays(desk: Viewer, city: uploads.Served, tmp_path: Path) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    desk.page.route("**/api/feature-types", hold)
    desk.page.goto(f"{desk.base}/upload?msaa=1")
    desk.page.locator("input[name=token]").fill(city.token)
    desk.page.locator("input[name=token]").press("Enter")
    desk.page.locator("input[type=file]").set_input_files(uploads.survey(tmp_path, "early.geojson", {"E001": (0.0, 9.0)}))
    uploads.section(desk.page, "files").get_by_role("button", name="上传 1 个文件").click()
    expect(uploads.section(desk.page, "proposals")).to_be_visible()
    for route in held:
        route.continue_()
    expect(uploads.section(desk.page, "proposals").locator("select option", has_text="建筑物").first).to_be_attached()
