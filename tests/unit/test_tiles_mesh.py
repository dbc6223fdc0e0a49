"""Meshes against shapely: areas, volumes, closedness, radii; and every reason to leave a feature out."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from tests.mesh_oracles import normals_agree, open_edges
from tests.tile_features import features, footprints
from tiles.mesh import triangulate as triangulation
from tiles.mesh.batch import LeftOut, MeshBatch
from tiles.mesh.extrude import clean_footprints, extrude
from tiles.mesh.fitting_models import FITTINGS
from tiles.mesh.pipe_section import Pipes, ZReference
from tiles.mesh.placement import as_mesh
from tiles.mesh.profile import Shape
from tiles.mesh.tube import tube
from tiles.mesh.well import COVER_M, NOMINAL_DIAMETER_M, Wells, well
from tiles.recipes import SHAPES as SECTION_SHAPES
from tiles.wkb import Geometries, read_wkb
from twin.featuretypes.loader import load_feature_types

HERE = (500_000.25, 3_520_000.75)


def geometries(shapes: list[BaseGeometry | bytes]) -> Geometries:
    run = features(shapes, {})
    return read_wkb(run.wkb, run.wkb_offsets)


def moved(shape: BaseGeometry) -> BaseGeometry:
    return affinity.translate(shape, *HERE)


def volume(mesh: MeshBatch, feature: int = 0) -> float:
    """Signed volume by the divergence theorem: right only when the surface is closed and wound outward."""
    triangles = mesh.triangles[mesh.feature[mesh.triangles[:, 0]] == feature]
    p = mesh.positions - mesh.positions[0]
    a, b, c = p[triangles[:, 0]], p[triangles[:, 1]], p[triangles[:, 2]]
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def area_facing(mesh: MeshBatch, axis: int, sign: int) -> float:
    corners = mesh.positions[mesh.triangles]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.abs(doubled[doubled[:, axis] * sign > 1e-9][:, axis]).sum() / 2)


SHAPES: dict[str, BaseGeometry] = {
    "square": shapely.box(0, 0, 10, 10),
    "clockwise_square": shapely.Polygon([(0, 0), (0, 10), (10, 10), (10, 0)]),
    "non_convex": shapely.Polygon([(0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20)]),
    "courtyard": shapely.Polygon(shapely.box(0, 0, 30, 30).exterior.coords, [shapely.box(5, 5, 25, 25).exterior.coords]),
    "three_courtyards": shapely.box(0, 0, 40, 40).difference(
        shapely.MultiPolygon([shapely.box(2, 2, 9, 30), shapely.box(12, 5, 20, 20), shapely.box(25, 25, 38, 38)])
    ),
    "hole_touching_outer_point": shapely.Polygon([(0, 0), (10, 0), (10, 5), (10, 10), (0, 10)], [[(10, 5), (6, 7), (6, 3)]]),
    "two_holes_on_one_line": shapely.Polygon(
        [(0, 0), (20, 0), (20, 10), (0, 10)], [[(3, 3), (3, 7), (7, 7), (7, 3)], [(12, 3), (12, 7), (16, 7), (16, 3)]]
    ),
    "multi_part": shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 7, 9)]),
    "sliver": shapely.Polygon([(0, 0), (100, 0.001), (200, 0), (100, 0.02)]),
    "collinear_points": shapely.Polygon([(0, 0), (2, 0), (5, 0), (10, 0), (10, 5), (10, 10), (0, 10), (0, 3)]),
    "repeated_points": shapely.Polygon([(0, 0), (0, 0), (10, 0), (10, 0), (10, 10), (0, 10), (0, 10)]),
    "comb": shapely.Polygon([(x, (i % 2) * 9 + 1) for i, x in enumerate(range(40))] + [(39, 0), (0, 0)]),
    "round_many_points": shapely.Point(0, 0).buffer(30, quad_segs=200),
    "spiral": shapely.LineString([(r * np.cos(r), r * np.sin(r)) for r in np.linspace(2, 30, 150)]).buffer(0.6),
}


@pytest.mark.parametrize("name", SHAPES)
def test_lod1_solid_has_the_area_and_volume_of_its_footprint(name: str) -> None:
    shape = moved(SHAPES[name])
    mesh = extrude(geometries([shape]), np.array([12.5]), np.array([30.0]))
    assert mesh.left_out.tolist() == [LeftOut.DRAWN]
    assert volume(mesh) == pytest.approx(shape.area * 30, rel=1e-7)
    assert area_facing(mesh, 2, +1) == pytest.approx(shape.area, rel=1e-7)
    assert area_facing(mesh, 2, -1) == pytest.approx(shape.area, rel=1e-7)
    assert (mesh.positions[:, 2].min(), mesh.positions[:, 2].max()) == (12.5, 42.5)
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


LONG: dict[str, BaseGeometry] = {
    "a wall": shapely.box(0, 0, 714, 20),
    "a hall": shapely.box(0, 0, 1_500, 900),
    "a ring road": shapely.Point(0, 0).buffer(1_200, quad_segs=3).difference(shapely.Point(0, 0).buffer(1_150, quad_segs=3)),
}


@pytest.mark.parametrize("name", LONG)
def test_long_edges_are_divided_so_that_nothing_sags_more_than_five_millimetres(name: str) -> None:
    """Inside of roofs, too: a hall's diagonal would cut a quarter of a metre off the ground. The house beside it stays as it is."""
    shape, house = moved(LONG[name]), moved(shapely.box(-60, -60, -50, -50))
    mesh = extrude(geometries([house, shape, house]), np.zeros(3), np.full(3, 10.0))
    corners = mesh.positions[mesh.triangles]
    longest = np.hypot(*np.moveaxis(np.roll(corners, -1, axis=1) - corners, 2, 0)[:2]).max()
    assert longest**2 / (8 * 6_371_000) <= mesh.chord_error_m + 1e-12 <= 0.005
    assert [volume(mesh, f) for f in range(3)] == pytest.approx([1_000, shape.area * 10, 1_000])
    assert np.bincount(mesh.feature).tolist()[::2] == [24, 24]
    assert (np.diff(mesh.feature.astype(int)) >= 0).all()
    assert (np.diff(mesh.feature[mesh.triangles[:, 0]].astype(int)) >= 0).all()
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


