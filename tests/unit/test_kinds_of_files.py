"""What a file is, is told by its content: real files of every family under names that say something else, and archives under any name."""

from __future__ import annotations

import gzip
import io
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import shapely

from ingest.protocol import Limits, PartRequest, PointCloudHeader, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.delimited import read_delimited
from ingest.reading import read_parts
from tests.vector_layers import Layer, inspected
from tests.workbooks import workbook
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

REAL = [
    ("footprints-bubenec/bubenec.gpkg", "GeoPackage", {"tessellation": 144, "buildings": 144, "streets": 35, "plots": 407}),
    ("footprints-boulder/boulder_buildings.zip", "ESRI Shapefile", {"boulder_buildings": 13491}),
    ("cambridge-ma-infra/INFRA_Drainage.geojson", "GeoJSON", {"misnamed": 137}),
    ("wastewater-vermont/Vermont_Treatment_Facilities.geojson", "GeoJSON", {"misnamed": 293}),
    ("wastewater-vermont/Vermont_Wastewater_Districts.geojson", "GeoJSON", {"Wastewater_Districts": 10}),
    ("zoning-vermont/MARC.geojson", "GeoJSON", {"misnamed": 80}),
    ("cityjson-zurich/zurich_subset_lod2.json", "CityJSON", {"Building": 49}),
    ("cityjson-vienna-seq/vienna.city.jsonl", "CityJSONSeq", {"Building": None}),
    ("citygml-potsdam/Potsdam_LoD1.gml", "CityGML", {"Building": 97}),
    ("planning-french-plu/gml/ZONE_URBA.gml", "GML", {"ZONE_URBA": 66}),
    ("water-epanet/ky1.inp", "EPANET", {"nodes": 859, "links": 985}),
    ("pointcloud/simple.las", "LAS", {"misnamed": 1065}),
    ("pointcloud/lone-star.copc.laz", "LAZ", {"misnamed": 518862}),
    ("raster-landsat-change/1985.tif", "GeoTIFF", {"misnamed": 1}),
    ("footprints-osm-liechtenstein/liechtenstein-latest.osm.pbf", "OSM PBF", {"points": None, "lines": None, "multipolygons": None}),
    ("sewer-swmm/bellinge_small.inp", "SWMM", {"nodes": 16, "links": 15}),
    ("ifc/SimpleWall.ifc", "IFC (IFC2X3)", {"building": 1, "storey": 1}),
    ("chongqing-buildings/building.obj", "OBJ", {"misnamed": None}),
    ("admin-changzhou/changzhou_streets_3204_extract.csv", "CSV", {"misnamed": 67}),
]


@pytest.mark.parametrize("name", ["misnamed.shp", "misnamed.zip", "misnamed.ifcxml", "misnamed"])
@pytest.mark.parametrize(("file", "kind", "layers"), REAL, ids=[kind + "-" + Path(file).stem for file, kind, _ in REAL])
def test_a_real_file_is_known_under_any_name(
    real_data: Path, tmp_path: Path, file: str, kind: str, layers: dict[str, int | None], name: str
) -> None:
    shutil.copy(real_data / file, tmp_path / name)
    info = inspected(tmp_path / name)
    assert info.format == kind
    assert {layer.name: layer.rows for layer in info.layers} == layers


@pytest.mark.parametrize("name", ["zones.zip", "规划;终稿.dat", "规划!终稿.dat", "zones?v=2#new.tar.gz"])
def test_no_character_of_a_name_leads_elsewhere(real_data: Path, tmp_path: Path, name: str) -> None:
    """pyogrio takes archives, queries and addresses out of a path."""
    source = real_data / "footprints-bubenec" / "bubenec.gpkg"
    shutil.copy(source, tmp_path / name)
    kept, renamed = Layer(source, "plots"), Layer(tmp_path / name, "plots")
    assert len(renamed.rows) == 407
    assert renamed.columns == kept.columns
    assert [shapely.to_wkb(s) for s in renamed.shapes] == [shapely.to_wkb(s) for s in kept.shapes]


