"""A large CityJSON document is read as the lines of a sequence: every row is what the reader makes of it that parses it whole."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.protocol import Limits, PartRequest, ReadRequest
from ingest.readers import cityjson_document
from ingest.readers.choice import choose_reader, import_for
from ingest.readers.cityjson import CityJson
from ingest.readers.cityjson_document import stream_document
from ingest.readers.cityjson_document_reader import LargeCityJson
from ingest.readers.mapped_text import MappedText, mapped
from ingest.readers.pictures import FolderPictures
from tests.merged_city import merge_city
from tests.unit.test_cityjson_sequence import BUILDING, CORNERS, EDITS, HEAD, HOWS, SURFACES, block, edited, rows_in, spoil
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
ASKED = [
    *((None, BUILDING), ("Building", BUILDING), ("BuildingPart", BUILDING), ("Road", BUILDING)),
    *(("Building", TYPES["road"]), ("Building", TYPES["poi"]), (None, TYPES["vegetation"])),
]


def document(*features: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return the objects of features as a document with the vertices of the first, which all of them have."""
    objects = {name: o for f in features for name, o in f["CityObjects"].items()}
    return {**HEAD, "CityObjects": objects, "vertices": features[0]["vertices"], **members}


def text_of(content: dict[str, Any], **style: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, **style).encode()


def said(reader: type[CityJson], text: MappedText, folder: Path | None) -> list[object]:
    """Return everything that a reader says of a text: layers, sources, rows, and documents as parsed."""
    found: list[object] = []
    try:
        opened = reader(text, Limits(), None if folder is None else FolderPictures(folder))
        found.append((opened.format, opened.inspect()))
    except TwinError as error:
        return [(error.code, error.text)]
    for layer_name, feature_type in ASKED:
        try:
            layer = opened.open(PartRequest(layer_name, feature_type, "d"))
            found.append(layer.source)
            found += [row for batch in layer.batches() for row in rows_in(batch)]
        except TwinError as error:
            found.append((error.code, error.text))
    return found


def assert_same(text: MappedText, folder: Path | None = None) -> list[object]:
    ours = said(LargeCityJson, text, folder)
    assert ours == said(CityJson, text, folder)
    return ours


def is_streamed(text: MappedText) -> bool:
    with suppress(TwinError):
        return stream_document(text, 0) is not None
    return False


@pytest.mark.parametrize("folder", ["cityjson-3dbag-delft", "cityjson-denhaag", "cityjson-rotterdam", "bad-cityjson-cjval"])
def test_real_documents_are_read_as_when_they_are_parsed_whole(real_data: Path, folder: str) -> None:
    paths = sorted((real_data / folder).glob("*.json"))
    assert paths
    for path in paths:
        assert_same(mapped(path), path.parent)
    assert any(is_streamed(path.read_bytes()) for path in paths)


def test_a_document_of_a_sequence_has_its_rows(real_data: Path, tmp_path: Path) -> None:
    """More features than are looked at for their columns, and than are made lines at once."""
    source = real_data / "cityjson-3dbag-delft/delft.city.jsonl"
    one = tmp_path / "one.city.json"
    merge_city(source, one, 80)
    assert is_streamed(mapped(one))
    assert_same(mapped(one))


@given(
    st.lists(st.tuples(st.sampled_from(HOWS), st.integers(0, 71)), max_size=2),
    st.sampled_from([{}, {"indent": 1}, {"separators": (" ,\t", "\r\n: ")}]),
    st.integers(0, 1000),
)
@settings(max_examples=120, deadline=None)
def test_spoilt_documents_are_read_as_when_they_are_parsed_whole(spoilt: list[tuple[str, int]], style: dict[str, Any], seed: int) -> None:
    feature = block("b")
    for how, n in spoilt:
        with suppress(KeyError, IndexError, TypeError, AttributeError):  # the change before may have left nothing to change
            spoil(feature, how, n)
    content = document({**feature, "CityObjects": {**feature["CityObjects"], **block("a")["CityObjects"]}})
    members = list(content.items())
    random.Random(seed).shuffle(members)
    assert_same(text_of(dict(members), **style))


