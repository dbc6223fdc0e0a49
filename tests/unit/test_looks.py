"""What exact looks at solids may be in all: counted by body and by file, told where it ends, and the same however a file is divided."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from solid_files import Points, Polygon, body_of

from ingest.body_arrays import Doubts, laid_out
from ingest.checks.solids import looks
from ingest.checks.solids.fault import MOST_BETWEEN, Tolerances
from ingest.checks.solids.few_faces import faults_of_doubtful
from ingest.checks.solids.findings import Hit, look_at_solids
from ingest.checks.solids.looks import A_CORNER, BOXES_A_LOOK, MOST_OF_FILE, UNFINISHED, Looks, LooksOfFile, LooksSpentError
from ingest.checks.solids.validity import validity_faults
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import Makeup, Representation
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types
from twin.representation import Faces

BUILDING = load_feature_types()["building"]
TETRAHEDRON: list[Polygon] = [[[0, 2, 1]], [[0, 1, 3]], [[1, 2, 3]], [[2, 0, 3]]]
BOX: list[Polygon] = [[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]]


def tetrahedron(x: float = 0.0) -> tuple[Points, list[Polygon]]:
    return [(x, 0.0, 0.0), (x + 1, 0.0, 0.0), (x, 1.0, 0.0), (x, 0.0, 1.0)], TETRAHEDRON


def box(x: float = 0.0, side: float = 1.0) -> tuple[Points, list[Polygon]]:
    square = [(x, 0.0), (x + side, 0.0), (x + side, side), (x, side)]
    return [(*corner, z) for z in (0.0, side) for corner in square], BOX


def wave(k: int, count: int = 12) -> tuple[Points, list[Polygon]]:
    """A thin sheet in zigzag above the one before, which no plane parts from it."""
    line = [(float(i), 4.0 * (i % 2) + 0.3 * k) for i in range(count)]
    corners = [(x, y, z + up) for y in (0.0, 5.0) for up in (0.0, 0.1) for x, z in line]
    below, above, behind, over = (range(n * count, n * count + count) for n in range(4))
    steps = list(itertools.pairwise(range(count)))
    sheets = [[[below[i], behind[i], behind[j], below[j]]] for i, j in steps] + [[[above[i], above[j], over[j], over[i]]] for i, j in steps]
    ends = [[[below[0], above[0], over[0], behind[0]]], [[below[-1], behind[-1], over[-1], above[-1]]]]
    return corners, [*sheets, *ends, [[*below, *reversed(above)]], [[*over, *reversed(behind)]]]


def spent(body: Faces, makeup: Makeup) -> int:
    left = LooksOfFile()
    validity_faults([body], makeups=[makeup], looks=left)
    return MOST_OF_FILE + A_CORNER * len(body.indices) - left.left


def found(bodies: list[Faces], sizes: list[int], most: int) -> list[tuple[int, int]]:
    """Return body and code of what is told of a file whose batches have so many bodies each."""
    left, first, hits = LooksOfFile(most), 0, list[tuple[int, int]]()
    for size in sizes:
        some = [Representation(row, "2", body, None) for row, body in enumerate(bodies[first : first + size])]
        told: list[Hit] = sorted(look_at_solids(laid_out(some), BUILDING, left), key=lambda h: (h.body, h.code))
        hits += [(first + hit.body, hit.code) for hit in told]
        first += size
    assert first == len(bodies)
    return hits


def test_solids_of_one_multi_solid_are_held_against_nothing() -> None:
    body = body_of([[tetrahedron()]] * 1000)
    assert spent(body, Makeup((0,) * 1000)) == 0
    assert spent(body, Makeup((0,) * 999 + (1,))) >= MOST_BETWEEN * looks.A_PAIR


def test_pairs_of_solids_of_different_geometries_alone_are_looked_at() -> None:
    """Two multi-solids, each of boxes upon each other: what of them overlaps are solids of both."""
    body = body_of([[box()], [box()], [box(5)], [box(0.5)], [box(20)]])
    makeup = Makeup((0, 0, 0, 1, 1))
    assert [(f.code, f.place[0] > 4) for f in validity_faults([body], makeups=[makeup])] == [(601, False)] * 2
    composite = Makeup((0, 0, 0, 1, 1), frozenset({1}))
    assert sorted(f.code for f in validity_faults([body], makeups=[composite])) == [503, 601, 601]


def test_boxes_are_counted_even_where_none_meets() -> None:
    body = body_of([[tetrahedron(3.0 * k)] for k in range(300)])
    assert spent(body, Makeup()) == 300**2 // (2 * BOXES_A_LOOK)
    assert spent(body, Makeup(composites=frozenset({0}), geometry_of_solid=(0,) * 300)) == 300**2 // (2 * BOXES_A_LOOK)
    assert spent(body, Makeup((0,) * 300)) == 0


@pytest.mark.parametrize("is_cavity", [False, True])
def test_more_boxes_than_there_are_looks_for_are_told(is_cavity: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = [([(x + 3, y + 3, z + 3) for x, y, z in tetrahedron(3.0 * k)[0]], [[f[0][::-1]] for f in TETRAHEDRON]) for k in range(300)]
    body = body_of([[box(0, 1000.0), *inner]]) if is_cavity else body_of([[tetrahedron(3.0 * k)] for k in range(300)])
    assert validity_faults([body]) == []
    monkeypatch.setattr(looks, "MOST_LOOKS", 300 * 1100 if is_cavity else 700)
    assert [fault.code for fault in validity_faults([body])] == [UNFINISHED]


def test_what_is_not_looked_at_is_not_taken_from_the_file() -> None:
    file = LooksOfFile(100)
    large, small = file.of_body(0), file.of_body(1)
    assert file.left == 100 + A_CORNER
    with pytest.raises(LooksSpentError):
        large.spend(101 + A_CORNER)
    small.spend(100)
    with pytest.raises(LooksSpentError):
        large.spend(1)
    assert file.left == A_CORNER
    assert Looks().left == looks.MOST_LOOKS


WAVES = body_of([[wave(k, 6)] for k in range(3)])
CROSSED = body_of([[box()], [box(0.5)]])
HOLLOW = body_of([[box(0, 10.0), ([(x + 1, y + 1, z + 1) for x, y, z in box()[0]], [[f[0][::-1]] for f in BOX])]])
# a face too far off its plane in the first of two solids, so that it is looked at once by that face, then wholly
BENT = body_of([[([*box()[0][:6], (1.0, 1.0, 1.4), box()[0][7]], BOX)], [box(5)], [box(5.5)]])
ORDERS = [[WAVES, BENT, CROSSED, WAVES, HOLLOW, WAVES, WAVES, CROSSED, BENT, WAVES], [BENT, *[WAVES] * 5, BENT, CROSSED]]


@pytest.mark.parametrize("bodies", ORDERS)
def test_the_same_is_told_however_a_file_is_divided_into_batches(bodies: list[Faces], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "A_CORNER", 0)
    count, left = len(bodies), LooksOfFile()
    rows = [Representation(row, "2", body, None) for row, body in enumerate(bodies)]
    assert UNFINISHED not in {hit.code for hit in look_at_solids(laid_out(rows), BUILDING, left)}
    ended = set()
    for tenth in (0, 2, 5, 7, 9):
        most = (MOST_OF_FILE - left.left) * tenth // 10
        one = found(bodies, [count], most)
        for sizes in ([1] * count, [3, count - 3]):
            assert found(bodies, sizes, most) == one
        ended.add(sum(code == UNFINISHED for _, code in one))
    assert len(ended) > 2


def sheet(steps: int) -> tuple[Points, list[Polygon]]:
    """A sheet in zigzag along y, so that all its faces lie beside each other along x."""
    corners, faces = wave(0, steps)
    return [(y, x, z) for x, y, z in corners], [[ring[::-1] for ring in face] for face in faces]


def bipyramid(lower: tuple[float, float, float]) -> tuple[Points, list[Polygon]]:
    """A round one of 300 faces, whose lower tip may be anywhere."""
    count = 150
    turns = np.arange(count) * 2 * np.pi / count
    ring = [(float(x), float(y), 0.0) for x, y in zip(5 * np.cos(turns), 5 * np.sin(turns), strict=True)]
    pairs = [(k, (k + 1) % count) for k in range(count)]
    return [*ring, (0.0, 0.0, 5.0), lower], [[[p, q, count]] for p, q in pairs] + [[[q, p, count + 1]] for p, q in pairs]


def test_faces_of_a_large_shell_are_held_against_each_other_as_far_as_it_has_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    large, other, small = (body_of([[sheet(steps)]]) for steps in (150, 140, 20))
    crossed = body_of([[bipyramid((20.0, 0.0, 2.0))]])
    assert validity_faults([large, other, small, body_of([[bipyramid((0.0, 0.0, -5.0))]])]) == []
    assert 306 in {fault.code for fault in validity_faults([crossed])}
    file = LooksOfFile(left_for_faces=0)
    monkeypatch.setattr(looks, "A_FACE", 0)
    assert [(f.body, f.code) for f in validity_faults([large, small, crossed], looks=file)] == [(0, UNFINISHED), (2, UNFINISHED)]
    file.left_for_faces = 10**6
    assert validity_faults([large], looks=file) == []
    taken = 10**6 - file.left_for_faces
    assert 0 < taken < 10**5
    file.left_for_faces = taken
    assert [(f.body, f.code) for f in validity_faults([large, other], looks=file)] == [(1, UNFINISHED)]
    file.left_for_faces = taken
    assert validity_faults([large], looks=file) == []
    assert [f.code for f in validity_faults([other], looks=file)] == [UNFINISHED]
    monkeypatch.setattr(looks, "MOST_LOOKS", taken - 1)
    assert [f.code for f in validity_faults([large])] == [UNFINISHED]


def told_of_two(monkeypatch: pytest.MonkeyPatch, *, divided: bool) -> list[tuple[int, int]]:
    """Return body and code of two large shells, of which the first has one doubtful face, that is sound; there are looks for one."""
    sheets = [body_of([[sheet(150)]]) for _ in range(2)]
    taken = LooksOfFile(left_for_faces=10**6)
    monkeypatch.setattr(looks, "A_FACE", 0)
    validity_faults(sheets[:1], looks=taken)
    left, told = LooksOfFile(left_for_faces=10**6 - taken.left_for_faces), []
    for batch in ([0], [1]) if divided else ([0, 1],):
        arrays = laid_out([Representation(row, "2", sheets[body], None) for row, body in enumerate(batch)])
        faces = np.concatenate(
            [np.arange(len(sheets[body].face_ends)) == 0 if body == 0 else np.ones(len(sheets[body].face_ends), bool) for body in batch]
        )
        doubts = Doubts(np.ones(len(batch), dtype=bool), faces, {})
        told += [(batch[body], fault.code) for body, faults in faults_of_doubtful(arrays, doubts, Tolerances(), left) for fault in faults]
    return told


def test_a_large_shell_with_few_doubtful_faces_takes_its_looks_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_of_two(monkeypatch, divided=True) == [(1, UNFINISHED)]
    assert told_of_two(monkeypatch, divided=False) == [(1, UNFINISHED)]


def outline(count: int, spike: float) -> Faces:
    """A ring around a place, of which every other corner is farther out by a share."""
    turns = np.arange(count) * 2 * np.pi / count
    out = 500 * (1 + spike * (np.arange(count) % 2))
    ring = [(float(x), float(y), 0.0) for x, y in zip(out * np.cos(turns), out * np.sin(turns), strict=True)]
    return body_of([[(ring, [[list(range(count))]])]], closed=False)


def test_a_ring_whose_edges_nearly_all_lie_beside_each_other_is_told_and_a_long_one_as_they_are_drawn_is_looked_at() -> None:
    tangled = outline(20_000, 0.9)
    assert [(fault.body, fault.code, fault.face) for fault in validity_faults([CROSSED, tangled])] == [(0, 601, None), (1, UNFINISHED, 0)]
    assert validity_faults([outline(2_000, 0.9), outline(40_000, 0.0005)]) == []


def band(along: str, corners: int) -> Faces:
    """A ring as of a river 50 m wide with a corner each metre, its banks uneven; along an axis, both in turn, or neither."""
    half = corners // 2
    run, noise = np.arange(half, dtype=np.float64), np.random.default_rng(1).uniform(-0.3, 0.3, (2, half))
    banks = np.concatenate([np.stack([run, noise[0]], axis=1), np.stack([run, 50 + noise[1]], axis=1)[::-1]])
    if along == "y":
        banks = banks[:, ::-1]
    elif along == "both":
        corner = run[half // 2]
        beyond = banks[:, 0] > corner
        banks = np.where(beyond[:, None], np.stack([corner + 50 - banks[:, 1], banks[:, 0] - corner + 50], axis=1), banks)
    elif along == "neither":
        banks = (banks @ np.array([[0.8, 0.6], [-0.6, 0.8]])).round(3)
    ring = [(x, y, 0.0) for x, y in banks.tolist()]
    return body_of([[(ring, [[list(range(len(ring)))]])]], closed=False)


@pytest.mark.parametrize("along", ["x", "y", "both", "neither"])
def test_a_long_thin_ring_is_looked_at_whichever_way_it_runs(along: str) -> None:
    assert validity_faults([band(along, 40_000)]) == []


def test_a_file_of_bodies_that_interlock_is_looked_at_as_far_as_it_has_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes first is looked at to the end; a building after the last ones is told as ever, as it takes little."""
    waves = [wave(k) for k in range(6)]
    rows = [waves] * 12 + [[box(), box(0.5)]]
    vertices, objects = [], {}
    for number, parts in enumerate(rows):
        geometries = []
        for corners, faces in parts:
            first = len(vertices)
            vertices += [[round(1000 * x), round(1000 * y), round(1000 * z)] for x, y, z in corners]
            shell = [[[first + k for k in ring] for ring in face] for face in faces]
            geometries.append({"type": "Solid", "lod": "2", "boundaries": [shell]})
        objects[f"h{number}"] = {"type": "Building", "attributes": {"building_id": f"b{number}"}, "geometry": geometries}
    file = tmp_path / "waves.city.json"
    transform = {"scale": [0.001] * 3, "translate": [497_538.0, 3_520_895.0, 5]}
    metadata = {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"}
    document = {"type": "CityJSON", "version": "2.0", "transform": transform, "metadata": metadata}
    file.write_text(json.dumps(document | {"CityObjects": objects, "vertices": vertices}))
    monkeypatch.setattr(looks, "MOST_OF_FILE", 3_000_000)
    request = ReadRequest(file, (PartRequest("Building", BUILDING, "buildings"),), 4549)
    batches = [m for m in read_parts(choose_reader(request), request) if isinstance(m, PartBatch)]
    told = {f.row: f.rule for batch in batches for f in batch.findings if f.rule.startswith(("val3dity", "solids"))}
    assert told[len(rows)] == "val3dity-601"
    unfinished = [row for row, rule in told.items() if rule == "solids-unfinished"]
    assert 2 < len(unfinished) < 12
    assert 1 not in told
    assert sum(batch.table.num_rows for batch in batches) == len(rows)
    assert np.all(np.diff(unfinished) > 0)
