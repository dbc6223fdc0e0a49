"""One table for a whole survey (成果表): its rows are the points and, by 连接点号, the lines between them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.part_reading import PartReading
from ingest.proposals import Proposal, placed, propose
from ingest.protocol import PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import SourceBatch
from ingest.readers.survey import Survey, SurveyLayer
from ingest.sampling import with_samples
from ingest.understanding.area import deployment_area
from ingest.understanding.layer import Surroundings
from tests.ogr2ogr import ogr2ogr
from tests.workbooks import workbook
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
NORTH, EAST = 3_520_895.0, 497_538.0
HEADER = ("管线点号", "连接点号", "特征", "附属物", "X", "Y", "地面高程", "管线高程", "埋深", "材质", "管径")
CHAIN = [
    (f"WS{i}", f"WS{i + 1}" if i < 6 else None, "直线点", None, NORTH + 20 * i, EAST, 5.0 + i, 3.0 - i, 2.0 + 2 * i, "砼", "300")
    for i in range(1, 7)
]
"""A sewer of six points, told from one end to the other."""
STAR_HEADER = ("管线点号", "连接点号", "特征", "X", "Y", "地面高程", "埋深", "材质", "管径")
STAR = [
    ("WS1", "WS2", "直线点", NORTH, EAST, 5.0, 1.1, "砼", 300),
    ("WS2", "WS1", "三通", NORTH + 20, EAST, 5.0, 1.2, "砼", 300),
    (None, "WS3", None, None, None, None, 1.3, "PVC", 200),
    (None, "WS4", None, None, None, None, 1.4, None, 200),
    ("WS3", "WS2", "直线点", NORTH + 40, EAST, 5.0, 1.5, "PVC", 200),
    ("WS4", "WS2", "直线点", NORTH + 20, EAST + 20, 5.0, 1.6, "PVC", 200),
]
"""A tee, each line told from both ends; its further lines stand in rows without its number."""

Rows = Sequence[Sequence[object]]
Table = list[tuple[object, ...]]


def survey(path: Path, *parts: PartRequest) -> Survey:
    reader = choose_reader(ReadRequest(path, parts, storage_srid=4549, crs="EPSG:4549"))
    assert isinstance(reader, Survey)
    return reader


def text(path: Path, rows: Rows, encoding: str = "gb18030") -> Path:
    path.write_text("\n".join(",".join("" if c is None else str(c) for c in row) for row in rows), encoding=encoding)
    return path


def layer(
    path: Path, feature_type: str, table: str | None = "WS", mapping: Mapping[str, str] | None = None
) -> tuple[SurveyLayer, SourceBatch]:
    part = PartRequest(table, TYPES[feature_type], "d", PartReading(mapping=tuple((mapping or {}).items())))
    opened = survey(path, part).open(part)
    (batch,) = opened.batches()
    return opened, batch


def points(path: Path, table: str | None = "WS") -> SourceBatch:
    return layer(path, "pipe_node", table)[1]


def lines(path: Path, table: str | None = "WS") -> SourceBatch:
    return layer(path, "pipe_segment", table)[1]


def ends(batch: SourceBatch) -> list[tuple[str, str]]:
    first, second = list(batch.columns)[:2]
    return list(zip(batch.columns[first].to_pylist(), batch.columns[second].to_pylist(), strict=True))


def numbers(batch: SourceBatch, column: str) -> list[float | None]:
    return [None if cell is None else float(cell) for cell in batch.columns[column].to_pylist()]


def understood(path: Path) -> list[Proposal]:
    reader = survey(path)
    around = Surroundings(deployment_area(4549, (119.1, 31.1, 120.3, 32.1)))
    return placed(propose(path.name, with_samples(reader, reader.inspect()), TYPES, [], around))


# ---------------------------------------------------------------------------------------------------------- what it is taken for


def test_it_is_proposed_as_points_and_as_lines(tmp_path: Path) -> None:
    proposals = understood(workbook(tmp_path / "a.xlsx", {"WS": [["常州市地下管线成果表"], HEADER, *CHAIN]}, {"WS": ["A1:K1"]}))
    assert [(p.layer, p.rows, p.guesses[0].feature_type, p.understanding.crs.value) for p in proposals] == [
        ("WS 管点", 6, "pipe_node", "EPSG:4549"),
        ("WS 管线", 5, "pipe_segment", "EPSG:4549"),
    ]
    for proposal in proposals:
        assert [g.feature_type for g in proposal.guesses] == [proposal.guesses[0].feature_type], "nothing else is thought of"
        assert proposal.guesses[0].confidence > 0.9
        assert "'管线点号'" in proposal.guesses[0].evidence.en
        assert "“连接点号”" in proposal.guesses[0].evidence.zh
    assert {"起点埋深", "终点埋深", "起点管线高程", "终点管线高程"} < set(proposals[1].guesses[0].mapping)


def test_every_kind_of_file_gives_the_same(tmp_path: Path) -> None:
    table = [HEADER, *CHAIN]
    book, csv = workbook(tmp_path / "WS.xlsx", {"WS": table}), text(tmp_path / "WS.csv", table, "utf-8")
    ogr2ogr(tmp_path / "WS.ods", csv, "-f", "ODS", "-oo", "AUTODETECT_TYPE=YES", "--config", "OGR_ODS_HEADERS", "FORCE")
    read = [(points(path), lines(path)) for path in (book, csv, tmp_path / "WS.ods")]
    for nodes, segments in read:
        assert nodes.rows.tolist() == [2, 3, 4, 5, 6, 7]
        assert segments.rows.tolist() == [2, 3, 4, 5, 6]
        assert (nodes.faults, segments.faults) == ((), ())
        assert shapely.to_wkb(segments.geometry).tolist() == shapely.to_wkb(read[0][1].geometry).tolist()


def test_headers_of_two_rows_with_group_titles(tmp_path: Path) -> None:
    titles = [
        ("管线成果表", *[None] * 9),
        ("点号", None, "特征", "平面坐标(m)", None, "高程(m)", None, "埋深(m)", "管径(mm)", "材质"),
        ("物探点号", "连接点号", None, "X", "Y", "地面", "管线", None, None, None),
    ]
    rows: Table = [
        ("A1", "A2", "直线点", NORTH, EAST, 5, 3.5, 1.5, 300, "砼"),
        ("A2", None, "直线点", NORTH + 30, EAST, 5, 3.4, 1.6, 300, "砼"),
    ]
    path = workbook(tmp_path / "a.xlsx", {"WS": [*titles, *rows]}, {"WS": ["A1:J1", "A2:B2", "D2:E2", "F2:G2"]})
    nodes, segments = understood(path)
    assert nodes.guesses[0].mapping["地面高程(m)"] == "ground_elevation_m"
    assert segments.guesses[0].mapping["起点管线高程(m)"] == "start_elevation_m"
    assert [shapely.get_coordinates(g, include_z=True).tolist() for g in lines(path).geometry] == [
        [[EAST, NORTH, 3.5], [EAST, NORTH + 30, 3.4]]
    ]


def test_columns_that_somebody_names_make_it_one(tmp_path: Path) -> None:
    rows: Table = [("编号", "连向", "特征", "X", "Y"), ("A", "B", "直线点", NORTH, EAST), ("B", None, "直线点", NORTH + 9, EAST)]
    path = text(tmp_path / "表.csv", rows)
    parts = [
        PartRequest("表", TYPES["pipe_node"], "n", PartReading(mapping=(("编号", "node_id"),))),
        PartRequest("表", TYPES["pipe_segment"], "s", PartReading(mapping=(("编号", "start_node"), ("连向", "end_node")))),
    ]
    reader = survey(path, *parts)
    nodes, segments = (next(iter(reader.open(part).batches())) for part in parts)
    assert nodes.columns["编号"].to_pylist() == ["A", "B"]
    assert ends(segments) == [("A", "B")]


def test_a_table_of_points_beside_one_of_lines_stays_one_of_points(tmp_path: Path) -> None:
    nodes = [("物探点号", "连接方向", "X", "Y"), ("A", "B", NORTH, EAST), ("B", "A", NORTH + 9, EAST)]
    path = workbook(tmp_path / "a.xlsx", {"管点": nodes, "管线": [("起点点号", "终点点号", "管径"), ("A", "B", 300)]})
    assert [info.name for info in survey(path).inspect().layers] == ["管点", "管线"]
    assert ends(lines(path, "管线")) == [("A", "B")]


def test_a_table_of_points_beside_lines_of_each_kind_stays_one_of_points(tmp_path: Path) -> None:
    kinds = ("JS", "WS", "YS")
    nodes = [
        (f"{kind}{i}", f"{kind}{i + 1}" if i < 9 else None, NORTH + 20 * i, EAST + 5 * k) for k, kind in enumerate(kinds) for i in range(10)
    ]
    tables: dict[str, Rows] = {"管点表": [("管线点号", "连接点号", "X", "Y"), *nodes]}
    for kind in kinds:
        tables[f"{kind}_LINE"] = [("起点点号", "终点点号", "管径"), *((f"{kind}{i}", f"{kind}{i + 1}", 300) for i in range(9))]
    path = workbook(tmp_path / "a.xlsx", tables)
    assert [(p.layer, p.rows) for p in understood(path)] == [("管点表", 30), *((f"{kind}_LINE", 9) for kind in kinds)]


def test_points_in_several_tables_beside_it_together_are_most(tmp_path: Path) -> None:
    first = [("管线点号", "X", "Y"), *((row[0], *row[4:6]) for row in CHAIN[:2])]
    second = [("管线点号", "X", "Y"), *((row[0], *row[4:6]) for row in CHAIN[2:4])]
    path = workbook(tmp_path / "a.xlsx", {"WS": [HEADER, *CHAIN], "甲": first, "乙": second})
    assert [info.name for info in survey(path).inspect().layers] == ["WS", "甲", "乙"]


@pytest.mark.parametrize(("of_points", "of_lines"), [("点", "线"), ("Sheet1", "Sheet2"), ("管点表", "管线表")])
def test_lines_of_few_of_the_points_are_read_from_their_own_table(tmp_path: Path, of_points: str, of_lines: str) -> None:
    nodes = [(f"A{i}", f"A{i + 1}", NORTH + 20 * i, EAST) for i in range(10)]
    few = [(f"A{i}", f"A{i + 1}", 300, "砼") for i in range(3)]
    tables: dict[str, Rows] = {
        of_points: [("物探点号", "连接方向", "X", "Y"), *nodes],
        of_lines: [("起点点号", "终点点号", "管径", "材质"), *few],
    }
    path = workbook(tmp_path / "a.xlsx", tables)
    assert [info.name for info in survey(path).inspect().layers] == [of_points, of_lines]
    batch = lines(path, None)
    assert batch.columns["管径"].to_pylist() == [300] * 3
    assert ends(batch) == [row[:2] for row in few]


def test_a_table_of_lines_goes_before_lines_of_another_survey_of_one_table(tmp_path: Path) -> None:
    real = [("起点点号", "终点点号", "起点X", "起点Y", "终点X", "终点Y"), ("B1", "B2", NORTH, EAST, NORTH + 9, EAST)]
    path = workbook(tmp_path / "a.xlsx", {"WS": [HEADER, *CHAIN], "另": real})
    assert [info.name for info in survey(path).inspect().layers] == ["WS 管点", "WS 管线", "另"]
    assert ends(lines(path, None)) == [("B1", "B2")]
    assert len(lines(path, "WS").rows) == 5
    assert len(points(path, None).rows) == 6


def test_directions_in_words_are_no_lines(tmp_path: Path) -> None:
    rows: Table = [(f"A{i}", way, NORTH + 20 * i, EAST) for i, way in enumerate("东南西北")]
    path = workbook(tmp_path / "a.xlsx", {"t4": [("物探点号", "连接方向", "X", "Y"), *rows]})
    (proposal,) = understood(path)
    assert (proposal.layer, proposal.rows, proposal.guesses[0].feature_type) == ("t4", 4, "pipe_node")
    opened, batch = layer(path, "pipe_node", "t4")
    assert (batch.columns["连接方向"].to_pylist(), batch.faults) == (list("东南西北"), ())
    assert any("“连接方向”多数不是表中的点号" in note.zh for note in opened.source.notes)


@pytest.mark.parametrize(("far", "is_parted"), [(2, True), (3, False)])
def test_at_least_half_of_the_ends_are_points_of_a_whole_survey(tmp_path: Path, far: int, is_parted: bool) -> None:
    rows = [(*row[:1], f"OUT{i}" if i < far else row[1], *row[2:]) for i, row in enumerate(CHAIN[:4])]
    path = workbook(tmp_path / "a.xlsx", {"WS": [HEADER, *rows, (CHAIN[4][0], None, *CHAIN[4][2:])]})
    assert [info.name for info in survey(path).inspect().layers] == (["WS 管点", "WS 管线"] if is_parted else ["WS"])


def test_two_sheets_of_two_kinds_may_meet(tmp_path: Path) -> None:
    water = [("JS1", "WS6", "直线点", None, NORTH, EAST + 5, 5, 4, 1, "PE", 100)]
    path = workbook(tmp_path / "a.xlsx", {"WS": [HEADER, *CHAIN], "JS": [HEADER, *water]})
    assert [info.name for info in survey(path).inspect().layers] == ["WS 管点", "WS 管线", "JS 管点", "JS 管线"]
    opened, batch = layer(path, "pipe_segment", "JS 管线")
    assert (ends(batch), batch.faults) == ([("JS1", "WS6")], ())
    assert batch.columns["管线种类"].to_pylist() == ["JS"]
    assert "“JS”" in " ".join(note.zh for note in opened.source.notes)


# ------------------------------------------------------------------------------------------------------------------------ points


def test_a_point_told_in_several_rows_is_one_with_all_that_they_say(tmp_path: Path) -> None:
    header = ("管线点号", "连接点号", "附属物", "X", "Y", "地面高程")
    rows: Table = [("A", "B", None, NORTH, EAST, 5), ("A", "C", "检查井", NORTH, EAST, None), ("B", "A", None, NORTH + 9, EAST, 5)]
    rows += [("C", "A", None, None, None, None), ("C", None, None, f"{NORTH + 18:.2f}", EAST, 5)]
    batch = points(workbook(tmp_path / "a.xlsx", {"WS": [header, *rows]}))
    assert batch.rows.tolist() == [2, 4, 6]
    assert batch.columns["管线点号"].to_pylist() == ["A", "B", "C"]
    assert batch.columns["附属物"].to_pylist() == ["检查井", None, None]
    assert batch.faults == ()


def test_a_point_of_which_rows_say_different_things_stays_twice(tmp_path: Path) -> None:
    header = ("管线点号", "连接点号", "X", "Y", "地面高程")
    rows: Table = [
        ("A", "B", NORTH, EAST, 5),
        ("A", "C", NORTH + 1, EAST, 5),
        ("A", "D", NORTH, EAST, 5.5),
        ("B", None, NORTH + 9, EAST, 5),
        ("C", None, NORTH + 18, EAST, 5),
    ]
    assert points(workbook(tmp_path / "a.xlsx", {"WS": [header, *rows]})).rows.tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(("column", "called"), [("高程", "地面高程"), ("Z", "地面高程"), ("高程(m)", "地面高程(m)")])
def test_a_height_of_nothing_named_is_the_ground_of_a_whole_survey_alone(tmp_path: Path, column: str, called: str) -> None:
    rows: Table = [("A", "B", NORTH, EAST, 5.5), ("B", None, NORTH + 9, EAST, 5.6)]
    path = workbook(tmp_path / "a.xlsx", {"WS": [("管线点号", "连接点号", "X", "Y", column), *rows]})
    nodes, segments = understood(path)
    assert nodes.guesses[0].mapping[called] == "ground_elevation_m"
    assert numbers(points(path), called) == [5.5, 5.6]
    assert "start_elevation_m" not in segments.guesses[0].mapping.values()
    declared = layer(path, "pipe_node", mapping={column: "bottom_elevation_m"})[1]
    assert numbers(declared, column) == [5.5, 5.6], "what somebody names keeps its name"


@pytest.mark.parametrize("name", ["Sheet1", "高程点"])
def test_a_bare_list_of_coordinates_is_no_surer_to_be_pipe_nodes_for_its_height(tmp_path: Path, name: str) -> None:
    rows: Table = [("点号", "X", "Y", "Z"), ("A", NORTH, EAST, 5.5), ("B", NORTH + 9, EAST, 5.6)]
    (proposal,) = understood(text(tmp_path / f"{name}.csv", rows))
    assert max(g.confidence for g in proposal.guesses if g.feature_type == "pipe_node") < 0.3
    assert proposal.guesses[0].feature_type == "survey_control"


def test_a_point_without_a_number_or_without_coordinates_is_told(tmp_path: Path) -> None:
    header = ("管线点号", "连接点号", "X", "Y")
    rows: Table = [("A", "B", NORTH, EAST), (None, "A", NORTH + 5, EAST), ("B", "A", None, None), ("C", "/", NORTH + 9, EAST)]
    path = workbook(tmp_path / "a.xlsx", {"WS": [header, *rows]})
    nodes, segments = points(path), lines(path)
    assert nodes.columns["管线点号"].to_pylist() == ["A", None, "B", "C"]
    assert [(f.index, f.rule) for f in nodes.faults] == [(2, "geometry-empty")]
    assert segments.rows.tolist() == [2, 3], "one of B to A says A to B again, / is nowhere"
    assert [(f.index, f.rule) for f in segments.faults] == [(0, "node-exists"), (1, "L01")]


# ------------------------------------------------------------------------------------------------------------------------- lines


def test_the_lines_of_a_star_are_each_one_at_their_rows(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"WS": [STAR_HEADER, *STAR]})
    opened, batch = layer(path, "pipe_segment")
    assert ends(batch) == [("WS1", "WS2"), ("WS2", "WS3"), ("WS2", "WS4")]
    assert batch.rows.tolist() == [2, 4, 5]
    assert numbers(batch, "起点埋深") == [1.1, 1.3, 1.4]
    assert numbers(batch, "终点埋深") == [1.2, 1.5, 1.6]
    assert batch.columns["材质"].to_pylist() == ["砼", "PVC", "PVC"], "what one end leaves out the other says"
    assert any("3 rows" in note.en for note in opened.source.notes)
    assert points(path).rows.tolist() == [2, 3, 6, 7]


def test_cells_merged_over_the_lines_of_a_point(tmp_path: Path) -> None:
    header = ("管类", *STAR_HEADER)
    rows: Table = [("污水" if row[0] else None, *row) for row in STAR]
    merged = {"表": ["A3:A5", "B3:B5", "E3:E5", "F3:F5"]}
    batch = lines(workbook(tmp_path / "a.xlsx", {"表": [header, *rows]}, merged), "表")
    assert ends(batch) == [("WS1", "WS2"), ("WS2", "WS3"), ("WS2", "WS4")]
    assert batch.columns["管类"].to_pylist() == ["污水"] * 3


def test_two_rows_of_one_line_that_disagree_stay_two(tmp_path: Path) -> None:
    rows: Table = [*STAR[:4], (*STAR[4][:-1], 400), STAR[5]]
    assert ends(lines(workbook(tmp_path / "a.xlsx", {"WS": [STAR_HEADER, *rows]}))) == [
        ("WS1", "WS2"),
        ("WS2", "WS3"),
        ("WS2", "WS4"),
        ("WS3", "WS2"),
    ]


def test_pipes_side_by_side_find_their_other_ends_by_what_they_are(tmp_path: Path) -> None:
    header = ("管线点号", "连接点号", "X", "Y", "埋深", "管径")
    rows: Table = [("A", "B", NORTH, EAST, 1, 300), ("A", "B", NORTH, EAST, 2, 500), ("B", "A", NORTH + 9, EAST, 4, 500)]
    rows.append(("B", "A", NORTH + 9, EAST, 3, "300.0"))
    batch = lines(workbook(tmp_path / "a.xlsx", {"WS": [header, *rows]}))
    assert batch.rows.tolist() == [2, 3]
    assert numbers(batch, "终点埋深") == [3, 4]


def test_a_line_listed_twice_the_same_way_stays_twice(tmp_path: Path) -> None:
    rows: Table = [CHAIN[0], CHAIN[0], *CHAIN[1:]]
    assert lines(workbook(tmp_path / "a.xlsx", {"WS": [HEADER, *rows]})).rows.tolist() == [2, 3, 4, 5, 6, 7]


def test_an_end_on_which_the_rows_of_its_point_disagree_is_not_guessed(tmp_path: Path) -> None:
    header = ("管线点号", "连接点号", "X", "Y", "埋深")
    rows: Table = [("A", "B", NORTH, EAST, 1), ("B", "C", NORTH + 9, EAST, 2), (None, "D", None, None, 3), ("C", None, NORTH + 18, EAST, 4)]
    rows.append(("D", None, NORTH + 9, EAST + 9, None))
    batch = lines(workbook(tmp_path / "a.xlsx", {"WS": [header, *rows]}))
    assert numbers(batch, "起点埋深") == [1, 2, 3]
    assert numbers(batch, "终点埋深") == [None, 4, None]


def test_a_depth_of_the_start_of_a_line_is_not_that_of_lines_that_end_there(tmp_path: Path) -> None:
    header = ("管线点号", "连接点号", "X", "Y", "起点埋深")
    rows: Table = [("A", "B", NORTH, EAST, 1), ("B", "C", NORTH + 9, EAST, 2), ("C", "B", NORTH + 18, EAST, 3)]
    batch = lines(workbook(tmp_path / "a.xlsx", {"WS": [header, *rows]}))
    assert (numbers(batch, "起点埋深"), numbers(batch, "终点埋深")) == ([1, 2], [None, 3])


@pytest.mark.parametrize(("table", "part", "height"), [("WS", "invert", 3.0), ("RQ", "top", 3.4), ("GD", "top", 3.4)])
def test_of_two_heights_of_a_pipe_that_of_its_kind_is_taken_and_named(tmp_path: Path, table: str, part: str, height: float) -> None:
    header = ("管线点号", "连接点号", "X", "Y", "管顶高程", "管底高程")
    rows: Table = [("A", "B", NORTH, EAST, 3.4, 3.0), ("B", None, NORTH + 9, EAST, 3.4, 3.0)]
    batch = lines(workbook(tmp_path / "a.xlsx", {table: [header, *rows]}), table)
    assert numbers(batch, "起点管线高程") == numbers(batch, "终点管线高程") == [height]
    assert batch.columns["高程基准部位"].to_pylist() == [part]


# ------------------------------------------------------------------------------------------------------------- against a plain way


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), both=st.booleans(), numbered=st.booleans())
def test_random_surveys_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, seed: int, both: bool, numbered: bool
) -> None:
    """Lines told from one end or both, in any order of points, further ones with or without the number again."""
    pick = random.Random(seed)
    count = pick.randint(2, 9)
    pairs = {tuple(pick.sample(range(count), 2)) for _ in range(pick.randint(1, 2 * count))}
    pairs = {pair for pair in pairs if pair[::-1] not in pairs or pair < pair[::-1]}
    depth = {(a, b): pick.randint(1, 999) / 100 for pair in pairs for a, b in (pair, pair[::-1])}
    rows: Table = []
    for point in pick.sample(range(count), count):
        to = [b for a, b in sorted(depth) if a == point and (both or (a, b) in pairs)]
        place = (NORTH + 30 * point, EAST + point)
        told: Table = [(f"P{point}", f"P{b}", *place, depth[point, b]) for b in to] or [(f"P{point}", None, *place, None)]
        rows += [told[0], *((row if numbered else (None, row[1], None, None, row[4])) for row in told[1:])]
    path = text(tmp_path_factory.mktemp("t") / "WS.csv", [("管线点号", "连接点号", "X", "Y", "埋深"), *rows])
    nodes, segments = points(path), lines(path) if pairs else None
    assert sorted(nodes.columns["管线点号"].to_pylist()) == [f"P{k}" for k in range(count)]
    assert segments is not None
    assert nodes.faults == segments.faults == ()
    read = {
        (int(a[1:]), int(b[1:])): depths
        for (a, b), *depths in zip(ends(segments), numbers(segments, "起点埋深"), numbers(segments, "终点埋深"), strict=True)
    }
    assert {frozenset(pair) for pair in read} == {frozenset(pair) for pair in pairs}
    assert len(read) == len(segments.rows) == len(pairs)
    for (a, b), (start, end) in read.items():
        of_end = {depth[b, c] for c in range(count) if (b, c) in (depth if both else pairs)}
        assert start == depth[a, b]
        assert end == (depth[b, a] if both else of_end.pop() if len(of_end) == 1 else None)
        assert rows[segments.rows[ends(segments).index((f"P{a}", f"P{b}"))] - 2][1] == f"P{b}", "the row that says so"