def test_what_is_no_building_is_not_divided_without_end() -> None:
    mesh = extrude(geometries([moved(shapely.box(0, 0, 3_000_000, 2_000_000))]), np.array([0.0]), np.array([10.0]))
    assert len(mesh.triangles) == 12
    assert mesh.chord_error_m > 1_000


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_triangles_cover_any_valid_polygon_without_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.random(rng.integers(4, 50))) * 2 * np.pi
    radii = rng.uniform(5, 20, len(angles))
    star = shapely.make_valid(shapely.Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])))
    for _ in range(rng.integers(0, 5)):
        star = star.difference(shapely.Point(rng.uniform(-12, 12, 2)).buffer(rng.uniform(0.3, 2), quad_segs=int(rng.integers(1, 4))))
    parts = [p for p in shapely.get_parts(star) if p.geom_type == "Polygon" and p.area > 0.01]
    if not parts:
        return
    given_geometries = geometries([moved(p) for p in parts])
    clean = clean_footprints(given_geometries, np.zeros(len(parts), np.uint8))
    result = triangulation.triangulate(clean.xy, clean.ring_offsets, clean.part_offsets)
    assert result.ok.all()
    for i, part in enumerate(parts):
        corners = clean.xy[result.triangles[result.offsets[i] : result.offsets[i + 1]]]
        pieces = shapely.polygons(corners)
        assert shapely.area(pieces).sum() == pytest.approx(moved(part).area, rel=1e-9, abs=1e-8)
        assert shapely.union_all(pieces, grid_size=1e-6).symmetric_difference(moved(part)).area < 1e-3


def test_earcut_takes_over_where_the_kernel_does_not_reach() -> None:
    """A ring of more points than the kernel clips is triangulated all the same, next to one that it does clip."""
    big, small = moved(shapely.Point(0, 0).buffer(50, quad_segs=300)), moved(shapely.box(100, 0, 110, 10))
    clean = clean_footprints(geometries([big, small]), np.zeros(2, np.uint8))
    by_kernel = triangulation._ear_clip(clean.xy, clean.ring_offsets, clean.part_offsets, 256)
    assert by_kernel[2].tolist() == [False, True]
    mesh = extrude(geometries([big, small]), np.zeros(2), np.full(2, 2.0))
    assert [volume(mesh, 0), volume(mesh, 1)] == pytest.approx([big.area * 2, 200.0], rel=1e-9)


