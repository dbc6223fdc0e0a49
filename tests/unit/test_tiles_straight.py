"""Straight closed pipes as instances: the vertices that their triangles would have, at any length and in any direction."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tile_features import GEOCENTRIC, PIPE, SEPARATION_M, features, numbers, texts, to_geocentric
from tiles.binary_chunk import BinaryChunk, stored_triangles
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_glb
from tiles.columns import Column, FeatureColumns
from tiles.content import Drawing
from tiles.glb import Encoding
from tiles.instance_nodes import instance_nodes
from tiles.memory_store import MemoryStore
from tiles.mesh.batch import LeftOut
from tiles.mesh.pipe_section import Pipes, ZReference, outlines
from tiles.mesh.profile import Shape
from tiles.meshopt import MeshoptError
from tiles.metadata import metadata_class
from tiles.recipes import Tube
from tiles.source import Source, make_source
from tiles.wkb import Geometries, read_wkb

E0, N0 = 497_000.0, 3_521_000.0
METADATA = metadata_class(PIPE)
type Line = list[tuple[float, float, float]]


def survey(lines: list[Line], size_mm: list[float | tuple[float, float]]) -> FeatureColumns:
    """Pipes about the lines, which are relative to a place in the city: circles, or boxes of width and height."""
    box = [size if isinstance(size, tuple) else (None, None) for size in size_mm]
    columns: dict[str, Column] = {
        "segment_id": texts(str(i) for i in range(len(lines))),
        "outer_diameter_mm": numbers(None if isinstance(size, tuple) else size for size in size_mm),
        "width_mm": numbers(width for width, _ in box),
        "section_height_mm": numbers(height for _, height in box),
        "z_reference": texts(["axis"] * len(lines)),
    }
    return features([shapely.LineString([(E0 + x, N0 + y, z) for x, y, z in line]) for line in lines], columns)


def ready(run: FeatureColumns) -> Source:
    return make_source(run, PIPE, METADATA)


def test_a_content_of_instances_says_the_step_of_their_places_and_cannot_name_more_features_than_16_bits() -> None:
    drawn = Drawing(METADATA, to_geocentric, Encoding()).finest(ready(survey([[(0, 0, 0), (9, 0, 0)]], [300.0])), np.arange(1))
    assert drawn.accuracy["quantization_step_m"] == 2.0**-9
    assert drawn.accuracy["position_error_m"] >= 2.0**-9 * np.sqrt(3) / 2
    with pytest.raises(ValueError, match="65537 features"):
        instance_nodes(BinaryChunk(compress=True), [], 65_537)


@pytest.mark.parametrize("compress", [True, False])
def test_a_vertex_without_a_16_bit_index_is_refused(compress: bool) -> None:
    assert stored_triangles(np.array([[0, 1, 65_534]], np.uint32), compress=compress).count == 3
    with pytest.raises(MeshoptError, match="65535"):
        stored_triangles(np.array([[0, 1, 65_535]], np.uint32), compress=compress)


def decoded(source: Source, *, meshopt: bool = True) -> tuple[np.ndarray, float]:
    """E, N, H of all vertices that a content of all features shows, and how far it says they may be off."""
    drawn = Drawing(METADATA, to_geocentric, Encoding(meshopt=meshopt)).finest(source, np.arange(len(source)))
    assert drawn.glb is not None
    report = check_glb(drawn.glb)
    assert report.problems == []
    assert report.fids is not None
    assert report.fids.tolist() == source.features.fid[drawn.left_out == LeftOut.DRAWN].tolist()
    e, n, h = GEOCENTRIC.transform(*report.positions.T, direction="INVERSE")
    return np.column_stack([e, n, np.asarray(h) - SEPARATION_M]), drawn.accuracy["position_error_m"]


def farthest(points: np.ndarray, others: np.ndarray) -> float:
    """The greatest distance from one of the points to the nearest of the others."""
    return float(max(np.linalg.norm(others - point, axis=1).min() for point in points))


ends = st.tuples(st.floats(-78, 78), st.floats(-78, 78), st.floats(-15, 5))


@given(st.lists(st.tuples(ends, ends), min_size=1, max_size=4), st.sampled_from([100.0, 700.0, 2400.0, (1200.0, 500.0)]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_instances_are_the_vertices_of_their_triangles(lines: list[tuple], size: float, meshopt: bool) -> None:
    kept = [[a, b] for a, b in lines if np.hypot(b[0] - a[0], b[1] - a[1]) > 1] or [[(0, 0, 0), (9, 0, 0)]]
    source = ready(survey(kept, [size] * len(kept)))
    rows = np.arange(len(source))
    mesh, straight = source.parts(rows)
    assert mesh.is_empty
    assert straight is not None
    assert straight.feature.tolist() == rows.tolist()
    points, error_m = decoded(source, meshopt=meshopt)
    meant = source.mesh(rows).positions
    assert 0 < error_m <= 0.005
    assert farthest(meant, points) <= error_m + 1e-4
    assert farthest(points, meant) <= error_m + 1e-4


def test_circles_of_any_size_have_the_polygon_of_the_one_that_needs_most_sides() -> None:
    sizes = [60.0, 300.0, 3000.0]
    source = ready(survey([[(0, 20 * i, 0), (15, 20 * i + 8, -1)] for i in range(3)], sizes))
    points, _ = decoded(source)
    for i, diameter in enumerate(sizes):
        a, b = np.array([E0, N0 + 20 * i, 0]), np.array([E0 + 15, N0 + 20 * i + 8, -1])
        mine = points[np.abs(points[:, 1] - N0 - 20 * i - 4) < 8]
        along = (mine - a) @ (b - a) / np.linalg.norm(b - a)
        aside = np.linalg.norm(mine - a - along[:, None] * (b - a) / np.linalg.norm(b - a), axis=1)
        on_tube = (np.abs(along) < 0.01) | (np.abs(along - np.linalg.norm(b - a)) < 0.01)
        assert np.abs(aside[on_tube] - diameter / 2000).max() < 0.01
        assert [along.min(), along.max()] == pytest.approx([-diameter / 2000, np.linalg.norm(b - a) + diameter / 2000], abs=0.01)


ONE = [(0.0, 0.0, 0.0), (30.0, 0.0, 0.0)]
TRIANGLES: dict[str, list[Line]] = {
    "a bend": [[*ONE, (30.0, 30.0, 0.0)]],
    "upright": [[(0.0, 0.0, 0.0), (0.01, 0.0, 12.0)]],
    "longer than a straight edge may be": [[(0.0, 0.0, 0.0), (300.0, 0.0, 0.0)]],
}


@pytest.mark.parametrize("kind", TRIANGLES)
def test_what_is_not_straight_from_end_to_end_stays_triangles(kind: str) -> None:
    source = ready(survey([*TRIANGLES[kind], [(0.0, 50.0, 0.0), (20.0, 50.0, 0.0)]], [300.0, 300.0]))
    mesh, straight = source.parts(np.arange(2))
    assert straight is not None
    assert (np.unique(mesh.feature).tolist(), straight.feature.tolist()) == ([0], [1])
    points, error_m = decoded(source)
    meant = source.mesh(np.arange(2)).positions
    assert max(farthest(meant, points), farthest(points, meant)) <= error_m + 1e-4


def test_rows_in_any_order_have_their_own_pipes_and_triangles() -> None:
    """Of five features the second and the last bend."""
    lines: list[Line] = [
        [(0.0, 20.0 * i, 0.0), *([(9.0, 20.0 * i + 5, 0.0)] if i in (1, 4) else []), (15.0 + i, 20.0 * i, 0.0)] for i in range(5)
    ]
    source = ready(survey(lines, [300.0] * 5))
    rows = np.array([4, 3, 0, 1])
    mesh, straight = source.parts(rows)
    assert straight is not None
    assert straight.feature.tolist() == [1, 2]
    assert straight.ends_m[:, 1, 0].tolist() == [E0 + 18, E0 + 15]
    assert np.unique(mesh.feature).tolist() == [0, 3]
    assert mesh.positions[mesh.feature == 0, 1].min() > N0 + 79
    assert not source.parts(np.array([1]))[1]
    assert source.parts(np.array([2]))[0].is_empty


def line_of(points: Line) -> Geometries:
    content = np.frombuffer(bytearray(shapely.to_wkb(shapely.LineString(points), byte_order=1)), np.uint8)
    return read_wkb(content, np.array([0, len(content)]))


@pytest.mark.parametrize(
    ("shape", "wall", "holes", "reference"),
    [(Shape.ROUND, 0.1, 0, ZReference.INVERT), (Shape.BOX, 0.1, 1, ZReference.INVERT), (Shape.BOX, np.nan, 4, ZReference.TOP),
     (Shape.EGG, np.nan, 0, ZReference.AXIS), (Shape.ARCH, np.nan, 0, ZReference.AXIS)],
)  # fmt: skip
def test_what_is_open_or_neither_circle_nor_box_stays_triangles(shape: Shape, wall: float, holes: int, reference: ZReference) -> None:
    size = np.array([1.0])
    pipes = Pipes(np.array([shape]), size, size, size, np.array([wall]), np.array([False]), np.array([holes]), np.array([reference]))
    line, recipe = line_of(ONE), Tube(pipes, outlines(pipes))
    mesh, straight = recipe.parts(line, recipe.straight(line), np.arange(1))
    assert not straight
    assert not mesh.is_empty


def test_reasons_for_leaving_out_are_those_of_the_triangles() -> None:
    lines: list[Line] = [ONE, ONE, ONE, [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0)], [(0.0, 9.0, 20_000.0), (9.0, 9.0, 20_000.0)], ONE]
    run = survey(lines, [300.0, 0.0, 60_000.0, 300.0, 300.0, 200.0])
    drawn = Drawing(METADATA, to_geocentric, Encoding()).finest(ready(run), np.arange(6))
    assert [LeftOut(reason).name for reason in drawn.left_out] == [
        "DRAWN", "SIZE_MISSING", "SIZE_ABSURD", "GEOMETRY_DEGENERATE", "ELEVATION_ABSURD", "DRAWN",
    ]  # fmt: skip


def test_a_leaf_of_straight_pipes_takes_few_bytes() -> None:
    """36 of them and their attributes: triangles alone would take more than 200 bytes each."""
    rng = np.random.default_rng(5)
    start = np.column_stack([rng.uniform(0, 800, (1500, 2)), rng.uniform(-3, 0, 1500)])
    way = np.column_stack([rng.uniform(-40, 40, (1500, 2)), rng.uniform(-1, 1, 1500)])
    lines: list[Line] = [[tuple(a), tuple(a + b)] for a, b in zip(start.round(3), way.round(3), strict=True)]  # type: ignore[misc]
    store = MemoryStore()
    run = survey(lines, rng.choice([100.0, 200.0, 300.0, 600.0], 1500).tolist())
    summary = build_tileset([run], PIPE, to_geocentric, TilesetTarget("net", 1, "open", "2.25.1."), store, options=BuildOptions())
    assert summary.contents == 1
    assert summary.content_bytes / 1500 < 70
    assert summary.accuracy["fidelity_m"] <= 0.01


STEEP, DUCT = (1200.0, 500.0), (12_000.0, 6000.0)
FAR: dict[str, tuple[list[Line], tuple[float, float]]] = {
    "steep": ([[(x, y, 0.0), (x, y + 0.03, -12.0)] for x, y in ((0.0, 0.0), (0.0, 5000.0), (5000.0, 100.0))], STEEP),
    "leaning": ([[(x, 0.0, 0.0), (x + 3, 40.0, 1.6)] for x in (0.0, 5000.0)], DUCT),
    "level": ([[(0.0, y, 0.0), (20.0, y + 1, 0.0)] for y in (0.0, 14_000.0)], DUCT),
}


@pytest.mark.parametrize("kind", FAR)
def test_boxes_are_level_where_they_are_kilometres_from_the_middle_of_their_content(kind: str) -> None:
    lines, size = FAR[kind]
    source = ready(survey(lines, [size] * len(lines)))
    assert len(source.parts(np.arange(len(lines)))[1] or ()) == len(lines)
    points, error_m = decoded(source)
    meant = source.mesh(np.arange(len(lines))).positions
    assert error_m <= 0.005
    assert max(farthest(meant, points), farthest(points, meant)) <= error_m + 1e-4


@pytest.mark.parametrize(("size", "length_m"), [((1200.0, 500.0), 220.0), ((1200.0, 500.0), 499.0), (16_000.0, 220.0), (16_000.0, 499.0)])
def test_the_middle_of_a_long_level_edge_is_as_near_as_the_certificate_says(size: float | tuple[float, float], length_m: float) -> None:
    source, short = (ready(survey([[(0, 0, 0), (length, 0, 0)]], [size])) for length in (length_m, 1.0))
    one = np.arange(1)
    of_section, accuracy = (Drawing(METADATA, to_geocentric, Encoding()).finest(s, one).accuracy for s in (short, source))
    stations = np.unique(source.mesh(one).positions[:, 0].round(6))
    stations = np.array([E0, *stations[(stations > E0 + 1) & (stations < E0 + length_m - 1)], E0 + length_m])
    a, b = stations[:-1], stations[1:]
    first, last, middle = (np.column_stack(to_geocentric(e, np.full(len(e), N0), np.zeros(len(e)))) for e in (a, b, (a + b) / 2))
    sag = float(np.linalg.norm((first + last) / 2 - middle, axis=1).max())
    assert sag > 0.0005
    assert accuracy["chord_error_m"] == pytest.approx(of_section["chord_error_m"] + sag, abs=1e-5)
    assert accuracy["chord_error_m"] + accuracy["position_error_m"] <= 0.01
