"""DXF drawings by ezdxf: what each entity draws, what it says, and drawings that are broken or hostile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import ezdxf
import ezdxf.recover
import numpy as np
import pytest
import shapely
import yaml
from ezdxf.document import Drawing
from ezdxf.entities import Arc, Circle, DXFGraphic, Ellipse, Line, LWPolyline, Polyline, Spline
from ezdxf.layouts import Modelspace
from ezdxf.math import Vec3

from ingest.protocol import Limits, ReadRequest
from ingest.readers.cass import cass_codes, meaning_of
from ingest.readers.choice import choose_reader
from ingest.readers.curves import TOLERANCE_M
from tests.vector_layers import TYPES, Layer, inspected, refusal
from twin.errors import TwinError

X, Y = 500000.0, 3520000.0
SQUARE = [(X, Y), (X + 10, Y), (X + 10, Y + 8), (X, Y + 8)]


def saved(path: Path, draw: Callable[[Modelspace], object], version: str = "R2000", codepage: str | None = None) -> Path:
    document = drawing(draw, version)
    stream = io.StringIO()
    document.write(stream)
    text = stream.getvalue()
    if codepage is None:
        path.write_bytes(text.encode(document.output_encoding, "dxfreplace"))
    else:
        path.write_bytes(text.replace("ANSI_1252", codepage).encode("gb18030"))
    return path


def drawing(draw: Callable[[Modelspace], object], version: str) -> Drawing:
    document = ezdxf.new(version)
    document.appids.add("SOUTH")
    document.appids.add("OTHER")
    draw(document.modelspace())
    return document


def flattened(entity: DXFGraphic) -> shapely.MultiLineString:
    """An entity as ezdxf draws it, finer than we do; a polyline by the arcs and lines that it consists of."""
    parts = [*entity.virtual_entities()] if isinstance(entity, LWPolyline | Polyline) else [entity]
    return shapely.MultiLineString([[(p.x, p.y, p.z) for p in points_of(part)] for part in parts])


def points_of(entity: DXFGraphic) -> Iterable[Vec3]:
    if isinstance(entity, Line):
        return entity.dxf.start, entity.dxf.end
    assert isinstance(entity, Arc | Circle | Ellipse | Spline)
    return entity.flattening(1e-4)


TILTED = {"extrusion": (0, 1, 1), "elevation": 2}
CURVES: dict[str, Callable[[Modelspace], DXFGraphic]] = {
    "arc": lambda m: m.add_arc((X, Y), 10, 350, 95),
    "arc seen from below": lambda m: m.add_arc((-X, Y), 10, 30, 95, dxfattribs={"extrusion": (0, 0, -1)}),
    "circle": lambda m: m.add_circle((X, Y, 3), 25),
    "ellipse": lambda m: m.add_ellipse((X, Y), (10, 5), 0.4, 0.3, 4.0),
    "whole ellipse": lambda m: m.add_ellipse((X, Y), (10, 5), 0.4),
    "bulges": lambda m: m.add_lwpolyline([(X, Y, 1), (X + 9, Y, -0.3), (X + 9, Y + 9, 0), (X, Y + 9, 2)], format="xyb", close=True),
    "old polyline": lambda m: m.add_polyline2d([(X, Y, 0.5), (X + 9, Y, 0), (X + 9, Y + 9, -1)], format="xyb"),
    "tilted polyline": lambda m: m.add_lwpolyline([(4, 5, 1), (6, 5, 0)], format="xyb", dxfattribs=TILTED),
    "spline": lambda m: m.add_open_spline([(X, Y, 1), (X + 9, Y + 9, 2), (X + 20, Y - 9, 3), (X + 30, Y, 4), (X + 31, Y + 3, 5)]),
    "rational spline": lambda m: m.add_rational_spline([(X, Y), (X + 5, Y + 9), (X + 9, Y), (X + 12, Y)], [1, 2, 1, 1]),
    "fit points": lambda m: m.add_spline([(X, Y), (X + 9, Y + 9), (X + 20, Y), (X + 30, Y + 5)]),
}


@pytest.mark.parametrize("name", CURVES)
def test_curves_stay_within_a_millimetre_of_what_ezdxf_draws(tmp_path: Path, name: str) -> None:
    entity = CURVES[name](drawing(lambda _: None, "R2000").modelspace())
    layer = Layer(saved(tmp_path / "a.dxf", CURVES[name]), "0", "road")
    assert not layer.faults
    ours, theirs = layer.shapes[0], flattened(entity)
    assert shapely.hausdorff_distance(shapely.force_2d(ours), shapely.force_2d(theirs), densify=0.25) < 2 * TOLERANCE_M
    heights = shapely.get_coordinates(theirs, include_z=True)[:, 2]
    assert ours.has_z == bool(np.any(heights))
    if ours.has_z:
        z = shapely.get_coordinates(ours, include_z=True)[:, 2]
        assert (z.min(), z.max()) == pytest.approx((heights.min(), heights.max()), abs=2e-3)


def town(m: Modelspace) -> None:
    house = m.add_lwpolyline(SQUARE, close=True, dxfattribs={"layer": "JMD", "elevation": 3.25})
    house.set_xdata("SOUTH", [(1000, "141101"), (1000, "混3")])
    m.add_lwpolyline([*SQUARE, SQUARE[0]], dxfattribs={"layer": "JMD"}).set_xdata("OTHER", [(1000, "甲"), (1070, 7), (1040, 1.5)])
    m.add_line((X, Y, 1), (X + 5, Y, 2), dxfattribs={"layer": "JMD"})
    m.add_text("混凝土3", dxfattribs={"layer": "JMD", "insert": (X, Y)})
    block = m.doc.blocks.new("消火栓")
    block.add_circle((0, 0), 0.5)
    block.add_attdef("管径", (0, 0))
    hydrant = m.add_blockref("消火栓", (X + 1, Y + 2, 4.5), dxfattribs={"layer": "GXYZ", "rotation": 30})
    hydrant.add_auto_attribs({"管径": "DN100"})
    hydrant.set_xdata("SOUTH", [(1000, "340113")])
    m.add_mtext("{\\fSimSun|b0;常州\\P武进}", dxfattribs={"layer": "ZJ", "insert": (X, Y)})
    m.add_hatch(dxfattribs={"layer": "JMD"}).paths.add_polyline_path(SQUARE)
    m.doc.paperspace().add_line((0, 0), (1, 1), dxfattribs={"layer": "JMD"})


@pytest.mark.parametrize(
    ("version", "codepage", "encoding"),
    [("R2000", None, "utf-8"), ("R2018", None, "utf-8"), ("R2000", "ANSI_936", "gb18030"), ("R2000", "ANSI_1252", "gb18030")],
)  # (escapes \U+XXXX, UTF-8, GBK as declared, GBK that says Western)
def test_what_entities_say(tmp_path: Path, version: str, codepage: str | None, encoding: str) -> None:
    path = saved(tmp_path / "town.txt", town, version, codepage)
    info = inspected(path)
    assert (info.format, {layer.encoding for layer in info.layers}) == ("DXF", {encoding})
    assert {(layer.name, layer.geometry_type, layer.rows, layer.crs) for layer in info.layers} == {
        ("建筑物", "Polygon", 1, None), ("JMD:面", "Polygon", 1, None), ("JMD:线", "LineString", 1, None), ("JMD:注记", "Point", 1, None),
        ("GXYZ:点", "Point", 1, None), ("ZJ:注记", "Point", 1, None),
    }  # fmt: skip
    areas = Layer(path, "JMD")
    assert areas.columns["cass_code"] == ["141101", None]
    assert areas.columns["cass_more"] == ["混3", None]
    assert areas.columns["xdata"] == [None, '{"OTHER":["甲","7","1.5"]}']
    assert [s.wkt for s in areas.shapes] == [shapely.Polygon([(*p, 3.25) for p in SQUARE]).wkt, shapely.Polygon(SQUARE).wkt]
    assert any("1 lines, 1 texts" in note.en for note in areas.source.notes)
    assert any("2 entities" in note.en for note in areas.source.notes)
    points = Layer(path, None, "pipe_node")
    assert (points.columns["block"], points.columns["管径"]) == (["消火栓"], ["DN100"])
    assert points.shapes[0].wkt == f"POINT Z ({X + 1:.0f} {Y + 2:.0f} 4.5)"
    assert float(points.columns["rotation_deg"][0]) == 30
    assert Layer(path, "ZJ:注记", "poi").columns["text"] == ["常州\n武进"]
    assert Layer(path, "JMD:注记", "poi").columns["text"] == ["混凝土3"]


def test_a_type_takes_what_its_cass_codes_speak_of_and_says_when_they_are_not_sure(tmp_path: Path) -> None:
    def draw(m: Modelspace) -> None:
        for layer, code, application in (("JMD", "141101", "south"), ("随便", "141121", "SOUTH"), ("JMD", "211101", "SOUTH")):
            m.add_lwpolyline(SQUARE, close=True, dxfattribs={"layer": layer}).set_xdata(application, [(1000, code)])

    buildings = Layer(saved(tmp_path / "a.dxf", draw))
    assert buildings.columns["cass_code"] == ["141101", "141121"]
    assert "not verified" in buildings.source.notes[0].en


def test_cass_codes_name_types_that_are_there_and_the_longest_prefix_decides() -> None:
    assert {c.feature_type for c in cass_codes()} <= TYPES.keys()
    assert all(c.prefix.isdigit() and c.confidence in ("high", "low") for c in cass_codes())
    meanings = {code: meaning_of(code) for code in ("141101", "141121", "999999")}
    assert [m and (m.prefix, m.confidence) for m in meanings.values()] == [("141101", "high"), ("1411", "low"), None]
    assert meaning_of("141101-2") is None, "the note of how many floors a house has"
    assert meaning_of("163210") is None, "the edge of a road"


def test_every_cass_code_names_its_sources_and_two_of_them_where_it_is_sure() -> None:
    written = yaml.safe_load((Path(__file__).parents[2] / "ingest/readers/cass_codes.yaml").read_text("utf-8"))
    for entry in written["codes"]:
        assert set(entry["sources"]) <= written["sources"].keys()
        assert (len(entry["sources"]) > 1) == (entry["confidence"] == "high"), entry["prefix"]
    assert len({entry["prefix"] for entry in written["codes"]}) == len(written["codes"])


def test_fitted_lines_keep_their_curve_and_not_the_frame_of_it(tmp_path: Path) -> None:
    def draw(m: Modelspace) -> None:
        line = m.add_polyline2d([(X, Y), (X + 5, Y + 9), (X + 9, Y)])
        line.vertices[1].dxf.flags = 16

    assert Layer(saved(tmp_path / "a.dxf", draw), "0", "road").shapes[0].wkt == f"LINESTRING ({X:.0f} {Y:.0f}, {X + 9:.0f} {Y:.0f})"


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 1.0), (1000.0, 0.001)])
def test_millimetres_are_believed_only_where_metres_cannot_be(tmp_path: Path, factor: float, expected: float) -> None:
    def draw(m: Modelspace) -> None:
        m.doc.units = 4
        m.add_line((X * factor, Y * factor, 7 * factor), (X * factor + 1, Y * factor, 7 * factor))

    layer = Layer(saved(tmp_path / "a.dxf", draw), "0", "road")
    np.testing.assert_allclose(shapely.get_coordinates(layer.shapes[0], include_z=True)[0], [X, Y, 7], rtol=1e-12)
    assert any("$INSUNITS" in n.en for n in layer.source.notes) == (expected != 1.0)


def test_a_broken_entity_is_a_fault_of_its_row(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.dxf", lambda m: [m.add_line((X + i, Y), (X + i, Y + 1)) for i in range(3)])
    text = path.read_text().replace(f"\n{X + 1}\n", "\nhere\n", 1)
    path.write_text(text)
    layer = Layer(path, "0", "road")
    assert layer.rows == [1, 2, 3]
    assert [(f.index, f.rule) for f in layer.faults] == [(1, "structure")]
    assert [s is None for s in layer.shapes] == [False, True, False]


def test_broken_drawings_are_refused(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.dxf", lambda m: m.add_lwpolyline(SQUARE, close=True)).read_bytes()
    entities = whole.index(b"ENTITIES")
    cases = {
        "cut": whole[: entities + 60],
        "no code": whole[:entities] + b"ENTITIES\r\nhello\r\nLINE\r\n",
        "binary": b"AutoCAD Binary DXF\r\n\x1a\x00" + whole,
    }
    codes = {}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        codes[name] = refusal(tmp_path / name)
    assert codes == {"cut": "dxf-broken", "no code": "dxf-broken", "binary": "dxf-binary"}
    assert refusal(tmp_path / "a.dxf", limits=Limits(rows=0)) == "too-many-rows"


def test_what_stands_after_the_end_is_nobodys(tmp_path: Path) -> None:
    entity = b"0\nPOINT\n8\nA\n10\n1.0\n20\n2.0\n"
    (tmp_path / "a.dxf").write_bytes(b"0\nSECTION\n2\nENTITIES\n" + entity + b"0\nENDSEC\n0\nEOF\nignored,\nwhatever it is\nand its rest")
    assert [shape.wkt for shape in Layer(tmp_path / "a.dxf", None, "pipe_node").shapes] == ["POINT (1 2)"]


def test_every_section_of_entities_is_read(tmp_path: Path) -> None:
    """As ezdxf's recovery merges them; what stands between them, however broken, is nobody's."""
    one, two = (saved(tmp_path / f"{n}.dxf", lambda m, n=n: m.add_line((X + n, Y), (X + n, Y + 1))).read_bytes() for n in (1, 2))
    opening, end = b"  0\nSECTION\n  2\nENTITIES\n", b"  0\nENDSEC\n"
    further = two[two.index(opening) : two.index(end, two.index(opening)) + len(end)]
    further = further.replace(b"  5\n", b"  5\nAB")  # handles that the first has not
    at = one.index(end, one.index(opening)) + len(end)
    (tmp_path / "whole.dxf").write_bytes(one[:at] + further + one[at:])
    broken = b"  0\nSECTION\n  2\nOBJECTS\nno code\n" + end
    (tmp_path / "broken.dxf").write_bytes(one[:at] + broken + further + one[at:])
    expected = {shapely.LineString([(X + n, Y), (X + n, Y + 1)]).wkt for n in (1, 2)}
    document, _ = ezdxf.recover.readfile(tmp_path / "whole.dxf")
    assert {shapely.LineString([line.dxf.start.vec2, line.dxf.end.vec2]).wkt for line in document.modelspace().query("LINE")} == expected
    for name in ("whole.dxf", "broken.dxf"):
        layer = Layer(tmp_path / name, "0", "road")
        assert ({shape.wkt for shape in layer.shapes}, layer.rows) == (expected, [1, 2])


def test_tags_before_the_first_entity_of_a_further_section_are_of_none(tmp_path: Path) -> None:
    entity = "0\nPOINT\n8\n{}\n10\n1.0\n20\n2.0\n"
    opening, end = "0\nSECTION\n2\nENTITIES\n", "0\nENDSEC\n"
    (tmp_path / "a.dxf").write_text(opening + entity.format("A") + end + opening + "67\n1\n" + entity.format("A") + end + "0\nEOF\n")
    assert [shape.wkt for shape in Layer(tmp_path / "a.dxf", None, "pipe_node").shapes] == ["POINT (1 2)"] * 2
    (tmp_path / "cut.dxf").write_text(opening + entity.format("A") + end + opening + entity.format("A"))
    assert refusal(tmp_path / "cut.dxf") == "dxf-broken"


def test_blocks_within_blocks_are_points_however_often_they_are_nested(tmp_path: Path) -> None:
    """Ten to the fortieth lines when drawn out; and a block that holds itself."""

    def draw(m: Modelspace) -> None:
        for level in range(40):
            block = m.doc.blocks.new(f"b{level}")
            for _ in range(10):
                block.add_blockref(f"b{level + 1}", (0, 0))
        m.doc.blocks.new("b40").add_blockref("b40", (0, 0))
        m.add_blockref("b0", (X, Y))

    layer = Layer(saved(tmp_path / "a.dxf", draw), "0", "poi")
    assert (layer.columns["block"], layer.shapes[0].wkt) == (["b0"], f"POINT ({X:.0f} {Y:.0f})")


@pytest.mark.parametrize("degree", [0, 12, 10**9])
def test_a_spline_of_absurd_degree_is_a_fault(tmp_path: Path, degree: int) -> None:
    path = saved(tmp_path / "a.dxf", lambda m: m.add_open_spline([(X, Y), (X + 9, Y + 9), (X + 20, Y), (X + 30, Y)]))
    path.write_text(path.read_text().replace("\n 71\n3\n", f"\n 71\n{degree}\n", 1))
    assert [f.rule for f in Layer(path, "0", "road").faults] == ["structure"]


@pytest.mark.parametrize("value", ["nan", "inf", "1e300", "-1e308"])
def test_absurd_numbers_end_in_a_fault_or_a_geometry_that_the_checks_name(tmp_path: Path, value: str) -> None:
    for name in ("arc", "ellipse", "bulges", "spline"):
        path = saved(tmp_path / f"{name}.dxf", CURVES[name])
        path.write_text(path.read_text().replace(f"\n{X}\n", f"\n{value}\n", 1))
        layer = Layer(path, "0", "road")
        assert layer.faults or layer.shapes[0] is not None


def test_a_drawing_of_hatches_alone_is_refused_with_the_way_out(tmp_path: Path) -> None:
    def hatches(m: Modelspace) -> None:
        m.add_hatch().paths.add_polyline_path(SQUARE)

    path = saved(tmp_path / "hatches.dxf", hatches)
    for ask in (inspected, Layer):
        with pytest.raises(TwinError) as refused:
            ask(path)
        assert refused.value.code == "no-features"
        assert "HATCH 1" in refused.value.text.zh
        assert "explode bodies" in refused.value.text.en, "bodies are not read"
        assert "三维体请分解" in refused.value.text.zh


def test_dwg_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "图.dwg"
    path.write_bytes(b"AC1032\x00\x00\x00\x00\x00" + bytes(200))
    with pytest.raises(TwinError) as caught:
        choose_reader(ReadRequest(path, (), storage_srid=4549))
    assert caught.value.code == "dwg-unsupported"
    assert "DXF" in caught.value.text.zh
    assert "DXF" in caught.value.text.en
