"""Faces of representations as triangles: against shapely, published volumes and areas, and the decoder of twin.representation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cityjson_faces import area_of, buildings, encoded, rings_of
from tests.mesh_oracles import normals_agree, open_edges
from tiles.columns import Representations
from tiles.face_bytes import corner_counts, face_squares, read_faces
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.extrude import extrude
from tiles.mesh.faces import mesh_faces
from tiles.recipes import Extrude
from tiles.represented import represented
from tiles.wkb import read_wkb, select
from twin.representation import Faces, SurfaceType, decode, encode_unpacked

HERE = np.array([500_000.25, 3_520_000.75, 3.5])
TETRAHEDRON = (np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6]], np.float64), [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])


def faces_of(
    vertices: NDArray[np.float64], faces: list[list[list[int]]], kinds: list[int] | None = None, shells: list[int] | None = None
) -> Faces:
    """Faces from rings of vertex numbers; ``shells``: how many faces each solid's only shell has."""
    rings = [r for f in faces for r in f]
    shell_ends = np.cumsum(shells or [], dtype=np.uint32)
    return Faces(
        vertices + HERE,
        np.array([i for r in rings for i in r], np.uint32),
        np.cumsum([len(r) for r in rings], dtype=np.uint32),
        np.cumsum([len(f) for f in faces], dtype=np.uint32),
        np.array(kinds or [0] * len(faces), np.uint8),
        np.zeros(len(faces), np.uint16),
        shell_ends.astype(np.uint32),
        np.arange(1, len(shell_ends) + 1, dtype=np.uint32),
    )


def mesh_of(*faces: Faces) -> MeshBatch:
    representations = encoded(faces)
    return mesh_faces(read_faces(representations, np.arange(len(representations))))


def areas(mesh: MeshBatch) -> NDArray[np.float64]:
    corners = mesh.positions[mesh.triangles]
    doubled: NDArray[np.float64] = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return doubled / 2


def volumes(mesh: MeshBatch, count: int) -> NDArray[np.float64]:
    p = mesh.positions - mesh.positions[0]
    a, b, c = (p[mesh.triangles[:, k]] for k in range(3))
    each: NDArray[np.float64] = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    return np.bincount(mesh.feature[mesh.triangles[:, 0]], each, count).astype(np.float64)


@pytest.mark.parametrize("name", ["cityjson-denhaag/denhaag_lod2_v11.city.json", "cityjson-zurich/zurich_subset_lod2.json"])
def test_real_faces_keep_the_area_that_shapely_measures(name: str, real_data: Path) -> None:
    found = buildings(real_data / name)
    mesh = mesh_of(*(b.faces for b in found))
    assert not mesh.left_out.any()
    assert normals_agree(mesh)
    expected = np.array([sum(area_of(rings) for rings in rings_of(b.faces)) for b in found])
    drawn = np.bincount(mesh.feature[mesh.triangles[:, 0]], areas(mesh), len(found))
    off = np.abs(drawn / expected - 1)
    assert np.median(off) < 1e-6
    assert off.max() < 2e-3  # faces that are not quite planar, and four walls of Den Haag that cross themselves


def test_3dbag_solids_have_their_published_volumes_and_roof_area(real_data: Path) -> None:
    """The volume and the roof areas of 3DBAG were computed by its makers, on the same LoD 2.2 solids."""
    found = buildings(real_data / "cityjson-3dbag-delft/delft.city.json")
    assert {b.lod for b in found} == {"2.2"}
    mesh = mesh_of(*(b.faces for b in found))
    volume = volumes(mesh, len(found))
    is_roof = mesh.surface[mesh.triangles[:, 0]] == SurfaceType.ROOF  # type: ignore[index]
    for b, v in zip(found, volume, strict=True):
        assert v == pytest.approx(b.attributes["b3_volume_lod22"], rel=2e-3)
    published = [b.attributes["b3_opp_dak_plat"] + b.attributes["b3_opp_dak_schuin"] for b in found]
    roofs = np.bincount(mesh.feature[mesh.triangles[:, 0]], areas(mesh) * is_roof, len(found))
    assert np.median(np.abs(roofs / published - 1)) < 0.005  # theirs leave out, or add, what lies under a neighbour
    assert mesh.is_closed