def test_features_that_cannot_be_extruded_are_left_out_with_their_reason() -> None:
    box = moved(shapely.box(0, 0, 5, 5))
    truncated = shapely.to_wkb(box)[:-9]
    shapes: list[BaseGeometry | bytes] = [
        box,
        box,
        box,
        box,
        shapely.MultiPolygon(),
        truncated,
        moved(shapely.Polygon([(0, 0), (9, 0), (0, 0)])),
    ]
    height = np.array([10, np.nan, 0, 99_999, 10, 10, 10.0])
    mesh = extrude(geometries(shapes), np.zeros(7), height)
    assert [LeftOut(r).name for r in mesh.left_out.tolist()] == [
        "DRAWN",
        "HEIGHT_MISSING",
        "HEIGHT_MISSING",
        "HEIGHT_ABSURD",
        "GEOMETRY_EMPTY",
        "GEOMETRY_UNREADABLE",
        "GEOMETRY_DEGENERATE",
    ]
    assert set(mesh.feature.tolist()) == {0}


def test_a_building_without_base_height_stands_on_the_lowest_point_of_its_footprint() -> None:
    ring = [(0, 0, 7.0), (5, 0, 6.5), (5, 5, 8.0)]
    mesh = extrude(geometries([moved(shapely.Polygon(ring))]), np.array([np.nan]), np.array([3.0]))
    assert (mesh.positions[:, 2].min(), mesh.positions[:, 2].max()) == (6.5, 9.5)


