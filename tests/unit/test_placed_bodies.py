"""Bodies that need not be moved are taken, measured and refused as those are that go through the transform."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from solid_files import body_of

from ingest.bodies import Bodies, place_bodies
from ingest.body_arrays import BodyArrays, laid_out
from ingest.compiled_bodies import compiled
from ingest.georeference import Georeference, georeference
from ingest.protocol import Limits, ReadRequest
from ingest.readers.source import Representation, SourceBatch

PLACE = np.array([500_000.0, 3_540_000.0, 0.0])
CUBE = body_of([[([(x, y, z) for z in (0, 3) for x, y in ((0, 0), (4, 0), (4, 2), (0, 2))],
                  [[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]])]])  # fmt: skip
STRANGE = (
    (0, 0, 0.0), (3, 2, math.nan), (5, 0, math.inf), (5, 1, -math.inf), (7, 0, math.nan), (2, 0, 1e9), (2, 1, -1e9), (6, 0, 1e5),
    (1, 1, 9e6), (4, 2, -1e300), (0, 2, 1e300), (0, 0, 900_000.0),
)  # fmt: skip
"""Vertex, axis, coordinate."""


def placing_of(crs: str, height_offset_m: float = 0.0) -> Georeference:
    request = ReadRequest(Path("x"), (), storage_srid=4549, extent_deg=(119.9, 31.0, 120.9, 33.0))
    return replace(georeference(request, "houses", crs, assumed=False), height_offset_m=height_offset_m)


def bodies_with(*strange: tuple[int, int, float]) -> BodyArrays:
    """Return a cube a row, and one that has a coordinate of its own in one vertex for each."""
    found = []
    for row, (vertex, axis, value) in enumerate(strange):
        vertices = CUBE.vertices + PLACE + [row, 0, row / 10]
        changed = vertices.copy()
        changed[vertex, axis] = value
        found += [Representation(row, "1", replace(CUBE, vertices=v), None) for v in ((vertices, changed) if row % 2 else (changed,))]
    return laid_out(found)


def placed(bodies: BodyArrays, placing: Georeference, limits: Limits) -> Bodies:
    rows = int(bodies.row[-1]) + 1
    batch = SourceBatch(np.arange(1, rows + 1), np.full(rows, None, dtype=object), {}, representations=bodies)
    return place_bodies(batch, placing, limits)


@pytest.mark.parametrize("strange", [STRANGE, STRANGE[:1], ((0, 2, 5.0), (0, 2, -7.0))])
@pytest.mark.parametrize("limits", [Limits(), Limits(vertices_per_feature=8)])
def test_bodies_that_stay_are_taken_as_if_they_were_moved(strange: tuple[tuple[int, int, float], ...], limits: Limits) -> None:
    bodies, placing = bodies_with(*strange), placing_of("EPSG:4549")
    quick, slow = placed(compiled(bodies), placing, limits), placed(bodies, placing, limits)
    assert placing.keeps_vertices
    assert quick.faults == slow.faults
    np.testing.assert_array_equal(quick.base_m, slow.base_m)
    np.testing.assert_array_equal(quick.height_m, slow.height_m)
    np.testing.assert_array_equal(quick.representations.row, slow.representations.row)
    np.testing.assert_array_equal(quick.representations.vertices, slow.representations.vertices)


@pytest.mark.parametrize("height_offset_m", [0.0, 1.5])
def test_a_body_too_high_to_be_stored_is_a_fault_of_its_row(height_offset_m: float) -> None:
    bodies = bodies_with((0, 2, 2_146_000.0), (3, 2, 2.2e6), (4, 2, -1e11), (0, 2, 2.0))
    found = placed(compiled(bodies), placing_of("EPSG:4549", height_offset_m), Limits())
    assert [(f.index, f.rule) for f in found.faults] == [(1, "area-of-use"), (2, "area-of-use")]
    assert "2,147 km" in found.faults[0].message.en
    assert len(found.representations.encoded()) == len(found.representations) == 3
    assert np.isnan(found.height_m[1:3]).all()


def test_bodies_with_other_heights_do_not_stay() -> None:
    assert not placing_of("EPSG:4549", height_offset_m=1.5).keeps_vertices
    assert not placing_of("EPSG:4548").keeps_vertices
    placing = placing_of("EPSG:4549")
    assert not replace(placing, transform=replace(placing.transform, height_unit_m=0.3048)).keeps_vertices
    bodies = compiled(bodies_with(STRANGE[0], (0, 2, 1.0)))
    assert placed(bodies, placing_of("EPSG:4549", height_offset_m=1.5), Limits()).base_m[1] == pytest.approx(1.6)
