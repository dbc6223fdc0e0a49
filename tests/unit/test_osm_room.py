"""Of an OSM extract every object comes, whatever memory GDAL is given, or it is refused: GDAL ends as if the file did."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyogrio
import pytest

from ingest.gdal_policy import loaded_gdals
from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers import osm
from ingest.readers.osm import OsmPbf
from ingest.readers.osm_room import rooms
from ingest.readers.unpacked import Scratch
from tests.osm_extracts import write_buildings
from tests.reading import read_file
from twin.errors import RejectedError, StorageFullError, UnavailableError
from twin.featuretypes.loader import load_feature_types

BUILDING = load_feature_types()["building"]
Row = tuple[int, str, str]


@pytest.fixture
def extract(real_data: Path) -> Path:
    return real_data / "footprints-osm-liechtenstein" / "liechtenstein-latest.osm.pbf"


@pytest.fixture(autouse=True)
def no_files() -> Iterator[None]:
    """Have GDAL find no place for files of its own, as where readers run."""
    _folder_for_files(b"/nowhere/at/all")
    yield
    _folder_for_files(None)


def _folder_for_files(folder: bytes | None) -> None:
    for gdal in loaded_gdals():
        gdal.CPLSetConfigOption(b"CPL_TMPDIR", folder)


def rows(reader: OsmPbf, monkeypatch: pytest.MonkeyPatch, *sizes_mb: int) -> tuple[list[Row], list[tuple[str, str]]]:
    """Return number, name and geometry of every building, and how much memory was given, by which index of nodes."""
    opened = list[tuple[str, str]]()
    as_it_was = pyogrio.raw.open_arrow

    def noted(*given: object, **options: str) -> object:
        opened.append((options["MAX_TMPFILE_SIZE"], options["USE_CUSTOM_INDEXING"]))
        return as_it_was(*given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(osm, "rooms", lambda *_: sizes_mb)
        patched.setattr(pyogrio.raw, "open_arrow", noted)
        found = [
            row
            for batch in reader.open(PartRequest(None, BUILDING, "d")).batches()
            for row in zip(batch.rows.tolist(), batch.columns["osm_id"].to_pylist(), map(str, batch.geometry), strict=True)
        ]
    return found, opened


def refusal(path: Path, monkeypatch: pytest.MonkeyPatch, *sizes_mb: int) -> RejectedError:
    with pytest.raises(RejectedError) as refused:
        rows(OsmPbf(path, Limits(rows_per_batch=300)), monkeypatch, *sizes_mb)
    return refused.value


def test_what_does_not_fit_is_read_anew_with_more(extract: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = OsmPbf(extract, Limits(rows_per_batch=300))
    expected, _ = rows(reader, monkeypatch, 64)
    assert [row for row, _, _ in expected] == [*range(1, len(expected) + 1)]
    assert expected
    assert rows(reader, monkeypatch, 1, 2, 4, 64) == (expected, [("1", "YES"), ("2", "YES"), ("4", "YES")])
    assert refusal(extract, monkeypatch, 1, 2).code == "parser-memory"


def test_nodes_that_do_not_fit_lie_in_a_file(extract: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reader = OsmPbf(extract, Limits(rows_per_batch=300))
    expected, _ = rows(reader, monkeypatch, 64)
    with Scratch(tmp_path) as scratch:
        unpacked = b"what was unpacked before"
        scratch.append([unpacked])
        reader.keep_nodes_in(scratch)
        assert rows(reader, monkeypatch, 2) == (expected, [("2", "YES")])
        assert os.fstat(scratch.beside()).st_size > 2 << 20
        assert scratch.path.read_bytes() == unpacked


@pytest.mark.parametrize("packed", ["", ".zip", ".gz"])
def test_a_reader_has_that_file(tmp_path: Path, packed: str) -> None:
    """In the sandbox: 20 MB of nodes, of which it has room for 12; an extract that was unpacked lies in the file beside (R24)."""
    buildings = 10_000
    path = write_buildings(tmp_path / "a.osm.pbf", buildings)
    if packed == ".zip":
        with zipfile.ZipFile(path := tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(tmp_path / "a.osm.pbf", "a.osm.pbf")
    elif packed:
        (path := tmp_path / "a.osm.pbf.gz").write_bytes(gzip.compress((tmp_path / "a.osm.pbf").read_bytes()))
    request = ReadRequest(path, (PartRequest(None, BUILDING, "d"),), storage_srid=2056)
    found = [f for message in read_file(request) if isinstance(message, PartBatch) for f in (*message.table["building_id"].to_pylist(),)]
    assert found == [f"w{k + 1}" for k in range(buildings)]


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_an_extract_that_is_cut_off_is_refused(extract: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: float) -> None:
    content = extract.read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(content[: int(len(content) * share)])
    assert refusal(path, monkeypatch, 64).code == "unreadable"


def test_an_extract_with_foreign_bytes_is_refused(extract: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = bytearray(extract.read_bytes())
    content[600_000:600_100] = bytes(100)
    path = tmp_path / "foreign.osm.pbf"
    path.write_bytes(content)
    assert refusal(path, monkeypatch, 64).code == "unreadable"


def test_nodes_out_of_order_are_read_by_another_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sorted_, reversed_ = (write_buildings(tmp_path / f"{r}.osm.pbf", 5_000, nodes_reversed=r) for r in (False, True))
    expected, _ = rows(OsmPbf(sorted_, Limits()), monkeypatch, 64)
    assert len(expected) == 5_000
    assert rows(OsmPbf(reversed_, Limits()), monkeypatch, 64) == (expected, [("64", "YES"), ("64", "NO")])


@pytest.mark.parametrize(("to", "error"), [("/dev/full", StorageFullError), ("/dev/null", UnavailableError)])
def test_a_fault_of_that_file_is_ours(
    extract: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, to: str, error: type[Exception]
) -> None:
    """A full disk, and a file that cannot be written to."""
    reader = OsmPbf(extract, Limits())
    number = os.open(to, os.O_RDWR if error is StorageFullError else os.O_RDONLY)
    with Scratch(tmp_path) as scratch:
        monkeypatch.setattr(scratch, "beside", lambda: number)
        reader.keep_nodes_in(scratch)
        with pytest.raises(error):
            rows(reader, monkeypatch, 2)
    os.close(number)


def test_room_is_by_the_length_of_the_file_up_to_a_quarter_of_the_memory() -> None:
    assert [rooms(size << 20, 3 << 30) for size in (0, 100, 1_000)] == [(16, 32, 64, 128, 256, 512, 768), (100, 200, 400, 768), (768,)]
