"""VCT 3.0 written by hand after the layout that survey programs write; shapes worked out on paper.

Published files of another program (15, see docs/formats.md) may not be kept here: OTHER_PROGRAM has what is peculiar to them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from ingest.part_reading import AS_IT_SAYS, PartReading
from ingest.protocol import PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.vct import Vct
from ingest.reading import read_parts
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
E, N = 497_000.0, 3_520_000.0

HEAD = """HeadBegin
Datamark: LANDUSE-VCT
Version:3.0
CoordinateSystemType:P
Dim:2
XAxisDirection:E
YAxisDirection:N
XYUnit:M
ZUnit:M
Spheroid:CGCS2000,6378137.0,298.257222101
PrimeMeridian:Greenwich
Projection:高斯-克吕格投影
Parameters:120,1,500000,0,3,40
VerticalDatum:1985国家高程基准
Separator:,
HeadEnd
"""
TABLES = """
FeatureCodeBegin
1000119000,测量控制点,Point,CLKZD
1000600200,行政区界线,Line,XZQJX
2001010100,地类图斑,Polygon,DLTB
2001010200,地类图斑注记,Annotation,ZJ
FeatureCodeEnd

TableStructureBegin
CLKZD,3
BSM,Char,18
KZDMC,Char,50
KZDLX,Char,2
0
XZQJX,2
BSM,Char,18
JXLX,Char,6
0
DLTB,5
BSM,Char,18
DLBM,Char,5
DLMC,Char,60
TBMJ,Float,15,2
BZ,VarChar
0
ZJ,1
BSM,Char,18
0
TableStructureEnd
"""
# two squares of 100 m side by side share line 12; the right one has an island of 20 m (line 15), drawn the other way; 16 is a piece apart
GEOMETRY = f"""
PointBegin
1
1000119000
unknown
1
1
{E + 5},{N + 6}
0

2
1000119000
unknown
1
{E + 7},{N + 8}
0
PointEnd
LineBegin
11
1099000000
unknown
1
1
11
4
{E + 100},{N}
{E},{N}
{E},{N + 100}
{E + 100},{N + 100}
0
12
1000600200
unknown
1
1
11
2
{E + 100},{N + 100}
{E + 100},{N}
0
13
1099000000
unknown
1
1
11
4
{E + 100},{N + 100}
{E + 200},{N + 100}
{E + 200},{N}
{E + 100},{N}
0
15
1099000000
unknown
1
1
11
5
{E + 140},{N + 40}
{E + 160},{N + 40}
{E + 160},{N + 60}
{E + 140},{N + 60}
{E + 140},{N + 40}
0
16
1099000000
unknown
1
1
11
4
{E + 300},{N}
{E + 310},{N}
{E + 310},{N + 10}
{E + 300},{N}
0
17
1099000000
unknown
1
1
12
3
{E + 300},{N}
{E + 310},{N + 5}
{E + 300},{N + 10}
0
18
1000600200
unknown
100
2
-12,13
0
LineEnd

PolygonBegin
101
2001010100
unkown
100
{E + 50}.000000,{N + 50}.000000
21
2
11,12
0