@given(st.lists(EDITS, min_size=1, max_size=3), st.booleans())
@settings(max_examples=250, deadline=None)
def test_documents_with_other_bytes_are_read_as_when_they_are_parsed_whole(
    edits: list[tuple[int, int, bytes | tuple[int, int]]], from_the_end: bool
) -> None:
    text = text_of(document(block("楼"), block("b")))
    for at, cut, piece in edits:
        text = edited(text, len(text) - at % 700 if from_the_end else at % 1700, cut, piece)
    assert_same(text)


def with_objects(**objects: Any) -> dict[str, Any]:
    content = document(block("b"))
    return {**content, "CityObjects": {**content["CityObjects"], **objects}}


def family(**children: Sequence[Any]) -> dict[str, Any]:
    """Return objects by name with their children; of those whose name begins with B the type is Building."""
    return {
        name: {"type": "Building" if name[0] == "B" else "BuildingPart", "children": list(of), "attributes": {"name": name}}
        for name, of in children.items()
    }


def geometry(**members: Any) -> dict[str, Any]:
    return with_objects(B={"type": "Building", "geometry": [{"type": "MultiSurface", "lod": "2", "boundaries": [[[4, 5, 6]]], **members}]})


PLACE = {"type": "MultiPoint", "lod": "0", "boundaries": [7]}
DEEP, TOO_DEEP = (json.loads("[" * levels + "]" * levels) for levels in (120, 250))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_objects(**family(B=["p", "q"], B2=["q"], p=[], q=["r"], r=["p", "x"])), id="shared by two"),
        pytest.param(with_objects(**family(B=["p", "B2", "B"], B2=["B"], p=["B", "p"])), id="a cycle"),
        pytest.param(with_objects(**family(p=["q"], q=[], B=["nobody", 1, None, ["p"], {"p": "q"}, "p", "p"])), id="children of any kind"),
        pytest.param(with_objects(B={"type": "Building", "children": "b-0"}), id="children are a text"),
        pytest.param(with_objects(B={"type": "Building", "parents": []}, B1={"type": "Building", "parents": None}), id="no parents"),
        pytest.param(with_objects(B={"type": "Building", "parents": ["b"]}, T={"type": "SolitaryVegetationObject"}), id="another's child"),
        pytest.param(with_objects(B={"type": "Building", "geometry": [{**PLACE, "type": "GeometryInstance"}]}), id="no template"),
        pytest.param(geometry(address=1, a={"boundaries": [1]}, semantics={"boundaries": [9], "surfaces": []}), id="another's boundaries"),
        pytest.param(with_objects(B={"type": "Building", "address": [{"street": "Straße", "location": PLACE}]}), id="an address's place"),
        pytest.param(with_objects(B={"type": "Building", "address": [{"city": "Delft"}], "geometry": [PLACE]}), id="an address"),
        pytest.param(geometry(material={"a": {"values": [0]}}), id="a material that there is not"),
        pytest.param(geometry(boundaries=[[[4, 5, 0.5]]], material={"a": {"value": 0}}), id="an index that is a fraction, and no material"),
        pytest.param(geometry(boundaries=[[[4, 5, True]]], material={"a": {"value": 0}}), id="an index that is true, and no material"),
        pytest.param(geometry(boundaries=[[[4, 5, [6]]]], material={"a": {"value": 0}}), id="an index that is a list, and no material"),
        pytest.param(geometry(boundaries=[[[4, 5, -1]]]), id="an index below nought"),
        pytest.param(geometry(boundaries=[[[4, 5, True]]]), id="an index that is true"),
        pytest.param(geometry(boundaries=[[[False, True, 4]]]), id="indices that are a mask"),
        pytest.param(geometry(boundaries=True), id="boundaries that are true"),
        pytest.param(geometry(lod=True, boundaries=None), id="a level of detail that is true"),
        pytest.param(geometry(type="MultiPoint", boundaries=[True, 4]), id="a point that is true"),
        pytest.param(geometry(type="MultiLineString", boundaries=[[4, True]]), id="a line to true"),
        pytest.param(geometry(semantics={"surfaces": SURFACES, "values": [True]}), id="a meaning that is true"),
        pytest.param(geometry(boundaries=[]), id="no faces"),
        pytest.param(geometry(boundaries=[[[5, 6, 2**31]]]), id="an index far beyond"),
        pytest.param(geometry(boundaries=[[[5, 6, 10**30]]]), id="an index of thirty digits"),
        pytest.param(with_objects(B={"type": "Building", "attributes": {"a": DEEP, "b": {"c": 1, "d": {"e": 2}}}}), id="deep attributes"),
        pytest.param(with_objects(B={"type": "Building", "attributes": {"a": [DEEP], "c": TOO_DEEP}}), id="attributes too deep"),
        pytest.param(with_objects(B={"type": "Building", "attributes": 5}, b={"type": "Building"}), id="attributes are none"),
        pytest.param(with_objects(B={"type": "Building", "attributes": {"a": [1]}}, C={"type": "Building", "attributes": {"a[]": 5}}),
                     id="brackets in the name of an attribute"),
        pytest.param(with_objects(B={"type": "Building", "attributes": {"a": {}}}, C={"type": "Building", "attributes": {"a{}": 5}}),
                     id="braces in the name of an attribute"),
        pytest.param(document(block("b"), vertices=[*CORNERS, [2**31, -(2**40), 0]]), id="vertices beyond 32 bits"),
        pytest.param(document(block("b"), vertices=[[x + 2**33, y, z] for x, y, z in CORNERS]), id="all vertices beyond 32 bits"),
        pytest.param(document(block("b"), vertices=[*CORNERS, [10**17, 0, 0]]), id="a vertex of eighteen digits"),
        pytest.param(document(block("b"), vertices=[[x + 0.5, y, 1e3 * z] for x, y, z in CORNERS]), id="vertices are fractions"),
        pytest.param(document(block("b"), vertices=[]), id="no vertices"),
        pytest.param({k: v for k, v in document(block("b")).items() if k != "vertices"}, id="no member for vertices"),
        pytest.param({k: v for k, v in document(block("b")).items() if k != "transform"}, id="no transform"),
        pytest.param(document(block("b"), CityObjects={}), id="no objects"),
        pytest.param(document(block("b"), CityObjects={"": {"type": "Building"}, "楼": {"type": "Building"}}), id="names of any text"),
        pytest.param(document(block("b"), version="3.0"), id="a version that there is not"),
        pytest.param(document(block("b"), type="CityJSONFeature"), id="a feature alone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("escapes", [True, False])
def test_whatever_objects_there_are_they_are_read_as_when_parsed_whole(content: dict[str, Any], escapes: bool) -> None:
    assert_same(json.dumps(content, ensure_ascii=escapes).encode())


PLAIN = text_of(document(block("b")))


@pytest.mark.parametrize(
    ("text", "streamed"),
    [
        pytest.param(PLAIN, True, id="plain"),
        pytest.param(b" \r\n\t" + PLAIN + b"\n\n ", True, id="white space around"),
        pytest.param(PLAIN.replace(b'"year"', b'"ye\\u0061r"'), True, id="an escape in an attribute's name"),
        pytest.param(PLAIN.replace(b"1951", b'"\\ud83d\\ude00\\n"'), True, id="an escaped pair"),
        pytest.param(PLAIN.replace(b"1951", b'"\xf0\x9f\x98\x80\x7f"'), True, id="four bytes of UTF-8"),
        pytest.param(PLAIN.replace(b"1951", b"-0.50E+07"), True, id="an exponent"),
        pytest.param(PLAIN.replace(b"1951", b"1e999"), False, id="a number beyond doubles"),
        pytest.param(PLAIN.replace(b"1951", b'"\\ud83d"'), False, id="half an escaped pair"),
        pytest.param(PLAIN.replace(b"1951", b'"\xed\xa0\x80"'), False, id="half a pair in bytes"),
        pytest.param(PLAIN.replace(b"1951", b'"\xc0\xaf"'), False, id="two bytes for one"),
        pytest.param(PLAIN.replace(b"1951", b"01951"), False, id="a leading nought"),
        pytest.param(PLAIN.replace(b"1951", b"NaN"), False, id="not a number"),
        pytest.param(PLAIN.replace(b"1951", b'"a\nb"'), False, id="a line in a text"),
        pytest.param(PLAIN.replace(b'"b": {', b'"\\u0062": {'), False, id="an escape in an object's name"),
        pytest.param(PLAIN.replace(b'"boundaries"', b'"bound\\u0061ries"'), False, id="boundaries in disguise"),
        pytest.param(PLAIN.replace(b'"CityObjects": {', b'"CityObjects": {"b": {"type": "Road"}, '), False, id="two objects of one name"),
        pytest.param(PLAIN.replace(b'"type": "Building"', b'"type": "Road", "type": "Building"'), False, id="two types"),
        pytest.param(PLAIN.replace(b'"lod": "0"', b'"lod": "0", "boundaries": [[[1, 2, 3]]]'), True, id="two boundaries"),
        pytest.param(PLAIN.replace(b'"vertices"', b'"vertices": [], "vertices"'), False, id="two members of vertices"),
        pytest.param(PLAIN.replace(b"[0, 3, 2, 1]", b"[0, 3, 2, 1.0]"), True, id="an index with a point"),
        pytest.param(PLAIN.replace(b"[0, 0, 0]", b"[-0, 0, 0]"), True, id="minus nought"),
        pytest.param(PLAIN.replace(b"[0, 0, 0]", b"[00, 0, 0]"), False, id="noughts"),
        pytest.param(PLAIN[:-1], False, id="cut off"),
        pytest.param(PLAIN + b"}", False, id="one bracket more"),
        pytest.param(PLAIN + PLAIN, False, id="twice"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN, False, id="a mark of byte order"),
        pytest.param(b"[" + PLAIN + b"]", False, id="in an array"),
    ],
)
def test_spellings_are_read_as_when_parsed_whole(text: bytes, streamed: bool) -> None:
    assert_same(text)
    assert is_streamed(text) is streamed


@pytest.mark.parametrize("cut", range(0, len(PLAIN), 37))
def test_a_document_that_ends_anywhere_is_no_document(cut: int) -> None:
    assert stream_document(PLAIN[:cut], 0) is None


def test_vertices_have_room_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cityjson_document, "_FIRST_VERTICES", 2)
    for corners in (CORNERS, [*CORNERS, [2**31, 0, 0], *CORNERS]):
        text = text_of(document(block("b"), vertices=corners))
        assert is_streamed(text)
        assert_same(text)


