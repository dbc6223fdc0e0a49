"""Bodies by ISO 19107: what shortcuts accept is right by another reckoning, and a fault is told where it is."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from solid_files import Points, Polygon, body_of

from ingest.checks.solids import looks
from ingest.checks.solids.boundaries import boundaries_of
from ingest.checks.solids.fault import MOST_BETWEEN
from ingest.checks.solids.hulls import Hull, _is_parted, hulls_of
from ingest.checks.solids.looks import UNFINISHED
from ingest.checks.solids.planes import planes_of
from ingest.checks.solids.rings import is_convex, self_intersections
from ingest.checks.solids.shells import signed_volumes_m3
from ingest.checks.solids.validity import validity_faults
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types
from twin.model import Severity

CORNERS: Points = [(x, y, z) for z in (0.0, 1.0) for x, y in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
SIDES: list[Polygon] = [[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]]
CUBE = body_of([[(CORNERS, SIDES)]])
RINGS = arrays.arrays(np.int64, st.tuples(st.integers(3, 9), st.just(2)), elements=st.integers(0, 12))
TURNS = st.floats(-3.1, 3.1)


def turned(angle: float, tilt: float) -> np.ndarray:
    about_z = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    return about_z @ about_x


@given(RINGS, TURNS, TURNS)
@settings(max_examples=150, deadline=None)
def test_a_ring_meets_itself_in_space_as_geos_says_in_the_plane(ring: np.ndarray, angle: float, tilt: float) -> None:
    assume((ring != np.roll(ring, 1, axis=0)).any(axis=1).all())  # else 102
    points = np.column_stack([ring, np.zeros(len(ring))]) @ turned(angle, tilt).T
    b = boundaries_of([body_of([[([tuple(p) for p in points.tolist()], [[list(range(len(ring)))]])]], closed=False)])
    planes = planes_of(b, np.ones(1, dtype=bool), 0.01)
    valid = shapely.Polygon(ring).is_valid
    assert (not list(self_intersections(b, planes, np.array([0])))) == valid
    assert valid or not is_convex(b, planes)[0]


@given(TURNS, TURNS, arrays.arrays(np.float64, 3, elements=st.integers(-4_000_000, 4_000_000)), st.floats(0.1, 500))
@settings(max_examples=50, deadline=None)
def test_a_cube_is_valid_wherever_it_stands(angle: float, tilt: float, place: np.ndarray, side_m: float) -> None:
    vertices = np.round(side_m * CUBE.vertices @ turned(angle, tilt).T + place, 9)
    body = replace(CUBE, vertices=vertices)
    assert validity_faults([body]) == []
    assert np.allclose(signed_volumes_m3(boundaries_of([body])), side_m**3, rtol=1e-5)


def test_a_batch_finds_in_each_body_what_it_finds_in_it_alone() -> None:
    bodies = [
        CUBE,
        body_of([[(CORNERS, SIDES[1:])]]),
        body_of([[(CORNERS, SIDES)]], closed=False),
        body_of([[(CORNERS, [*SIDES[:5], [[3, 7, 4, 0]]])]]),
    ]
    alone = [[(f.code, f.place, f.face) for f in validity_faults([body])] for body in bodies]
    together = validity_faults(bodies)
    assert [[(f.code, f.place, f.face) for f in together if f.body == n] for n in range(4)] == alone
    assert [[code for code, _, _ in found] for found in alone] == [[], [302], [], [307]]


def test_a_welded_body_is_told_the_same_whatever_is_beside_it() -> None:
    """Its faces were told apart by planes of corners as given or of welded ones, as another body had a doubtful face or not."""
    apex = (0.5, 0.5, 0.0003)
    corners = [(x, y, z) for z in (0.0, 5.0) for x, y in ((0, 0), (10, 0), (10, 10), (0, 10))]
    roof: list[Polygon] = [[[4, 5, 8]], [[5, 6, 8]], [[6, 7, 8]], [[7, 4, 8]]]
    floor: Polygon = [[9, 3, 2, 1]]
    cracked = body_of([[([(0.0, 0.0, 0.0009), *corners[1:], apex, (0.0, 0.0, 0.0)], [floor, *SIDES[2:], *roof])]])
    twisted = body_of([[([*CORNERS[:6], (1.0, 1.0, 1.4), CORNERS[7]], SIDES)]])
    none, some = np.zeros(15, dtype=bool), np.arange(15) == 10
    for beside, doubtful in ((CUBE, none), (CUBE, some), (twisted, some)):
        faults = validity_faults([cracked, beside], doubtful=doubtful)
        assert [(f.code, f.face) for f in faults if f.body == 0] == [(306, 0)]


def test_a_crack_that_is_welded_crosses_nothing() -> None:
    """A shell whose faces have their corners apart by less than the tolerance is closed, and its inside is where it was."""
    moved = [(x, y, z + 0.0005 * (z == 0)) for x, y, z in CORNERS]
    cracked = body_of([[([*moved, *CORNERS[:4]], [[[8, 11, 10, 9]], *SIDES[1:]])]])
    assert validity_faults([cracked]) == []


def test_each_hole_of_a_shell_is_told_once_at_its_edge() -> None:
    faults = validity_faults([body_of([[(CORNERS, SIDES[2:])]])])
    assert [f.code for f in faults] == [302, 302]
    assert sorted(f.place[2] for f in faults) == [0, 1]
    assert all(shapely.Point(f.place[:2]).distance(shapely.box(0, 0, 1, 1).exterior) == 0 for f in faults)


def test_shells_and_solids_that_are_the_same_by_the_dozen_are_not_all_held_against_each_other() -> None:
    box = (CORNERS, SIDES)
    for body, code in ((body_of([[box] * 30]), 402), (body_of([[box]] * 30), 601)):
        found = [fault.code for fault in validity_faults([body])]
        assert found.count(code) == MOST_BETWEEN


def _plate(k: float, least: float = 0.0) -> tuple[Points, list[Polygon]]:
    """A thin plate across the diagonal, ``k`` along it."""
    across = [(x * 4 + (y * 0.1 + k), -x * 4 + (y * 0.1 + k), least + z) for x, y, z in CORNERS]
    return across, SIDES


def _disc(k: float, corners: int = 64) -> Hull:
    """A thin round plate askew, its rim first, which has more faces than are asked for a plane between two."""
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1) * 2
    low, high = ([(x * 0.7 + z, -x * 0.7 + z, y) for x, y in ring.tolist()] for z in (k, k + 0.1))
    rim = [[[a, (a + 1) % corners, corners + (a + 1) % corners, corners + a]] for a in range(corners)]
    caps = [[list(range(corners))[::-1]], [list(range(corners, 2 * corners))]]
    b = boundaries_of([body_of([[([*low, *high], [*rim, *caps])]])])
    return hulls_of(b, planes_of(b, np.ones(corners + 2, dtype=bool), 0.01), np.array([0]))[0]


def test_discs_whose_rims_come_first_are_parted_by_their_caps() -> None:
    assert _is_parted(_disc(0.0), _disc(0.2))
    assert not _is_parted(_disc(0.0), _disc(0.05))


def _zigzag(k: int, count: int = 8, least: float = 0.0) -> tuple[Points, list[Polygon]]:
    """A thin sheet in zigzag above the one before, which no plane parts from it."""
    line = [(float(i), 4.0 * (i % 2) + 0.3 * k + least) for i in range(count)]
    corners = [(x, y, z + up) for y in (0.0, 5.0) for up in (0.0, 0.1) for x, z in line]
    below, above, behind, over = (range(n * count, n * count + count) for n in range(4))
    steps = list(itertools.pairwise(range(count)))
    sheets = [[[below[i], behind[i], behind[j], below[j]]] for i, j in steps] + [[[above[i], above[j], over[j], over[i]]] for i, j in steps]
    ends = [[[below[0], above[0], over[0], behind[0]]], [[below[-1], behind[-1], over[-1], above[-1]]]]
    return corners, [*sheets, *ends, [[*below, *reversed(above)]], [[*over, *reversed(behind)]]]


def test_what_takes_more_looks_than_a_body_has_is_told_after_what_was_found_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet that crosses the last one is found where it comes first; where it comes last, that pair is among what was not looked at."""
    sheets = [[_zigzag(k)] for k in range(12)]
    assert validity_faults([body_of(sheets)]) == []
    monkeypatch.setattr(looks, "MOST_LOOKS", 200_000)
    within = [_zigzag(11, least=0.05)]
    early, late = (validity_faults([body_of(order), CUBE, body_of(sheets[:2])]) for order in ([within, *sheets], [*sheets, within]))
    assert [(fault.body, fault.code) for fault in early] == [(0, UNFINISHED), (0, 601)]
    assert [(fault.body, fault.code) for fault in late] == [(0, UNFINISHED)]
    assert late[0].face is None
    assert validity_faults([body_of([*sheets, within])]) == late