102
2001010100
unkown
100
{E + 150},{N + 50}
21
6
-12,13,0,
15,0,16
0
103
2001010100
unkown
1
{E + 401},{N + 1}
2
11
5
{E + 400},{N}
{E + 430},{N}
{E + 430},{N + 30}
{E + 400},{N + 30}
{E + 400},{N}
11
5
{E + 410},{N + 10}
{E + 420},{N + 10}
{E + 420},{N + 20}
{E + 410},{N + 20}
{E + 410},{N + 10}
0
104
2001010100
unkown
100
{E},{N}
21
1
11
0
105
2001010100
unkown
100
{E},{N}
21
2
16,17
0
PolygonEnd
AnnotationBegin
9
2001010200
Unknown
1
水田
{E},{N},0
0
AnnotationEnd
AttributeBegin
CLKZD
1,320400000000000001,龙城塔,04
2,320400000000000002,,
TableEnd
DLTB
101,3204A,0101,水田,10000.00,
102,3204B,0701,城镇住宅用地,9650,与南,北相邻
103,3204C,0702,,800,
TableEnd
AttributeEnd
"""


def written(folder: Path, text: str = HEAD + TABLES + GEOMETRY, encoding: str = "gb18030") -> Path:
    path = folder / "a.vct"
    path.write_bytes(text.replace(".0.000000", ".000000").replace("\n", "\r\n").encode(encoding))
    return path


def rows(path: Path, layer: str, feature_type: str, reading: PartReading = AS_IT_SAYS) -> tuple[PartHeader, PartBatch, PartEnd]:
    request = ReadRequest(path, (PartRequest(layer, TYPES[feature_type], "d", reading),), storage_srid=4549)
    header, batch, end = read_parts(choose_reader(request), request)
    assert isinstance(header, PartHeader)
    assert isinstance(batch, PartBatch)
    assert isinstance(end, PartEnd)
    return header, batch, end


def shapes(path: Path, layer: str, feature_type: str) -> list[shapely.Geometry | None]:
    request = ReadRequest(path, (), storage_srid=4549)
    (batch,) = choose_reader(request).open(PartRequest(layer, TYPES[feature_type], "d")).batches()  # type: ignore[union-attr]
    return list(batch.geometry)


def test_layers_are_those_with_geometry_by_their_titles_with_fields_and_crs(tmp_path: Path) -> None:
    reader = choose_reader(ReadRequest(written(tmp_path), (), storage_srid=4549))
    assert isinstance(reader, Vct)
    info = reader.inspect()
    assert [(i.name, i.geometry_type, i.crs, i.encoding) for i in info.layers] == [
        ("测量控制点", "Point", "EPSG:4549", "gb18030"),
        ("行政区界线", "LineString", "EPSG:4549", "gb18030"),
        ("地类图斑", "MultiPolygon", "EPSG:4549", "gb18030"),
    ]
    assert info.layers[2].columns == ("BSM", "DLBM", "DLMC", "TBMJ", "BZ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PolygonBegin", "polygonBegin"),
        ("Polygon,DLTB", "Polygon,dltb"),
        ("Polygon,DLTB", "Polygon,DLTB,"),
        ("Polygon,DLTB", "面,DLTB"),
    ],
)
def test_sections_tables_and_kinds_are_known_in_other_spellings(tmp_path: Path, old: str, new: str) -> None:
    text = (HEAD + TABLES + GEOMETRY).replace(old, new).replace("PolygonEnd", "polygonEnd" if "Begin" in new else "PolygonEnd")
    assert [s is not None for s in shapes(written(tmp_path, text), "地类图斑", "parcel")] == [True, True, True, False, False]


def test_tabs_may_part_a_file(tmp_path: Path) -> None:
    text = (HEAD.replace(",", "\t") + TABLES + GEOMETRY).replace(",", "\t")
    assert len(shapes(written(tmp_path, text), "地类图斑", "parcel")) == 5


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    text = (HEAD + TABLES + GEOMETRY).replace("2001010100\nunkown", "2001019999\nunkown", 1)
    header, batch, end = rows(written(tmp_path, text), "地类图斑", "parcel")
    assert "注记（Annotation）不读取" in [f.message.zh for f in header.findings]
    assert end.rows == 4
    assert "1 个要素的代码（2001019999）不属于任何要素表，未读取" in [f.message.zh for f in batch.findings if f.rule == "reading"]


def test_what_is_not_read_is_told_where_nothing_else_is_there(tmp_path: Path) -> None:
    """No record is left with the code of the table: 5 of the parcels are of none."""
    text = (HEAD + TABLES + GEOMETRY).replace("2001010100\nunkown", "2001019999\nunkown")
    _, batch, end = rows(written(tmp_path, text), "地类图斑", "parcel")
    assert (end.rows, batch.table.num_rows) == (0, 0)
    [said] = [f for f in batch.findings if f.rule == "reading"]
    assert (said.row, said.message.zh) == (None, "5 个要素的代码（2001019999）不属于任何要素表，未读取")


def test_what_is_not_read_is_told_once_whatever_tables_are_read(tmp_path: Path) -> None:
    text = (HEAD + TABLES + GEOMETRY).replace("2001010100\nunkown", "2001019999\nunkown", 1)
    text = text.replace("DLTB\n2001010200", "DLTB\n2001010300,宗地,Polygon,ZD\n2001010200", 1).replace(
        "DLTB,5", "ZD,1\nBSM,Char,18\n0\nDLTB,5", 1
    )
    parts = tuple(PartRequest(layer, TYPES["parcel"], f"d{i}") for i, layer in enumerate(("地类图斑", "宗地")))
    request = ReadRequest(written(tmp_path, text), parts, storage_srid=4549)
    found = [f for m in read_parts(choose_reader(request), request) if isinstance(m, PartBatch) for f in m.findings]
    assert len([f for f in found if "2001019999" in f.message.en]) == 1


def test_polygons_are_made_of_the_lines_they_refer_to(tmp_path: Path) -> None:
    left, right, direct, opened, curved = shapes(written(tmp_path), "地类图斑", "land_use_plan")
    assert left is not None
    assert left.equals(shapely.box(E, N, E + 100, N + 100))
    island, apart = shapely.box(E + 140, N + 40, E + 160, N + 60), shapely.Polygon([(E + 300, N), (E + 310, N), (E + 310, N + 10)])
    assert right is not None
    assert right.equals(shapely.union(shapely.difference(shapely.box(E + 100, N, E + 200, N + 100), island), apart))
    assert [len(p.interiors) for p in right.geoms] == [1, 0]
    assert direct is not None
    assert direct.equals(shapely.difference(shapely.box(E + 400, N, E + 430, N + 30), shapely.box(E + 410, N + 10, E + 420, N + 20)))
    assert opened is None
    assert curved is None


def test_attributes_are_joined_by_number_and_what_cannot_be_made_is_a_finding(tmp_path: Path) -> None:
    header, batch, end = rows(written(tmp_path), "DLTB", "building", PartReading(mapping=(("BSM", "building_id"),)))
    assert (header.layer, header.source_crs, header.format) == ("地类图斑", "EPSG:4549", "VCT")
    assert (end.rows, batch.table["row"].to_pylist()[:3]) == (5, [1, 2, 3])
    assert {f.row for f in batch.findings if f.rule == "geometry-empty"} == {4, 5}
    assert batch.table["building_id"].to_pylist() == ["3204A", "3204B", "3204C"]
    assert any("与南,北相邻" in (extra or "") for extra in batch.table["extra"].to_pylist())


def test_points_and_lines_that_are_lines_of_others(tmp_path: Path) -> None:
    path = written(tmp_path)
    first, second = shapes(path, "测量控制点", "survey_control")
    assert shapely.get_coordinates([first, second]).tolist() == [[E + 5, N + 6], [E + 7, N + 8]]
    shared, joined = shapes(path, "XZQJX", "road")
    assert shapely.get_coordinates(shared).tolist() == [[E + 100, N + 100], [E + 100, N]]
    assert shapely.get_coordinates(joined)[:2].tolist() == [[E + 100, N], [E + 100, N + 100]]
    assert shapely.get_num_coordinates(joined) == 5


@pytest.mark.parametrize(
    ("old", "new", "crs"),
    [
        ("Parameters:120,", "Parameters:117,", "EPSG:4548"),
        ("Parameters:120,1,500000,0,3,40", "Parameters:117,1,500000,0,6,20", "EPSG:4509"),
        ("CGCS2000,6378137.0", "IAG-75,6378140.0", "EPSG:2385"),
        ("CGCS2000,6378137.0", "Krassovsky,6378245.0", "EPSG:2437"),
        ("CGCS2000,6378137.0,298.257222101", "Own,1,1", None),
        ("Parameters:120,1,500000,0,3,40", "Parameters:", None),
        ("XYUnit:M", "XYUnit:D", "EPSG:4490"),
        ("CGCS2000,6378137.0,298.257222101", "WGS-84,6378137.000000,298.257224", None),
        (f"\n{E + 5},", f"\n{40_000_000 + E + 5},", "EPSG:4528"),
        ("298.257222101", "298.257223563", "EPSG:4549"),
        ("CGCS2000,6378137.0,298.257222101", "Own,6378137.0,298.257223563", None),
        ("CGCS2000,6378137.0,298.257222101", "Own,6378137.0,298.257222101", "EPSG:4549"),
        ("CGCS2000,6378137.0,298.257222101", "Own,6378137.2000,298.3", "EPSG:4549"),
    ],
)
def test_the_crs_follows_datum_meridian_and_coordinates(tmp_path: Path, old: str, new: str, crs: str | None) -> None:
    text = HEAD + TABLES + GEOMETRY
    assert old in text
    reader = choose_reader(ReadRequest(written(tmp_path, text.replace(old, new, 1)), (), storage_srid=4549))
    assert {layer.crs for layer in reader.inspect().layers} == {crs}


@pytest.mark.parametrize(
    ("flattening", "notes"),
    [("298.257222101", []), ("298.257", []), ("298.257223563", ["called CGCS2000 with the ellipsoid of WGS 84: the name counts"])],
)
def test_a_name_counts_for_more_than_figures_and_is_reported_against_them(tmp_path: Path, flattening: str, notes: list[str]) -> None:
    text = (HEAD + TABLES + GEOMETRY).replace("298.257222101", flattening)
    reader = choose_reader(ReadRequest(written(tmp_path, text), (), storage_srid=4549))
    assert isinstance(reader, Vct)
    layer = reader.open(PartRequest("CLKZD", TYPES["survey_control"], "d"))
    assert [note.en for note in layer.source.notes] == [*notes, "annotations are not read"]


OTHER_PROGRAM = """HeadBegin
DataMark:CNSDTF-VCT
Version:GB/T17798-2007
CoordinateSystemType:D
Dim:2
XYUnit:D
Spheroid:WGS-84,6378137.000000,298.257224
Projection:地理坐标系
Separator:,
HeadEnd

