"""The CityGML reader: what it makes of every form the standard allows, and of what is hostile or broken."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from ingest.part_reading import PartReading
from ingest.protocol import PartEnd, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.citygml_frame import axes_of, crs_of
from ingest.readers.citygml_stream import Member, members
from ingest.readers.source import SourceBatch
from ingest.reading import read_parts
from tests.reading import read_file
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types
from twin.representation import SurfaceType

TYPES = load_feature_types()
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<CityModel xmlns="http://www.opengis.net/citygml/2.0" xmlns:bldg="http://www.opengis.net/citygml/building/2.0"
 xmlns:gen="http://www.opengis.net/citygml/generics/2.0" xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:veg="http://www.opengis.net/citygml/vegetation/2.0" xmlns:uro="https://www.geospatial.jp/iur/uro/2.0"
 xmlns:dem="http://www.opengis.net/citygml/relief/2.0" xmlns:grp="http://www.opengis.net/citygml/cityobjectgroup/2.0">
"""
ENVELOPE = '<gml:boundedBy><gml:Envelope srsName="{}" srsDimension="3"><gml:lowerCorner>{}</gml:lowerCorner></gml:Envelope></gml:boundedBy>'
ORIGIN = (500_000.0, 3_500_000.0, 10.0)
CORNERS = [(x, y, z) for z in (0, 3) for x, y in ((0, 0), (4, 0), (4, 2), (0, 2))]
FACES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


def model(*members: str, srs: str | None = "urn:ogc:def:crs:EPSG::4549", corner: str = "500000 3500000 0") -> str:
    """Return a city model of these members."""
    envelope = ENVELOPE.format(srs, corner) if srs else ""
    return HEAD + envelope + "".join(f"<cityObjectMember>{m}</cityObjectMember>" for m in members) + "</CityModel>"


def building(content: str, name: str = "B") -> str:
    return f'<bldg:Building gml:id="{name}">{content}</bldg:Building>'


def polygon(face: int, name: str = "", order: tuple[int, int] = (0, 1)) -> str:
    """Return a face of the box as a polygon, closed, in the order of axes given."""
    places = [[o + c for o, c in zip(ORIGIN, CORNERS[n], strict=True)] for n in (*FACES[face], FACES[face][0])]
    numbers = " ".join(f"{p[order[0]]} {p[order[1]]} {p[2]}" for p in places)
    named = f' gml:id="{name}"' if name else ""
    ring = f"<gml:exterior><gml:LinearRing><gml:posList>{numbers}</gml:posList></gml:LinearRing></gml:exterior>"
    return f"<gml:Polygon{named}>{ring}</gml:Polygon>"


def surfaces(*members: str, kind: str = "MultiSurface") -> str:
    return f"<gml:{kind}>" + "".join(f"<gml:surfaceMember>{m}</gml:surfaceMember>" for m in members) + f"</gml:{kind}>"


def named(*names: str) -> str:
    """Return a composite surface of polygons that stand elsewhere."""
    links = "".join(f'<gml:surfaceMember xlink:href="#{name}"/>' for name in names)
    return f"<gml:CompositeSurface>{links}</gml:CompositeSurface>"


def solid(shell: str) -> str:
    return f"<bldg:lod2Solid><gml:Solid><gml:exterior>{shell}</gml:exterior></gml:Solid></bldg:lod2Solid>"


def bounded(kind: str, *faces: str, inside: str = "") -> str:
    geometry = f"<bldg:lod2MultiSurface>{surfaces(*faces)}</bldg:lod2MultiSurface>"
    return f'<bldg:boundedBy><bldg:{kind} gml:id="{kind}_s">{geometry}{inside}</bldg:{kind}></bldg:boundedBy>'


