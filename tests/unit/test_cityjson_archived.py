"""A large CityJSON out of a ZIP or gzip is read as it is by itself, through the kernels."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader, import_for
from ingest.readers.cityjson_document_reader import LargeCityJson
from ingest.readers.unpacked import Scratch
from ingest.reading import read_parts
from tests.unit.test_cityjson_sequence import block, text_of
from twin.featuretypes.loader import load_feature_types

ROOT = Path(__file__).parents[2]
PART = PartRequest(None, load_feature_types()["building"], "houses")


def zipped(folder: Path, text: bytes) -> Path:
    path = folder / "any.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deep/model.City.jsonl", text)
    return path


def gzipped(folder: Path, text: bytes) -> Path:
    path = folder / "model.city.jsonl.gz"
    path.write_bytes(gzip.compress(text, 0))
    return path


def batches_of(path: Path, scratch: Scratch | None) -> tuple[type, list[PartBatch]]:
    """Return which reader serves, and what comes of the rows."""
    request = ReadRequest(path, (PART,), storage_srid=28992, limits=Limits())
    reader = choose_reader(request, scratch)
    return type(reader), [m for m in read_parts(reader, request) if isinstance(m, PartBatch)]


@pytest.mark.parametrize("packed", [zipped, gzipped])
@pytest.mark.parametrize("with_scratch", [False, True])
def test_an_archived_city_is_read_through_the_kernels(tmp_path: Path, packed: Callable[[Path, bytes], Path], with_scratch: bool) -> None:
    plain = tmp_path / "model.city.jsonl"
    plain.write_bytes(text_of([block(f"b{k}") for k in range(3000)]))
    path = packed(tmp_path, plain.read_bytes())
    import_for(path)
    _, expected = batches_of(plain, None)
    with Scratch(tmp_path) as scratch:
        reader, found = batches_of(path, scratch if with_scratch else None)
    assert reader is LargeCityJson
    assert [b.table for b in found] == [b.table for b in expected]
    assert [b.documents for b in found] == [b.documents for b in expected]
    assert [b.representations for b in found] == [b.representations for b in expected]
    assert [b.findings for b in found] == [b.findings for b in expected]


_READY = """
import sys
from pathlib import Path
from ingest.readers.choice import import_for
import_for(Path(sys.argv[1]))
print("ingest.readers.cityjson_document_reader" in sys.modules)
"""


def is_made_ready_for(path: Path) -> bool:
    """Ask a process of its own: what is at hand once stays at hand."""
    asked = [sys.executable, "-c", _READY, str(path)]
    return subprocess.run(asked, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split() == ["True"]


@pytest.mark.parametrize(
    ("names", "size", "is_wanted"),
    [
        (["model.city.jsonl"], 400_000, True),
        (["deep/", "deep/Model.City.JSON"], 400_000, True),
        (["readme.txt", "houses.cityjson"], 400_000, True),
        (["houses.json"], 2_200_000, True),
        (["houses.json"], 400_000, False),
        (["model.city.jsonl"], 1_000, False),
        (["houses.gpkg", "readme.txt"], 2_200_000, False),
        (["about.json", "houses.gml"], 2_200_000, False),
        (["tileset.json", "0.glb"], 2_200_000, False),
    ],
)
def test_kernels_are_made_ready_for_archives_with_a_model(tmp_path: Path, names: list[str], size: int, is_wanted: bool) -> None:
    path = tmp_path / "any.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, bytes(size if name == names[-1] else 0))
    assert is_made_ready_for(path) is is_wanted


@pytest.mark.parametrize(("name", "is_wanted"), [("a.city.json.gz", True), ("a.CityJSON.gz", True), ("a.geojson.gz", False)])
def test_kernels_are_made_ready_for_a_gzip_that_is_called_a_model(tmp_path: Path, name: str, is_wanted: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(bytes(400_000), 0))
    assert is_made_ready_for(path) is is_wanted
