"""Lines of a survey that are mended alone: their ends are published, and need not be handed in again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import query_city

from ingest.ends_elsewhere import EndsWanted
from ingest.load import CheckResult, check
from ingest.protocol import PartRequest
from ingest.published_ends import points_called
from ingest.request import LoadRequest
from tests.opened_city import load, look, opened_city, request
from tests.written_city import city_folder
from twin.embedded import EmbeddedCluster
from twin.errors import RejectedError
from twin.model import Severity, SharingClass
from twin.server.city import City
from twin.server.loading import workplace

EAST_M, NORTH_M, STEP_M = 497_538.0, 3_520_895.0, 30.0
POINTS = ("物探点号", "X坐标", "Y坐标", "地面高程", "井深", "管类", "附属物", "特征")
LINES = ("管线编号", "起点点号", "终点点号", "起点埋深", "终点埋深", "管类", "材质", "管径", "埋设方式", "流向")
PARTS = (("管点", "pipe_node", "nodes"), ("管线", "pipe_segment", "pipes"))
ONLY_LINES = PARTS[1:]
OTHERS = (("管点", "pipe_node", "others"),)


@pytest.fixture
def city(cluster: EmbeddedCluster, template: str, run_folder: Path) -> Iterator[tuple[City, Path]]:
    """Have a city in which a survey of five manholes and the four pipes between them is published."""
    with query_city.clone_of(template, cluster.dsn) as url, city_folder(run_folder) as folder, opened_city(url, folder / "c", 4549) as made:
        published = load(made, request(_workbook(folder, map(_point, range(5)), map(_line, range(4))), *PARTS, crs="EPSG:4549"))
        assert (published.published, published.rejected) == (9, 0)
        yield made, folder


@pytest.mark.parametrize("crs", ["EPSG:4549", "EPSG:4528", "EPSG:4490", "X-GCJ02", None])
def test_one_mended_line_alone_changes_one_line(city: tuple[City, Path], crs: str | None) -> None:
    opened, folder = city
    before = _lines_of(opened)
    mended = _workbook(folder, [], [_line(1, 材质="PVC"), _line(2)])
    found = look(opened, _delta(mended, crs=crs))
    assert found.datasets["pipes"] == {"insert": 0, "update": 1, "unchanged": 1, "delete": 0}
    assert _faults(found) == set()
    assert load(opened, _delta(mended, crs=crs)).datasets["pipes"]["update"] == 1
    after = _lines_of(opened)
    assert {name: places for name, (_, places) in after.items()} == {name: places for name, (_, places) in before.items()}
    assert {name for name in after if after[name] != before[name]} == {"L1"}


def test_a_new_line_ends_at_a_new_point_and_at_a_published_one(city: tuple[City, Path]) -> None:
    opened, folder = city
    file = _workbook(folder, [_point(5)], [_line(4)])
    found = look(opened, request(file, *PARTS, crs="EPSG:4549", mode="delta"))
    assert {slug: counts["insert"] for slug, counts in found.datasets.items()} == {"nodes": 1, "pipes": 1}
    whole = look(opened, request(_workbook(folder, map(_point, range(6)), map(_line, range(5))), *PARTS, crs="EPSG:4549"))
    assert _faults(found) == _faults(whole)


def test_an_end_that_is_nowhere_is_that_rows_fault(city: tuple[City, Path]) -> None:
    opened, folder = city
    found = look(opened, _delta(_workbook(folder, [], [_line(1, 材质="PVC"), _line(2, 终点点号="W33"), _line(3)]), max_rejected=1.0))
    assert found.datasets["pipes"] == {"insert": 0, "update": 1, "unchanged": 1, "delete": 0}
    (fault,) = [f for f in found.findings if f.rule == "node-exists"]
    assert (fault.row, fault.message.zh) == (3, "端点 W33 尚未发布，也没有提交点表")


def test_lines_of_which_no_end_is_published_need_their_points(city: tuple[City, Path]) -> None:
    opened, folder = city
    with pytest.raises(RejectedError, match="none of the ends is published") as refused:
        look(opened, _delta(_workbook(folder, [], [_line(1, 起点点号="A", 终点点号="B")])))
    assert refused.value.code == "no-points"


def test_points_in_which_published_lines_end_go_before_those_of_others(city: tuple[City, Path]) -> None:
    opened, folder = city
    load(opened, request(_workbook(folder, [_point(k, east_m=5000.0) for k in (1, 2, 33)], []), *OTHERS, crs="EPSG:4549"))
    found = look(opened, _delta(_workbook(folder, [], [_line(0, 材质="PVC"), _line(1), _line(2, 终点点号="W33")])))
    assert found.datasets["pipes"] == {"insert": 0, "update": 2, "unchanged": 1, "delete": 0}
    (doubt,) = [f for f in found.findings if f.rule == "end-elsewhere"]
    assert (doubt.row, doubt.severity) == (4, Severity.REVIEW)
    assert "W33 of dataset others" in doubt.message.en


def test_a_name_of_two_published_points_of_others_places_no_line(city: tuple[City, Path]) -> None:
    opened, folder = city
    load(opened, request(_workbook(folder, [_point(2, east_m=7.0)], []), *OTHERS, crs="EPSG:4549"))
    file = _workbook(folder, [], [_line(0, 材质="PVC"), _line(1)])
    found = look(opened, request(file, ("管线", "pipe_segment", "new"), mode="delta", max_rejected=1.0))
    (fault,) = [f for f in found.findings if f.rule == "node-exists"]
    assert (fault.row, fault.message.zh.split("；")[0]) == (3, "已发布的点中有多个 W2，位置不同")
    assert [f.row for f in found.findings if f.rule == "end-elsewhere"] == [2], "a dataset without lines ended nowhere before"
    of_their_survey = _workbook(folder, [_point(4)], [_line(1)])
    again = look(opened, request(of_their_survey, *PARTS, crs="EPSG:4549", mode="delta"))
    assert again.datasets["pipes"] == {"insert": 0, "update": 0, "unchanged": 1, "delete": 0}
    assert {f.rule for f in again.findings if f.row is not None} <= {"connectivity"}, "sewage without an outlet, as in the whole survey"


def test_points_handed_in_whole_are_all_there_are(city: tuple[City, Path]) -> None:
    """What replaces all points would delete the ends that it leaves out: they place no line."""
    opened, folder = city
    file = _workbook(folder, map(_point, range(4)), map(_line, range(4)))
    found = look(opened, request(file, *PARTS, crs="EPSG:4549", allow_deletes=True))
    (fault,) = [f for f in found.findings if f.rule == "node-exists"]
    assert (fault.row, fault.message.zh) == (5, "端点 W4 不在管线点表中")


def test_all_lines_alone_replace_all_lines(city: tuple[City, Path]) -> None:
    opened, folder = city
    found = look(opened, request(_workbook(folder, [], [_line(0), _line(1, 材质="PVC"), _line(2)]), *ONLY_LINES, crs="EPSG:4549"))
    assert found.datasets["pipes"] == {"insert": 0, "update": 1, "unchanged": 2, "delete": 1}


def test_names_that_no_database_takes_are_names_of_nothing(city: tuple[City, Path]) -> None:
    opened, folder = city
    asked = _delta(_workbook(folder, [], [_line(1)]))
    part = PartRequest(None, opened.catalogue.feature_type("pipe_segment"), "pipes")
    found = points_called(opened.catalogue, asked, (part,), ["W1", "W\0", "W\ud800", "nowhere"])
    assert [(p.name, p.ground_elevation_m) for p in found.points or ()] == [("W1", 4.9)]


@pytest.mark.parametrize("wanted", [(EndsWanted("pipes", ("W1",)),) * 2, (EndsWanted("pipes", ("W" * 129,)),)])
def test_a_reader_that_asks_for_what_it_may_not_is_not_believed(city: tuple[City, Path], wanted: tuple[EndsWanted, ...]) -> None:
    opened, folder = city
    asked = _delta(_workbook(folder, [], [_line(1)]))
    place = replace(workplace(opened, lambda *_: None), read=lambda _: (message for message in wanted))
    with pytest.raises(RejectedError) as refused:
        check(place, asked)
    assert refused.value.code == "parser-nonsense"


def test_a_reader_that_may_not_ask_or_asks_twice_is_not_believed(city: tuple[City, Path]) -> None:
    opened, folder = city
    whole = request(_workbook(folder, [_point(0)], [_line(1)]), *PARTS, crs="EPSG:4549", allow_deletes=True)
    for asked in (whole, _delta(_workbook(folder, [], [_line(1)]))):
        place = replace(workplace(opened, lambda *_: None), read=lambda _: (message for message in (EndsWanted("pipes", ("W1",)),)))
        with pytest.raises(RejectedError) as refused:
            check(place, asked)
        assert refused.value.code == "parser-nonsense"


@pytest.mark.parametrize(("points", "lines", "is_told"), [("restricted", "open", False), ("shared", "shared", True)])
def test_lines_do_not_tell_where_points_are_that_fewer_may_see(city: tuple[City, Path], points: str, lines: str, *, is_told: bool) -> None:
    opened, folder = city
    kept = _workbook(folder, [_point(7, 物探点号="K7"), _point(8, 物探点号="K8")], [])
    load(opened, request(kept, ("管点", "pipe_node", "kept"), crs="EPSG:4549", sharing=SharingClass(points)))
    guessed = _workbook(folder, [], [_line(1), _line(7, 起点点号="K7", 终点点号="W3"), _line(8, 起点点号="K7", 终点点号="K8")])
    asked = request(guessed, ("管线", "pipe_segment", "theirs"), mode="delta", sharing=SharingClass(lines), max_rejected=1.0)
    found = look(opened, asked)
    assert found.datasets["theirs"]["insert"] == (3 if is_told else 1)
    absent = [(f.row, f.message.en) for f in found.findings if f.rule == "node-exists"]
    assert [row for row, _ in absent] == ([] if is_told else [3, 4])
    assert all("not published" in text for _, text in absent), "as of a point that is nowhere"


def _delta(file: Path, **more: Any) -> LoadRequest:
    return request(file, *ONLY_LINES, mode="delta", **more)


def _point(number: int, east_m: float = 0.0, **said: object) -> tuple[object, ...]:
    row = (f"W{number}", NORTH_M, EAST_M + STEP_M * number + east_m, 5.0 - 0.1 * number, 2.0, "污水", "检查井", None)
    return _said(POINTS, row, said)


def _line(number: int, **said: object) -> tuple[object, ...]:
    row = (f"L{number}", f"W{number}", f"W{number + 1}", 1.5, 1.6, "污水", "PE", 300, "直埋", "顺向")
    return _said(LINES, row, said)


def _said(columns: Sequence[str], row: Sequence[object], said: dict[str, object]) -> tuple[object, ...]:
    return tuple(said.get(column, value) for column, value in zip(columns, row, strict=True))


def _workbook(folder: Path, points: Any, lines: Any) -> Path:
    """Write the sheets that have rows."""
    book = openpyxl.Workbook()
    book.remove(book["Sheet"])
    for name, columns, rows in (("管点", POINTS, [*points]), ("管线", LINES, [*lines])):
        if rows:
            sheet = book.create_sheet(name)
            for row in (columns, *rows):
                sheet.append(row)
    path = folder / f"普查{len([*folder.glob('*.xlsx')])}.xlsx"
    book.save(path)
    return path


def _faults(found: CheckResult) -> set[tuple[str, str]]:
    """Return the findings about rows and places, with what they say."""
    return {(f.rule, f.message.en) for f in found.findings if f.row is not None or f.place is not None}


def _lines_of(city: City) -> dict[str, tuple[object, object]]:
    """Return by its number the material of each line and its places to the millimetre."""
    with city.pool.connection() as connection:
        table = f"city.pipe_segment_d{city.catalogue.dataset('pipes').id}"
        rows = connection.execute(f"SELECT natural_key, material, ST_AsText(geom, 3) FROM {table}").fetchall()
    return {str(name): (material, places) for name, material, places in rows}
