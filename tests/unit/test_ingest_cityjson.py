"""The CityJSON reader: what it makes of every form the specification allows, and of what it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.protocol import Limits, Message, PartBatch, PartEnd, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.cityjson import CityJson, is_cityjson
from ingest.readers.cityjson_frame import reference_system, with_integers
from ingest.readers.cityjson_sequence import CityJsonSequence
from ingest.readers.source import SourceBatch
from ingest.reading import read_parts
from tests.reading import read_file
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType
from twin.representation import SurfaceType, decode

TYPES = load_feature_types()
OGC = "http://www.opengis.net/def/crs"
CORNERS = [[x, y, z] for z in (0, 3000) for x, y in ((0, 0), (4000, 0), (4000, 2000), (0, 2000))]
SHELL = [[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]]
SEMANTICS = {"surfaces": [{"type": "GroundSurface"}, {"type": "RoofSurface", "slope": 3}, {"type": "WallSurface"}]}


def document(*geometries: Any, **members: Any) -> dict[str, Any]:
    """Return a document of one building with these geometries."""
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [500_000.0, 3_500_000.0, 10.0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"},
        "CityObjects": {"B": {"type": "Building", "attributes": {"name": "楼"}, "geometry": list(geometries)}},
        "vertices": CORNERS,
        **members,
    }


def solid(**members: Any) -> dict[str, Any]:
    """Return the box of CORNERS as a solid."""
    return {"type": "Solid", "lod": "2", "boundaries": [SHELL], "semantics": {**SEMANTICS, "values": [[0, 1, 2, 2, 2, 2]]}, **members}


def read(content: Any, feature_type: FeatureType = TYPES["building"], layer: str | None = None) -> list[SourceBatch]:
    """Return what the reader makes of a document (or bytes)."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return list(CityJson(data, Limits()).open(PartRequest(layer, feature_type, "d")).batches())


def only(content: Any, feature_type: FeatureType = TYPES["building"]) -> SourceBatch:
    (batch,) = read(content, feature_type)
    return batch


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("https://www.opengis.net/def/crs/EPSG/0/7415", "EPSG:7415"),
        ("http://www.opengis.net/def/crs/EPSG/8.9/4549", "EPSG:4549"),
        ("urn:ogc:def:crs:EPSG::28992", "EPSG:28992"),
        ("urn:ogc:def:crs:EPSG:6.12:28992", "EPSG:28992"),
        ("urn:ogc:def:crs,crs:EPSG::28992,crs:EPSG::5709", "EPSG:28992+5709"),
        (f"{OGC}-compound?1={OGC}/EPSG/0/28992&2={OGC}/EPSG/0/5709", "EPSG:28992+5709"),
        ("EPSG:2056", "EPSG:2056"),
        ("epsg::2056", "EPSG:2056"),
        (7415, "EPSG:7415"),
        ("local grid", "local grid"),
        ("", None),
        (None, None),
    ],
)  # fmt: skip
def test_reference_systems_in_all_spellings(named: object, expected: str | None) -> None:
    assert reference_system({"referenceSystem": named}) == expected


def test_a_box_is_a_solid_on_its_footprint() -> None:
    batch = only(document(solid()))
    (made,) = batch.representations
    assert (made.lod, made.faces.shell_ends.tolist(), made.faces.solid_ends.tolist()) == ("2", [6], [1])
    assert made.faces.surface_type.tolist() == [SurfaceType.GROUND, SurfaceType.ROOF, *[SurfaceType.WALL] * 4]
    assert len(made.faces.vertices) == 8
    assert json.loads(made.surface_attributes or "") == [{"faces": [1], "type": "RoofSurface", "slope": 3}]
    footprint = batch.geometry[0]
    assert footprint.bounds == (500_000, 3_500_000, 500_004, 3_500_002)
    assert {z for *_, z in shapely.get_coordinates(footprint, include_z=True).tolist()} == {10.0}
    assert batch.columns["cityjson_id"].to_pylist() == ["B"]


@pytest.mark.parametrize("kind", ["MultiSurface", "CompositeSurface"])
def test_surfaces_are_no_solid(kind: str) -> None:
    surfaces = {"type": kind, "lod": "2", "boundaries": SHELL, "semantics": {**SEMANTICS, "values": [0, 1, None, 2, 2, 2]}}
    (made,) = only(document(surfaces)).representations
    assert (len(made.faces.solid_ends), len(made.faces.face_ends)) == (0, 6)
    assert made.faces.surface_type.tolist()[:3] == [SurfaceType.GROUND, SurfaceType.ROOF, SurfaceType.UNKNOWN]


