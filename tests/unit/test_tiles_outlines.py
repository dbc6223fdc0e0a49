"""Outlines against what solids of known shape have: every real edge once on each of its faces, and no cut between coplanar triangles."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from tests import tile_readers
from tests.cityjson_faces import encoded
from tests.tile_features import BUILDING, features, to_geocentric
from tiles.checker.glb_checks import check_glb
from tiles.checker.gltf_file import GltfFile
from tiles.checker.problem import Problems
from tiles.face_bytes import read_faces
from tiles.glb import OUTLINE, Encoding, TileMesh, write_glb
from tiles.local_frame import fit_projection
from tiles.mesh.batch import MeshBatch
from tiles.mesh.extrude import extrude
from tiles.mesh.faces import mesh_faces
from tiles.metadata import encode_table, metadata_class, property_table
from tiles.outlines import outline
from tiles.wkb import read_wkb
from twin.representation import Faces

type Place = tuple[float, ...]
SHAPE = shapely.box(0, 0, 10, 6)


def moved(shape: BaseGeometry) -> BaseGeometry:
    return affinity.translate(shape, 497_000.25, 3_521_000.75)


def edges_by_place(mesh: MeshBatch) -> Counter[tuple[int, Place, Place]]:
    """Each listed edge by feature and its two places, and how many faces list it."""
    edges = outline(mesh.triangles, mesh.positions, mesh.normals, mesh.feature)
    ends = np.round(mesh.positions[edges], 6).tolist()
    pairs = [sorted((tuple(a), tuple(b))) for a, b in ends]
    return Counter((int(mesh.feature[e[0]]), pair[0], pair[1]) for e, pair in zip(edges, pairs, strict=True))


def solid(shape: BaseGeometry, count: int = 1) -> MeshBatch:
    run = features([shape] * count, {})
    return extrude(read_wkb(run.wkb, run.wkb_offsets), np.zeros(count), np.full(count, 5.0))


@pytest.mark.parametrize(
    ("shape", "corners"),
    [
        (shapely.box(0, 0, 10, 6), 4),
        (shapely.Polygon([(0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20)]), 6),
        (shapely.Polygon(shapely.box(0, 0, 30, 30).exterior.coords, [shapely.box(5, 5, 25, 25).exterior.coords]), 8),
        (shapely.MultiPolygon([shapely.box(0, 0, 4, 4), shapely.box(9, 9, 14, 14)]), 8),
    ],
)
def test_a_block_has_the_edges_of_its_roof_floor_and_corners_each_on_both_faces(shape: BaseGeometry, corners: int) -> None:
    found = edges_by_place(solid(shape))
    assert len(found) == 3 * corners
    assert set(found.values()) == {2}


def test_a_wall_that_is_cut_in_one_plane_shows_no_line_where_it_is_cut() -> None:
    """714 m are divided so that they do not sag; a surveyor's point in the middle of a straight wall is no corner either."""
    found = edges_by_place(solid(shapely.Polygon([(0, 0), (714, 0), (714, 20), (300, 20), (0, 20)])))
    upright = {a[:2] for _, a, b in found if a[2] != b[2]}
    assert upright == {(0, 0), (714, 0), (714, 20), (0, 20)}


def test_houses_in_one_place_keep_their_own_edges() -> None:
    found = edges_by_place(solid(shapely.box(0, 0, 10, 6), 3))
    assert Counter(feature for feature, _, _ in found) == {0: 12, 1: 12, 2: 12}


def test_two_faces_of_a_roof_in_one_plane_are_one_and_a_ridge_is_an_edge() -> None:
    corners = np.array([[0, 0, 0], [5, 0, 0], [10, 0, 0], [10, 6, 2], [5, 6, 2], [0, 6, 2], [0, 9, 0], [10, 9, 0]], np.float64)
    rings = [[0, 1, 4, 5], [1, 2, 3, 4], [5, 4, 3, 7, 6]]
    sizes = np.cumsum([len(r) for r in rings]).astype(np.uint32)
    none = np.zeros(0, np.uint32)
    ends = np.arange(1, 4, dtype=np.uint32)
    faces = Faces(corners, np.concatenate(rings).astype(np.uint32), sizes, ends, np.ones(3, np.uint8), np.zeros(3, np.uint16), none, none)
    representations = encoded([faces])
    found = edges_by_place(mesh_faces(read_faces(representations, np.arange(1))))
    cut, ridge = ((5.0, 0.0, 0.0), (5.0, 6.0, 2.0)), ((0.0, 6.0, 2.0), (5.0, 6.0, 2.0))
    assert (0, *cut) not in found
    assert found[0, *ridge] == 2
    assert len(found) == 2 + 2 + 2 + 3  # eaves, sides of the first slope, halves of the ridge, the rest of the second slope


def written(encoding: Encoding) -> bytes:
    """A GLB of two blocks with outlines."""
    mesh = solid(moved(SHAPE), 2)
    projection = fit_projection(to_geocentric, mesh.positions)
    local, _ = projection.project(mesh.positions)
    metadata = metadata_class(BUILDING)
    table = property_table(encode_table(metadata, features([SHAPE] * 2, {})), np.arange(2))
    return write_glb(
        TileMesh(projection.frame, local, mesh.normals, mesh.triangles, mesh.feature, mesh.surface), metadata, table, encoding
    ).data


@pytest.mark.parametrize("encoding", [Encoding(outlines=True), Encoding(quantize=False, meshopt=False, outlines=True)])
def test_outlines_in_a_glb_name_edges_of_its_triangles(encoding: Encoding, tmp_path: Path) -> None:
    data = written(encoding)
    assert check_glb(data).problems == []
    problems = Problems("glb")
    gltf = GltfFile(data, problems)
    primitive = gltf.items("meshes")[0]["primitives"][0]
    ends = gltf.accessor(primitive["extensions"][OUTLINE]["indices"], "/")
    triangles = gltf.accessor(primitive["indices"], "/")
    assert ends is not None
    assert triangles is not None
    edges = {frozenset(pair) for t in triangles.reshape(-1, 3).tolist() for pair in itertools.combinations(t, 2)}
    assert {frozenset(pair) for pair in ends.reshape(-1, 2).tolist()} < edges
    assert len(ends) == 2 * 2 * 2 * 12
    (tmp_path / "outlined.glb").write_bytes(data)
    (report,) = tile_readers.run("validate.mjs", [tmp_path / "outlined.glb"])
    assert (report["errors"], report["warnings"]) == (0, 0)


def test_an_outline_that_names_no_edge_is_found() -> None:
    data = written(Encoding(meshopt=False, outlines=True))
    gltf = GltfFile(data, Problems("glb"))
    accessor = gltf.items("accessors")[gltf.items("meshes")[0]["primitives"][0]["extensions"][OUTLINE]["indices"]]
    at = data.index(b"BIN\0") + 4 + gltf.items("bufferViews")[accessor["bufferView"]]["byteOffset"]
    beyond = data[:at] + (60_000).to_bytes(2, "little") + data[at + 2 :]
    diagonal = data[:at] + (0).to_bytes(2, "little") + (40).to_bytes(2, "little") + data[at + 4 :]
    assert {p.code for p in check_glb(beyond).problems} == {"OUTLINE_INDEX"}
    assert {p.code for p in check_glb(diagonal).problems} == {"OUTLINE_EDGE"}
