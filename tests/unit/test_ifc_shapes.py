"""Shapes of building models: each made once for all layers of a model, and put together without a corner lost."""

from __future__ import annotations

from pathlib import Path

import ifcopenshell.geom
import numpy as np
import pytest

from ingest.protocol import Limits, PartRequest, ReadRequest
from ingest.readers.ifc import Ifc
from ingest.readers.ifc_shapes import Shape, faces_of
from tests.ifc_model import write_house
from twin.featuretypes.loader import load_feature_types
from twin.representation import SurfaceType


def test_building_storeys_and_rooms_of_a_model_share_their_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_house(path := tmp_path / "house.ifc", None)
    made: list[str] = []
    create_shape = ifcopenshell.geom.create_shape

    def noted(settings: ifcopenshell.geom.settings, product: ifcopenshell.entity_instance) -> object:
        made.append(product.GlobalId)
        return create_shape(settings, product)

    monkeypatch.setattr(ifcopenshell.geom, "create_shape", noted)
    reader, types = Ifc(path, ReadRequest(path, (), storage_srid=4549, limits=Limits())), load_feature_types()
    drawn = {n: list(reader.open(PartRequest(n, types[n], n)).batches()) for n in ("building", "storey", "space")}
    assert len(made) == len(set(made)) == 2
    assert [sum(g is not None for b in batches for g in b.geometry) for batches in drawn.values()] == [1, 2, 2]


def test_faces_of_several_shapes_have_the_corners_each_had_alone() -> None:
    """Of a triangle, as a wall, and a plate with a hole and its underside, as a floor."""
    wall = _shape([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [[[0, 1, 2]]])
    plate = [(0, 0, 0), (9, 0, 0), (9, 9, 0), (0, 9, 0), (3, 3, 0), (3, 6, 0), (6, 6, 0), (6, 3, 0)]
    floor = _shape(plate, [[[0, 1, 2, 3], [4, 5, 6, 7]], [[3, 2, 1, 0]]])
    faces = faces_of([(wall, SurfaceType.WALL), (floor, SurfaceType.FLOOR)], solid=False)
    assert faces is not None
    assert faces.indices.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6, 5, 4, 3]
    assert np.array_equal(faces.vertices, np.concatenate([wall.vertices, floor.vertices]))
    assert (faces.ring_ends.tolist(), faces.face_ends.tolist()) == ([3, 7, 11, 15], [1, 3, 4])
    assert faces.surface_type.tolist() == [SurfaceType.WALL, SurfaceType.FLOOR, SurfaceType.OUTER_CEILING]


def _shape(vertices: list[tuple[int, int, int]], faces: list[list[list[int]]]) -> Shape:
    rings = [ring for face in faces for ring in face]
    numbers = np.concatenate(rings), np.cumsum([len(r) for r in rings]), np.cumsum([len(f) for f in faces])
    return Shape(np.array(vertices, np.float64), *(n.astype(np.uint32) for n in numbers))