BODY = solid(named("p0", "p1", "p2", "p3", "p4", "p5"))
BOX = BODY + (
    bounded("GroundSurface", polygon(0, "p0"))
    + bounded("RoofSurface", polygon(1, "p1"))
    + bounded("WallSurface", *(polygon(n, f"p{n}") for n in range(2, 6)))
)


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Return what writes a text (or bytes) into a file of a name that says nothing."""

    def write(content: str | bytes, name: str = "delivered.bin") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path: Path, feature_type: str = "building", layer: str | None = None, **declared: Any) -> list[SourceBatch]:
    """Return what the reader makes of a file."""
    part = PartRequest(layer, TYPES[feature_type], "d", PartReading(**declared))
    return list(choose_reader(ReadRequest(path, (part,), 4549)).open(part).batches())  # type: ignore[union-attr]


def only(path: Path, feature_type: str = "building", **declared: Any) -> SourceBatch:
    (batch,) = read(path, feature_type, **declared)
    return batch


def column(batch: SourceBatch, name: str) -> list[Any]:
    values: list[Any] = batch.columns[name].to_pylist()
    return values


def test_a_solid_takes_its_faces_and_their_meaning_from_the_boundary_surfaces(written: Any) -> None:
    batch = only(written(model(building(BOX))))
    (made,) = batch.representations
    assert (made.lod, made.faces.shell_ends.tolist(), made.faces.solid_ends.tolist()) == ("2", [6], [1])
    assert made.faces.surface_type.tolist() == [SurfaceType.GROUND, SurfaceType.ROOF, *[SurfaceType.WALL] * 4]
    assert len(made.faces.vertices) == 8
    assert batch.geometry[0].bounds == (500_000, 3_500_000, 500_004, 3_500_002)
    assert {z for *_, z in shapely.get_coordinates(batch.geometry, include_z=True).tolist()} == {10.0}
    document = json.loads(batch.documents[0] or b"")
    geometry = document["CityObjects"]["B"]["geometry"]
    assert [(g["type"], g["lod"], len(g["semantics"]["surfaces"])) for g in geometry] == [("Solid", "2", 3)]
    assert np.array(document["vertices"]).min(axis=0).tolist() == [0, 0, 100_000]


def test_windows_stay_beside_the_body_and_know_their_wall(written: Any) -> None:
    pane = f"<bldg:lod2MultiSurface>{surfaces(polygon(1))}</bldg:lod2MultiSurface>"
    window = f'<bldg:opening><bldg:Window gml:id="w">{pane}</bldg:Window></bldg:opening>'
    ground = solid(surfaces(*map(polygon, (0, 2, 3, 4, 5)), kind="CompositeSurface"))
    batch = only(written(model(building(ground + bounded("WallSurface", polygon(2), inside=window)))))
    (made,) = batch.representations
    assert made.faces.surface_type.tolist() == [0, SurfaceType.WALL, 0, 0, 0, SurfaceType.WINDOW]
    assert made.faces.shell_ends.tolist() == [5]
    (_, loose) = json.loads(batch.documents[0] or b"")["CityObjects"]["B"]["geometry"]
    assert [s["type"] for s in loose["semantics"]["surfaces"]] == ["WallSurface", "Window"]
    assert loose["semantics"]["surfaces"][1]["parent"] == 0


def test_orientation_turns_a_surface_over(written: Any) -> None:
    turned = f'<gml:OrientableSurface orientation="-"><gml:baseSurface>{polygon(0)}</gml:baseSurface></gml:OrientableSurface>'
    content = f"<bldg:lod1MultiSurface>{surfaces(turned)}</bldg:lod1MultiSurface>"
    (plain,) = only(written(model(building(content.replace('"-"', '"+"'))))).representations
    (reversed_,) = only(written(model(building(content)))).representations
    corners = [f.vertices[f.indices].tolist() for f in (plain.faces, reversed_.faces)]
    assert corners[0] == corners[1][::-1]


@pytest.mark.parametrize(
    ("uom", "height"),
    [
        ("urn:adv:uom:m", 31.7),
        ("urn:ogc:def:uom:UCUM::m", 31.7),
        ("http://www.opengis.net/def/uom/UCUM/0/m", 31.7),
        ("urn:adv:uom:ft", "31.7 ft"),
    ],
)
def test_a_unit_may_be_named_in_full(written: Any, uom: str, height: object) -> None:
    batch = only(written(model(building(f'<bldg:measuredHeight uom="{uom}">31.7</bldg:measuredHeight>' + BOX))))
    assert column(batch, "measuredHeight") == [height]


def test_attributes_of_every_kind(written: Any) -> None:
    said = """<gml:name>一号楼</gml:name><bldg:storeysAboveGround>6</bldg:storeysAboveGround>
    <bldg:measuredHeight uom="#m">18.5</bldg:measuredHeight>
    <uro:area uom="ha">3.80</uro:area><uro:location>城北</uro:location>
    <bldg:function>1000</bldg:function><bldg:function>1070</bldg:function>
    <gen:intAttribute name="户数"><gen:value>12</gen:value></gen:intAttribute>
    <gen:stringAttribute name="code"><gen:value>007</gen:value></gen:stringAttribute>
    <gen:genericAttributeSet name="set">
    <gen:doubleAttribute name="a"><gen:value>1.5</gen:value></gen:doubleAttribute></gen:genericAttributeSet>
    <uro:detail><uro:Detail><uro:structure codeSpace="../codelists/x.xml">601</uro:structure>
    <uro:in><uro:In><uro:deep>d</uro:deep></uro:In></uro:in>
    </uro:Detail></uro:detail><uro:risk><uro:Risk><uro:rank>1</uro:rank></uro:Risk></uro:risk><uro:risk><uro:Risk><uro:rank>2</uro:rank></uro:Risk></uro:risk>
    <bldg:address><Address><xalAddress><xAL:AddressDetails xmlns:xAL="urn:oasis:names:tc:ciq:xsdschema:xAL:2.0"><xAL:Country>
    <xAL:CountryName>中国</xAL:CountryName><xAL:Locality><xAL:LocalityName>常州</xAL:LocalityName><xAL:Thoroughfare><xAL:ThoroughfareNumber>8
    </xAL:ThoroughfareNumber><xAL:ThoroughfareName>延陵路</xAL:ThoroughfareName></xAL:Thoroughfare></xAL:Locality></xAL:Country>
    </xAL:AddressDetails></xalAddress></Address></bldg:address>"""
    batch = only(written(model(building(said + BOX))))
    found = {name: column(batch, name)[0] for name in batch.columns}
    assert found["risk"] == '[{"rank":"1"},{"rank":"2"}]'
    assert found["function"] == '["1000","1070"]'
    del found["risk"], found["function"]
    assert found == {
        "name": "一号楼", "storeysAboveGround": 6, "measuredHeight": 18.5, "户数": 12, "area": "3.8 ha",
        "location": "城北", "code": "007", "set.a": 1.5,
        "detail.structure": "601", "detail.deep": "d", "address": "延陵路 8 常州 中国", "cityjson_id": "B", "cityjson_type": "Building",
    }  # fmt: skip


def test_parts_are_drawn_with_their_building_and_can_be_features_themselves(written: Any) -> None:
    part = f'<bldg:consistsOfBuildingPart><bldg:BuildingPart gml:id="P"><bldg:yearOfConstruction>1990</bldg:yearOfConstruction>{BOX}'
    path = written(model(building(part + "</bldg:BuildingPart></bldg:consistsOfBuildingPart>")))
    whole = only(path)
    assert whole.representations[0].faces.part.tolist() == [1] * 6
    assert json.loads(column(whole, "cityjson_parts")[0]) == [
        {"id": "P", "type": "BuildingPart", "attributes": {"yearOfConstruction": 1990}}
    ]
    alone = only(path, "building_part")
    assert (column(alone, "cityjson_id"), column(alone, "cityjson_parent")) == (["P"], ["B"])


TREE = """<veg:SolitaryVegetationObject gml:id="{}"><veg:lod2ImplicitRepresentation><ImplicitGeometry>
<transformationMatrix>0 -2 0 1  2 0 0 0  0 0 2 0  0 0 0 1</transformationMatrix>
<referencePoint><gml:Point><gml:pos>{}</gml:pos></gml:Point></referencePoint>
<relativeGMLGeometry {}</relativeGMLGeometry></ImplicitGeometry></veg:lod2ImplicitRepresentation></veg:SolitaryVegetationObject>"""
PROTOTYPE = """><gml:MultiSurface gml:id="proto"><gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing>
<gml:posList>0 0 0 1 0 0 0 0 5 0 0 0</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember></gml:MultiSurface>"""


def test_a_prototype_is_put_where_its_trees_stand_also_before_it_is_told(written: Any) -> None:
    """The first tree names the prototype that the second one brings; the matrix turns by 90°, doubles and moves 1 m east."""
    first = TREE.format("T1", "500010 3500010 4", 'xlink:href="#proto">')
    second = TREE.format("T2", "500020 3500010 4", PROTOTYPE)
    batch = only(written(model(first, second)), "vegetation")
    assert [g.coords[0] for g in batch.geometry] == [(500_010, 3_500_010, 4), (500_020, 3_500_010, 4)]
    assert batch.representations[0].faces.vertices.tolist() == [[500_011, 3_500_010, 4], [500_011, 3_500_012, 4], [500_011, 3_500_010, 14]]
    assert np.array_equal(batch.representations[1].faces.vertices, batch.representations[0].faces.vertices + np.array([10, 0, 0]))


def test_a_prototype_in_degrees_keeps_its_metres(written: Any) -> None:
    tree = TREE.format("T", "35.0 139.0 4", PROTOTYPE)
    batch = only(written(model(tree, srs="http://www.opengis.net/def/crs/EPSG/0/6697", corner="35 139 0")), "vegetation")
    vertices = batch.representations[0].faces.vertices
    geod = pyproj.Geod(ellps="GRS80")
    _, _, east_m = geod.inv(139.0, 35.0, *vertices[0, :2])
    _, _, north_m = geod.inv(*vertices[0, :2], *vertices[1, :2])
    assert (east_m, north_m) == (pytest.approx(1.0, abs=1e-4), pytest.approx(2.0, abs=1e-4))


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("http://www.opengis.net/def/crs/EPSG/0/6697", "EPSG:6697"),
        ("urn:ogc:def:crs,crs:EPSG:6.12:25833,crs:EPSG:6.12:5783", "EPSG:25833+5783"),
        ("urn:ogc:def:crs,crs:EPSG:31467", "EPSG:31467"),
        ("epsg:28992", "EPSG:28992"),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", "EPSG:4326"),
        ("urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH", "EPSG:25832+7837"),
        ("urn:adv:crs:DE_DHDN_3GK3", "EPSG:31467"),
        (" ", None),
        ("local grid", "local grid"),
    ],
)
def test_reference_systems_in_all_spellings(name: str, crs: str | None) -> None:
    assert crs_of(name) == crs


@pytest.mark.parametrize(
    ("crs", "corner", "swapped", "told"),
    [
        ("EPSG:6697", (35.2, 139.7), True, 0),  # latitude first, as EPSG has it
        ("EPSG:6697", (139.7, 35.2), False, 1),  # a writer that did not know
        ("EPSG:6697", None, True, 0),
        ("EPSG:4549", (520_000.0, 3_500_000.0), False, 0),  # EPSG: northing first; nobody writes so
        ("EPSG:4549", (3_500_000.0, 520_000.0), True, 1),  # but this one
        ("EPSG:31467", (3_499_943.0, 5_399_989.0), False, 0),
        ("EPSG:3068", (0.0, 100.0), False, 0),  # nowhere in Berlin either way
        ("EPSG:25833+5783", (367_174.0, 5_808_056.0), False, 0),
        ("OGC:CRS84", (139.7, 35.2), False, 0),
        (None, (1.0, 2.0), False, 0),
    ],
)
def test_which_axis_comes_first(crs: str | None, corner: tuple[float, float] | None, swapped: bool, told: int) -> None:
    axes = axes_of(crs, corner)
    assert (axes.swapped, len(axes.notes)) == (swapped, told)
    assert [axes_of(crs, corner, order).swapped for order in ("xy", "yx")] == [False, True]


def test_northing_first_gives_the_same_city(written: Any) -> None:
    usual = model(building(bounded("GroundSurface", polygon(0))))
    swapped = model(building(bounded("GroundSurface", polygon(0, order=(1, 0)))), corner="3500000 500000 0")
    geometries = [only(written(text)).geometry[0] for text in (usual, swapped)]
    assert geometries[0].equals(geometries[1])
    assert only(written(usual), axes="yx").geometry[0].bounds[0] == 3_500_000


def test_without_a_reference_system_it_has_to_be_declared(written: Any) -> None:
    path = written(model(building(BOX), srs=None))
    part = PartRequest(None, TYPES["building"], "d")
    reader = choose_reader(ReadRequest(path, (part,), 4549))
    assert [layer.crs for layer in reader.inspect().layers] == [None]
    with pytest.raises(TwinError) as caught:
        list(read_parts(reader, ReadRequest(path, (part,), 4549)))
    assert caught.value.code == "crs-undeclared"
    messages = list(read_file(ReadRequest(path, (part,), 4549, crs="EPSG:4549")))
    assert [m.accepted for m in messages if isinstance(m, PartEnd)] == [1]


# -- hostile and broken ------------------------------------------------------------------------------------------------

DTD = '<!DOCTYPE CityModel [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
CYCLE = surfaces(f'<gml:MultiSurface gml:id="m">{"".join(["<gml:surfaceMember xlink:href='#m'/>"] * 3)}</gml:MultiSurface>')
BAD: dict[str, tuple[str | bytes, str]] = {
    "DOCTYPE": (model(building(BOX)).replace("\n<CityModel", f"\n{DTD}<CityModel"), "xml-dtd-forbidden"),
    "DOCTYPE in UTF-16": (
        model(building(BOX)).replace('"UTF-8"', '"UTF-16"').replace("\n<CityModel", f"\n{DTD}<CityModel").encode("utf-16"),
        "xml-dtd-forbidden",
    ),
    "DOCTYPE behind a long comment": (
        model(building(BOX)).replace("\n<CityModel", f"\n<!--{' ' * 9000}-->{DTD}<CityModel"),
        "xml-dtd-forbidden",
    ),
    "broken off": (model(building(BOX))[:-400], "citygml-invalid"),
    "two reference systems": (
        model(building(BOX), building(BODY.replace("<gml:Solid>", '<gml:Solid srsName="EPSG:25832">'), "C")),
        "crs-mixed",
    ),
    "deep": (model(building("<gen:a>" * 300 + "</gen:a>" * 300)), "citygml-invalid"),
}


@pytest.mark.parametrize("name", BAD)
def test_hostile_and_broken_files_are_refused(name: str, written: Any) -> None:
    content, code = BAD[name]
    with pytest.raises(TwinError) as caught:
        read(written(content))
    assert (caught.value.code, caught.value.status) == (code, 422)


@pytest.mark.parametrize("name", ["dtd.xml", "external.xml", "xmlbomb.xml"])
def test_the_corpus_of_hostile_xml_is_refused(name: str, real_data: Path) -> None:
    with pytest.raises(TwinError) as caught:
        choose_reader(ReadRequest(real_data / "bad-xml" / name, (), 4549))
    assert caught.value.code == "xml-dtd-forbidden"


FAULTY = {
    "a name of nothing": solid(named("p0", "nowhere")),
    "surfaces that name themselves": f"<bldg:lod1MultiSurface>{CYCLE}</bldg:lod1MultiSurface>",
    "a name of two things": BODY
    + bounded("GroundSurface", polygon(0, "p0"), polygon(1, "p0"))
    + bounded("WallSurface", *(polygon(n, f"p{n}") for n in range(1, 6))),
    "no number": f"<bldg:lod1MultiSurface>{surfaces(polygon(0).replace('500000.0', 'x'))}</bldg:lod1MultiSurface>",
    "not finite": f"<bldg:lod1MultiSurface>{surfaces(polygon(0).replace('500000.0', 'nan'))}</bldg:lod1MultiSurface>",
    "half a position": f"<bldg:lod1MultiSurface>{surfaces(polygon(0).replace('</gml:pos', ' 1</gml:pos'))}</bldg:lod1MultiSurface>",
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_broken_object_costs_only_itself(name: str, written: Any) -> None:
    batch = only(written(model(building(FAULTY[name], "X"), building(BOX, "Y"))))
    assert [(f.index, f.rule) for f in batch.faults] == [(0, "structure")]
    assert "X" in batch.faults[0].message.en
    assert column(batch, "cityjson_id") == [None, "Y"]


def test_two_faces_of_one_name_are_two_faces_where_nothing_names_them(written: Any) -> None:
    twins = bounded("GroundSurface", polygon(0, "p"), polygon(1, "p"))
    (made,) = only(written(model(building(twins)))).representations
    assert len(made.faces.vertices) == 8


def test_a_declared_system_goes_before_several_that_are_named(written: Any) -> None:
    path = written(BAD["two reference systems"][0])
    assert [layer.rows for layer in choose_reader(ReadRequest(path, (), 4549, crs="EPSG:4549")).inspect().layers] == [2]


@pytest.mark.parametrize(("role", "wfs"), [("gml:featureMember", "wfs"), ("wfs:member", "wfs/2.0")])
def test_an_answer_of_a_wfs_is_a_city_model(role: str, wfs: str, written: Any) -> None:
    text = model(building(BOX)).replace("CityModel", "wfs:FeatureCollection").replace("cityObjectMember", role)
    path = written(text.replace("xmlns:veg", f'xmlns:wfs="http://www.opengis.net/{wfs}" xmlns:veg', 1))
    assert [(layer.name, layer.rows) for layer in choose_reader(ReadRequest(path, (), 4549)).inspect().layers] == [("Building", 1)]
    assert len(only(path).representations) == 1


def test_a_document_in_gbk_is_read(written: Any) -> None:
    text = model(building("<gml:name>一号楼</gml:name>" + BOX)).replace('"UTF-8"', '"GBK"')
    assert column(only(written(text.encode("gbk"))), "name") == ["一号楼"]


def test_a_tin_is_no_terrain_and_members_that_are_links_are_no_objects(written: Any) -> None:
    tin = "<dem:ReliefFeature><dem:reliefComponent><dem:TINRelief/></dem:reliefComponent></dem:ReliefFeature>"
    text = model(building(BOX), tin).replace("</CityModel>", '<cityObjectMember xlink:href="#B"/></CityModel>')
    reader = choose_reader(ReadRequest(written(text), (), 4549))
    assert [(layer.name, layer.rows) for layer in reader.inspect().layers] == [("Building", 1), ("TINRelief", 1)]
    with pytest.raises(TwinError) as caught:
        read(written(model(tin)), "terrain", "TINRelief")
    assert caught.value.code == "wrong-kind"


def test_documents_of_an_archive_are_one_model_with_its_code_lists(tmp_path: Path) -> None:
    coded = '<bldg:usage codeSpace="../../codelists/Building_usage.xml">411</bldg:usage>'
    listed = '<gml:Dictionary xmlns:gml="http://www.opengis.net/gml"><gml:dictionaryEntry><gml:Definition><gml:description>住宅</gml:description>'
    listed += "<gml:name>411</gml:name></gml:Definition></gml:dictionaryEntry></gml:Dictionary>"
    path = tmp_path / "city.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("udx/bldg/one.gml", model(building(coded + BOX, "A")))
        archive.writestr("udx/bldg/two.gml", model(building(BOX, "B")))
        archive.writestr("codelists/Building_usage.xml", listed)
        archive.writestr("readme.txt", "nothing")
    (layer,) = choose_reader(ReadRequest(path, (), 4549)).inspect().layers
    assert (layer.name, layer.rows) == ("Building", 2)
    batch = only(path)
    assert (column(batch, "cityjson_id"), column(batch, "usage_name")) == (["A", "B"], ["住宅", None])
    assert column(only(path, layer="two/Building"), "cityjson_id") == ["B"]


def test_objects_without_an_id_are_told_apart(tmp_path: Path) -> None:
    nameless = model(building(BOX).replace(' gml:id="B"', ""), building(BOX).replace(' gml:id="B"', ""))
    path = tmp_path / "city.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("one", "two"):
            archive.writestr(f"{name}.gml", nameless)
    assert column(only(path), "cityjson_id") == ["one_Building_1", "one_Building_2", "two_Building_1", "two_Building_2"]


def test_what_was_read_is_forgotten() -> None:
    """However long the document: beside the member at hand there is what the parser has read ahead (32 kB), and nothing else."""
    tin = "<dem:TINRelief><dem:tin><gml:TriangulatedSurface><gml:trianglePatches>" + "<gml:Triangle><gml:exterior/></gml:Triangle>" * 3000
    tin += "</gml:trianglePatches></gml:TriangulatedSurface></dem:tin></dem:TINRelief>"
    pipes = "<u:component><u:RoundPipe/></u:component>" * 3000
    network = f'<u:Network xmlns:u="http://www.citygml.org/ade/utility/0.9.2">{pipes}</u:Network>'
    appearance = "</cityObjectMember><!-- next --><appearanceMember/><cityObjectMember>"
    text = model(tin, network, *(building(BOX) + appearance + building(BOX, "C") for _ in range(300)))
    seen = most = 0
    for told in members(io.BytesIO(text.encode())):
        if isinstance(told, Member):
            seen += 1
            most = max(most, sum(1 for _ in told.element.getroottree().iter()))
    assert seen == 3000 + 2 + 600
    assert most < 3000 < text.count("</") / 10