def axis_distance(mesh: MeshBatch, line: BaseGeometry) -> np.ndarray:
    """Distance in space of each vertex from the polyline's segments, the nearest one."""
    points = np.array(line.coords)
    out = np.full(len(mesh.positions), np.inf)
    for a, b in itertools.pairwise(points):
        t = np.clip(((mesh.positions - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        out = np.minimum(out, np.linalg.norm(mesh.positions - (a + t[:, None] * (b - a)), axis=1))
    return out


def pipes(
    count: int,
    *,
    shape: int = -1,
    diameter: float = np.nan,
    width: float = np.nan,
    height: float = np.nan,
    wall: float = np.nan,
    of_bore: bool = False,
    holes: int = 0,
    reference: ZReference = ZReference.AXIS,
) -> Pipes:
    """So many pipes of one section."""
    d, w, h, t = (np.full(count, size) for size in (diameter, width, height, wall))
    return Pipes(np.full(count, shape), d, w, h, t, np.full(count, of_bore), np.full(count, holes), np.full(count, int(reference)))


def pipe(line: BaseGeometry, diameter: float, reference: ZReference = ZReference.AXIS) -> MeshBatch:
    return tube(geometries([line]), pipes(1, diameter=diameter, reference=reference))


def off_the_ends(mesh: MeshBatch, line: BaseGeometry) -> np.ndarray:
    """Which vertices lie between the ends of a straight line, not on the balls beyond them."""
    a, b = np.array(line.coords)[[0, -1]]
    along = (mesh.positions - a) @ (b - a) / np.linalg.norm(b - a)
    return np.asarray((along > -1e-6) & (along < np.linalg.norm(b - a) + 1e-6))


STRAIGHT = moved(shapely.LineString([(0, 0, 5), (30, 40, 3)]))
BENT = moved(shapely.LineString([(0, 0, 5), (30, 0, 4.5), (30, 25, 4), (60, 50, 4), (60, 50, 9)]))


@pytest.mark.parametrize("diameter", [0.05, 0.3, 1.0, 3.0])
def test_a_tube_lies_within_five_millimetres_of_the_outer_radius(diameter: float) -> None:
    """Corners outside by as much as the middles of sides inside, so that its section is nearly as large as the circle."""
    mesh = pipe(STRAIGHT, diameter)
    corners = mesh.positions[mesh.triangles]
    middles = replace(mesh, positions=(corners + np.roll(corners, 1, axis=1)).reshape(-1, 3) / 2)
    outside = axis_distance(mesh, STRAIGHT) - diameter / 2
    inside = diameter / 2 - axis_distance(middles, STRAIGHT)[off_the_ends(middles, STRAIGHT)]
    of_section = mesh.chord_error_m - 50**2 / (8 * 6_371_000)
    assert (outside.min(), outside.max(), inside.max()) == pytest.approx((of_section,) * 3, abs=1e-6)
    assert 0 < mesh.chord_error_m <= 0.005
    circle = np.pi * diameter**2 / 4
    length = np.linalg.norm(np.diff(np.array(STRAIGHT.coords), axis=0))
    assert circle * 0.97 * length < volume(mesh) < circle * (length + diameter * 2 / 3)
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


def test_mitred_bend_is_closed_and_its_rings_lie_on_both_segments() -> None:
    level = moved(shapely.LineString([(0, 0, 5), (30, 0, 5), (30, 25, 5), (60, 50, 5)]))
    mesh = pipe(level, 0.8)
    assert open_edges(mesh) == 0
    points = np.array(level.coords)
    for a, b in itertools.pairwise(points):
        d = (b - a) / np.linalg.norm(b - a)
        across = np.linalg.norm(np.cross(mesh.positions - a, d), axis=1)
        assert (np.abs(across - 0.4) <= mesh.chord_error_m + 1e-6).sum() >= 2 * 8


def test_bends_in_all_directions_stay_on_the_radius_apart_from_mitres() -> None:
    mesh = pipe(BENT, 0.4)
    distance = axis_distance(mesh, BENT)
    corners = np.array(BENT.coords)[1:-1]
    near_bend = (np.linalg.norm(mesh.positions[:, None] - corners, axis=2) < 0.4 / 2 / 0.3 + 0.01).any(axis=1)
    assert np.abs(distance[~near_bend] - 0.2).max() <= mesh.chord_error_m + 1e-6
    assert near_bend.any()
    assert distance[near_bend].max() < 0.2 / 0.3


def test_a_hairpin_is_capped_instead_of_mitred_to_infinity() -> None:
    hairpin = moved(shapely.LineString([(0, 0, 0), (20, 0, 0), (0, 0.4, 0)]))
    mesh = pipe(hairpin, 0.3)
    assert np.abs(axis_distance(mesh, hairpin)).max() < 0.16
    assert volume(mesh) > 0


@pytest.mark.parametrize(("reference", "axis"), [(ZReference.TOP, 4.5), (ZReference.INVERT, 5.5), (ZReference.AXIS, 5.0)])
def test_the_axis_follows_what_z_stands_for(reference: ZReference, axis: float) -> None:
    mesh = pipe(moved(shapely.LineString([(0, 0, 5), (10, 0, 5)])), 1.0, reference)
    assert (mesh.positions[:, 2].min() + mesh.positions[:, 2].max()) / 2 == pytest.approx(axis, abs=1e-6)
    top = mesh.positions[:, 2].max()
    assert top == pytest.approx(axis + 0.5, abs=0.005)


def test_a_culvert_is_an_upright_box_of_its_width_and_height() -> None:
    line = moved(shapely.LineString([(0, 0, 2), (0, 40, 2)]))
    mesh = tube(geometries([line]), pipes(1, width=2.4, height=1.2, reference=ZReference.INVERT))
    assert np.ptp(mesh.positions, axis=0) == pytest.approx([2.4, 40, 1.2])
    assert mesh.positions[:, 2].min() == pytest.approx(2.0)
    assert volume(mesh) == pytest.approx(2.4 * 1.2 * 40)
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


def test_a_pipe_of_many_kilometres_is_divided() -> None:
    mesh = pipe(moved(shapely.LineString([(0, 0, 0), (5_000, 0, 0)])), 1.0)
    steps = np.diff(np.unique(np.round(mesh.positions[:, 0], 3)))
    assert steps.max() ** 2 / (8 * 6_371_000) <= 0.005


def test_pipes_without_a_size_or_without_length_are_left_out() -> None:
    line = moved(shapely.LineString([(0, 0, 0), (9, 0, 0)]))
    point_like = moved(shapely.LineString([(0, 0, 0), (0, 0, 0)]))
    sizes = replace(pipes(5), diameter_m=np.array([0.3, np.nan, 300, 0.3, -1]))
    mesh = tube(geometries([line, line, line, point_like, line]), sizes)
    assert [LeftOut(r).name for r in mesh.left_out.tolist()] == [
        "DRAWN",
        "SIZE_MISSING",
        "SIZE_ABSURD",
        "GEOMETRY_DEGENERATE",
        "SIZE_MISSING",
    ]


def test_a_pipe_of_gravity_shows_its_wall_and_bore_at_its_ends() -> None:
    """Its mesh is a pipe: the volume is that of the wall, and nothing but the two radii occurs across it."""
    line = moved(shapely.LineString([(0, 0, 2), (30, 0, 2)]))
    mesh = tube(geometries([line]), pipes(1, diameter=1.2, wall=0.12, reference=ZReference.INVERT))
    axis = affinity.translate(line, zoff=0.6 - 0.12)
    of_bore = tube(geometries([line]), pipes(1, diameter=0.96, wall=0.12, of_bore=True, reference=ZReference.INVERT))
    np.testing.assert_allclose(of_bore.positions, mesh.positions, atol=1e-9)
    across = np.hypot(mesh.positions[:, 1] - HERE[1], mesh.positions[:, 2] - axis.coords[0][2])
    assert sorted(set(np.round(across, 6).tolist())) == pytest.approx([0.48, 0.6], abs=0.005)
    assert mesh.positions[across < 0.5, 2].min() == pytest.approx(2.0, abs=0.005)  # the invert is the lowest of the bore
    wall = np.pi * (0.6**2 - 0.48**2) * 30
    assert wall * 0.95 < volume(mesh) < wall * 1.03
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


@given(
    st.floats(0.05, 3.0),
    st.floats(0.01, 0.45),
    st.floats(-170, 170),
    st.sampled_from([Shape.ROUND, Shape.EGG]),
    st.sampled_from(ZReference),
)
@settings(max_examples=25, deadline=None)
def test_any_pipe_is_a_closed_mesh(size: float, share: float, bend_deg: float, shape: Shape, reference: ZReference) -> None:
    """However thick its wall and sharp its bends: where a bore is cut off at one, a ball closes what is around it."""
    turned = np.radians(bend_deg)
    line = moved(shapely.LineString([(0, 0, 5), (9, 0, 5), (9 + 9 * np.cos(turned), 9 * np.sin(turned), 5)]))
    mesh = tube(geometries([line]), pipes(1, shape=shape, diameter=size, wall=share * size, reference=reference))
    sharp = np.cos(turned / 2) < 0.31
    assert sharp or open_edges(mesh) == 0
    assert normals_agree(mesh)


def test_two_pipes_that_meet_at_an_angle_leave_no_gap() -> None:
    """Seen from outside of a right angle, where flat ends would leave a wedge open, there is the ball of both."""
    mesh = tube(
        geometries([moved(shapely.LineString(c)) for c in ([(-9, 0, 0), (0, 0, 0)], [(0, 0, 0), (0, 9, 0)])]), pipes(2, diameter=0.4)
    )
    outward = np.array([1, -1, 0]) / np.sqrt(2)
    reach = (mesh.positions - [*HERE, 0]) @ outward
    for feature in (0, 1):
        assert reach[mesh.feature == feature].max() == pytest.approx(0.2, abs=0.005)


def test_an_egg_is_as_wide_and_high_as_it_is_said_to_be() -> None:
    """Area of the sewer egg 2 : 3 by its radius: 4.594 r² (DIN 4263)."""
    line = moved(shapely.LineString([(0, 0, 2), (0, 40, 2)]))
    for width, height in ((0.6, 0.9), (0.9, 0.6), (np.nan, 0.9), (0.6, np.nan)):
        mesh = tube(geometries([line]), pipes(1, shape=Shape.EGG, width=width, height=height, reference=ZReference.INVERT))
        ends = off_the_ends(mesh, line)
        assert np.ptp(mesh.positions[ends], axis=0)[[0, 2]] == pytest.approx([0.6, 0.9], abs=0.005)
        assert mesh.positions[:, 2].min() == pytest.approx(2.0, abs=0.005)
        flat = mesh.positions[ends & (mesh.positions[:, 1] < HERE[1] + 1)]
        assert shapely.MultiPoint(flat[:, [0, 2]]).convex_hull.area == pytest.approx(4.594 * 0.3**2, rel=0.02)
        assert open_edges(mesh) == 0
        assert normals_agree(mesh)


def section(shape: Shape, width: float, height: float) -> BaseGeometry:
    """The outside of a section about its axis, across and upright."""
    half, top = width / 2, height / 2
    if shape is Shape.TRAPEZOID:
        floor = max(half - height / 4, half / 2)
        return shapely.Polygon([(-floor, -top), (floor, -top), (half, top), (-half, top)])
    rise = min(half, height)
    disc = affinity.scale(shapely.Point(0, 0).buffer(1, quad_segs=256), half, rise)
    crown = affinity.translate(disc, yoff=top - rise).intersection(shapely.box(-half, top - rise, half, top))
    arch = shapely.box(-half, -top, half, top - rise).union(crown)
    return arch if shape is Shape.ARCH else affinity.rotate(arch, 180, origin=(0, 0))


@pytest.mark.parametrize("shape", [Shape.ARCH, Shape.TRAPEZOID, Shape.U])
@pytest.mark.parametrize(("width", "height"), [(1.2, 1.5), (0.4, 1.6), (2.0, 0.7)])
def test_arches_trapezoids_and_u_shapes_are_drawn_as_they_are(shape: Shape, width: float, height: float) -> None:
    """Compared with shapely's section; and where the wall is known, it is as thick all around as shapely makes it."""
    line = moved(shapely.LineString([(0, 0, 2), (0, 40, 2)]))
    sized = functools.partial(pipes, 1, shape=shape, width=width, height=height)
    outside, mesh = section(shape, width, height), tube(geometries([line]), sized())
    hull = shapely.MultiPoint(mesh.positions[:, [0, 2]] - [HERE[0], 2.0]).convex_hull
    assert hull.hausdorff_distance(outside) <= mesh.chord_error_m + 1e-6 <= 0.005 + 1e-6
    assert volume(mesh) == pytest.approx(hull.area * 40, rel=1e-6)
    assert hull.area == pytest.approx(outside.area, rel=0.01)
    is_exact = shape is not Shape.TRAPEZOID if height > width / 2 else shape is Shape.TRAPEZOID  # no parallel of an ellipse is one
    if is_exact and height < 2 * width:
        bored = tube(geometries([line]), sized(wall=0.1, reference=ZReference.INVERT))
        wall = outside.difference(outside.buffer(-0.1, join_style="mitre")).area
        assert volume(bored) == pytest.approx(wall * 40, rel=0.02)
        bore = pipes(1, shape=shape, width=1.0, height=1.0, wall=0.1, of_bore=True, reference=ZReference.INVERT)
        of_bore = tube(geometries([line]), bore)
        assert volume(of_bore) == pytest.approx(_wall_about(section(shape, 1.0, 1.0), 0.1) * 40, rel=0.02)
        assert open_edges(bored) == open_edges(of_bore) == 0
        assert normals_agree(bored)
        assert of_bore.positions[:, 2].min() == pytest.approx(1.9, abs=0.005)
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


@pytest.mark.parametrize("shape", [Shape.ARCH, Shape.U])
@pytest.mark.parametrize(
    ("width", "height", "wall", "of_bore"), [(2.0, 1.1, 0.2, False), (2.0, 1.0, 0.2, True), (1.6, 0.8, 0.15, True), (3.0, 1.5, 0.25, True)]
)
def test_an_arch_with_walls_about_a_bore_without_is_closed(shape: Shape, width: float, height: float, wall: float, of_bore: bool) -> None:
    """Every semicircular culvert that is measured by its bore: its ends once drew memory that nobody had written."""
    line = moved(shapely.LineString([(0, 0, 2), (0, 10, 2)]))
    sized = pipes(1, shape=shape, width=width, height=height, wall=wall, of_bore=of_bore, reference=ZReference.INVERT)
    mesh = tube(geometries([line]), sized)
    around = 2 * wall if of_bore else 0.0
    low, high = mesh.positions.min(axis=0) - [*HERE, 2.0], mesh.positions.max(axis=0) - [*HERE, 2.0]
    assert [*low, *high] == pytest.approx(
        [-(width + around) / 2, 0, -wall, (width + around) / 2, 10, height + around - wall], abs=mesh.chord_error_m + 1e-6
    )
    outer = section(shape, width + around, height + around)
    bore = section(shape, width + around - 2 * wall, height + around - 2 * wall)
    assert volume(mesh) == pytest.approx((outer.area - bore.area) * 10, rel=0.02)
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


@pytest.mark.parametrize(("width", "height"), [(1.0, 2.0), (0.6, 2.4), (2.0, 1.0)])
def test_the_wall_of_a_trapezoid_is_as_thick_all_around_however_high_it_is(width: float, height: float) -> None:
    """Of 0.1 m, one of 1 by 2 m once had 0.064 at its floor and 0.128 at its top; its bore alone says the same section."""
    line = moved(shapely.LineString([(0, 0, 2), (0, 40, 2)]))
    sized = functools.partial(pipes, 1, shape=Shape.TRAPEZOID, wall=0.1, reference=ZReference.INVERT)
    mesh, outside = tube(geometries([line]), sized(width=width, height=height)), section(Shape.TRAPEZOID, width, height)
    bore = outside.buffer(-0.1, join_style="mitre")
    drawn = shapely.MultiPoint(mesh.positions[:, [0, 2]] - [HERE[0], 2.0 + height / 2 - 0.1])
    corners = shapely.MultiPoint([*outside.exterior.coords, *bore.exterior.coords])
    assert drawn.hausdorff_distance(corners) < 1e-6
    assert open_edges(mesh) == 0
    by_bore = tube(geometries([line]), sized(width=bore.bounds[2] - bore.bounds[0], height=height - 0.2, of_bore=True))
    np.testing.assert_allclose(by_bore.positions, mesh.positions, atol=1e-6)


def _wall_about(bore: BaseGeometry, thickness: float) -> float:
    return float(bore.buffer(thickness, join_style="mitre", quad_segs=64).area - bore.area)


@pytest.mark.parametrize("shape", [Shape.ARCH, Shape.TRAPEZOID, Shape.U])
@pytest.mark.parametrize("bend_deg", [-100, 20, 85])
def test_any_bend_of_a_section_with_corners_is_closed(shape: Shape, bend_deg: float) -> None:
    turned = np.radians(bend_deg)
    line = moved(shapely.LineString([(0, 0, 5), (9, 0, 5), (9 + 9 * np.cos(turned), 9 * np.sin(turned), 5)]))
    mesh = tube(geometries([line]), pipes(1, shape=shape, width=0.8, height=1.0, wall=0.08, reference=ZReference.INVERT))
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)


def test_every_shape_that_a_survey_may_name_is_drawn_as_itself() -> None:
    codes = load_feature_types()["pipe_segment"].field("section_shape").codelist
    assert codes is not None
    assert tuple(code.code for code in codes.codes) == SECTION_SHAPES
    assert len(SECTION_SHAPES) == len(Shape)


def test_a_culvert_of_two_openings_has_three_walls() -> None:
    line = moved(shapely.LineString([(0, 0, 2), (0, 40, 2)]))
    mesh = tube(geometries([line]), pipes(1, width=4.0, height=1.5, wall=0.2, holes=2, reference=ZReference.INVERT))
    assert volume(mesh) == pytest.approx(40 * (4.0 * 1.5 - 2 * 1.7 * 1.1))
    assert mesh.positions[:, 2].min() == pytest.approx(1.8)
    assert set(np.round(np.abs(mesh.positions[:, 0] - HERE[0]), 6).tolist()) == {0.0, 0.1, 1.8, 2.0}
    assert normals_agree(mesh)


@pytest.mark.parametrize(("holes", "drawn"), [(0, 0), (1, 1), (8, 8), (11, 11), (48, 48), (500, 0)])
def test_a_bank_of_ducts_has_so_many_bores(holes: int, drawn: int) -> None:
    line = moved(shapely.LineString([(0, 0, 2), (0, 40, 2)]))
    mesh = tube(geometries([line]), pipes(1, width=0.8, height=0.6, holes=holes, reference=ZReference.TOP))
    bored = 0.8 * 0.6 * 40 - volume(mesh)
    side = {0: 0.0, 1: 0.6, 8: 0.2, 11: 0.2, 48: 0.1, 500: 0.0}[holes]
    octagon = 2 * np.sqrt(2) * (0.35 * side) ** 2 * 40
    assert bored == pytest.approx(drawn * octagon, rel=0.02, abs=1e-6)
    assert normals_agree(mesh)


def wells(count: int, **known: np.ndarray) -> Wells:
    """So many points of which no more than ``known`` is known."""
    nothing = np.full(count, np.nan)
    blank = Wells(nothing, nothing, nothing, np.zeros(count, np.bool_), np.full(count, -1), np.zeros(count))
    return replace(blank, **known)


def test_a_manhole_reaches_from_its_cover_to_its_bottom() -> None:
    point = moved(shapely.Point(0, 0, 8.25))
    placements, left_out = well(geometries([point]), wells(1, bottom_m=np.array([5.0])))
    shaft, cover = (as_mesh([one], left_out) for one in placements)
    assert (shaft.positions[:, 2].min(), shaft.positions[:, 2].max()) == pytest.approx((5.0, 8.25 - COVER_M))
    reach = np.hypot(shaft.positions[:, 0] - HERE[0], shaft.positions[:, 1] - HERE[1])
    assert reach == pytest.approx(NOMINAL_DIAMETER_M / 2)
    assert cover.positions[:, 2].min() < 8.25 - COVER_M < 8.25 < cover.positions[:, 2].max() < 8.3
    whole = as_mesh(placements, left_out)
    assert normals_agree(whole)
    assert volume(whole) > np.pi * 0.35**2 * 3.15 * 0.95


@pytest.mark.parametrize("kind", FITTINGS)
def test_every_fitting_stands_on_the_ground_and_is_closed(kind: str) -> None:
    places = [moved(shapely.Point(0, 0, 8.0)), moved(shapely.Point(20, 0, 9.0))]
    given = wells(2, kind=np.full(2, FITTINGS.index(kind)), turn_rad=np.array([0.0, np.pi / 2]))
    placements, left_out = well(geometries([*places]), given)
    mesh = as_mesh(placements, left_out)
    assert left_out.tolist() == [LeftOut.DRAWN] * 2
    assert open_edges(mesh) == 0
    assert normals_agree(mesh)
    first, second = (mesh.positions[mesh.feature == f] - [*HERE, 8.0 + f] - [20 * f, 0, 0] for f in (0, 1))
    assert first[:, 2].min() < 0 < first[:, 2].max() < 11
    assert np.sort(np.round(first[:, 0], 4)) == pytest.approx(np.sort(np.round(second[:, 1], 4)), abs=1e-4)  # turned to the north
    assert len(mesh.positions) < 1_400


def test_a_point_is_drawn_by_its_depth_or_its_kind_and_by_neither_left_out() -> None:
    points = [moved(shapely.Point(i, 0, 8.0)) for i in range(5)]
    given = wells(
        5,
        bottom_m=np.array([np.nan, np.nan, 9.0, np.nan, 9.0]),
        depth_m=np.array([2.5, np.nan, np.nan, 500, np.nan]),
        kind=np.array([-1, -1, -1, -1, FITTINGS.index("hydrant")]),
    )
    placements, left_out = well(geometries([*points]), given)
    assert [LeftOut(r).name for r in left_out.tolist()] == ["DRAWN", "DEPTH_MISSING", "DEPTH_MISSING", "DEPTH_ABSURD", "DRAWN"]
    mesh = as_mesh(placements, left_out)
    assert mesh.positions[mesh.feature == 0, 2].min() == 5.5
    assert mesh.positions[mesh.feature == 4, 2].min() > 7


def test_a_batch_keeps_every_feature_apart() -> None:
    shapes = footprints(200)
    mesh = extrude(geometries([*shapes]), np.full(200, 1.0), np.linspace(3, 50, 200))
    for i in (0, 17, 111, 199):
        assert volume(mesh, i) == pytest.approx(shapes[i].area * np.linspace(3, 50, 200)[i], rel=1e-7)


def test_wkb_of_every_dialect_is_read_alike() -> None:
    line = moved(shapely.LineString([(0, 0, 1), (1, 2, 3)]))
    dialects = [
        shapely.to_wkb(line, flavor="iso"),
        shapely.to_wkb(line, flavor="extended"),
        shapely.to_wkb(shapely.set_srid(line, 4549), include_srid=True),
        shapely.to_wkb(shapely.MultiLineString([line])),
    ]
    read = geometries([*dialects])
    assert read.status.tolist() == [0, 0, 0, 0]
    for i in range(4):
        np.testing.assert_array_equal(read.coordinates[2 * i : 2 * i + 2], np.array(line.coords))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_never_a_geometry_by_accident_of_reading_past_the_end(content: bytes) -> None:
    read = geometries([content, shapely.to_wkb(shapely.Point(1, 2, 3))])
    assert read.status[1] == 0
    np.testing.assert_array_equal(read.coordinates[-1], [1, 2, 3])


def test_not_finite_coordinates_are_unreadable() -> None:
    read = geometries([shapely.LineString([(0, 0, 0), (np.inf, 0, 0)])])
    assert read.status.tolist() == [1]
