"""Lines that differ by an identifier are parsed once; every row is what the reader of single features makes of it all the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.protocol import Limits, PartRequest
from ingest.readers.cityjson import CityJson
from ingest.readers.cityjson_make_kernels import tell_makes
from ingest.readers.cityjson_makes import Makes, seen
from ingest.readers.cityjson_sequence import CityJsonSequence
from ingest.readers.source import SourceLayer
from tests.unit.test_cityjson_sequence import BUILDING, SURFACES, assert_same, block, text_of
from twin.exact_json import json_value

Feature = dict[str, Any]


def building(name: str, **attributes: Any) -> Feature:
    """Return a feature of one building with a part, whose lines are of one make whatever it is called."""
    feature = block(name)
    feature["CityObjects"][name]["attributes"] = {"name": f"楼 {name}", "height": 3.5, **attributes}
    feature["CityObjects"][name]["geographicalExtent"] = [0.5, -1, 0, len(name), 2.25, 3]
    return copy.deepcopy(feature)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Lines that were parsed for their structure."""
    found: list[bytes] = []

    def noted(text: bytes) -> object:
        found.append(text)
        return json_value(text)

    class Counting:
        JSONDecodeError = orjson.JSONDecodeError
        loads = staticmethod(noted)

    monkeypatch.setattr("ingest.readers.cityjson_sequence.orjson", Counting)
    monkeypatch.setattr("ingest.readers.cityjson_sequence.json_value", noted)
    return found


def test_lines_of_one_make_are_parsed_once(parsed: list[bytes]) -> None:
    rows = assert_same(text_of([building(f"B-{k}", year=1900 + k) for k in range(10)], separators=(",", ":")))
    assert len(rows) == 10
    looked_at = 2  # for types and columns, before: what is left of a line, and its attributes
    assert len(parsed) == looked_at + 1


def test_every_type_and_column_of_the_first_lines_is_seen() -> None:
    features = [building(f"B-{k}") for k in range(12)]
    for k, change in enumerate((without_children, part_with_attributes, address, type_of_its_name, nested_attributes, odd_extent)):
        change(features[k])
    features[7]["CityObjects"]["B-7"]["attributes"]["seen once"] = 1
    features[8]["CityObjects"]["B-8"]["type"] = "Bridge"
    features[9]["CityObjects"]["B-9"]["type"] = "+B-9"
    features[10]["CityObjects"]["B-10"]["type"] = "+B-10"
    features[11]["CityObjects"]["B-11"]["attributes"] = {"year": 1, "name": "2"}
    text = text_of(
        [
            *features,
            "{}",
            '{"type":"CityJSONFeature"}',
            '{"type":"CityJSONFeature","CityObjects":{"a1":{"type":"Road","parents":5}},"id":"a1"}',
        ]
    )
    ours, theirs = (reader(text, Limits()) for reader in (CityJsonSequence, CityJson))
    assert ours.inspect() == theirs.inspect()
    part = PartRequest(None, BUILDING, "d")
    assert ours.open(part).source == theirs.open(part).source


def named_otherwise(feature: Feature, old: str, new: str) -> Feature:
    found: Feature = json.loads(json.dumps(feature).replace(old, new))
    return found


def without_children(feature: Feature) -> None:
    del feature["CityObjects"][feature["id"]]["children"]


def child_of_another(feature: Feature) -> None:
    feature["CityObjects"][feature["id"]]["children"] = ["B-1-0"]


def part_with_attributes(feature: Feature) -> None:
    feature["CityObjects"][f"{feature['id']}-0"]["attributes"] = {"of": feature["id"], "n": len(feature["id"])}


def address(feature: Feature) -> None:
    feature["CityObjects"][feature["id"]]["address"] = [{"street": feature["id"], "number": 5}]


def address_twice(feature: Feature) -> None:
    feature["CityObjects"][feature["id"]]["address"] = [{"street": "Main"}]
    feature["CityObjects"][feature["id"]]["attributes"]["address"] = feature["id"]


def type_of_its_name(feature: Feature) -> None:
    feature["CityObjects"][f"{feature['id']}-0"]["type"] = f"+{feature['id']}"


def own_column_among_attributes(feature: Feature) -> None:
    feature["CityObjects"][feature["id"]]["attributes"] |= {"cityjson_type": "mine", "height": 4}


def nested_attributes(feature: Feature) -> None:
    feature["CityObjects"][feature["id"]]["attributes"]["owner"] = {"name": "a"}


def odd_extent(feature: Feature) -> None:
    feature["CityObjects"][feature["id"]]["geographicalExtent"] = [1e-9, None, "x"]


def other_surfaces(feature: Feature) -> None:
    feature["CityObjects"][f"{feature['id']}-0"]["geometry"][0]["semantics"]["surfaces"][0] = {"type": "GroundSurface", "of": ["nested"]}


@pytest.mark.parametrize(
    "change",
    [without_children, child_of_another, part_with_attributes, address, address_twice, type_of_its_name, own_column_among_attributes,
     nested_attributes, odd_extent, other_surfaces],
)  # fmt: skip
def test_what_differs_beside_the_identifier_is_told_apart(change: Callable[[Feature], None]) -> None:
    features = [building(f"B-{k}") for k in range(8)]
    for k in (1, 4, 5):
        change(features[k])
    assert len(assert_same(text_of(features))) == 8
    for feature in (features[0], *features[2:4]):
        change(feature)
    assert len(assert_same(text_of(features))) == 8