FeatureCodeBegin
sites,sites,Point,sites
roads,roads,Line,roads
lakes,lakes,Polygon,lakes
FeatureCodeEnd

TableStructureBegin
sites,1
Description,Char,128
0

roads,1
Description,Char,128
0

lakes,2
AREA,Double,38,8
NAME,Char,34
0

TableStructureEnd

PointBegin
1
sites
style_0
1
120.1,31.8
0

2
sites
style_1
4
2
120.2,31.8
120.3,31.8
0

PointEnd

LineBegin
11
roads
style_2
1
3
11
2
120.0,31.0
120.1,31.0

11
2
120.1,31.0
120.1,31.1

11
2
120.5,31.5
120.6,31.6
0

LineEnd

PolygonBegin
21
lakes
lakes
1
120.05,31.05
2
11
4
120.0,31.0
120.0,31.4
120.4,31.0
120.0,31.0
11
4
120.1,31.1
120.2,31.1
120.1,31.2
120.1,31.1
0

PolygonEnd

AnnotationBegin
AnnotationEnd

AttributeBegin
sites
1,单点
2,多点
TableEnd

lakes
21,0.07500000,太湖
TableEnd

AttributeEnd
"""
"""As the files are that another program has published (CGISS of LMARS, map of China 1:4,000,000)."""


def test_a_file_as_another_program_writes_them(tmp_path: Path) -> None:
    path = written(tmp_path, OTHER_PROGRAM)
    layers = choose_reader(ReadRequest(path, (), storage_srid=4549)).inspect().layers
    assert {layer.crs for layer in layers} == {"EPSG:4326"}  # its axis is that of CGCS2000, its name is not
    one, several = shapes(path, "sites", "survey_control")
    assert shapely.get_num_geometries([one, several]).tolist() == [1, 2]
    (road,) = shapes(path, "roads", "road")
    assert shapely.to_wkt(road) == "MULTILINESTRING ((120 31, 120.1 31, 120.1 31.1), (120.5 31.5, 120.6 31.6))"
    (lake,) = shapes(path, "lakes", "land_use_plan")
    assert shapely.area(lake) == pytest.approx(0.075, abs=1e-9)


def test_a_polygon_whose_lines_do_not_meet_is_not_closed_for_it(tmp_path: Path) -> None:
    text = HEAD + TABLES + GEOMETRY
    gap = text.replace(f"2\n{E + 100},{N + 100}\n{E + 100},{N}\n", f"2\n{E + 100},{N + 90}\n{E + 100},{N}\n", 1)
    assert gap != text
    left, *_ = shapes(written(tmp_path, gap), "地类图斑", "land_use_plan")
    assert left is None


def test_a_first_coordinate_that_is_the_northing_is_turned_round(tmp_path: Path) -> None:
    text = HEAD.replace("XAxisDirection:E", "XAxisDirection:N") + TABLES + GEOMETRY.replace(f"{E + 5},{N + 6}", f"{N + 6},{E + 5}")
    first, _ = shapes(written(tmp_path, text), "测量控制点", "survey_control")
    assert shapely.get_coordinates(first).tolist() == [[E + 5, N + 6]]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Version:3.0", "Version:1.0", "vct-version"),
        ("XYUnit:M", "XYUnit:S", "vct-unit"),
        ("PolygonEnd", "", "vct-broken"),
        ("11,12\n", "11,99\n", "vct-broken"),
        ("11,12\n", "11,x\n", "vct-broken"),
        (f"{E},{N + 100}\n", "nonsense\n", "vct-broken"),
        ("-12,13\n0", "-12,18\n0", "vct-broken"),
        ("\n4\n", "\n4000000000\n", "vct-broken"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    text = HEAD + TABLES + GEOMETRY
    assert old in text
    path = written(tmp_path, text.replace(old, new, 1))
    with pytest.raises(RejectedError) as caught:
        list(map(shapes, [path] * 2, ["地类图斑", "行政区界线"], ["land_use_plan", "road"]))
    assert caught.value.code == code