@pytest.mark.parametrize("kind", ["MultiSolid", "CompositeSolid"])
def test_several_solids_and_inner_shells(kind: str) -> None:
    (made,) = only(document({"type": kind, "lod": 1, "boundaries": [[SHELL], [SHELL, SHELL]]})).representations
    assert (made.lod, made.faces.shell_ends.tolist(), made.faces.solid_ends.tolist()) == ("1", [6, 12, 18], [1, 3])


@pytest.mark.parametrize("values", [None, [None], [[0, 1]], [[None] * 6], []])
def test_meanings_may_be_missing(values: object) -> None:
    (made,) = only(document(solid(semantics={**SEMANTICS, "values": values}))).representations
    assert set(made.faces.surface_type.tolist()) == {SurfaceType.UNKNOWN}


def test_a_solid_takes_its_meaning_from_the_same_surfaces_beside_it() -> None:
    """As exporters of CityGML write it: the body twice, and an overhang that is on the surfaces only."""
    overhang = [[4, 5, 1]]
    surfaces = {
        "type": "MultiSurface",
        "lod": "2",
        "boundaries": [*SHELL, overhang],
        "semantics": {**SEMANTICS, "values": [0, 1, 2, 2, 2, 2, 1]},
    }
    (made,) = only(document(surfaces, {k: v for k, v in solid().items() if k != "semantics"})).representations
    assert made.faces.shell_ends.tolist() == [6]
    assert made.faces.surface_type.tolist() == [SurfaceType.GROUND, SurfaceType.ROOF, *[SurfaceType.WALL] * 4, SurfaceType.ROOF]


def test_parts_are_of_their_building_and_rooms_are_not_drawn_with_it() -> None:
    content = document(solid())
    content["CityObjects"]["B"] |= {"children": ["P", "R", "nowhere"], "geometry": []}
    content["CityObjects"]["P"] = {
        "type": "BuildingPart",
        "parents": ["B"],
        "children": ["B", "P"],
        "attributes": {"h": 1},
        "geometry": [solid()],
    }
    content["CityObjects"]["R"] = {"type": "BuildingRoom", "parents": ["B"], "geometry": [solid()]}
    batch = only(content)
    (made,) = batch.representations
    assert (made.faces.part.tolist(), len(made.faces.face_ends)) == ([1] * 6, 6)
    parts = json.loads(batch.columns["cityjson_parts"].to_pylist()[0])
    assert parts == [
        {"id": "P", "type": "BuildingPart", "attributes": {"h": 1}},
        {"id": "R", "type": "BuildingRoom", "attributes": {}},
    ]
    kept = json.loads(batch.documents[0] or b"")
    assert set(kept["CityObjects"]) == {"B", "P", "R"}
    assert [b.columns["cityjson_parent"].to_pylist() for b in read(content, TYPES["building_part"])] == [["B"]]


