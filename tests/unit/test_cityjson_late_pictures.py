"""Pictures of a large CityJSONSeq whose first lines name none: looked for from the first line that says texture on, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.protocol import Limits, Message, PartBatch, PartRequest, PictureBlock, ReadRequest
from ingest.readers import cityjson as cityjson_reader
from ingest.readers.cityjson import CityJson
from ingest.readers.cityjson_sequence import CityJsonSequence
from ingest.readers.pictures import FolderPictures
from ingest.reading import read_parts
from tests.textured_city import SRID, as_file, cityjson, quarters, sequence
from twin.featuretypes.loader import load_feature_types

BUILDING = load_feature_types()["building"]
_LOOKED_AT = 100


@pytest.fixture(autouse=True)
def few_lines_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cityjson_reader, "LOOKED_AT", _LOOKED_AT)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Note which words a whole file is searched for."""
    words: list[bytes] = []
    holds = cityjson_reader._holds

    def noted(text: Any, word: bytes) -> bool:
        words.append(word)
        return holds(text, word)

    monkeypatch.setattr(cityjson_reader, "_holds", noted)
    return words


def _houses() -> tuple[bytes, list[bytes]]:
    head, *lines = sequence(cityjson()).split(b"\n")
    return head, lines


def _plain(count: int) -> list[bytes]:
    """Return houses that show nothing, each with a name of its own."""
    found = []
    for k in range(count):
        feature = json.loads(_houses()[1][0])
        del feature["appearance"]
        (city_object,) = feature["CityObjects"].values()
        for geometry in city_object["geometry"]:
            geometry.pop("texture", None)
        name = f"plain-{k}"
        found.append(json.dumps(feature | {"id": name, "CityObjects": {name: city_object}}).encode())
    return found


def _read(kind: type[CityJson], text: bytes, folder: Path) -> list[Message]:
    request = ReadRequest(Path("a.city.jsonl"), (PartRequest(None, BUILDING, "houses"),), storage_srid=SRID, limits=Limits())
    return list(read_parts(kind(text, Limits(), FolderPictures(folder)), request))


def _batches(messages: Sequence[Message]) -> Iterator[PartBatch]:
    return (m for m in messages if isinstance(m, PartBatch))


def _told(messages: Sequence[Message]) -> list[Any]:
    """Return rows, bodies, findings and pictures of all batches."""
    rows = [r for b in _batches(messages) for r in b.table.to_pylist()]
    bodies = [r for b in _batches(messages) if b.representations is not None for r in b.representations.to_pylist()]
    findings = [f for b in _batches(messages) for f in b.findings]
    return [rows, bodies, findings, [m.pixels.tobytes() for m in messages if isinstance(m, PictureBlock)]]


@pytest.mark.parametrize("is_there", [True, False], ids=["a picture", "a picture that is missing"])
@pytest.mark.parametrize("before", [_LOOKED_AT, 130, 600])
def test_a_picture_behind_the_lines_looked_at_is_read(before: int, is_there: bool, tmp_path: Path) -> None:
    if is_there:
        (tmp_path / "appearance").mkdir()
        (tmp_path / "appearance/wall.png").write_bytes(as_file(quarters()))
    head, textured = _houses()
    text = b"\n".join([head, *_plain(before), *textured, *_plain(3)])
    theirs, ours = (_told(_read(kind, text, tmp_path)) for kind in (CityJson, CityJsonSequence))
    assert len(ours[0]) == before + len(textured) + 3
    assert len(ours[3]) == is_there
    assert bool(ours[2]) is not is_there
    assert ours == theirs


def test_a_file_that_says_nothing_of_textures_is_not_searched(searched: list[bytes], tmp_path: Path) -> None:
    head, _ = _houses()
    _read(CityJsonSequence, b"\n".join([head, *_plain(300)]), tmp_path)
    assert not searched


def test_a_file_is_searched_once_whatever_it_says_of_textures(searched: list[bytes], tmp_path: Path) -> None:
    head, _ = _houses()
    lines = _plain(600)
    for k in range(300, 600, 2):
        lines[k] = json.dumps(json.loads(lines[k]) | {"appearance": {"textures": [], "vertices-texture": []}}).encode()
    messages = _read(CityJsonSequence, b"\n".join([head, *lines]), tmp_path)
    assert searched == [b'"vertices-texture"', b'"image"']
    assert [b.table.num_rows for b in _batches(messages)] == [125, 250, 225]


def test_a_file_that_has_no_place_for_pictures_is_not_searched(searched: list[bytes]) -> None:
    head, textured = _houses()
    reader = CityJsonSequence(b"\n".join([head, *_plain(_LOOKED_AT), *textured]), Limits())
    rows = [len(b.rows) for b in reader.open(PartRequest(None, BUILDING, "houses")).batches()]
    assert sum(rows) == _LOOKED_AT + len(textured)
    assert not searched
