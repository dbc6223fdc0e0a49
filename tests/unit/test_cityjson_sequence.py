"""A large CityJSONSeq goes through compiled kernels: every row is what the reader of single features makes of it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader, import_for
from ingest.readers.cityjson import CityJson
from ingest.readers.cityjson_document_reader import LargeCityJson
from ingest.readers.cityjson_kernels import Cut, Made, build
from ingest.readers.cityjson_sequence import CityJsonSequence, CitySequenceLayer, stand_ready
from ingest.readers.json_arrays import SEMANTIC_SURFACES, Room, cut_lines
from ingest.readers.pictures import FolderPictures
from ingest.readers.source import SourceBatch
from ingest.reading import read_parts
from tests.kept_documents import documents_in
from twin.featuretypes.loader import load_feature_types
from twin.model import Finding
from twin.representation import Faces, encode

BUILDING = load_feature_types()["building"]
HEAD = {
    "type": "CityJSON",
    "version": "2.0",
    "transform": {"scale": [0.001] * 3, "translate": [85_000.0, 446_000.0, 0.0]},
    "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/7415"},
    "CityObjects": {},
    "vertices": [],
}
CORNERS = [[x, y, z] for z in (0, 3000) for x, y in ((0, 0), (4000, 0), (4000, 2000), (0, 2000))]
SHELL = [[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]]
SURFACES = [{"type": "GroundSurface"}, {"type": "RoofSurface", "slope": 3.25}, {"type": "WallSurface"}, {"type": "+Chimney"}]


def block(name: str = "b") -> dict[str, Any]:
    """Return a feature of a building with a part, a footprint and a solid."""
    ground = {"type": "MultiSurface", "lod": "0", "boundaries": [[[0, 3, 2, 1]]]}
    values = [[0, 1, 2, 2, 3, None]]
    solid = {
        "type": "Solid",
        "lod": "2.2",
        "boundaries": [json.loads(json.dumps(SHELL))],
        "semantics": {"surfaces": SURFACES, "values": values},
    }
    return {
        "type": "CityJSONFeature",
        "id": name,
        "CityObjects": {
            name: {"type": "Building", "attributes": {"name": '楼 "\\"', "year": 1951}, "geometry": [ground], "children": [f"{name}-0"]},
            f"{name}-0": {"type": "BuildingPart", "geometry": [solid], "parents": [name]},
        },
        "vertices": [list(c) for c in CORNERS],
    }


def text_of(features: Sequence[dict[str, Any] | str], **style: Any) -> bytes:
    lines = [json.dumps(HEAD), *(f if isinstance(f, str) else json.dumps(f, ensure_ascii=False, **style) for f in features)]
    return "\n".join(lines).encode() + b"\n"


def rows_of(text: bytes, reader: type[CityJson]) -> Iterator[tuple[object, ...]]:
    """Yield everything a reader says of each row."""
    layer = reader(text, Limits()).open(PartRequest(None, BUILDING, "d"))
    for batch in layer.batches():
        yield from rows_in(batch)


def rows_in(batch: SourceBatch) -> Iterator[tuple[object, ...]]:
    columns = {n: c.to_pylist() for n, c in batch.columns.items()}
    faults = {f.index: (f.rule, f.message) for f in batch.faults}
    outlines, documents = batch.with_geometries().geometry, documents_in(batch)
    made: dict[int, list[tuple[object, ...]]] = {}
    for r in batch.representations:
        made.setdefault(r.index, []).append((r.lod, stored(r.faces), r.faces.vertices.tobytes(), r.surface_attributes, r.makeup))
    for i, row in enumerate(batch.rows.tolist()):
        values = {n: c[i] for n, c in columns.items() if c[i] is not None}
        yield row, shapely.to_wkb(_multipolygon(outlines[i])), values, faults.get(i), made.get(i, []), documents[i]


def _multipolygon(geometry: shapely.Geometry | None) -> shapely.Geometry | None:
    return shapely.MultiPolygon([geometry]) if isinstance(geometry, shapely.Polygon) else geometry


def stored(faces: Faces) -> bytes | str:
    """Return faces as they are stored, or why they cannot be."""
    try:
        return encode(faces)
    except ValueError as error:
        return str(error)


def test_integers_beyond_64_bits_keep_their_digits() -> None:
    """As columns they are texts, in the document of the feature they are what they were."""
    long = 320501000000000000000000000001
    features = [block(f"b{k}") for k in range(3)]
    for k, feature in enumerate(features):
        whole, part = feature["CityObjects"].values()
        whole["attributes"]["parcel"] = part["attributes"] = {"parcel": long + k}
        whole["attributes"]["parcel"] = long + k
    document = HEAD | {"CityObjects": features[0]["CityObjects"], "vertices": features[0]["vertices"]}
    for rows in (
        assert_same(text_of(features)),
        list(rows_of(json.dumps(document).encode(), CityJson)),
        list(rows_of(json.dumps(document).encode(), LargeCityJson)),
    ):
        for k, (_, _, values, fault, _, kept) in enumerate(rows):
            assert isinstance(values, dict)
            assert isinstance(kept, dict)
            assert (fault, values["parcel"]) == (None, str(long + k))
            assert json.loads(values["cityjson_parts"])[0]["attributes"] == {"parcel": str(long + k)}
            assert [o["attributes"] for o in kept["CityObjects"].values()] == [o["attributes"] for o in features[k]["CityObjects"].values()]


def assert_same(text: bytes) -> list[tuple[object, ...]]:
    ours = list(rows_of(text, CityJsonSequence))
    assert ours == list(rows_of(text, CityJson))
    return ours


def test_real_buildings_are_read_as_one_at_a_time(real_data: Path) -> None:
    lines = (real_data / "cityjson-3dbag-delft/delft.city.jsonl").read_bytes().splitlines(keepends=True)
    rows = assert_same(b"".join(lines[:81]))
    assert len(rows) == 80


def checked(path: Path, rows_at_once: int) -> tuple[list[dict[str, object]], list[Finding], list[object], list[object]]:
    """Return rows, findings, 3D and documents of a file as they leave the child."""
    request = ReadRequest(path, (PartRequest(None, BUILDING, "d"),), 28992, limits=Limits(rows_per_batch=rows_at_once))
    batches = [m for m in read_parts(CityJsonSequence(path.read_bytes(), request.limits), request) if isinstance(m, PartBatch)]
    assert len(batches) > 1
    tables = ([getattr(b, name) for b in batches] for name in ("table", "representations", "documents"))
    rows, bodies, documents = ([row for table in some if table is not None for row in table.to_pylist()] for some in tables)
    of_rows = [row | {"extra": json.loads(row["extra"])} for row in rows]  # whose names come in the order of the batch
    return of_rows, [f for b in batches for f in b.findings], bodies, documents


def test_whatever_is_looked_at_meanwhile_goes_out_in_its_turn(real_data: Path) -> None:
    """Solids of one batch are looked at while rows of the one before are checked."""
    path = real_data / "cityjson-3dbag-delft/delft.city.jsonl"
    few, many = checked(path, 16), checked(path, 100)
    numbers = [int(str(row["row"])) for row in few[0]]
    assert numbers == sorted(numbers)
    assert {f.rule for f in few[1]} >= {"val3dity-303", "val3dity-104"}
    assert few == many


def geometry_of(feature: dict[str, Any]) -> dict[str, Any]:
    geometry: dict[str, Any] = feature["CityObjects"][f"{feature['id']}-0"]["geometry"][0]
    return geometry


def spoil_ring(feature: dict[str, Any], how: str, n: int) -> None:
    """Change one ring of a shell."""
    shell = geometry_of(feature)["boundaries"][0]
    ring = shell[n % 6][0]
    match how:
        case "repeat a corner":
            ring.insert(n % 4, ring[n % 4])
        case "a corner twice":
            ring[n % 4] = ring[(n + 2) % 4]
        case "line":
            shell[n % 6][0] = ring[:2]
        case "point":
            shell[n % 6][0] = ring[:1] * (1 + n % 4)
        case "there and back":
            shell[n % 6][0] = [ring[0], ring[1], ring[0], ring[1]][: 3 + n % 2]
        case "hole":
            shell[n % 6].append([0, 1, 2][: 1 + n % 3])
        case "no ring":
            shell[n % 6] = [[], [[]], [ring, []]][n % 3]
        case "index":
            ring[n % 4] = [8, -1, 10**17, 1.0, 2.5, True, None, "1"][n % 8]


def spoil_geometry(feature: dict[str, Any], how: str, n: int) -> None:
    """Change the solid."""
    geometry = geometry_of(feature)
    shell, values = geometry["boundaries"][0], geometry["semantics"]["values"]
    match how:
        case "no shell":
            geometry["boundaries"] = [[shell, []], [[], shell], [[]], []][n % 4]
        case "nothing but lines":
            geometry["boundaries"] = [[[[0, 1]], [[1, 2]]]]
        case "values":
            geometry["semantics"]["values"] = [None, [None], [[0]], [[0, 1, 2, 2, 9, 1]], [0, 1, 2, 2, 2, 2], [[-1] * 6], "x", 1, []][n % 9]
        case "null":
            values[0][n % 6] = None
        case "lod":
            geometry["lod"] = [2, 2.0, "2", "x", None, 1.3, "0"][n % 7]
        case "kind":
            geometry["type"] = ["MultiSolid", "MultiSurface", "CompositeSurface", "MultiPoint", "GeometryInstance", "x"][n % 6]
        case "number for an array":
            geometry["boundaries"] = n % 4
        case "material":
            geometry["material"] = {"theme": {"values": [[0, 0, None, 0, 0, 0]]}}
            geometry["texture"] = {"theme": {"values": [[[[0, 0, 1, 2, 3]]] * 6]}}


def spoil_objects(feature: dict[str, Any], how: str, n: int) -> None:
    """Change what objects there are."""
    whole, geometry = feature["CityObjects"][feature["id"]], geometry_of(feature)
    shell = geometry["boundaries"][0]
    match how:
        case "second solid":
            feature["CityObjects"][f"{feature['id']}-0"]["geometry"].append(json.loads(json.dumps(geometry)))
        case "faces beside":
            loose = {"type": "MultiSurface", "lod": "2.2", "boundaries": shell[: 1 + n % 6]}
            whole["geometry"].append(loose)
        case "room":
            feature["CityObjects"]["r"] = {
                "type": "BuildingRoom",
                "geometry": [json.loads(json.dumps(geometry))],
                "parents": [feature["id"]],
            }
            whole["children"].append("r")
        case "two buildings":
            feature["CityObjects"]["other"] = json.loads(json.dumps(whole)) | {"children": []}
        case "no building":
            whole["type"] = "Road"
        case "names among attributes":
            some = {"values": [1, 2]}, {"boundaries": [[1]]}, {"a": {"values": [[1, 2]]}}, {"a": [{"values": [3]}]}, {"boundaries": 0}
            whole["attributes"] = {**whole["attributes"], **some[n % 5], "vertices": [[1, 2, 3]]}
        case "geometry":
            whole["geometry"] = [None, {}, [None], "x"][n % 4]


def spoil_feature(feature: dict[str, Any], how: str, n: int) -> None:
    """Change what objects share."""
    match how:
        case "same place":
            feature["vertices"][n % 8] = feature["vertices"][(n + 1) % 8]
        case "vertex":
            feature["vertices"][n % 8] = [[1, 2], [1, 2, 3, 4], [1.5, 2, 3], [1e5, 2, 3], ["1", 2, 3], None, 7, []][n % 8]
        case "vertices":
            feature["vertices"] = [None, [], {}, 3, CORNERS[:5]][n % 5]
        case "not a feature":
            feature["type"] = "Feature"


def spoil(feature: dict[str, Any], how: str, n: int) -> None:
    """Change one thing of a feature: what a writer may do, and what none should."""
    for change in (spoil_ring, spoil_geometry, spoil_objects, spoil_feature):
        change(feature, how, n)


HOWS = [
    "nothing", "repeat a corner", "a corner twice", "line", "point", "there and back", "same place", "hole", "no ring",
    "no shell", "nothing but lines", "index", "values", "null", "lod", "kind", "second solid", "faces beside", "vertex",
    "vertices", "names among attributes", "number for an array", "material", "room", "two buildings", "no building",
    "not a feature", "geometry",
]  # fmt: skip


@given(st.lists(st.lists(st.tuples(st.sampled_from(HOWS), st.integers(0, 71)), max_size=2), min_size=1, max_size=4), st.booleans())
@settings(max_examples=80, deadline=None)
def test_spoilt_features_are_read_as_one_at_a_time(spoilt: list[list[tuple[str, int]]], spaced: bool) -> None:
    features = [block(f"b{k}") for k in range(len(spoilt))]
    for feature, changes in zip(features, spoilt, strict=True):
        for how, n in changes:
            with suppress(KeyError, IndexError, TypeError, AttributeError):  # the change before may have left nothing to change
                spoil(feature, how, n)
    style = {"indent": None, "separators": (" , ", " : ")} if spaced else {}
    assert_same(text_of([block("first"), *features], **style))


@given(st.binary(max_size=8), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_broken_text_is_read_as_one_at_a_time(noise: bytes, at: int) -> None:
    line = json.dumps(block()).encode()
    at %= len(line)
    broken = (line[:at] + noise + line[at + len(noise) // 2 :]).replace(b"\n", b" ")
    assert_same(text_of([block("first")]) + broken + b"\n" + json.dumps(block("last")).encode())


GROUND_BOUNDARIES = '"boundaries": [[[0, 3, 2, 1]]]'


def with_surfaces(surfaces: object) -> str:
    feature = block()
    geometry_of(feature)["semantics"]["surfaces"] = surfaces
    return json.dumps(feature)


def with_another_number(escaped: Sequence[str]) -> str:
    """Return a feature of two solids that names its boundaries again, in disguise."""
    feature = block()
    spoil_objects(feature, "second solid", 0)
    pieces = json.dumps(feature).split('"semantics"')
    return "".join(f'{piece}"boundarie\\u0073": {number}, "semantics"' for piece, number in zip(pieces, escaped, strict=False)) + pieces[-1]


SHELL_END = "[3, 0, 4, 7]]]]"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(with_another_number(["3", "1"]), id="another array's number"),
        pytest.param(with_another_number(["-3", "3"]), id="an array of the line before"),
        pytest.param(json.dumps(block()).replace(SHELL_END, SHELL_END + "3"), id="a digit behind an array"),
        pytest.param(json.dumps(block()).replace(SHELL_END, SHELL_END + "e0"), id="an exponent behind an array"),
        pytest.param(with_surfaces([5]), id="surfaces are numbers"),
        pytest.param(with_surfaces([{}, {}, {}, "abc"]), id="a surface is a text"),
        pytest.param(with_surfaces("abcdef"), id="surfaces are a text"),
        pytest.param(with_surfaces({"a": 1}), id="surfaces are an object"),
        pytest.param(with_surfaces(None), id="surfaces are null"),
        pytest.param(with_surfaces([{"a": json.loads("[" * 300 + "]" * 300)}] * 4), id="a surface says more than JSON takes"),
    ],
)
def test_hostile_lines_are_read_as_one_at_a_time(line: str) -> None:
    rows = assert_same(text_of([block("first"), line, block("second"), block("third"), block("last"), line]))
    assert len(rows) == 6


PIECES = [
    b"",
    b"0",
    b"1",
    b"-",
    b".5",
    b"e1",
    b" ",
    b",",
    b":",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"\\",
    b"\\u0073",
    b"null",
    b"[0]",
    b"{}",
    b"\xff",
]
EDITS = st.tuples(
    st.integers(0, 10_000), st.integers(0, 3), st.sampled_from(PIECES) | st.tuples(st.integers(0, 10_000), st.integers(1, 30))
)


def edited(line: bytes, at: int, cut: int, piece: bytes | tuple[int, int]) -> bytes:
    """Return a line with some bytes cut out, and a piece, perhaps of itself, put in their place."""
    at %= len(line) + 1
    if isinstance(piece, tuple):
        start = piece[0] % (len(line) + 1)
        piece = line[start : start + piece[1]]
    return line[:at] + piece + line[at + cut :]


@given(st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_lines_with_other_bytes_are_read_as_one_at_a_time(edits: list[list[tuple[int, int, bytes | tuple[int, int]]]]) -> None:
    lines = [text_of([block("first")]).rstrip()]
    for k, of_line in enumerate(edits):
        line = json.dumps(block(f"b{k}")).encode()
        for edit in of_line:
            line = edited(line, *edit)
        lines.append(line)
    assert_same(b"\n".join(lines) + b"\n")


ROOF = '{"type":"RoofSurface","slope":3.25,"parts":-4,"flat":false,"known":true,"of":null,"name":"a b","height_m":10.093000411987305}'


def with_roof(roof: str) -> bytes:
    """Return a line without white space, one of whose semantic surfaces is spelled like this."""
    feature = block("roof")
    geometry_of(feature)["semantics"]["surfaces"] = [SURFACES[0], "here", {"type": "WallSurface"}, SURFACES[3]]
    return json.dumps(feature, separators=(",", ":")).replace('"here"', roof).encode()


@pytest.mark.parametrize(
    ("roof", "how"),
    [
        pytest.param(ROOF, "cut out", id="plain"),
        pytest.param('{"type":"RoofSurface"}', "cut out", id="nothing but its type"),
        pytest.param('{"type":"+Roof"}', "cut out", id="an extension's type"),
        pytest.param('{"type":"RoofSurface","slope":0.0}', "cut out", id="nought"),
        pytest.param('{"type":"RoofSurface","slope":3.250}', "left", id="a nought too many"),
        pytest.param('{"type":"RoofSurface","slope":0.1000000000000000055}', "left", id="more digits than a number has"),
        pytest.param('{"type":"RoofSurface","slope":-0.00123456789012345678}', "left", id="noughts before more digits than a number has"),
        pytest.param('{"type":"RoofSurface","slope":-0.0012345678901234567}', "cut out", id="noughts before as many as a number has"),
        pytest.param('{"type":"RoofSurface","slope":12.345678901234567}', "cut out", id="as many digits as a number has"),
        pytest.param('{"type":"RoofSurface","slope":0.10000000000000001}', "whole", id="more digits than it needs"),
        pytest.param('{"type":"RoofSurface","slope":1e2}', "left", id="exponent"),
        pytest.param('{"type":"RoofSurface","slope":-0}', "left", id="minus nought"),
        pytest.param('{"type":"RoofSurface","slope":12345678901234567890}', "left", id="a long integer"),
        pytest.param('{"type":"RoofSurface","slope":007}', "left", id="not JSON: noughts before a number"),
        pytest.param('{"type":"RoofSurface","slope":nul}', "left", id="not JSON: no word"),
        pytest.param('{"type":"RoofSurface","slope":3.}', "left", id="not JSON: nothing behind the point"),
        pytest.param('{"type":"RoofSurface",}', "left", id="not JSON: nothing behind the comma"),
        pytest.param('{"type":"RoofSurface" ,"slope":3.25}', "left", id="white space"),
        pytest.param('{"type":"RoofSurface","s\\u006cope":3.25}', "left", id="escape"),
        pytest.param('{"type":"RoofSurface","name":"屋面"}', "left", id="not ASCII"),
        pytest.param('{"slope":3.25,"type":"RoofSurface"}', "left", id="type behind"),
        pytest.param('{"slope":3.25}', "left", id="no type"),
        pytest.param('{"type":"RoofSurface","type":"WallSurface"}', "left", id="type twice"),
        pytest.param('{"type":"RoofSurface","slope":3.25,"slope":4}', "left", id="a name twice"),
        pytest.param('{"type":"RoofSurface","faces":[7]}', "left", id="a list"),
        pytest.param('{"type":"RoofSurface","faces":7}', "left", id="the name faces are kept by"),
        pytest.param('{"type":"RoofSurface","parent":0,"children":1}', "left", id="relatives"),
    ],
)
def test_surfaces_are_cut_out_where_they_are_plain(roof: str, how: str) -> None:
    assert_same(b"\n".join([json.dumps(HEAD).encode(), with_roof(ROOF), with_roof(roof), with_roof(ROOF)]) + b"\n")
    cut = cut_lines([with_roof(roof)])
    assert cut.cuts_surfaces == (how != "whole")
    assert (SEMANTIC_SURFACES in cut.kind) == (how == "cut out")


def test_surfaces_beside_one_with_a_nought_too_many_are_cut_out() -> None:
    cut = cut_lines([with_roof(ROOF), with_roof('{"type":"RoofSurface","slope":12.50}'), with_roof(ROOF)])
    assert cut.cuts_surfaces
    assert [SEMANTIC_SURFACES in cut.kind[a:b] for a, b in itertools.pairwise(cut.array_start)] == [True, False, True]


@given(st.lists(EDITS, min_size=1, max_size=2))
@settings(max_examples=100, deadline=None)
def test_surfaces_with_other_bytes_are_read_as_one_at_a_time(edits: list[tuple[int, int, bytes | tuple[int, int]]]) -> None:
    roof = ROOF.encode()
    for edit in edits:
        roof = edited(roof, *edit)
    line = with_roof("ROOF").replace(b"ROOF", roof)
    assert_same(b"\n".join([json.dumps(HEAD).encode(), with_roof(ROOF), line.replace(b"\n", b"")]) + b"\n")


def test_kernel_stops_at_the_end_of_its_room() -> None:
    cut = cut_lines([json.dumps(block()).encode()])
    arrays = Cut(cut.numbers, *cut.ends, cut.start, cut.depth)
    ground, solid, values, vertices = range(4)
    geometries = [(ground, -1, 0, 0, 0, 0), (solid, values, 0, 1, 0, 4), (-1, -1, 0, 0, 0, 0), (9, -1, 0, 0, 0, 0), (solid, 9, 0, 1, 0, 4)]
    bodies = np.array([(vertices, k + 1) for k in range(len(geometries))] + [(9, 6), (-1, 7)])
    enough, too_little = made_for(bodies, rings=40), made_for(bodies, rings=3)
    for made in (enough, too_little):
        build(arrays, bodies, np.array(geometries), np.zeros(4, np.uint8), 8, 24, made)
    assert enough.good.tolist() == [True, True, False, False, False, False, False]
    assert too_little.good.tolist() == [True, False, False, False, False, False, False]
    scarce = made_for(bodies, rings=40)
    build(arrays, bodies, np.array(geometries), np.zeros(4, np.uint8), 7, 24, scarce)
    assert not scarce.good.any(), "there is room for seven of the eight vertices of the line"
    scarce = made_for(bodies, rings=40)
    build(arrays, bodies, np.array(geometries), np.zeros(4, np.uint8), 8, 23, scarce)
    assert scarce.good.tolist() == [True, False, False, False, False, False, False], "there is room for 23 of 24 corners of a geometry"


def test_what_is_cut_into_the_room_of_other_lines_is_the_same() -> None:
    long, short = [json.dumps(block(name)).encode() for name in ("a", "b" * 500)], [json.dumps(block("c")).encode()]
    room = Room(1 << 20)
    for lines in (short, long, short, [b"[]"], long):
        anew, again = cut_lines(lines), cut_lines(lines, into=room)
        assert again.skeletons == anew.skeletons
        assert (again.array_start.tolist(), again.kind.tolist()) == (anew.array_start.tolist(), anew.kind.tolist())
        assert again.surface_start.tolist() == anew.surface_start.tolist()
        assert again.start.tolist() == anew.start.tolist()
        assert again.depth.tolist() == anew.depth.tolist()
        sizes = anew.start[-1]
        for one, other, size in zip((again.numbers, *again.ends), (anew.numbers, *anew.ends), sizes, strict=True):
            assert one[:size].tolist() == other[:size].tolist()
        count = anew.surface_start[-1]
        assert again.surfaces[:count].tolist() == anew.surfaces[:count].tolist()


def made_for(bodies: npt.NDArray[np.int64], rings: int) -> Made:
    """Return room for ``rings`` rings, as many faces, and four corners a ring."""
    numbers = {"ring_ends": rings, "face_ends": rings, "indices": 4 * rings, "shell_ends": 9, "solid_ends": 9}
    return Made(
        good=np.zeros(len(bodies), dtype=bool),
        start=np.zeros((len(bodies) + 1, 6), dtype=np.int64),
        place=np.empty(4 * rings, dtype=np.int64),
        meaning=np.empty(rings, dtype=np.int64),
        **{name: np.empty(size, dtype=np.uint32) for name, size in numbers.items()},
        surface_type=np.empty(rings, dtype=np.uint8),
        part=np.empty(rings, dtype=np.uint16),
        mended=np.empty((rings, 3), dtype=np.int64),
        size=np.zeros(7, dtype=np.int64),
    )


def test_nearly_all_of_a_feature_is_cut_out_and_nothing_else() -> None:
    feature = block()
    cut = cut_lines([json.dumps(feature).encode()])
    (skeleton,) = cut.skeletons
    assert skeleton is not None
    rest = json.loads(skeleton)
    geometry = geometry_of(rest)
    numbers = [
        rest["vertices"],
        geometry["boundaries"],
        geometry["semantics"]["values"],
        rest["CityObjects"]["b"]["geometry"][0]["boundaries"],
    ]
    assert sorted(numbers) == [0, 1, 2, 3]
    assert rest["CityObjects"]["b"]["attributes"] == feature["CityObjects"]["b"]["attributes"]
    start = cut.start[:, 0]
    assert cut.numbers[start[numbers[0]] : start[numbers[0] + 1]].tolist() == np.ravel(CORNERS).tolist()
    assert cut.numbers[start[numbers[1]] : start[numbers[1] + 1]].tolist() == np.ravel(SHELL).tolist()


@pytest.mark.parametrize(("copies", "reader"), [(2, CityJson), (3000, LargeCityJson)])
def test_only_a_large_file_is_worth_compiled_kernels(tmp_path: Path, copies: int, reader: type[CityJson]) -> None:
    path = tmp_path / "city.jsonl"
    path.write_bytes(text_of([json.dumps(block())] * copies))
    import_for(path)
    assert type(choose_reader(ReadRequest(path, (), storage_srid=28992))) is reader


def test_no_thread_starts_before_the_doors_close() -> None:
    """One that has only just ended can still be counted, and then the sandbox does not close."""
    started: list[str] = []
    threading.setprofile(lambda *_: started.append(threading.current_thread().name))
    try:
        stand_ready()
        assert not started
        list(rows_of(text_of([block("first")]), CityJsonSequence))
        assert started, "batches are read by a thread"
    finally:
        threading.setprofile(None)


def test_an_appearance_without_an_image_is_read_through_the_kernels(tmp_path: Path) -> None:
    """Exporters write an appearance of materials with an empty ``vertices-texture``: there is no picture to look for."""
    plain = block() | {"appearance": {"materials": [{"name": "brick"}], "textures": [], "vertices-texture": []}}
    layer = CityJsonSequence(text_of([plain]), Limits(), FolderPictures(tmp_path)).open(PartRequest(None, BUILDING, "d"))
    assert isinstance(layer, CitySequenceLayer)
    assert not layer.source.notes


def test_lines_of_which_each_says_something_of_its_own_are_packed_like_others() -> None:
    """They were kept whole once lines were no longer objects that could be told by identity."""
    lines = [block(f"b{i}") for i in range(30)]
    for i, feature in enumerate(lines):
        feature["CityObjects"][f"b{i}"]["address"] = [{"street": f"{i}"}]
    text = text_of(lines)
    batches = CityJsonSequence(text, Limits()).open(PartRequest(None, BUILDING, "d")).batches()
    assert [is_packed for b in batches if b.packing is not None for is_packed in b.packing.are_packed().tolist()] == [True] * 30
    assert_same(text)
