"""A face whose hole reaches beyond its outline by less than is told of rings: GEOS finds no triangulation, so it is told as 201."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from solid_files import Points, Polygon, body_of

from ingest.body_arrays import laid_out
from ingest.checks.solids.boundaries import boundaries_of
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.planes import planes_of
from ingest.checks.solids.triangles import UntriangulatedError, triangles_of
from ingest.checks.solids.validity import validity_faults
from ingest.compiled_bodies import compiled
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import Representation
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types
from twin.representation import Faces

CUBE_CORNERS: Points = [(x, y, z) for z in (0.0, 9.0) for x, y in ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))]
CUBE_SIDES: list[Polygon] = [[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]]
YARD: Polygon = [[0, 1, 2, 3], [4, 5, 6]]
UNEVEN_M = 0.002


def yard_of(beyond_m: float, uneven_m: float) -> Points:
    """Return the corners of a roof of which a yard's corner is beyond its edge."""
    roof = [(0.0, 0.0, 0.0), (12.0, 0.0, uneven_m), (12.0, 12.0, 0.0), (0.0, 12.0, uneven_m)]
    return [*roof, (6.0, -beyond_m, uneven_m / 2), (5.0, 4.0, 0.0), (7.0, 4.0, 0.0)]


def bodies_with(beyond_m: float, uneven_m: float) -> list[Faces]:
    """Return such a roof between two sound cubes."""
    cube = body_of([[(CUBE_CORNERS, CUBE_SIDES)]])
    return [cube, body_of([[(yard_of(beyond_m, uneven_m), [YARD])]], closed=False), cube]


@pytest.mark.parametrize("beyond_m", [1e-9, 1e-8, 5e-8, 1e-6, 1e-4, 0.001, 0.005])
def test_a_yard_beyond_its_roof_is_told_and_what_is_beside_it_is_sound(beyond_m: float) -> None:
    bodies = bodies_with(beyond_m, UNEVEN_M)
    assert [(f.body, f.code, f.face) for f in validity_faults(bodies)] == [(1, 201, 0)]
    doubts = compiled(laid_out([Representation(k, "2", faces, None) for k, faces in enumerate(bodies)])).doubts(Tolerances())
    assert doubts.bodies.tolist() == [False, True, False]


def test_a_yard_that_touches_its_roof_at_a_corner_is_sound() -> None:
    assert validity_faults(bodies_with(0.0, UNEVEN_M)) == []


def test_faces_without_triangulation_are_named_and_no_others() -> None:
    b = boundaries_of([*bodies_with(1e-4, UNEVEN_M), *bodies_with(0.0, UNEVEN_M)])
    faces = np.arange(len(b.face_start) - 1)
    planes = planes_of(b, np.ones(len(faces), dtype=bool), Tolerances().planarity_m)
    with pytest.raises(UntriangulatedError) as error:
        triangles_of(b, planes, faces)
    assert error.value.faces.tolist() == [6]
    _, start = triangles_of(b, planes, faces[faces != 6])
    assert (np.diff(start) >= 2).all()


def test_a_file_with_such_a_building_is_read_and_the_other_building_has_no_fault(tmp_path: Path) -> None:
    vertices = [[round(1000 * c) for c in corner] for corner in [*yard_of(0.001, UNEVEN_M), *((x + 50, y, z) for x, y, z in CUBE_CORNERS)]]
    roof = {"type": "MultiSurface", "lod": "2", "boundaries": [YARD]}
    cube = {"type": "Solid", "lod": "2", "boundaries": [[[[v + 7 for v in ring] for ring in face] for face in CUBE_SIDES]]}
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [497_538.0, 3_520_895.0, 5]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4549"},
        "CityObjects": {
            name: {"type": "Building", "attributes": {"building_id": name}, "geometry": [body]}
            for name, body in (("yard", roof), ("cube", cube))
        },
        "vertices": vertices,
    }
    file = tmp_path / "two.city.json"
    file.write_text(json.dumps(document))
    request = ReadRequest(file, (PartRequest("Building", load_feature_types()["building"], "buildings"),), 4549)
    (batch,) = (m for m in read_parts(choose_reader(request), request) if isinstance(m, PartBatch))
    key = dict(zip(batch.table["building_id"].to_pylist(), batch.table["natural_key"].to_pylist(), strict=True))
    assert [(f.rule, f.key) for f in batch.findings if f.rule.startswith("val3dity")] == [("val3dity-201", key["yard"])]