def test_a_corner_at_a_vertex_that_a_body_has_not_is_an_error_of_its_own() -> None:
    with pytest.raises(ValueError, match="body 1 has a corner at a vertex"):
        validity_faults([CUBE, replace(CUBE, vertices=CUBE.vertices[:-1])])


def test_cavities_that_interlock_are_looked_at_as_far_as_a_body_has_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = [(40 * x - 10, 40 * y - 10, 40 * z - 10) for x, y, z in CORNERS], SIDES
    cavities = [(corners, [[ring[::-1] for ring in face] for face in faces]) for corners, faces in (_zigzag(k) for k in range(12))]
    assert validity_faults([body_of([[outside, *cavities]])]) == []
    monkeypatch.setattr(looks, "MOST_LOOKS", 200_000)
    assert [fault.code for fault in validity_faults([body_of([[outside, *cavities]]), CUBE])] == [UNFINISHED]


def test_plates_whose_boxes_meet_are_apart_and_one_that_crosses_another_is_found_wherever_it_comes() -> None:
    plates = [[_plate(k / 2)] for k in range(60)]
    assert validity_faults([body_of(plates)]) == []
    for at in (0, 30, 60):
        crossed = [*plates[:at], [_plate(20.05, least=0.5)], *plates[at:]]
        assert [fault.code for fault in validity_faults([body_of(crossed)])] == [601]