def test_an_instance_stands_where_matrix_and_anchor_put_it() -> None:
    turned = [0, -2, 0, 1, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]
    template_vertices = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 3.0]]
    template = {"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 4]], [[1, 2, 4]], [[2, 3, 4]], [[3, 0, 4]]]}
    content = document()
    content["geometry-templates"] = {"templates": [template], "vertices-templates": template_vertices}
    tree = {"type": "GeometryInstance", "template": 0, "boundaries": [6], "transformationMatrix": turned}
    content["CityObjects"] = {"T": {"type": "SolitaryVegetationObject", "geometry": [tree]}}
    batch = only(content, TYPES["vegetation"])
    (made,) = batch.representations
    anchor = np.array([500_004.0, 3_500_002.0, 13.0])
    matrix = np.array(turned, dtype=float).reshape(4, 4)
    expected = [(matrix @ [*v, 1])[:3] + anchor for v in np.array(template_vertices)[[0, 1, 4, 2, 3]]]
    assert made.faces.vertices == pytest.approx(np.array(expected), abs=1e-9)
    assert batch.geometry[0] == shapely.Point(*anchor)


def test_footprints_without_ground_surfaces() -> None:
    bare = {k: v for k, v in solid().items() if k != "semantics"}
    flat = {"type": "MultiSurface", "lod": "0", "boundaries": [[[0, 1, 2]]]}
    assert only(document(bare)).geometry[0].area == pytest.approx(8.0)
    assert only(document(bare, flat)).geometry[0].area == pytest.approx(4.0)  # LoD 0 is the outline where nothing says ground
    walls_and_roof = {"type": "MultiSurface", "lod": "1", "boundaries": SHELL[1:]}
    assert only(document(walls_and_roof)).geometry[0].area == pytest.approx(8.0)  # what is under the roof
    assert only(document({"type": "MultiSurface", "lod": "1", "boundaries": SHELL[2:3]})).geometry[0] is None


def test_outlines_that_bound_nothing_are_left_out() -> None:
    same_place = document(solid(), vertices=[*CORNERS, CORNERS[0]])
    degenerate = {"type": "MultiSurface", "lod": "2.2", "boundaries": [[[0, 1, 8]], [[0, 0, 1, 1, 2, 2, 0]], [[3, 4, 3]]]}
    same_place["CityObjects"]["B"]["geometry"].append(degenerate)
    made = next(r for r in only(same_place).representations if r.lod == "2.2")
    assert made.faces.indices.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "geometry",
    [
        solid(boundaries=[[[[0, 3, 2, 99]]]]),
        solid(boundaries=[[[[0, 3, 2, -1]]]]),
        solid(boundaries=[[[["0", 3, 2]]]]),
        solid(boundaries=[[[0, 3, 2]]]),
        solid(boundaries={"a": 1}),
        solid(lod="seven"),
        solid(semantics={"surfaces": [], "values": [[0, 1, 2, 2, 2, 2]]}),
        solid(semantics={"surfaces": [1], "values": [[0, 0, 0, 0, 0, 0]]}),
        {"type": "GeometryInstance", "template": 3, "boundaries": [0], "transformationMatrix": [1] * 16},
        "no geometry",
        solid(material={"": {"values": [[7, 7, 7, 7, 7, 7]]}}),
    ],
)  # fmt: skip
def test_a_broken_geometry_is_a_fault_of_its_row(geometry: Any) -> None:
    content = document(geometry)
    content["CityObjects"]["sound"] = {"type": "Building", "geometry": [solid()]}
    content["appearance"] = {"materials": []}
    batch = only(content)
    assert [(f.index, f.rule) for f in batch.faults] == [(0, "structure")]
    assert {r.index for r in batch.representations} == {1}


@pytest.mark.parametrize("member", ["B", "part"])
@pytest.mark.parametrize("form", ["document", "sequence", "large sequence"])
def test_attributes_nested_too_deep_are_a_fault_of_their_feature(form: str, member: str) -> None:
    """What cannot be written again as JSON used to make the whole file unreadable."""
    objects: dict[str, Any] = {
        "B": {"type": "Building", "children": ["part"], "geometry": [solid()]},
        "part": {"type": "BuildingPart", "parents": ["B"]},
        "sound": {"type": "Building", "geometry": [solid()], "attributes": {"name": "楼", "deep": nested(150)}},
    }
    objects[member]["attributes"] = {"name": "楼", "deep": nested(300)}
    if form == "document":
        batch = only(document(CityObjects=objects))
    else:
        features = [{n: objects[n] for n in names} for names in (("B", "part"), ("sound",))]
        content = _sequence(*({"type": "CityJSONFeature", "CityObjects": f, "vertices": CORNERS} for f in features))
        reader = CityJson if form == "sequence" else CityJsonSequence
        (batch,) = reader(content, Limits()).open(PartRequest(None, TYPES["building"], "d")).batches()
    assert [(f.index, f.rule) for f in batch.faults] == [(0, "structure")]
    assert {r.index for r in batch.representations} == {1}


def nested(levels: int) -> Any:
    """Return objects and lists within each other."""
    return 1 if not levels else {"a": nested(levels - 1)} if levels % 2 else [nested(levels - 1)]


def test_a_document_without_transform_keeps_its_digits() -> None:
    content: Any = {"vertices": [[1.25, 2.5, 3.123456], [0.1, -7, 1e3]]}
    made, integers = with_integers(content)
    assert integers * made["transform"]["scale"][0] == pytest.approx(np.array(content["vertices"]), abs=1e-12)
    assert made["transform"]["scale"] == [1e-6] * 3


def _sequence(*lines: Any) -> bytes:
    head = {**document(), "CityObjects": {}, "vertices": []}
    return b"\n".join([json.dumps(head).encode(), *(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)])


def test_a_sequence_is_read_line_by_line_and_bad_lines_are_rows() -> None:
    line = {"type": "CityJSONFeature", "id": "B", "CityObjects": document(solid())["CityObjects"], "vertices": CORNERS}
    batch = only(
        _sequence(line, b"", b'{"type":', {"type": "Feature"}, {"type": "CityJSONFeature", "CityObjects": [], "vertices": []}, line)
    )
    assert batch.rows.tolist() == [1, 2, 3, 4, 5]
    assert [f.index for f in batch.faults] == [1, 2, 3]
    assert [r.index for r in batch.representations] == [0, 4]
    assert batch.documents[0] == json.dumps(line).encode()


