"""What a geometry of CityJSON has wrong is said by number and kind, never as an error of a program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingest.protocol import Limits, PartRequest
from ingest.readers.cityjson import CityJson
from ingest.readers.geojson import GeoJson
from tests.unit.test_cityjson_sequence import BUILDING, CORNERS, HEAD, block, text_of
from twin.errors import Text, TwinError

_OF_PROGRAMS = re.compile(r"Error|list ind|NoneType|object is|subscript|argument|unpack|dict|index")


APPEARANCE = {"materials": [{"name": "m"}], "textures": [{"type": "PNG", "image": "a.png"}], "vertices-texture": [[0, 0]]}
SEMANTICS = {"surfaces": [{"type": "RoofSurface"}], "values": [[0, 0, 0, 0, 0, 7]]}


def said_of(change: dict[str, Any]) -> Text:
    """Return what is said of a building whose part has a solid with these members, in a document with another one."""
    document: dict[str, Any] = {
        **HEAD,
        "CityObjects": {**block()["CityObjects"], "c": {"type": "Building"}},
        "vertices": CORNERS,
        "appearance": APPEARANCE,
    }
    document["CityObjects"]["b-0"]["geometry"][0].update(change)
    (batch,) = CityJson(json.dumps(document).encode(), Limits()).open(PartRequest(None, BUILDING, "d")).batches()
    (fault,) = batch.faults
    assert fault.rule == "structure"
    assert not _OF_PROGRAMS.search(fault.message.en + fault.message.zh), fault.message
    return fault.message


@pytest.mark.parametrize(
    ("change", "zh", "en"),
    [
        ({"boundaries": [[[[0, 3, 2, 99]]]]}, "引用了顶点 99，但只有 8 个", "vertex 99 is named, of 8"),
        ({"boundaries": [[[[0, 3, 2, -1]]]]}, "引用了顶点 -1", "vertex -1 is named"),
        ({"boundaries": [[[["a", 3, 2]]]]}, "顶点的编号处是 'a'", "'a' stands where the number of a vertex should"),
        ({"boundaries": [[[[True, 3, 2]]]]}, "顶点的编号处是 True", "True stands where the number of a vertex should"),
        ({"boundaries": [[0, 1, 2]]}, "嵌套层数", "arrays are nested"),
        ({"boundaries": {"a": 1}}, "顶点的编号处是 {'a': 1}", "{'a': 1} stands where"),
        ({"lod": None}, "lod 为 None", "its lod is None"),
        ({"lod": "LOD2"}, "lod 为 'LOD2'", "its lod is 'LOD2'"),
        ({"semantics": SEMANTICS}, "semantics 的表面 7，但只有 1 个", "surface 7 is named, of 1"),
        ({"material": {"t": {"value": 2}}}, "引用了材质 2，但只有 1 个", "material 2 is named, of 1"),
        ({"texture": {"t": {"values": [[[[1, 0, 0, 0, 0]]]]}}}, "引用了纹理 1，但只有 1 个", "texture 1 is named, of 1"),
        ({"texture": {"t": {"values": [[[[0, 0, 0, 3, 0]]]]}}}, "引用了纹理坐标 3，但只有 1 个", "texture vertex 3 is named, of 1"),
        ({"type": "GeometryInstance", "template": 0, "boundaries": [0]}, "引用了模板 0，但只有 0 个", "template 0 is named, of 0"),
    ],
)  # fmt: skip
def test_what_names_nothing_is_named(change: dict[str, Any], zh: str, en: str) -> None:
    message = said_of(change)
    assert zh in message.zh
    assert en in message.en
    assert message.en.startswith("b-0, geometry 1 (") or "b: its geometry" in message.en


def test_a_line_that_is_none_is_said_of_the_line() -> None:
    (batch,) = CityJson(text_of([{**block(), "type": "Feature"}, block("c")]), Limits()).open(PartRequest(None, BUILDING, "d")).batches()
    (fault,) = batch.faults
    assert fault.message.zh == "本行不是有效的 CityJSONFeature：“type”为 'Feature'，应为“CityJSONFeature”。"
    assert fault.message.en.startswith("The line is no valid CityJSONFeature: ")


def test_an_extension_is_told_from_data(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text('{"type": "CityJSONExtension", "name": "e"}')
    with pytest.raises(TwinError, match="hand in the CityJSON itself"):
        GeoJson("e", path, Limits())