def test_shells_that_are_the_same_hide_no_shell_outside() -> None:
    def moved(by: float, size: float) -> tuple[Points, list[Polygon]]:
        return [(by + size * x, by + size * y, by + size * z) for x, y, z in CORNERS], SIDES

    def inwards(by: float) -> tuple[Points, list[Polygon]]:
        corners, faces = moved(by, 1)
        return corners, [[ring[::-1] for ring in face] for face in faces]

    same = [inwards(2)] * 20
    codes = [fault.code for fault in validity_faults([body_of([[moved(0, 10), *same, inwards(40)]])])]
    assert codes.count(403) == 1
    assert codes.count(402) == MOST_BETWEEN - 1


def test_the_value_of_a_bent_face_is_its_distance_from_the_plane() -> None:
    lifted = [*CORNERS[:6], (1.0, 1.0, 1.4), CORNERS[7]]
    body = body_of([[(lifted, SIDES)]])
    fault = validity_faults([body])[0]
    _, _, axes = np.linalg.svd(body.vertices[4:] - body.vertices[4:].mean(axis=0))
    off = np.abs((body.vertices[4:] - body.vertices[4:].mean(axis=0)) @ axes[2])
    assert (fault.code, fault.face) == (203, 1)
    assert np.isclose(fault.value, off.max())


def test_a_submitted_body_is_told_by_row_key_and_place_and_stays(tmp_path: Path) -> None:
    x, y = 497_538.0, 3_520_895.0
    file = tmp_path / "open.city.json"
    solid = {"type": "Solid", "lod": "2", "boundaries": [SIDES[1:]]}
    house = {"type": "Building", "attributes": {"building_id": "b1"}, "geometry": [solid]}
    vertices = [[int(1000 * c) for c in corner] for corner in CORNERS]
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.01, 0.01, 0.01], "translate": [x, y, 5]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"},
        "CityObjects": {"h1": house},
        "vertices": vertices,
    }
    file.write_text(json.dumps(document))
    request = ReadRequest(file, (PartRequest("Building", load_feature_types()["building"], "buildings"),), 4549)
    (batch,) = (m for m in read_parts(choose_reader(request), request) if isinstance(m, PartBatch))
    (finding,) = (f for f in batch.findings if f.rule.startswith("val3dity"))
    assert (finding.rule, finding.severity, finding.row, finding.key) == (
        "val3dity-302",
        Severity.WARNING,
        1,
        batch.table["natural_key"][0].as_py(),
    )
    assert finding.place is not None
    assert shapely.Point(finding.place).distance(shapely.box(x, y, x + 10, y + 10).exterior) < 1e-6
    assert batch.table.num_rows == 1
    assert batch.representations is not None