def zipped(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


POINT = b'{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[120,31.8]}}'
INNER = zipped(("a.geojson", POINT))
TAR = bytes(257) + b"ustar\x00" + bytes(249)
DOCX = zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<document/>"))
PPTX = zipped(("[Content_Types].xml", b"<Types/>"), ("ppt/presentation.xml", b"<presentation/>"))
ODT = zipped(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<office/>"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped(("data.zip", INNER)), "zip-nested"),
        (zipped(("data.dat", INNER)), "zip-nested"),
        (zipped(("data.dat", b"Rar!\x1a\x07\x01\x00" + bytes(60))), "zip-nested"),
        (zipped(("data.dat", TAR)), "zip-nested"),
        (zipped(("data.dat", gzip.compress(POINT, mtime=0))), "zip-nested"),
        (zipped(("report.docx", DOCX)), "document-unsupported"),
        (zipped(("slides.dat", PPTX)), "document-unsupported"),
        (DOCX, "document-unsupported"),
        (PPTX, "document-unsupported"),
        (ODT, "document-unsupported"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(60), "archive-unsupported"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(60), "archive-unsupported"),
        (TAR, "archive-unsupported"),
        (gzip.compress(TAR, mtime=0), "archive-unsupported"),
        (zipped(("readme.txt", b"nothing here")), "unsupported-media"),
        (b"%PDF-1.7\n" + bytes(60), "unsupported-media"),
        (b'\r\n<HTML xmlns:x="urn:schemas-microsoft-com:office:excel"><table><tr><td>1</td></tr></table></HTML>', "page-unsupported"),
        (b"<!DOCTYPE html><html><body><table/></body></html>", "page-unsupported"),
        (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>', "page-unsupported"),
        (b"<headers/>", "unsupported-media"),
    ],
)
@pytest.mark.parametrize("name", ["a.zip", "a.geojson"])
def test_an_archive_that_is_not_read_says_what_to_do(tmp_path: Path, content: bytes, code: str, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TwinError) as caught:
        choose_reader(ReadRequest(tmp_path / name, (), storage_srid=4549))
    assert caught.value.code == code
    assert caught.value.text.zh != caught.value.text.en


@pytest.mark.parametrize("name", ["管点.xlsx", "管点.dat"])
def test_a_workbook_in_an_archive_is_a_survey_under_any_name(tmp_path: Path, name: str) -> None:
    book = workbook(tmp_path / "a.xlsx", {"管点": [("物探点号", "X", "Y"), ("W1", 3520000.0, 497000.0)]})
    (tmp_path / "a.bin").write_bytes(zipped((name, book.read_bytes())))
    info = inspected(tmp_path / "a.bin")
    assert (info.format, [(layer.name, layer.rows) for layer in info.layers]) == ("XLSX", [("管点", 1)])


def test_what_is_not_read_of_an_archive_is_told(real_data: Path, tmp_path: Path) -> None:
    """A Shapefile handed in with the workbook of its points: the table would else be lost without a word."""
    book = workbook(tmp_path / "a.xlsx", {"管点": [("物探点号", "X", "Y"), ("W1", 3520000.0, 497000.0)]})
    shapes = [(path.name, path.read_bytes()) for path in (real_data / "admin-shanghai-gbk").iterdir()]
    for name, content, is_told in (("管点.xlsx", book.read_bytes(), True), ("readme.txt", b"a,b\n1,2\n", False)):
        (tmp_path / "a.zip").write_bytes(zipped(*shapes, (name, content)))
        layer = Layer(tmp_path / "a.zip", None, "admin_unit")
        assert len(layer.rows) == 17
        assert any(name in note.zh and name in note.en for note in layer.source.notes) == is_told
    (tmp_path / "b.zip").write_bytes(zipped(("a.geojson", POINT), ("管点.xlsx", book.read_bytes())))
    assert any("管点.xlsx" in note.zh for note in Layer(tmp_path / "b.zip", None, "pipe_node").source.notes)


POINTS = "物探点号,X,Y\nW1,3520000.0,497000.0\n"
BESIDE = [
    ("管点.csv", POINTS.encode("gb18030"), True),
    ("points.dat", ("\ufeff" + POINTS).encode("utf-16-le"), True),
    ("more.dat", b"Rar!\x1a\x07\x01\x00" + bytes(60), True),
    ("more.dat", TAR, True),
    ("more.dat", gzip.compress(POINT, mtime=0), True),
    ("report.docx", DOCX, True),
    ("notes.csv", b"by,on,why\nme,today,so\n", False),
    ("notes.pdf", b"%PDF-1.7\n" + bytes(60), False),
]


@pytest.mark.parametrize(("name", "content", "is_told"), BESIDE)
def test_tables_as_text_and_archives_beside_features_are_told(tmp_path: Path, name: str, content: bytes, is_told: bool) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("a.geojson", POINT), (name, content)))
    notes = Layer(tmp_path / "a.zip", None, "pipe_node").source.notes
    assert any(name in note.zh and name in note.en for note in notes) == is_told


