"""The page /upload without a mouse: where the keyboard is, what a screen reader is told, and what was done before the page had read all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.e2e import test_upload as uploads
from tests.viewer_page import Viewer

pytestmark = pytest.mark.browser
city, desk = uploads.city, uploads.desk
expect.set_options(timeout=uploads.PATIENCE_MS)


def tab_to(desk: Viewer, name: str, key: str = "Tab") -> None:
    """Press Tab until focus is at the control whose name begins so."""
    for _ in range(80):
        desk.page.keyboard.press(key)
        if desk.ask("(document.activeElement.ariaLabel ?? document.activeElement.innerText ?? '')").strip().startswith(name):
            return
    raise AssertionError(f"no way to {name!r}")


def locate(desk: Viewer, row: int) -> Any:
    """Return the button of a finding's row that shows its place."""
    return uploads.section(desk.page, "findings").get_by_role("button", name=f"在地图上看 {row}", exact=True)


def open_findings(desk: Viewer) -> None:
    """Unfold the rows of the rule of wrong heights, and put the keyboard at its head."""
    head = uploads.section(desk.page, "findings").locator("[data-rule=range] .rule-head")
    head.focus()
    desk.page.keyboard.press("Enter")
    expect(uploads.section(desk.page, "findings").locator("tbody tr").first).to_be_visible()


def test_a_survey_goes_round_by_the_keyboard_alone_and_what_comes_about_is_said(desk: Viewer, city: uploads.Served, tmp_path: Path) -> None:
    page, said = desk.page, desk.page.locator("#spoken")
    page.goto(f"{desk.base}/upload?msaa=1")

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
        tab_to(desk, button)
        page.keyboard.press("Enter")
        expect(uploads.section(page, section_after).locator("h2")).to_be_focused()
        expect(said).to_contain_text(words)
    tab_to(desk, "错误（该行拒收）")
    page.keyboard.press("Enter")
    expect(uploads.section(page, "findings").get_by_role("button", name="在地图上看 2")).to_be_visible()
    tab_to(desk, "在地图上看 2")
    page.keyboard.press("ArrowDown")
    expect(uploads.section(page, "findings").get_by_role("button", name="在地图上看 3")).to_be_focused()
    tab_to(desk, "问题表")  # the rows are one stop, however many there are
    tab_to(desk, "撤回")
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


def wrong_houses(count: int, places: frozenset[int]) -> tuple[dict[str, Any], ...]:
    """Return houses below the ground; only those rows that are named have a geometry."""
    houses = [uploads.house(f"P{row:03}", row * 30.0, -5.0) for row in range(1, count + 1)]
    return tuple({**house, "geometry": house["geometry"] if row in places else None} for row, house in enumerate(houses, 1))


def test_arrows_pass_over_findings_without_a_place_and_leave_combinations_alone(desk: Viewer, city: uploads.Served, tmp_path: Path) -> None:
    page = desk.page
    uploads.hand_in(desk, uploads.survey(tmp_path, "places.geojson", {}, wrong_houses(6, frozenset({2, 3, 5}))), city.token)
    open_findings(desk)
    expect(uploads.section(page, "findings").locator("tbody tr")).to_have_count(6)
    tab_to(desk, "在地图上看 2")
    for key, row in (("ArrowUp", 2), ("ArrowDown", 3), ("ArrowDown", 5), ("ArrowDown", 5), ("ArrowUp", 3), ("End", 5), ("Home", 2)):
        page.keyboard.press(key)
        expect(locate(desk, row)).to_be_focused()
    desk.ask("() => { window.taken = []; addEventListener('keydown', (e) => taken.push(e.defaultPrevented)) }")
    for combination in ("Control+End", "Alt+ArrowDown", "Shift+ArrowDown", "Meta+ArrowDown"):
        page.keyboard.press(combination)
        expect(locate(desk, 2)).to_be_focused()
    page.keyboard.press("ArrowDown")
    assert [taken for taken in desk.ask("taken") if taken] == [True]
    assert desk.ask("taken.at(-1)")


def test_a_list_that_grows_remembers_the_row_that_was_used_last(desk: Viewer, city: uploads.Served, tmp_path: Path) -> None:
    uploads.hand_in(desk, uploads.survey(tmp_path, "many.geojson", {}, wrong_houses(610, frozenset(range(1, 611)))), city.token)
    open_findings(desk)
    tab_to(desk, "在地图上看 1")
    for _ in range(3):
        desk.page.keyboard.press("ArrowDown")
    tab_to(desk, "显示更多")
    desk.page.keyboard.press("Enter")
    expect(uploads.section(desk.page, "findings").locator("tbody tr")).to_have_count(600)
    expect(uploads.section(desk.page, "findings").get_by_role("button", name="显示更多")).to_be_focused()
    for _ in ("the table of all of them", "the list"):
        desk.page.keyboard.press("Shift+Tab")
    expect(locate(desk, 4)).to_be_focused()


def test_the_card_of_a_finding_gives_the_keyboard_back(desk: Viewer, city: uploads.Served, tmp_path: Path) -> None:
    page, card = desk.page, desk.page.locator(".finding-card")
    uploads.hand_in(desk, uploads.survey(tmp_path, "card.geojson", {}, wrong_houses(2, frozenset({1, 2}))), city.token)
    open_findings(desk)
    for key in ("Escape", "Enter"):
        locate(desk, 2).focus()
        page.keyboard.press("Enter")
        desk.wait_for("window.__submission.mapPending()?.length === 0", "window.__submission.mapPending()")
        page.locator("#map canvas").click()
        expect(card).to_be_visible()
        tab_to(desk, "关闭", "Shift+Tab")
        page.keyboard.press(key)
        expect(card).to_have_count(0)
        expect(locate(desk, 2)).to_be_focused()
