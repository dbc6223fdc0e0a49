"""FlatGeobuf, file geodatabases, MapInfo, GML, KML, GeoJSON sequences and GeoParquet: what another tool wrote comes back as it was."""

from __future__ import annotations

import datetime as dt
import json
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely

from ingest import gdal_policy
from ingest.protocol import Limits
from ingest.readers.choice import sidecars
from tests.ogr2ogr import ogr2ogr
from tests.vector_layers import Layer, copied, inspected, refusal
from twin.errors import RejectedError

SHAPES = [
    shapely.Polygon([(500000, 3500000, 3.5), (500100, 3500000, 3.5), (500100, 3500100, 4.25), (500000, 3500000, 3.5)]),
    shapely.Polygon([(500200, 3500000, 1.5), (500300, 3500000, 1.5), (500300, 3500100, 2.25), (500200, 3500000, 1.5)]),
    None,
]
NAMES, CODES, BIG = ["常州", "武进区", ""], ["0701", "0702", None], [2**53 + 1, -1, None]
DAYS = [dt.date(2020, 1, 2), None, dt.date(1899, 12, 31)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three features in EPSG:4549 with Chinese names, leading zeros, a number beyond 2⁵³, "" and null."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": name, "code": code, "big": big, "built": day and day.isoformat()},
            "geometry": shape and shapely.geometry.mapping(shape),
        }
        for shape, name, code, big, day in zip(SHAPES, NAMES, CODES, BIG, DAYS, strict=True)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}
    path = tmp_path_factory.mktemp("source") / "zones.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "name": "zones", "crs": crs, "features": features}))
    return path


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(folder))
    return target


def assert_same(layer: Layer, order: tuple[int, ...] = (0, 1, 2), *, with_z: bool = True) -> None:
    assert layer.rows == [1, 2, 3]
    for name, wanted in (("name", NAMES), ("code", CODES)):
        assert layer.columns[name] == [wanted[i] for i in order]
    for shape, index in zip(layer.shapes, order, strict=True):
        expected = SHAPES[index]
        assert (shape is None) == (expected is None)
        if shape is not None and expected is not None:
            ours, theirs = (shapely.normalize(s) for s in (shape, expected))
            same = shapely.get_coordinates(ours, include_z=with_z), shapely.get_coordinates(theirs, include_z=with_z)
            np.testing.assert_array_equal(*same)


def test_flatgeobuf(source: Path, tmp_path: Path) -> None:
    layer = Layer(ogr2ogr(tmp_path / "a.fgb", source, "-lco", "SPATIAL_INDEX=NO").rename(tmp_path / "a.dat"))
    count = len(layer.rows)
    assert count in {2, 3}  # features without geometry are left out by GDAL 3.6, written by 3.10
    assert (layer.columns["name"], layer.columns["code"], layer.columns["big"]) == (NAMES[:count], CODES[:count], BIG[:count])
    assert [d and d.date() if isinstance(d, dt.datetime) else d for d in layer.columns["built"]] == DAYS[:count]
    assert [s and shapely.to_wkb(s) for s in layer.shapes] == [s and shapely.to_wkb(s) for s in SHAPES[:count]]
    assert (layer.source.crs, layer.source.encoding, layer.source.rows) == ("EPSG:4549", "UTF-8", count)


@pytest.mark.parametrize("without", [{5}, {2}, {0}, {3, 4}, {0, 1, 2, 3, 4, 5}])
@pytest.mark.parametrize("rows_per_batch", [2, 100])
def test_a_flatgeobuf_of_features_without_geometry_gives_the_others_their_own(
    tmp_path: Path, without: set[int], rows_per_batch: int
) -> None:
    shapes = [None if number in without else shapely.box(number, 0, number + 0.5, 1) for number in range(6)]
    wkb = np.array([shape and shapely.to_wkb(shape) for shape in shapes], dtype=object)
    pyogrio.raw.write(
        tmp_path / "a.fgb", wkb, [np.arange(6)], ["n"], geometry_type="Polygon", crs="EPSG:4549", driver="FlatGeobuf", SPATIAL_INDEX="NO"
    )
    layer = Layer(tmp_path / "a.fgb", limits=Limits(rows_per_batch=rows_per_batch))
    assert layer.columns["n"] == list(range(6))
    assert [shape and shape.bounds for shape in layer.shapes] == [shape and shape.bounds for shape in shapes]