def test_real_multisurfaces_are_seen_from_both_sides_and_faces_without_area_are_counted(real_data: Path) -> None:
    found = buildings(real_data / "cityjson-rotterdam/rotterdam_delfshaven_lod2_v20.city.json")
    mesh = mesh_of(*(b.faces for b in found))
    assert not mesh.is_closed
    flat = sum(area_of(rings) < 1e-5 for b in found for rings in rings_of(b.faces))
    assert mesh.faces_left_out == flat > 100


def test_a_face_with_holes_in_any_direction_and_any_winding() -> None:
    """A square plate with two square holes, turned about every axis; holes wound with the exterior are turned by the mesher."""
    flat = np.array(
        [(0, 0), (9, 0), (9, 9), (0, 9), (1, 1), (1, 3), (3, 3), (3, 1), (5, 5), (7, 5), (7, 7), (5, 7)],
        np.float64,
    )
    rng = np.random.default_rng(3)
    for _ in range(50):
        turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        plate = np.column_stack([flat, np.zeros(len(flat))]) @ turned.T
        mesh = mesh_of(faces_of(plate, [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]))
        assert areas(mesh).sum() == pytest.approx(81 - 4 - 4, rel=1e-3)
        assert normals_agree(mesh)
        expected = np.cross(plate[1] - plate[0], plate[3] - plate[0]) / 81
        assert np.abs(mesh.normals - expected).max() < 1e-3


def test_a_face_that_is_not_planar_is_covered_once() -> None:
    bent = np.array([[0, 0, 0], [10, 0, 0.4], [10, 10, 0], [0, 10, 0.4], [4, 4, 0.2], [4, 6, 0.2], [6, 6, 0.2], [6, 4, 0.2]])
    mesh = mesh_of(faces_of(bent, [[[0, 1, 2, 3], [4, 5, 6, 7]]]))
    corners = mesh.positions[mesh.triangles][:, :, :2]
    assert shapely.area(shapely.union_all(shapely.polygons(corners))) == pytest.approx(96)
    assert shapely.area(shapely.polygons(corners)).sum() == pytest.approx(96)


def test_a_solid_inside_out_is_turned_over_with_its_void() -> None:
    vertices, outer = TETRAHEDRON
    inner = [[i + 4 for i in reversed(f)] for f in outer]
    shells = faces_of(np.concatenate([vertices, vertices / 3 + 0.5]), [[f] for f in outer + inner])
    right = replace(shells, shell_ends=np.array([4, 8], np.uint32), solid_ends=np.array([2], np.uint32))
    wrong = replace(right, indices=right.indices.reshape(-1, 3)[:, ::-1].ravel())
    for given_faces in right, wrong:
        mesh = mesh_of(given_faces)
        assert volumes(mesh, 1) == pytest.approx([36 - 36 / 27], abs=0.02)
        assert open_edges(mesh) == 0
        assert normals_agree(mesh)


def test_a_wall_that_crosses_itself_is_drawn_nevertheless() -> None:
    """Four walls of Den Haag are bow ties: left out, they were holes to look through."""
    tie = np.array([[0.0, 0, 0], [3.735, -0.712, 3.605], [3.735, -0.712, 0.028], [0, 0, 0.028]])
    mesh = mesh_of(faces_of(tie, [[[0, 1, 2, 3]]]))
    assert mesh.left_out.tolist() == [LeftOut.DRAWN]
    assert areas(mesh).sum() > 5


