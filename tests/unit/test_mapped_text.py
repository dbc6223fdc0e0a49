"""A file that is read where it lies holds no memory for what has been read of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ingest.protocol import Limits, PartRequest
from ingest.readers.cityjson import CityJson
from ingest.readers.geojson import GeoJson
from ingest.readers.geojson_seq import GeoJsonSeq
from ingest.readers.mapped_text import ReadThrough, mapped
from ingest.readers.source import FeatureReader
from ingest.readers.vct_text import open_text
from ingest.sandbox import inspect_file
from tests.unit.test_cityjson_sequence import BUILDING, HEAD, block
from twin.errors import RejectedError

_MIB = 1 << 20
_FEATURES = 48
"""Of a megabyte each."""


def resident_mib(path: Path) -> float:
    """Return how much of a file is in memory of this process because it is mapped."""
    kib, is_it = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split(" ", 1)[0].endswith(":"):
            is_it = line.endswith(str(path))
        elif is_it and line.startswith("Rss:"):
            kib += int(line.split()[1])
    return kib / 1024


def cityjson_seq(path: Path) -> FeatureReader:
    with path.open("w") as file:
        file.write(json.dumps(HEAD) + "\n")
        for k in range(_FEATURES):
            file.write(json.dumps({**block(f"b{k}"), "+note": "x" * _MIB}) + "\n")
    return CityJson(mapped(path), Limits(rows_per_batch=4))


def geojson_seq(path: Path) -> FeatureReader:
    with path.open("w") as file:
        file.writelines(json.dumps(feature(k)) + "\n" for k in range(_FEATURES))
    return GeoJsonSeq("n", mapped(path), Limits(rows_per_batch=4))


def geojson(path: Path) -> FeatureReader:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature(k) for k in range(_FEATURES)]}))
    return GeoJson("n", path, Limits(rows_per_batch=4))


def feature(number: int) -> dict[str, object]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [number, 0]}, "properties": {"note": "x" * _MIB}}


@pytest.mark.parametrize("write", [cityjson_seq, geojson_seq, geojson])
def test_what_has_been_read_is_given_back(write: Callable[[Path], FeatureReader], tmp_path: Path) -> None:
    path = tmp_path / "file"
    layer = write(path).open(PartRequest(None, BUILDING, "d"))
    held = [resident_mib(path)]
    for batch in layer.batches():
        assert len(batch.rows)
        held.append(resident_mib(path))
    assert len(held) > 3
    assert max(held) < _FEATURES / 2


def test_sections_of_a_vct_file_that_have_been_read_are_given_back(tmp_path: Path) -> None:
    path = tmp_path / "file.vct"
    line = b"1," + b"x" * 1022 + b"\n"
    path.write_bytes(b"HeadBegin\nVersion: 3.0\nHeadEnd\nAttributeBegin\n" + line * 1024 * _FEATURES + b"AttributeEnd\n")
    text = open_text(mapped(path))
    assert sum(1 for _ in text.section("Attribute")) == 1024 * _FEATURES
    assert resident_mib(path) < _FEATURES / 2


def test_a_document_that_does_not_fit_a_readers_memory_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "large.city.json"
    with path.open("wb") as file:
        file.write(b'{"type":"CityJSON","version":"2.0","CityObjects":{},"vertices":[[0,0,0]')
        for _ in range(220):
            file.write(b",[0,0,0]" * (_MIB // 8))
        file.write(b"]}")
    with pytest.raises(RejectedError, match="220 MB cannot be read whole; make it a CityJSONSeq") as refused:
        inspect_file(path)
    assert refused.value.code == "cityjson-too-large"


def test_what_was_given_back_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * (_FEATURES << 12)
    path.write_bytes(content)
    text = mapped(path)

    def through(ends: Iterable[int]) -> bytes:
        follow, begin, found = ReadThrough(memoryview(text)), 0, []
        for end in ends:
            found.append(text[begin:end])
            follow.passed(end)
            begin = end
        return b"".join(found)

    ends = range(1_000_000, len(content) + 1_000_000, 1_000_000)
    assert through(ends) == content
    assert through(reversed(ends)) == text[: ends[-1]]
    assert through(ends) == content
    assert resident_mib(path) < _FEATURES / 2


def test_a_text_in_memory_and_an_empty_file_are_followed_to_no_effect(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for text in (b"x" * (20 << 20), mapped(empty), memoryview(b"x" * (20 << 20))):
        ReadThrough(text).passed(20 << 20)
        assert bytes(text[:1]) in (b"x", b"")