@pytest.mark.parametrize(
    "names", [("B-1", "id0"), ("1", "2", "0"), ("a1", "a1-0"), ("B1", "Building2"), ("x1", '"2'), ("é1", "é2"), ("t1", "t1t1")]
)
def test_any_identifier_is_read_as_alone(names: tuple[str, ...]) -> None:
    assert len(assert_same(text_of([building(name) for name in names * 2]))) == 2 * len(names)


def test_a_name_that_is_spelled_with_an_escape_is_the_same_name() -> None:
    plain = json.dumps(building("B-1"))
    lines = [plain, plain.replace('"B-1-0": {', '"\\u0042-1-0": {'), plain.replace("B-1", "B-2").replace('"B-2-0": {', '"\\u0042-2-0": {')]
    assert len(assert_same(text_of(lines))) == 3


def test_a_line_with_what_is_no_utf8_among_its_attributes_is_told(parsed: list[bytes]) -> None:
    good = text_of([building(f"B-{k}") for k in range(3)])
    assert len(assert_same(good.replace("楼 B-1".encode(), b"\xff\xfe B-1"))) == 3
    assert parsed


def test_only_so_many_makes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.readers.cityjson_makes._MOST", 0)
    assert len(assert_same(text_of([building(f"B-{k}") for k in range(3)]))) == 3
    assert Makes().of(None) is None


_PIECES = st.sampled_from(["x1", "x1x1", "1", "b", '"id":"', '"', "\\", "\0", "楼", " ", ":", "x", "{", '"id" : "b"'])


@given(
    st.lists(st.lists(_PIECES, max_size=8), min_size=1, max_size=4), st.sampled_from(["x1", "1", "x1x1", "é1", "a" * 60 + "12345", "abc"])
)
@settings(max_examples=300, deadline=None)
def test_a_line_is_told_to_be_of_a_make_only_if_it_is_its_with_the_identifier_taken_out(pieces: list[list[str]], name: str) -> None:
    lines = [f'{{"id":"{name}",{"".join(some)}}}'.encode() for some in pieces]
    lines += [line.replace(name.encode(), b"y2") for line in lines]
    rest = np.frombuffer(b"".join(lines), dtype=np.uint8)
    bounds = np.cumsum([0, *(len(line) for line in lines)])
    keys = [found.key for line in lines if (found := seen(line)) is not None]
    ends = np.cumsum([0, *(len(key) for key in keys)])
    make, identifier = np.full(len(lines), -1), np.zeros((len(lines), 2), dtype=np.int64)
    tell_makes(rest, bounds[:-1].copy(), bounds[1:].copy(), np.frombuffer(b"".join(keys), dtype=np.uint8), ends, make, identifier)
    for line, (begin, end), number in zip(lines, identifier.tolist(), make.tolist(), strict=True):
        found = seen(line)
        if number >= 0:
            assert found == (keys[number], rest[begin:end].tobytes().decode())
        else:
            assert found is None or name not in ("x1", "1", "x1x1") or found.key not in keys


def test_lines_of_makes_beside_others_are_read_as_alone() -> None:
    features: list[Feature | str] = [building(f"B-{k}") for k in range(6)]
    without_children(cast("Feature", features[2]))
    cast("Feature", features[4])["CityObjects"]["B-4-0"]["geometry"][0]["boundaries"][0][0][0][0] = 99
    features[5] = "{}"
    assert len(assert_same(text_of(features))) == 6


@pytest.mark.parametrize(("names", "number"), [(("100", "101", "102"), "1.0E7"), (("15", "16", "17"), "1.5e1")])
def test_numbers_of_parts_that_are_written_anew_have_no_identifier(names: Sequence[str], number: str) -> None:
    features = [building(name) for name in names]
    for name, feature in zip(names, features, strict=True):
        feature["CityObjects"][f"{name}-0"]["attributes"] = {"area": 0.125}
    lines = [json.dumps(f, ensure_ascii=False, separators=(",", ":")).replace('"area":0.125', f'"area":{number}') for f in features]
    assert len(assert_same(text_of(lines))) == len(names)


def test_no_make_outlives_the_cutting_of_surfaces() -> None:
    def line(name: str, slope: str) -> str:
        """Return a feature whose surfaces are the last of what may be cut out of its line."""
        feature = building(name)
        solid = feature["CityObjects"][f"{name}-0"]["geometry"][0]
        solid["semantics"] = {"values": solid["semantics"]["values"], "surfaces": SURFACES[:3]}
        feature["CityObjects"] = {k: feature["CityObjects"][k] for k in sorted(feature["CityObjects"])}
        first = {"type": feature["type"], "id": name, "vertices": feature["vertices"], "CityObjects": feature["CityObjects"]}
        return json.dumps(first, ensure_ascii=False, separators=(",", ":")).replace("3.25", slope)

    surfaces = json.dumps(SURFACES[:3], separators=(",", ":"))
    assert surfaces in line("B-0", "3.25")
    literal = [line(f"B-{131 + k}", "3.25").replace(surfaces, f"{k} ") for k in range(12)]
    for last in literal:
        assert len(assert_same(text_of([*(line(f"B-{k}", "3.25") for k in range(126)), line("B-130", "0.10000000000000001"), last]))) == 128


def test_columns_of_makes_have_no_byte_more_than_their_values() -> None:
    lines = [json.dumps(building(f"B-{k}"), separators=(",", ":")).encode() for k in range(30)]
    reader = CityJsonSequence(text_of([building("B-0")]), Limits())
    (batch,) = reader.layer(lines, frozenset({"Building"}), SourceLayer("", (), None), "MultiPolygon").batches_here()
    identifiers = batch.columns["cityjson_id"]
    assert identifiers.buffers()[2].to_pybytes() == "".join(identifiers.to_pylist()).encode()