def test_a_flatgeobuf_that_breaks_off_is_refused(source: Path, tmp_path: Path) -> None:
    whole = ogr2ogr(tmp_path / "a.fgb", source, "-where", "name <> ''").read_bytes()  # an index needs geometry everywhere
    for length in (len(whole) - 8, len(whole) // 2, 40):
        (tmp_path / "cut").write_bytes(whole[:length])
        assert refusal(tmp_path / "cut") == "unreadable"


def test_geodatabases_in_a_zip(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "交付"
    folder.mkdir()
    ogr2ogr(folder / "规划.gdb", source, "-f", "OpenFileGDB", "-nln", "用地", "-nlt", "MULTIPOLYGONZ")
    ogr2ogr(folder / "现状.gdb", source, "-f", "OpenFileGDB", "-nln", "用地", "-nlt", "MULTIPOLYGONZ")
    archive = zipped(folder, tmp_path / "a.zip")
    info = inspected(archive)
    assert info.format == "FileGDB"
    assert {layer.name for layer in info.layers} == {"规划/用地", "现状/用地"}
    assert {layer.crs for layer in info.layers} == {"EPSG:4549"}
    layer = Layer(archive, "现状/用地")
    assert layer.columns["name"][:2] == NAMES[:2]
    assert_same(layer)
    assert not {"Shape_Length", "Shape_Area"} & set(layer.columns)


def test_a_damaged_geodatabase_is_refused(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    ogr2ogr(folder.with_suffix(".gdb"), source, "-f", "OpenFileGDB")
    folder.mkdir()
    for path in folder.with_suffix(".gdb").iterdir():
        (folder / path.name).write_bytes(path.read_bytes()[:100] if path.name.endswith("9.gdbtable") else path.read_bytes())
    assert refusal(zipped(folder, tmp_path / "a.zip")) == "unreadable"


@pytest.mark.parametrize(("charset", "declared"), [("CP936", "Charset"), ("", None)])
@pytest.mark.parametrize("ending", ["tab", "mif"])
def test_mapinfo(source: Path, tmp_path: Path, ending: str, charset: str, declared: str | None) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    fields = ["-select", "name,code", "-sql", "SELECT name, code FROM zones WHERE code IS NOT NULL"]
    options = ["-lco", "ENCODING=CP936", "-lco", "BOUNDS=400000,3000000,600000,4000000"]
    main = ogr2ogr(folder / f"建筑.{ending}", source, "-f", "MapInfo File", *fields[2:], *options)
    if not charset:  # what software writes that does not look at the text
        main.write_bytes(main.read_bytes().replace(b"WindowsSimpChinese", b"WindowsLatin1"))
    for path in (main, zipped(folder, tmp_path / "a.zip")):
        layer = Layer(path)
        assert (layer.source.name, layer.source.encoding) == ("建筑", "gb18030")
        assert ("Charset" in layer.source.notes[0].en) == (declared is not None)
        assert (layer.columns["name"], layer.columns["code"]) == (NAMES[:2], CODES[:2])
        for shape, expected in zip(layer.shapes, SHAPES, strict=False):
            assert shapely.hausdorff_distance(shape, shapely.force_2d(expected)) < 0.01  # TAB has integer coordinates


@pytest.mark.parametrize("ending", ["tab", "mif"])
@pytest.mark.parametrize("encoding", ["", "CP936"])
def test_chinese_names_of_columns_in_mapinfo(tmp_path: Path, ending: str, encoding: str) -> None:
    """GDAL destroys them when it is told no encoding; the texts below are told all the same, and so is what happened."""
    line = np.array([shapely.to_wkb(shapely.LineString([(500000, 3500000), (500100, 3500000)]))], dtype=object)
    fields, names = [np.array([text], dtype=object) for text in ("铸铁", "武进区", "DN300")], ["材质", "道路名称", "code"]
    path, options = tmp_path / f"a.{ending}", {"ENCODING": encoding} if encoding else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the names, in bytes that are no text
        pyogrio.raw.write(path, line, fields, names, geometry_type="LineString", crs="EPSG:4549", driver="MapInfo File", **options)
    layer = Layer(path)
    assert list(layer.columns) == (names if encoding else ["column_1", "column_2", "code"])
    assert [values[0] for values in layer.columns.values()] == ["铸铁", "武进区", "DN300"]
    assert [note.en.partition(" names of columns were destroyed")[0] for note in layer.source.notes[1:]] == ([] if encoding else ["2"])


@pytest.mark.parametrize(
    ("charset", "codec", "names"),
    [
        ("WindowsCyrillic", "cp1251", ["Адрес", "Высота_м", "Этажность", "х_", "Дом"]),
        ("WindowsLatin1", "cp1252", ["Qualité", "Maß", "Fuß_m", "É_", "nom"]),
        ("Neutral", "cp1252", ["Qualité", "Fuß_m", "nom"]),
        ("WindowsSimpChinese", "gb18030", ["管径_mm", "内_", "哪_1", "材质"]),
        ("Neutral", "gb18030", ["管径_mm", "内_", "材质"]),
    ],
)
def test_sound_names_of_columns_in_mapinfo_stay(tmp_path: Path, charset: str, codec: str, names: list[str]) -> None:
    columns = "".join(f"  {name} Char(20)\n" for name in names)
    header = f'Version 300\nCharset "{charset}"\nDelimiter ","\nCoordSys Earth Projection 1, 104\nColumns {len(names)}\n{columns}Data\n\n'
    (tmp_path / "a.mif").write_bytes((header + "Point 119.95 31.8\n").encode(codec))
    (tmp_path / "a.mid").write_bytes((",".join(f'"{name}"' for name in names) + "\n").encode(codec))
    layer = Layer(tmp_path / "a.mif")
    assert layer.source.encoding == codec
    assert {name: values[0] for name, values in layer.columns.items()} == {name: name for name in names}
    assert len(layer.source.notes) == 1


@pytest.mark.parametrize("filling", [b"\n", b" ", b" \n", b"\r\n", b"Type ", b"\xe7__", b"a ", b"Charset"])
def test_a_mapinfo_header_takes_no_time_whatever_is_in_it(tmp_path: Path, filling: bytes) -> None:
    """Four million bytes: what grows with the square of them would not end."""
    (tmp_path / "a.mif").write_bytes(b"Version 300\n" + filling * ((4 << 20) // len(filling)) + b"x")
    (tmp_path / "a.mid").write_bytes(b"1\n")
    assert refusal(tmp_path / "a.mif") in {"unreadable", "no-features"}


def test_many_destroyed_names_of_a_mapinfo_table_take_no_time(tmp_path: Path) -> None:
    """180,000 names, four million bytes: held each against each they would not end."""
    dat = struct.pack("<B3xIHH20x", 3, 0, 65, 21) + struct.pack("<11sc4xBB14x", b"\xe7__000001", b"C", 20, 0) + b"\r"
    names = b"".join(b"  \xe7__%06d Char (9) ;\n" % number for number in range(180_000))
    head = b'!table\n!version 300\n!charset UTF-8\n\nDefinition Table\n  Type NATIVE Charset "UTF-8"\n  Fields 180000\n'
    for suffix, content in {"tab": head + names, "dat": dat, "map": b"", "id": b""}.items():
        (tmp_path / f"a.{suffix}").write_bytes(content)
    assert refusal(tmp_path / "a.tab") == "unreadable"


def test_mapinfo_without_its_files_or_pointing_elsewhere(source: Path, tmp_path: Path) -> None:
    tab = ogr2ogr(tmp_path / "a.tab", source, "-f", "MapInfo File")
    assert {p.suffix for p in sidecars(tab)} >= {".dat", ".map", ".id"}
    tab.with_suffix(".map").unlink()
    assert refusal(tab) == "missing-member"
    tab.write_text('!table\n!version 300\n\nDefinition Table\n  File "elsewhere.xls"\n  Type XLS Charset "Neutral"\n')
    assert refusal(tab) == "mapinfo-linked"


def test_gml_keeps_text_as_text(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gdal_policy.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    gml = ogr2ogr(tmp_path / "a.gml", source, "-f", "GML")
    (tmp_path / "a.xsd").unlink()
    layer = Layer(gml)
    assert_same(layer)
    assert layer.columns["big"] == [None if b is None else str(b) for b in BIG]
    gml.write_bytes(gml.read_bytes()[:-200])
    assert refusal(gml) == "unreadable"


def test_gml_of_several_reference_systems_is_refused_unless_one_is_declared(real_data: Path, tmp_path: Path) -> None:
    plan = copied(real_data / "planning-xplanung" / "bp_plan.gml", tmp_path)
    assert refusal(plan, "BP_Plan") == "crs-mixed"
    assert len(Layer(plan, "BP_Bereich", crs="EPSG:25833").rows) == 2


def test_a_french_plan_in_gml(real_data: Path, tmp_path: Path) -> None:
    path = copied(real_data / "planning-french-plu" / "gml" / "ZONE_URBA.gml", tmp_path)
    layer = Layer(path, None, "land_use_plan")
    assert (layer.source.name, layer.source.crs, len(layer.rows)) == ("ZONE_URBA", "EPSG:2154", 66)
    shapes = shapely.from_wkb(pyogrio.raw.read(path, columns=[])[2])
    alone = shapely.get_parts(shapes)  # a part alone is read as such
    assert shapely.equals_exact(shapely.get_parts(layer.shapes), alone, 0).all()


KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document><name>我的地图</name>
<Schema name="s" id="s"><SimpleField type="string" name="权属"/></Schema>
<Folder><name>消防栓</name>
 <Placemark id="p1"><name>H-1</name><description><![CDATA[<b>直径</b> 100 &amp; <!DOCTYPE html>]]></description>
  <ExtendedData><Data name="管径"><value>0100</value></Data><Data name="备注"><value></value></Data>
   <SchemaData schemaUrl="#s"><SimpleData name="权属">水司</SimpleData></SchemaData></ExtendedData>
  <Point><altitudeMode>absolute</altitudeMode><coordinates>119.951,31.781,4.5</coordinates></Point></Placemark>
 <Placemark><name>clamped</name><Point><coordinates>119.95,31.78,99</coordinates></Point></Placemark>
 <Placemark><name>none</name></Placemark>
 <Placemark><name>broken</name><Point><coordinates>here</coordinates></Point></Placemark>
 <Folder><name>东区</name><Placemark><name>H-2</name><Point><coordinates> 119.96 , 31.79 </coordinates></Point></Placemark></Folder>
</Folder>
<Folder><name>地块</name><Placemark><MultiGeometry>
 <Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 4,0 4,4 0,4 0,0</coordinates></LinearRing></outerBoundaryIs>
  <innerBoundaryIs><LinearRing><coordinates>1,1 1,2 2,2 1,1</coordinates></LinearRing></innerBoundaryIs></Polygon>
 <Polygon><outerBoundaryIs><LinearRing><coordinates>9,0 9,1 8,0 9,0</coordinates></LinearRing></outerBoundaryIs></Polygon>
</MultiGeometry></Placemark>
<Placemark><gx:Track><altitudeMode>absolute</altitudeMode><gx:coord>1 2 3</gx:coord><gx:coord>2 3 4</gx:coord></gx:Track></Placemark>
</Folder></Document></kml>"""


def test_kml_and_kmz(tmp_path: Path) -> None:
    kml = tmp_path / "a.kml"
    kml.write_text(KML)
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("doc.kml", KML)
        archive.writestr("files/icon.png", b"\x89PNG\r\n\x1a\n")
    assert [(la.name, la.rows, la.crs) for la in inspected(kml).layers] == [
        ("消防栓", 4, "OGC:CRS84"), ("东区", 1, "OGC:CRS84"), ("地块", 2, "OGC:CRS84"),
    ]  # fmt: skip
    for path in (kml, tmp_path / "a.kmz"):
        points = Layer(path, "消防栓", "pipe_node")
        assert points.columns["name"] == ["H-1", "clamped", "none", "broken", "H-2"]
        assert points.columns["description"][0] == "<b>直径</b> 100 &amp; <!DOCTYPE html>"
        assert [points.columns[n][0] for n in ("管径", "备注", "权属")] == ["0100", "", "水司"]
        assert points.columns["管径"][1] is None
        assert points.columns["folder"][4] == "我的地图/消防栓/东区"
        assert [None if s is None else s.wkt for s in points.shapes] == [
            "POINT Z (119.951 31.781 4.5)", "POINT (119.95 31.78)", None, None, "POINT (119.96 31.79)",
        ]  # fmt: skip
        assert [(f.index, f.rule) for f in points.faults] == [(3, "structure")]
        areas = Layer(path, "地块")
        assert areas.shapes[0].area == 16 - 0.5 + 0.5
        assert areas.shapes[1].wkt == "LINESTRING Z (1 2 3, 2 3 4)"


def test_kml_of_links_alone_says_what_to_do(tmp_path: Path) -> None:
    link = "<NetworkLink><Link><href>http://example.com/a.kml</href></Link></NetworkLink>"
    (tmp_path / "a.kml").write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2">{link}</kml>')
    assert refusal(tmp_path / "a.kml", feature_type="poi") == "no-features"
    with pytest.raises(RejectedError, match="Network links"):
        inspected(tmp_path / "a.kml")


def test_kml_that_is_broken_or_has_a_dtd_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.kml").write_text(KML[:-40])
    assert refusal(tmp_path / "cut.kml", "消防栓") == "kml-invalid"
    (tmp_path / "dtd.kml").write_text(KML.replace("<kml", '<!DOCTYPE kml [<!ENTITY a "b">]><kml', 1))
    assert refusal(tmp_path / "dtd.kml") == "xml-dtd-forbidden"


@pytest.mark.parametrize("rs", ["YES", "NO"])
def test_geojson_sequences(source: Path, tmp_path: Path, rs: str) -> None:
    path = ogr2ogr(tmp_path / "a.txt", source, "-f", "GeoJSONSeq", "-lco", f"RS={rs}")
    layer = Layer(path)
    assert (layer.columns["name"], layer.columns["code"], layer.columns["big"]) == (NAMES, CODES, BIG)
    expected = shapely.from_wkb(pyogrio.raw.read(path, columns=[])[2])
    assert [s and s.wkb for s in layer.shapes] == [s and s.wkb for s in expected]
    assert (layer.source.crs, layer.source.assumed) == ("OGC:CRS84", True)


def test_a_record_that_is_no_feature_is_a_fault_of_its_row(tmp_path: Path) -> None:
    point = '{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}'
    path = tmp_path / "a.geojsonl"
    path.write_text(f'{point}\n\n{{"type":"Feature"\n{point}\n[1]\n{{"type":"Feature","properties":{{}}}}\n')
    layer = Layer(path, None, "poi")
    assert layer.rows == [1, 2, 3, 4, 5]
    assert [f.index for f in layer.faults] == [1, 3, 4]
    assert [s is not None for s in layer.shapes] == [True, False, True, False, False]


def test_zipped_flatgeobuf_and_geopackage(source: Path, tmp_path: Path) -> None:
    for ending, driver in (("fgb", "FlatGeobuf"), ("gpkg", "GPKG")):
        folder = tmp_path / ending
        folder.mkdir()
        ogr2ogr(folder / f"a.{ending}", source, "-f", driver, "-lco", "SPATIAL_INDEX=NO")
        (folder / "说明.txt").write_text("名称, 说明, 备注\n")
        layer = Layer(zipped(folder, tmp_path / f"{ending}.zip"))
        assert sorted(layer.columns["name"])[-2:] == sorted(NAMES)[-2:]


def test_what_would_be_lost_in_an_archive_is_asked_for_alone(source: Path, tmp_path: Path) -> None:
    """A Shapefile and a GeoPackage in one ZIP; metadata in XML and a picture of the legend beside them are no loss."""
    folder = tmp_path / "a"
    folder.mkdir()
    ogr2ogr(folder / "用地.shp", source, "-select", "code", "-lco", "ENCODING=UTF-8", "-skipfailures")
    gmd = '<?xml version="1.0"?><gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:gml="http://www.opengis.net/gml"/>'
    (folder / "用地.shp.xml").write_text(gmd)
    (folder / "legend.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert Layer(zipped(folder, tmp_path / "a.zip")).source.name == "用地"
    ogr2ogr(folder / "b.gpkg", source)
    assert refusal(zipped(folder, tmp_path / "b.zip")) == "archive-several"


# ---------------------------------------------------------------------------------------------------------------- GeoParquet


def parquet(path: Path, column: dict[str, object], geometry: pa.Array, **more: pa.Array) -> Path:
    metadata = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    table = pa.table({"name": pa.array(NAMES[: len(geometry)]), "geometry": geometry, **more})
    table = table.replace_schema_metadata({b"geo": json.dumps(metadata).encode()})
    pq.write_table(table, path, row_group_size=2, use_compliant_nested_type=False)  # which would call what lists hold "element"
    return path


def wkb(shapes: list[shapely.Geometry | None]) -> pa.Array:
    return pa.array([None if s is None else shapely.to_wkb(s) for s in shapes], pa.binary())


def test_geoparquet_of_a_crs(tmp_path: Path) -> None:
    box = pa.array([{"xmin": 0.0, "ymin": 0.0, "xmax": 1.0, "ymax": 1.0}] * 3)
    paths = {axis: ["box", axis] for axis in ("xmin", "ymin", "xmax", "ymax")}
    column = {
        "encoding": "WKB", "geometry_types": ["Polygon Z"], "crs": pyproj.CRS("EPSG:4549").to_json_dict(), "covering": {"bbox": paths},
    }  # fmt: skip
    lists = pa.array([[1, 2], None, []], pa.list_(pa.int64()))
    path = parquet(tmp_path / "a", column, wkb(SHAPES), box=box, codes=pa.array(CODES).dictionary_encode(), big=pa.array(BIG), rooms=lists)
    layer = Layer(path)
    assert layer.columns["name"] == NAMES
    assert layer.columns["codes"] == CODES
    assert layer.columns["big"] == BIG
    assert layer.columns["rooms"] == ["[1,2]", None, "[]"]
    assert "box" not in layer.columns
    assert [s and s.wkb for s in layer.shapes] == [s and s.wkb for s in SHAPES]
    assert (layer.source.crs, layer.source.assumed, layer.source.rows) == ("EPSG:4549", False, 3)


def test_geoparquet_without_a_crs_is_crs84_and_with_null_unknown(tmp_path: Path) -> None:
    left_out = Layer(parquet(tmp_path / "a", {"encoding": "WKB", "geometry_types": []}, wkb(SHAPES)))
    assert (left_out.source.crs, left_out.source.assumed) == ("OGC:CRS84", True)
    assert Layer(parquet(tmp_path / "b", {"encoding": "WKB", "geometry_types": [], "crs": None}, wkb(SHAPES))).source.crs is None


@pytest.mark.parametrize("kind", [pa.large_binary(), pa.binary_view(), pa.binary(81), pa.dictionary(pa.int32(), pa.binary())])
def test_wkb_in_any_type_of_bytes_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    lines = [shapely.LineString([(k, 0, 0), (1, 1, 1), (2, 3, 4)]) for k in (5, 6)]
    given = wkb([*lines, None])
    given = given.dictionary_encode() if pa.types.is_dictionary(kind) else given.cast(kind)
    layer = Layer(parquet(tmp_path / "a", {"encoding": "WKB", "geometry_types": []}, given))
    assert [s and s.wkt for s in layer.shapes] == [*(line.wkt for line in lines), None]


def test_wkb_in_a_column_of_numbers_is_refused(tmp_path: Path) -> None:
    assert refusal(parquet(tmp_path / "a", {"encoding": "WKB", "geometry_types": []}, pa.array([1, 2]))) == "unreadable"


@pytest.mark.parametrize(
    "shapes",
    [
        [shapely.Point(1, 2), shapely.Point(3, 4)],
        [shapely.LineString([(0, 0), (1, 1)]), shapely.LineString([(2, 2), (3, 3), (4, 5)])],
        [shapely.box(0, 0, 1, 1), shapely.box(0, 0, 9, 9).difference(shapely.box(1, 1, 2, 2))],
        [shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)]), shapely.MultiPolygon([shapely.box(0, 0, 2, 2)])],
    ],
)
def test_native_encodings_of_geoparquet(tmp_path: Path, shapes: list[shapely.Geometry]) -> None:
    kind, positions, offsets = shapely.to_ragged_array(shapes)
    array = pa.StructArray.from_arrays([pa.array(positions[:, i]) for i in (0, 1)], ["x", "y"])
    for offset in offsets:
        array = pa.ListArray.from_arrays(pa.array(offset, pa.int32()), array)
    with_null = pa.concat_arrays([pa.nulls(1, array.type), array])  # a null before them moves all offsets
    layer = Layer(parquet(tmp_path / "a", {"encoding": kind.name.lower(), "geometry_types": []}, with_null))
    assert layer.shapes[0] is None
    assert [s.wkt for s in layer.shapes[1:]] == [s.wkt for s in shapes]


@pytest.mark.parametrize(
    ("axes", "size", "dimensions"),
    [("xy", 2, 2), ("xyz", 3, 3), ("xym", 3, 2), ("xyzm", 4, 3), ("item", 3, 3), ("item", 4, 3)],  # item: what Arrow calls it itself
)
def test_coordinates_in_a_row_as_gdal_writes_them(tmp_path: Path, axes: str, size: int, dimensions: int) -> None:
    numbers = pa.array(np.arange(3.0 * size))
    array = pa.FixedSizeListArray.from_arrays(numbers, type=pa.list_(pa.field(axes, pa.float64()), size))
    array = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), array)
    layer = Layer(parquet(tmp_path / "a", {"encoding": "geoarrow.linestring", "geometry_types": []}, array[:1]))
    expected = np.arange(2.0 * size).reshape(2, size)[:, :dimensions]
    assert np.array_equal(shapely.get_coordinates(layer.shapes, include_z=dimensions == 3), expected)
    assert shapely.has_z(layer.shapes).tolist() == [dimensions == 3]


@pytest.mark.parametrize("kind", ["point", "linestring"])
def test_coordinates_in_lists_of_any_length_are_refused(tmp_path: Path, kind: str) -> None:
    array = pa.array([[0.0, 1.0]] if kind == "point" else [[[0.0, 1.0], [2.0, 3.0]]])
    assert refusal(parquet(tmp_path / "a", {"encoding": kind, "geometry_types": []}, array)) == "geoparquet-invalid"


def test_edges_that_are_great_circles_are_told(tmp_path: Path) -> None:
    column = {"encoding": "WKB", "geometry_types": [], "edges": "spherical"}
    assert ["great circles" in note.en for note in Layer(parquet(tmp_path / "a", column, wkb(SHAPES))).source.notes] == [True]
    assert Layer(parquet(tmp_path / "b", column | {"edges": "planar"}, wkb(SHAPES))).source.notes == ()


def test_geoparquet_that_is_none_or_broken_is_refused(tmp_path: Path) -> None:
    column = {"encoding": "WKB", "geometry_types": []}
    whole = parquet(tmp_path / "a", column, wkb(SHAPES))
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:-20])
    assert refusal(tmp_path / "cut") == "unreadable"
    pq.write_table(pa.table({"name": NAMES}), tmp_path / "plain")
    assert refusal(tmp_path / "plain") == "geoparquet-invalid"
    assert refusal(parquet(tmp_path / "b", {"encoding": "geojson", "geometry_types": []}, wkb(SHAPES))) == "geoparquet-invalid"
    assert refusal(whole, limits=Limits(rows=2)) == "too-many-rows"


def test_only_the_named_driver_is_asked(source: Path, tmp_path: Path) -> None:
    """A VRT that begins as a FlatGeobuf would reaches no other driver; afterwards all drivers are there again."""
    drivers = set(pyogrio.list_drivers())
    vrt = tmp_path / "a.fgb"
    layer = f"<OGRVRTLayer name='a'><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer>"
    vrt.write_text(f"fgb\x03<OGRVRTDataSource>{layer}</OGRVRTDataSource>")
    assert refusal(vrt) == "unreadable"
    assert set(pyogrio.list_drivers()) == drivers
