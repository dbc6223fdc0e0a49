"""A .shp is read some of its records at a time, without a record lost, moved or read twice, and held no longer than that."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from ingest.protocol import Limits, PartRequest
from ingest.readers import shapefile_pieces
from ingest.readers.archive import Archive
from ingest.readers.shapefile import Shapefile, ShapefileLayer, archived_members, loose_members
from ingest.readers.shapefile_pieces import Index, Member
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types

_HEADER_BYTES, _ENTRY_BYTES = 100, 8


@pytest.fixture(params=[3, shapefile_pieces._ENTRIES], autouse=True)
def _entries_at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the index be looked at few entries at a time, too."""
    monkeypatch.setattr(shapefile_pieces, "_ENTRIES", request.param)


def write(folder: Path, rows: int) -> Path:
    """Write areas of four to seven corners."""
    path = folder / "a.shp"
    shapes = [shapely.Polygon([(k, 0), *((k + 0.1 * c, 1 + c % 2) for c in range(2 + k % 4)), (k + 0.9, 0)]) for k in range(rows)]
    names = np.array([f"n{k}" for k in range(rows)], dtype=object)
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(shapes, dtype=object)), [names], ["name"], geometry_type="Polygon", crs="EPSG:4549",
        driver="ESRI Shapefile", encoding="UTF-8",
    )  # fmt: skip
    return path


def zipped(path: Path) -> Path:
    packed = path.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(path.parent.glob("a.[sdpc]*")):
            archive.write(one, one.name)
    return packed


def read(layer: ShapefileLayer) -> list[tuple[int, str, bytes]]:
    rows = list[tuple[int, str, bytes]]()
    for batch in layer.batches():
        whole = batch.with_geometries()
        rows += zip(batch.rows.tolist(), batch.columns["name"].to_pylist(), shapely.to_wkb(whole.geometry).tolist(), strict=True)
    return rows


@pytest.mark.parametrize("piece_bytes", [1, 700, 5000])
def test_pieces_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int) -> None:
    path = write(tmp_path, 100)
    whole = read(ShapefileLayer("a", loose_members(path)["a"], Limits(rows_per_batch=7)))
    monkeypatch.setattr(shapefile_pieces, "_PIECE_BYTES", piece_bytes)
    assert read(ShapefileLayer("a", loose_members(path)["a"], Limits(rows_per_batch=7))) == whole
    archive = Archive(zipped(path), Limits())
    assert read(ShapefileLayer("a", archived_members(archive)["a"], Limits(rows_per_batch=7))) == whole
    assert [row for row, _, _ in whole] == list(range(1, 101))


def test_records_in_another_order_than_the_index_are_read_by_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, 20)
    before = read(ShapefileLayer("a", loose_members(path)["a"], Limits(rows_per_batch=7)))
    monkeypatch.setattr(shapefile_pieces, "_PIECE_BYTES", 1)
    shx = path.with_suffix(".shx")
    content = bytearray(shx.read_bytes())
    entries = [bytes(content[_HEADER_BYTES + k * _ENTRY_BYTES :][:_ENTRY_BYTES]) for k in range(20)]
    shp = bytearray(path.read_bytes())
    for k, entry in enumerate(reversed(entries)):
        struct.pack_into("8s", content, _HEADER_BYTES + k * _ENTRY_BYTES, entry)
        struct.pack_into(">i", shp, 2 * struct.unpack(">ii", entry)[0], k + 1)
    shx.write_bytes(content)
    path.write_bytes(shp)
    after = read(ShapefileLayer("a", loose_members(path)["a"], Limits(rows_per_batch=7)))
    assert [shape for _, _, shape in after] == [shape for _, _, shape in reversed(before)]


def test_a_gap_between_records_is_passed_over() -> None:
    header, records = bytes(_HEADER_BYTES), (b"A" * 20, b"B" * 12)
    shp = header + records[0] + b"gap!" + records[1]
    entries = struct.pack(">iiii", 50, 6, 62, 2)
    member = Member(len(shp), lambda: io.BytesIO(shp))
    pieces = list(Index(header + entries, 2).pieces(member, 1))
    assert [shp[_HEADER_BYTES:] for shp, _ in pieces] == [records[0] + b"gap!" + records[1]]


def test_a_zip_whose_shapes_are_not_those_that_were_packed_is_refused(tmp_path: Path) -> None:
    packed = zipped(write(tmp_path, 50))
    with zipfile.ZipFile(packed) as archive:
        info = archive.getinfo("a.shp")
    content = bytearray(packed.read_bytes())
    directory = content.index(b"a.shp", content.index(b"PK\x01\x02")) - 46
    content[directory + 16 : directory + 20] = struct.pack("<I", info.CRC ^ 1)
    packed.write_bytes(content)
    with pytest.raises(RejectedError) as refused:
        read(ShapefileLayer("a", archived_members(Archive(packed, Limits()))["a"], Limits()))
    assert refused.value.code == "archive-broken"


def test_of_a_zip_no_more_is_held_than_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked they are 180 bytes a row and more; 8 of them is the index."""
    monkeypatch.setattr(shapefile_pieces, "_PIECE_BYTES", 100_000)
    held = list[int]()
    for rows in (20_000, 60_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        packed = zipped(write(folder, rows))
        tracemalloc.start()
        reader = Shapefile(archived_members(Archive(packed, Limits())), Limits(rows_per_batch=500))
        for _ in reader.open(PartRequest(None, load_feature_types()["building"], "b")).batches():
            pass
        held.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert held[1] - held[0] < 70 * 40_000, held


def test_shapes_that_are_too_many_are_refused_before_any_is_read(tmp_path: Path) -> None:
    """By what the ZIP says of them; what it does not say is counted as it comes."""
    path = write(tmp_path, 10_000)
    size = path.stat().st_size
    assert size > 1_200_000  # of which a megabyte is looked at when it is opened
    limits = Limits(unpacked_bytes=size - 1)
    with pytest.raises(RejectedError) as refused:
        ShapefileLayer("a", archived_members(Archive(zipped(path), limits))["a"], limits)
    assert refused.value.code == "zip-bomb"
