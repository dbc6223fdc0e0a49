"""Fields of view of cameras: closed, turned as their angles say, and every reason to leave one out."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.mesh_oracles import normals_agree, open_edges
from tests.tile_features import features
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.view import ASPECT, LONGEST_RANGE_M, NEAR_SHARE, SLICE_DEG, Sights, slices, view
from tiles.recipes import View
from tiles.wkb import Geometries, read_wkb

LENS = np.array([500_000.0, 3_520_000.0, 12.0])


def cameras(count: int) -> Geometries:
    run = features([shapely.Point(*LENS)] * count, {})
    return read_wkb(run.wkb, run.wkb_offsets)


def sights(azimuth: float, tilt: float, fov: float, reach: float) -> Sights:
    return Sights(*(np.array([value], np.float64) for value in (azimuth, tilt, fov, reach)))


def volume(mesh: MeshBatch) -> float:
    p = mesh.positions - LENS
    a, b, c = (p[mesh.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def sector_volume(fov_deg: float, reach: float) -> float:
    """Volume of the slices: pyramids over the rectangles that the far corners span, without what is before the near side."""
    count = int(slices(np.array([fov_deg]))[0])
    across, up = np.radians(fov_deg / count / 2), np.arctan(ASPECT * np.tan(np.radians(min(fov_deg, 120.0)) / 2))
    width, height, depth = 2 * np.cos(up) * np.sin(across), 2 * np.sin(up), np.cos(up) * np.cos(across)
    return float(count * width * height * depth / 3 * reach**3 * (1 - NEAR_SHARE**3))


@given(st.floats(0, 360), st.floats(-90, 90), st.floats(1, 359), st.floats(1, 500))
@settings(max_examples=60, deadline=None)
def test_a_field_of_view_is_a_closed_volume_of_its_size(azimuth: float, tilt: float, fov: float, reach: float) -> None:
    mesh = view(cameras(1), sights(azimuth, tilt, fov, reach))
    assert mesh.left_out.tolist() == [LeftOut.DRAWN]
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)
    assert volume(mesh) == pytest.approx(sector_volume(fov, reach), rel=1e-6)
    distance = np.linalg.norm(mesh.positions - LENS, axis=1)
    far = distance > reach / 2
    assert distance[far] == pytest.approx(reach)
    assert distance[~far] == pytest.approx(reach * NEAR_SHARE)


def test_a_dome_sees_all_around_and_has_no_sides() -> None:
    mesh = view(cameras(1), sights(0, 0, 360, 50))
    assert open_edges(mesh) == 0
    assert len(mesh.triangles) == 2 * 4 * 360 / SLICE_DEG
    assert volume(mesh) == pytest.approx(sector_volume(360, 50), rel=1e-6)


def middle(mesh: MeshBatch) -> NDArray[np.float64]:
    """The direction of the middle of the far corners."""
    far = mesh.positions[np.linalg.norm(mesh.positions - LENS, axis=1) > 50] - LENS
    centre: NDArray[np.float64] = np.unique(far.round(6), axis=0).mean(axis=0)
    return centre / np.linalg.norm(centre)


@pytest.mark.parametrize(
    ("azimuth", "tilt", "expected"),
    [(0, 0, (0, 1, 0)), (90, 0, (1, 0, 0)), (225, 0, (-0.70711, -0.70711, 0)), (0, 30, (0, 0.86603, -0.5)), (90, 90, (0, 0, -1))],
)
def test_azimuth_turns_clockwise_from_north_and_tilt_down(azimuth: float, tilt: float, expected: tuple[float, ...]) -> None:
    assert middle(view(cameras(1), sights(azimuth, tilt, 40, 100))) == pytest.approx(np.array(expected), abs=1e-4)


def test_what_cannot_be_drawn_says_why_and_the_rest_is_drawn() -> None:
    nan = np.nan
    azimuth = np.array([0, nan, 0, 0, 0, 0, 0, 0, 10], np.float64)
    tilt = np.array([0, 0, 91, 0, 0, 0, 0, nan, 10], np.float64)
    fov = np.array([60, 60, 60, 0, 361, 60, 60, 60, 90], np.float64)
    reach = np.array([50, 50, 50, 50, 50, nan, LONGEST_RANGE_M + 1, 50, 50], np.float64)
    given_sights = Sights(azimuth, tilt, fov, reach)
    mesh = view(cameras(9), given_sights)
    assert [LeftOut(reason).name for reason in mesh.left_out.tolist()] == [
        "DRAWN",
        "ANGLE_MISSING",
        "ANGLE_ABSURD",
        "ANGLE_ABSURD",
        "ANGLE_ABSURD",
        "RANGE_MISSING",
        "RANGE_ABSURD",
        "ANGLE_MISSING",
        "DRAWN",
    ]
    assert np.unique(mesh.feature).tolist() == [0, 8]
    recipe = View(given_sights)
    assert np.bincount(mesh.feature)[[0, 8]].tolist() == recipe.vertices(cameras(9))[[0, 8]].tolist()
    x, y, width = recipe.squares(cameras(9))
    for axis, centre in enumerate((x, y)):
        seen = np.abs(mesh.positions[:, axis] - centre[mesh.feature])
        assert (seen <= width[mesh.feature] / 2).all()