def test_of_texts_beside_pictures_no_more_are_looked_at_than_an_archive_without_may_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such an archive may hold 300,000 files; what is not looked at is told as not read."""
    looked_at: list[tuple[int, frozenset[str]]] = []

    def counted(content: bytes, limits: Limits, known: frozenset[str], name: str) -> object:
        looked_at.append((len(content), known))
        return read_delimited(content, limits, known, name)

    monkeypatch.setattr("ingest.readers.archived_tables.read_delimited", counted)
    notes = [(f"note{i}.csv", b"by,on,why\n" + b"me,today,so\n" * 1000) for i in range(5)]
    pictures = [(f"{i}.jpg", b"\xff\xd8\xff" + bytes(20)) for i in range(9)]
    (tmp_path / "a.zip").write_bytes(zipped(("a.geojson", POINT), *notes, *pictures))
    said = [note.en for note in Layer(tmp_path / "a.zip", None, "pipe_node", limits=Limits(archive_entries=3)).source.notes]
    assert [note for note in said if "archive" in note] == ["not read beside the data in the archive: note3.csv, note4.csv"]
    assert [size for size, _ in looked_at] == [4096] * 3
    assert all(known is looked_at[0][1] for _, known in looked_at), "the names of columns are put together once"


def test_of_many_texts_beside_pictures_hardly_any_beginning_is_kept(tmp_path: Path) -> None:
    notes = [(f"note{i}.txt", b"a note, " * 2000) for i in range(1000)]
    pictures = [(f"{i}.jpg", b"\xff\xd8\xff" + bytes(20)) for i in range(1010)]
    (tmp_path / "a.zip").write_bytes(zipped(("a.geojson", POINT), *notes, *pictures))
    request = ReadRequest(tmp_path / "a.zip", (), 0, limits=Limits(archive_entries=10))
    tracemalloc.start()
    try:
        choose_reader(request)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8e6, "all beginnings would be 16 MB"


@pytest.mark.parametrize("title_bytes", [0, 3000])
def test_a_wide_table_beside_features_is_told(tmp_path: Path, title_bytes: int) -> None:
    """Only its beginning is looked at, which ends in the midst of its header."""
    header = "物探点号,X,Y," + ",".join(f"备注{i}" for i in range(900))
    table = "管" * (title_bytes // 3) + ",,\n" * bool(title_bytes) + header + "\nW1,3520000.0,497000.0\n"
    (tmp_path / "a.zip").write_bytes(zipped(("a.geojson", POINT), ("管点.csv", table.encode())))
    assert any("管点.csv" in note.zh for note in Layer(tmp_path / "a.zip", None, "pipe_node").source.notes)


@pytest.mark.parametrize(("name", "content", "is_told"), BESIDE)
def test_what_is_not_read_beside_a_point_cloud_is_told(real_data: Path, tmp_path: Path, name: str, content: bytes, is_told: bool) -> None:
    cloud = (real_data / "pointcloud/simple.las").read_bytes()
    (tmp_path / "a.zip").write_bytes(zipped(("a.las", cloud), (name, content)))
    part = PartRequest(None, load_feature_types()["point_cloud"], "clouds")
    request = ReadRequest(tmp_path / "a.zip", (part,), storage_srid=3740, crs="EPSG:2994")
    header = next(iter(read_parts(choose_reader(request), request)))
    assert isinstance(header, PointCloudHeader)
    assert [(found.rule, name in found.message.zh) for found in header.findings] == [("reading", True)] * is_told
