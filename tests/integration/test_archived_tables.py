"""What lies in a ZIP is read like the file itself: tables as text, workbooks, Access databases, KMZ and OSM extracts."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import shapely

from ingest.access import with_tables
from ingest.confinement import archived_databases
from ingest.programs import run_script, text_of
from ingest.protocol import FileInfo, Limits, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import CoverageReader, SourceBatch
from tests.hostile.seeds import SEEDS
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types

DATA = Path(__file__).parents[1] / "data"
UNPACK = Path(archived_databases.__file__)
TYPES = load_feature_types()
LINES = "\n".join(["管线编号,起点点号,终点点号,管径", *(f"L{i},W{i},W{i + 1},300" for i in range(19))]).encode("gb18030")
NOTE = "2019 年普查, 第一标段, 初稿, 共两册\n".encode()


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def database() -> bytes:
    return gzip.decompress((DATA / "census.mdb.gz").read_bytes())


def seed(name: str, folder: Path) -> bytes:
    """Return a sound file of a format."""
    path = folder / f"{name}.file"
    SEEDS[name].write(path)
    return path.read_bytes()


def read(path: Path, layer: str | None, feature_type: str) -> tuple[FileInfo, SourceBatch]:
    """Return what a file is and the rows of one layer; in this process, for the walls have tests of their own."""
    with with_tables(ReadRequest(path, (), 4549, crs="EPSG:4549")) as request:
        reader = choose_reader(request)
        assert not isinstance(reader, CoverageReader)
        (batch,) = reader.open(PartRequest(layer, TYPES[feature_type], "d")).batches()
        return reader.inspect(), batch


def assert_alike(one: tuple[FileInfo, SourceBatch], other: tuple[FileInfo, SourceBatch]) -> None:
    (info, batch), (wanted_info, wanted) = one, other
    assert info.format == wanted_info.format
    assert list(batch.geometry) == list(wanted.geometry)
    assert batch.rows.tolist() == wanted.rows.tolist()
    assert {k: v.to_pylist() for k, v in batch.columns.items()} == {k: v.to_pylist() for k, v in wanted.columns.items()}


@pytest.mark.parametrize(("format_name", "layer"), [("xlsx", "管点"), ("xls", None), ("csv", None), ("mdb", "JS_POINT")])
def test_a_table_in_a_zip_is_read_like_itself(tmp_path: Path, format_name: str, layer: str | None) -> None:
    content = seed(format_name, tmp_path)
    alone = tmp_path / f"survey.{format_name}"
    alone.write_bytes(content)
    archived = packed(tmp_path / "成果.zip", {"数据/说明.txt": NOTE, f"数据/survey.{format_name}": content})
    assert_alike(read(archived, layer, "pipe_node"), read(alone, layer, "pipe_node"))


def test_points_and_lines_in_files_of_one_zip_are_one_survey(tmp_path: Path) -> None:
    files = {"a/管点表.csv": seed("csv", tmp_path), "a/管线表.csv": LINES}
    info, pipes = read(packed(tmp_path / "a.zip", files), "管线表", "pipe_segment")
    assert (info.format, [(layer.name, layer.rows) for layer in info.layers]) == ("CSV", [("管点表", 20), ("管线表", 19)])
    assert [shapely.length(g) for g in pipes.geometry] == pytest.approx([1.0] * 19)
    both, _ = read(packed(tmp_path / "b.zip", {"1.xlsx": seed("xlsx", tmp_path), "管线表.csv": LINES}), "管线表", "pipe_segment")
    assert both.format == "CSV+XLSX"


def test_sheets_of_one_name_in_several_workbooks_have_that_of_their_file_before_it(tmp_path: Path) -> None:
    book = seed("xlsx", tmp_path)
    info, nodes = read(packed(tmp_path / "a.zip", {"东区.xlsx": book, "西区.xlsx": book}), "西区/管点", "pipe_node")
    assert [layer.name for layer in info.layers] == ["东区/管点", "西区/管点"]
    assert len(nodes.rows) == 20


def test_a_kmz_in_a_zip_is_read_like_its_document(tmp_path: Path) -> None:
    document = seed("kml", tmp_path)
    kmz = packed(tmp_path / "a.kmz", {"doc.kml": document, "files/a.png": b"\x89PNG"})
    archived = packed(tmp_path / "a.zip", {"成果/a.kmz": kmz.read_bytes()})
    assert_alike(read(archived, None, "building"), read(kmz, None, "building"))


@pytest.mark.slow
def test_an_osm_extract_in_a_zip_is_read_like_itself(tmp_path: Path, real_data: Path) -> None:
    extract = next((real_data / "footprints-osm-liechtenstein").iterdir())
    archived = packed(tmp_path / "a.zip", {"liechtenstein.osm.pbf": extract.read_bytes()})
    assert_alike(read(archived, None, "building"), read(extract, None, "building"))


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.dat": database()}, "archive-unread"),
        ({"a.mdb": b"no database", "readme.txt": NOTE}, "no-table"),
        ({"a.mdb": database(), "b.geojson": b'{"type": "FeatureCollection", "features": []}'}, "archive-several"),
    ],
)
def test_what_cannot_be_read_out_of_a_zip_is_said(tmp_path: Path, files: Mapping[str, bytes], code: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read(packed(tmp_path / "a.zip", files), None, "pipe_node")
    assert caught.value.code == code


def test_what_unpacks_databases_looks_at_their_content_and_survives_what_is_broken(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.mdb": b"no database", "b.mdb": database()})
    broken = tmp_path / "b.zip"
    broken.write_bytes(path.read_bytes()[:-30])
    (offset,) = text_of(run_script(UNPACK, (str(path),), path, Limits(), 1 << 10)).split()
    assert b"".join(run_script(UNPACK, (str(path), offset), path, Limits(), 1 << 20)) == database()
    assert text_of(run_script(UNPACK, (str(broken),), broken, Limits(), 1 << 10)).split() == []
    with pytest.raises(RejectedError) as caught:
        b"".join(run_script(UNPACK, (str(path), offset), path, Limits(), 1 << 10))
    assert caught.value.code == "too-much-output"


def test_databases_of_an_archive_share_time_and_room_and_are_unpacked_one_at_a_time(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"1.mdb": database(), "2.mdb": database()})
    work = tmp_path / "work"
    asked = ReadRequest(path, (), 4549, work=work, limits=Limits(unpacked_bytes=len(database()) + 8192))
    with with_tables(asked) as request:
        assert len({table.source for table in request.tables}) == 2
        held = sum(table.path.stat().st_size for table in request.tables)
        assert not list(work.rglob("*.mdb")), "it goes as soon as its tables are there"
        assert request.limits == replace(asked.limits, wall_s=request.limits.wall_s)
        assert request.limits.wall_s < asked.limits.wall_s, "what the tables took is taken from the time of the request"
    too_little = replace(asked, limits=Limits(unpacked_bytes=len(database()) + held - 1))
    with pytest.raises(RejectedError) as caught, with_tables(too_little):
        pass
    assert caught.value.code == "too-much-output"
    assert list(work.iterdir()) == []


def test_an_archive_of_too_many_databases_is_refused_before_any_is_unpacked(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"{i}.mdb": database()[:64] for i in range(51)})
    with pytest.raises(RejectedError) as caught:
        read(path, None, "pipe_node")
    assert caught.value.code == "too-many-databases"
