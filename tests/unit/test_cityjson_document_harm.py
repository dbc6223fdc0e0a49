"""What was made to harm the reader of large CityJSON documents: no index is another, nothing takes long, what does not fit says so."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from ingest.protocol import Limits, PartRequest
from ingest.readers.cityjson_document import stream_document
from ingest.readers.cityjson_document_index import index_objects, objects_for
from ingest.readers.cityjson_document_reader import LargeCityJson
from ingest.readers.cityjson_document_text import HASH_BASIS
from tests.unit.test_cityjson_document import PLACE, PLAIN, TYPES, assert_same, document, geometry, is_streamed, text_of, with_objects
from tests.unit.test_cityjson_sequence import BUILDING, SURFACES, block, rows_in
from twin.model import FeatureType

APPEARANCE = {
    "materials": [{"name": "a"}, {"name": "b"}],
    "textures": [{"type": "PNG", "image": "a.png"}, {"type": "PNG", "image": "b.png"}],
    "vertices-texture": [[0, 0], [0, 1], [1, 1]],
}


def instance(**members: Any) -> dict[str, Any]:
    """Return a document whose B is an instance of the second of two templates, or as ``members`` say."""
    template = {"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}
    matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    placed = {"type": "GeometryInstance", "template": 1, "boundaries": [4], "transformationMatrix": matrix, **members}
    templates = {"templates": [template, template], "vertices-templates": [[0, 0, 0], [1, 0, 0], [0, 1, 0]]}
    return {**with_objects(B={"type": "Building", "geometry": [placed]}), "geometry-templates": templates}


def address(**members: Any) -> dict[str, Any]:
    return with_objects(B={"type": "Building", "address": [members]})


@pytest.mark.parametrize("index", [-1, -2, True])
@pytest.mark.parametrize(
    ("named_by", "asked"),
    [
        pytest.param(lambda n: geometry(boundaries=[[[4, 5, n]]]), BUILDING, id="a surface"),
        pytest.param(lambda n: geometry(type="MultiLineString", boundaries=[[4, n]]), TYPES["road"], id="a line"),
        pytest.param(lambda n: geometry(type="MultiPoint", boundaries=[n]), TYPES["poi"], id="a point"),
        pytest.param(lambda n: geometry(type="MultiPoint", boundaries=[n]), BUILDING, id="a point that is not drawn"),
        pytest.param(lambda n: geometry(semantics={"surfaces": SURFACES, "values": [n]}), BUILDING, id="a meaning"),
        pytest.param(lambda n: geometry(material={"a": {"values": [n]}}), BUILDING, id="a material of each"),
        pytest.param(lambda n: geometry(material={"a": {"value": n}}), BUILDING, id="a material"),
        pytest.param(lambda n: geometry(texture={"a": {"values": [[[n, 0, 1, 2]]]}}), BUILDING, id="a texture"),
        pytest.param(lambda n: geometry(texture={"a": {"values": [[[0, 0, 1, n]]]}}), BUILDING, id="a place in a picture"),
        pytest.param(lambda n: instance(template=n), BUILDING, id="a template"),
        pytest.param(lambda n: instance(boundaries=[n]), BUILDING, id="a template's place"),
        pytest.param(
            lambda n: with_objects(B={"type": "Building", "address": [{"location": {**PLACE, "boundaries": [n]}}]}),
            BUILDING,
            id="an address",
        ),
    ],
)
def test_an_index_below_nought_or_true_names_nothing(index: int, named_by: Callable[[int], dict[str, Any]], asked: FeatureType) -> None:
    faults = []
    for content in (named_by(1), named_by(index)):
        text = text_of({**content, "appearance": APPEARANCE})
        assert_same(text)
        layer = LargeCityJson(text, Limits()).open(PartRequest("Building", asked, "d"))
        faults.append([r[2]["cityjson_id"] for b in layer.batches() for r in rows_in(b) if r[3] is not None and r[3][0] == "structure"])  # type: ignore[index]
    assert faults == [[], ["B"]]


def met(names: list[str], slots: int) -> list[str]:
    """Return those names that come to lie in a 128th of a table of hashes."""
    letters = np.array(names, dtype="S").view(np.uint8).reshape(len(names), -1)
    digest = np.full(len(names), HASH_BASIS)
    for column in letters.T:
        digest = (digest ^ column) * np.uint64(0x100000001B3)
    slot = (digest * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) & np.uint64(slots - 1)
    return [names[k] for k in np.flatnonzero(slot < slots // 128).tolist()]


def test_names_that_were_chosen_to_meet_are_left_to_the_parser() -> None:
    names = met(["".join(letters) for letters in itertools.product("abcdefghijklmnop", repeat=4)], 1024)[:400]
    assert len(names) == 400
    content = document(block("b"), CityObjects={name: {"type": "Building"} for name in names})
    assert not is_streamed(text_of(content))
    assert_same(text_of(content))
    content = document(block("b"), CityObjects={name + "x": {"type": "Building"} for name in names[::8]})
    assert is_streamed(text_of(content))


def test_vertices_that_were_chosen_to_meet_are_numbered_by_the_parser() -> None:
    every = np.arange(400_000, dtype=np.uint64)
    slot = (every * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) & np.uint64((1 << 17) - 1)
    ring = every[slot < 160].tolist()
    assert len(ring) > 400
    point = {"type": "Building", "geometry": [{"type": "MultiPoint", "lod": "0", "boundaries": ring}]}
    text = text_of(document(block("b"), CityObjects={"B": point}, vertices=[[k, 0, 0] for k in every.tolist()]))
    streamed = stream_document(text, 0)
    assert streamed is not None
    (line,) = map(orjson.loads, streamed.lines(frozenset({"Building"})))
    assert line["vertices"] == [[k, 0, 0] for k in ring]
    assert line["CityObjects"]["B"]["geometry"][0]["boundaries"] == list(range(len(ring)))


def test_a_table_of_contents_that_has_no_room_is_not_looked_through_for_ever() -> None:
    objects = objects_for(8)
    objects.seen[:] = 1
    text = np.frombuffer(b'"a":{"type":"Building"},"b":{"type":"Building"}}', dtype=np.uint8)
    assert index_objects(text, 0, len(text), len(text), objects) == (len(text), 1)
    assert objects.samples[: objects.sizes[3]].tolist() == [0, 1]


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from ingest.protocol import Limits
from ingest.readers.cityjson_document_reader import LargeCityJson, stand_ready
from ingest.readers.mapped_text import mapped
from twin.errors import TwinError
stand_ready()
text = mapped(Path(sys.argv[1]))
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) << 10
resource.setrlimit(resource.RLIMIT_AS, (used + (120 << 20), used + (120 << 20)))
try:
    print(LargeCityJson(text, Limits()).inspect())
except TwinError as error:
    print(error.code)
"""


def test_an_object_that_does_not_fit_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "one.city.json"
    path.write_bytes(PLAIN.replace(b"1951", b"[" + b"1," * (8 << 20) + b"1]"))
    done = subprocess.run([sys.executable, "-c", LITTLE_MEMORY, str(path)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "cityjson-too-large\n", done.stderr
