"""A large CityJSON out of a ZIP or gzip is read as it is by itself, through the kernels."""

from __future__ import annotations

import gzip
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