def test_what_cannot_be_drawn_is_listed_and_the_rest_drawn() -> None:
    vertices, tetrahedron = TETRAHEDRON
    good = faces_of(vertices, [[f] for f in tetrahedron], [3, 2, 1, 2], [4])
    line = faces_of(vertices * [1, 0, 0], [[[0, 1, 0, 1]], [[0, 1, 3]]])
    empty = faces_of(vertices, [])
    whole = encode_unpacked(good)
    blobs = [whole, encode_unpacked(line), encode_unpacked(empty), whole[:-1], b"", whole]
    offsets = np.cumsum([0, *map(len, blobs)])
    representations = Representations(np.frombuffer(b"".join(blobs), np.uint8), offsets, np.full(6, 20, np.uint8))
    mesh = mesh_faces(read_faces(representations, np.arange(6)))
    unreadable = LeftOut.REPRESENTATION_UNREADABLE
    assert mesh.left_out.tolist() == [0, LeftOut.GEOMETRY_DEGENERATE, LeftOut.GEOMETRY_EMPTY, unreadable, unreadable, 0]
    assert np.unique(mesh.feature).tolist() == [0, 5]
    assert mesh.faces_left_out == 0
    assert mesh.surface is not None
    assert np.bincount(mesh.surface).tolist() == [0, 6, 12, 6]


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_the_kernel_reads_what_the_decoder_reads_and_refuses_what_it_refuses(seed: int, flips: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-50, 50, (rng.integers(3, 9), 3))
    faces = [
        [rng.integers(len(vertices), size=rng.integers(3, 7)).tolist() for _ in range(rng.integers(1, 3))]
        for _ in range(rng.integers(1, 6))
    ]
    blob = bytearray(encode_unpacked(faces_of(vertices, faces, rng.integers(15, size=len(faces)).tolist(), [len(faces)] * rng.integers(2))))
    for _ in range(flips):
        blob[rng.integers(len(blob))] = rng.integers(256)
    representations = Representations(np.frombuffer(bytes(blob), np.uint8), np.array([0, len(blob)]), np.array([20], np.uint8))
    arrays = read_faces(representations, np.zeros(1, np.int64))
    try:
        decoded = decode(bytes(blob))
    except ValueError:
        assert arrays.status.tolist() == [1]
        return
    assert arrays.status.tolist() == [0]
    digits = 1e-6 * max(1.0, np.abs(decoded.vertices).max())  # a flipped bit can put the origin anywhere
    assert np.abs(arrays.corners - decoded.vertices[decoded.indices]).max() < digits
    assert arrays.ring_offsets[1:].tolist() == decoded.ring_ends.tolist()
    assert arrays.face_offsets[1:].tolist() == decoded.face_ends.tolist()
    assert arrays.surface.tolist() == decoded.surface_type.tolist()
    assert corner_counts(representations).tolist() == [len(decoded.indices)]
    x, y, width = face_squares(representations)
    low, high = decoded.vertices[:, :2].min(axis=0), decoded.vertices[:, :2].max(axis=0)
    assert np.allclose([x[0], y[0]], (low + high) / 2, rtol=0, atol=digits)
    assert width[0] == pytest.approx((high - low).max(), abs=digits)
    mesh_faces(arrays)


def test_faces_and_blocks_of_one_run_stand_feature_by_feature() -> None:
    """Features 0, 2 and 3 have footprints only: their solids are the extruder's, vertex for vertex; 1 and 4 are faces."""
    vertices, tetrahedron = TETRAHEDRON
    faces = encoded([faces_of(vertices + np.array([20.0 * i, 0, 0]), [[f] for f in tetrahedron], [3, 2, 1, 2], [4]) for i in (1, 4)])
    length = len(faces.data) // 2
    offsets = np.array([0, 0, length, length, length, 2 * length])
    representations = Representations(faces.data, offsets, np.array([0, 20, 0, 0, 20], np.uint8))
    west, south = HERE[:2]
    shapes = [shapely.force_3d(shapely.box(west + 20 * i, south, west + 20 * i + 9, south + 9), 2.0) for i in range(5)]
    wkb = [shapely.to_wkb(s, byte_order=1) for s in shapes]
    geometries = read_wkb(np.frombuffer(b"".join(wkb), np.uint8), np.cumsum([0, *map(len, wkb)]))
    recipe = represented(Extrude(np.full(5, 2.0), np.arange(5, dtype=np.float64) + 3), representations)
    rows = np.arange(5)
    mesh = recipe.mesh(geometries, rows)
    assert (np.diff(mesh.feature.astype(int)) >= 0).all()
    assert (np.diff(mesh.feature[mesh.triangles[:, 0]].astype(int)) >= 0).all()
    assert (mesh.feature[mesh.triangles] == mesh.feature[mesh.triangles[:, :1]]).all()
    assert recipe.vertices(geometries)[[1, 4]].tolist() == np.bincount(mesh.feature)[[1, 4]].tolist()
    blocks = extrude(select(geometries, np.array([0, 2, 3])), np.full(3, 2.0), np.array([3.0, 5.0, 6.0]))
    of_blocks = np.isin(mesh.feature, [0, 2, 3])
    assert np.array_equal(mesh.positions[of_blocks], blocks.positions)
    assert volumes(mesh, 5) == pytest.approx([243, 36, 405, 486, 36], rel=1e-6)
    assert recipe.lods(rows).tolist() == [10, 20, 10, 10, 20]
    assert mesh.is_closed
    assert normals_agree(mesh)