def test_what_is_not_cityjson_is_told_from_what_is() -> None:
    assert is_cityjson(json.dumps(document()).encode())
    assert is_cityjson(_sequence())
    late = {"vertices": [[0, 0, 0]] * 2000, "CityObjects": {}, "type": "CityJSON", "version": "2.0"}
    assert is_cityjson(json.dumps(late).encode())
    assert not is_cityjson(b'{"type": "FeatureCollection", "features": [{"properties": {"type": "CityJSON"}}]}')
    assert not is_cityjson(b'{"features": []}')


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": "0.9"}, "cityjson-version"),
        ({"version": "3.0"}, "cityjson-version"),
        ({"transform": {"scale": [0.001], "translate": [0, 0, 0]}}, "cityjson-invalid"),
        ({"vertices": [[0, 0]]}, "cityjson-invalid"),
        ({"vertices": "many"}, "cityjson-invalid"),
        ({"CityObjects": []}, "cityjson-invalid"),
        ({"CityObjects": {"B": 1}}, "cityjson-invalid"),
        ({"type": "CityJSONFeature"}, "cityjson-invalid"),
    ],
)
def test_a_broken_document_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(TwinError) as refused:
        read(document(solid(), **changes))
    assert refused.value.code == code


_BUILDING = ("CityObjects", "B")
_GEOMETRY = (*_BUILDING, "geometry", 0)
_PATHS: list[tuple[str | int, ...]] = [
    *[("version",), ("transform", "scale"), ("metadata",), ("CityObjects",), ("geometry-templates",), ("appearance",)],
    *[
        ("vertices", 3),
        ("vertices", 3, 1),
        _BUILDING,
        (*_BUILDING, "type"),
        (*_BUILDING, "attributes"),
        (*_BUILDING, "geometry"),
        _GEOMETRY,
    ],
    *[(*_GEOMETRY, "boundaries"), (*_GEOMETRY, "boundaries", 0, 1, 0), (*_GEOMETRY, "boundaries", 0, 1, 0, 2)],
    *[(*_GEOMETRY, "semantics"), (*_GEOMETRY, "semantics", "values")],
]
_JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "lod", "values", "0"]), inner, max_size=2),
    max_leaves=6,
)


@given(st.sampled_from(_PATHS), _JUNK)
def test_whatever_stands_anywhere_is_taken_refused_or_a_fault(path: tuple[str | int, ...], junk: Any) -> None:
    content = json.loads(json.dumps(document(solid())))
    node = content
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = junk
    try:
        batches = read(json.dumps(content).encode())
    except TwinError:
        return
    for batch in batches:
        assert len(batch.rows) == len(batch.geometry)


def _messages(path: Path, reader: Any = None) -> Iterator[Message]:
    request = ReadRequest(path, (PartRequest(None, TYPES["building"], "d"),), 28992, crs="EPSG:28992")
    return read_file(request) if reader is None else read_parts(reader(request), request)


def _corpus(real_data: Path) -> list[Path]:
    return sorted([*(real_data / "bad-cityjson-cjval").iterdir(), *(real_data / "bad-3d-val3dity").rglob("*.json")])


def test_hostile_corpora_are_refused_or_counted(real_data: Path) -> None:
    """Every file ends with a refusal of ours or with as many rows accounted for as it has buildings; what goes out can be decoded."""
    outcomes: dict[str, int] = {}
    for path in _corpus(real_data):
        try:
            messages = list(_messages(path, choose_reader))
        except TwinError as error:
            outcomes[error.code] = outcomes.get(error.code, 0) + 1
            continue
        end = messages[-1]
        assert isinstance(end, PartEnd)
        for message in messages:
            if isinstance(message, PartBatch) and message.representations is not None:
                assert [decode(f) for f in message.representations.column("faces").to_pylist()]
        outcomes["read"] = outcomes.get("read", 0) + 1
        assert end.rows == end.accepted + end.rejected
    assert outcomes["read"] > 20
    assert {"cityjson-invalid", "cityjson-version", "empty-file"} <= outcomes.keys()


@pytest.mark.slow
def test_hostile_corpora_leave_the_parent_alone(real_data: Path) -> None:
    refusals: dict[str, str] = {}
    for path in _corpus(real_data):
        try:
            assert isinstance(list(_messages(path))[-1], PartEnd)
        except TwinError as error:
            refusals[path.name] = error.code
    assert not {"parser-crash", "parser-nonsense", "parser-timeout", "parser-memory"} & set(refusals.values())