def test_long_features_and_many_are_written_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    content = document(*(block(f"b{k}") for k in range(30)))
    content["CityObjects"]["b3"]["attributes"]["note"] = "x" * 20_000
    content["CityObjects"]["b7"]["attributes"]["note"] = "x" * 200_000
    text = text_of(content)
    whole = said(CityJson, text, None)
    monkeypatch.setattr(cityjson_document, "_BLOCK_BYTES", 4_000)
    monkeypatch.setattr(cityjson_document, "_MOST_LINE_BYTES", 50_000)
    monkeypatch.setattr(cityjson_document, "_AT_A_TIME_BYTES", 3_000)
    assert is_streamed(text)
    assert said(LargeCityJson, text, None) == whole


def test_what_is_written_of_a_feature_has_no_white_space_and_its_own_vertices() -> None:
    content = document(block("b"), CityObjects={"b": {"type": "Building", "geometry": [PLACE], "attributes": {"a b": [1.50, "x y"]}}})
    streamed = stream_document(text_of(content, indent=2), 0)
    assert streamed is not None
    (line,) = streamed.lines(frozenset({"Building"}))
    b = b'{"type":"Building","geometry":[{"type":"MultiPoint","lod":"0","boundaries":[0]}],"attributes":{"a b":[1.5,"x y"]}}'
    assert line == b'{"type":"CityJSONFeature","id":"b","CityObjects":{"b":%b},"vertices":[[0,2000,3000]]}' % b


def test_a_large_document_is_streamed_where_its_file_is_chosen_for(tmp_path: Path) -> None:
    path = tmp_path / "large.city.json"
    path.write_bytes(text_of(document(*(block(f"b{k}") for k in range(4000)))))
    import_for(path)
    reader = choose_reader(ReadRequest(path, (), storage_srid=28992))
    assert isinstance(reader, LargeCityJson)
    (layer,) = reader.inspect().layers
    assert (layer.name, layer.rows) == ("Building", 4000)
