"""Layers of vector tiles drawn here, read by somebody else's reader: valid, where they are, with the values they were given."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry import shape

from twin.mvt.layer import LayerFrame, encode_layer
from twin.mvt.shapes import MOST_BYTES

type Value = str | int | float | bool | None
BOX = shapely.box(-64, -64, 4160, 4160)
_TYPES = {str: 25, bool: 16, int: 20, float: 701}


def _frame(*properties: str, to_units: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)) -> LayerFrame:
    return LayerFrame("layer", properties, 4096, 64, to_units)  # type: ignore[arg-type]


def _record(fid: int | None, geometry: shapely.Geometry | None, values: Sequence[Value] = (), *, is_drawn: bool | None = False) -> bytes:
    """Return what record_send writes (PostgreSQL: src/backend/utils/adt/rowtypes.c), the geometry as EWKB with its SRID."""
    wkb = None if geometry is None else shapely.to_wkb(shapely.set_srid(geometry, 4549), byte_order=1, include_srid=True)
    fields = [
        (20, _sent(fid)),
        (16, _sent(is_drawn)),
        (17_000, wkb),
        *((_TYPES[str if v is None else type(v)], _sent(v)) for v in values),
    ]
    sent = [struct.pack(">Ii", kind, -1 if content is None else len(content)) + (content or b"") for kind, content in fields]
    return struct.pack(">I", len(fields)) + b"".join(sent)


def _sent(value: Value) -> bytes | None:
    match value:
        case None:
            return None
        case bool():
            return bytes([value])
        case int():
            return struct.pack(">q", value)
        case float():
            return struct.pack(">d", value)
    return value.encode()


def _features(layer: bytes) -> dict[int, dict[str, Any]]:
    read = mapbox_vector_tile.decode(layer, default_options={"y_coord_down": True})
    return {f["id"]: f for f in read["layer"]["features"]} if read else {}


def _drawn(geometries: Sequence[shapely.Geometry]) -> dict[int, shapely.Geometry]:
    layer = encode_layer([_record(k, geometry) for k, geometry in enumerate(geometries)], _frame()).content
    return {fid: shape(feature["geometry"]) for fid, feature in _features(layer).items()}


def _awkward_areas(count: int) -> list[shapely.Geometry]:
    """Return valid areas of all sizes and shapes, many on the edge of the tile, many that are slivers once they are snapped."""
    rng = np.random.default_rng(6)
    made: list[shapely.Geometry] = []
    while len(made) < count:
        vertices, size = int(rng.integers(3, 40)), float(rng.choice([1.5, 6, 40, 600, 9000]))
        angles = np.sort(rng.uniform(0, 2 * np.pi, vertices))
        radii = size * rng.uniform(0.15, 1, vertices)
        middle = rng.choice([-64.0, 4160.0, 300.0, 2000.0], 2) + rng.normal(0, size / 2, 2)
        star = shapely.Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]) + middle)
        court = shapely.Polygon(star.exterior.coords, [shapely.affinity.scale(star, 0.6, 0.6, origin=tuple(middle)).exterior.coords])
        pair = shapely.MultiPolygon([star, shapely.affinity.translate(star, 2.05 * size, 0)])
        made += [g for g in (star, court, pair) if g.is_valid]
    return made[:count]


def test_areas_are_valid_and_where_they_are() -> None:
    areas = _awkward_areas(900)
    drawn = _drawn([shapely.force_3d(a, 7.0) for a in areas])
    for fid, area in enumerate(areas):
        truth = area.intersection(BOX)
        found = drawn.get(fid, shapely.Polygon())
        assert found.is_valid, area.wkt
        assert found.geom_type in ("Polygon", "MultiPolygon"), area.wkt
        # every vertex moves by half a unit both ways at most, and so does every edge; a cut may move one more time
        assert found.symmetric_difference(truth).area <= 1.5 * truth.length + 2, area.wkt
        assert found.is_empty or BOX.covers(found)


def test_exteriors_are_positive_and_holes_negative() -> None:
    court = shapely.Polygon(shapely.box(0, 0, 90, 90).exterior.coords[::-1], [shapely.box(20, 20, 60, 60).exterior.coords])
    layer = encode_layer([_record(1, court)], _frame()).content
    rings = _features(layer)[1]["geometry"]["coordinates"]
    signed = [sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) / 2 for ring in rings]
    assert signed == [8100, -1600]


@pytest.mark.parametrize(
    "area",
    [
        pytest.param("POLYGON((0 0,50 0,50 50,0 50,0 0),(10 10,49.9 10,20 40,10 10))", id="a court that comes to touch its wall"),
        pytest.param("POLYGON((0 0,50 0,50 50,25 0.3,0 50,0 0))", id="a waist that comes to be a point"),
        pytest.param("MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0)),((10.3 0,20 0,20 10,10.3 10,10.3 0)))", id="neighbours that come to touch"),
        pytest.param("MULTIPOLYGON(((0 0,50 0,50 50,0 50,0 0),(9 9,40 9,40 40,9 40,9 9)),((20 20,30 20,30 30,20 20)))", id="an isle"),
        pytest.param("POLYGON((-500 -500,5000 -500,5000 5000,-500 5000,-500 -500),(0 0,9 0,9 9,0 0))", id="larger than the tile"),
    ],
)
def test_what_snapping_or_cutting_may_spoil_is_valid_all_the_same(area: str) -> None:
    given = shapely.from_wkt(area)
    (found,) = _drawn([given]).values()
    assert found.is_valid
    assert found.symmetric_difference(given.intersection(BOX)).area < 60


@pytest.mark.parametrize(
    ("area", "left"),
    [
        pytest.param("MULTIPOLYGON(((0 0,50 0,50 50,0 50,0 0)),((50 0,90 0,90 50,50 50,50 0)))", 4500, id="an edge in common"),
        pytest.param("POLYGON((0 0,50 0,50 50,0 50,0 0),(0 10,20 10,20 20,0 20,0 10))", 2300, id="a hole on the edge of its shell"),
        pytest.param("POLYGON((0 0,50 50,50 0,0 50,-20 70,0 50,0 0))", 1250, id="a bow tie with a spike"),
        pytest.param("POLYGON((-67 1999,-66 2000,-61 2000,-65 2002,-64 2000,-65 2002,-61 1997,-65 2002,-67 1999))", 3, id="uncuttable"),
    ],
)
def test_an_invalid_area_is_drawn_valid_and_spoils_no_other(area: str, left: float) -> None:
    found, other = _drawn([shapely.from_wkt(area), shapely.box(-90, 7, 90, 90)]).values()
    assert found.is_valid
    assert found.area == pytest.approx(left, abs=1)
    assert other.equals(shapely.box(-64, 7, 90, 90))


@pytest.mark.parametrize(
    "area",
    [
        pytest.param(
            "POLYGON((2009.7287 1991.8872,2012.3523 1988.4763,2012.5818 1988.6763,2012.3876 1988.5044,2012.2615 1988.3959,"
            "2009.4264 1991.6195,2009.7287 1991.8872))",
            id="in the tile",
        ),
        pytest.param(
            "POLYGON((2000.68 4160.32,2005.64 4157.66,2005.55 4157.48,2000.82 4160.02,1999.07 4152.47,1998.88 4152.51,2000.68 4160.32))",
            id="on its edge",
        ),
    ],
)
def test_an_area_that_snaps_to_a_line_is_left_out(area: str) -> None:
    assert _drawn([shapely.from_wkt(area)]) == {}


def test_what_cannot_be_seen_is_left_out() -> None:
    gone = [
        shapely.box(10, 10, 10.2, 10.3),
        shapely.Polygon([(5, 5), (100, 5.1), (200, 5), (100, 4.9)]),
        shapely.box(5000, 0, 6000, 10),
        shapely.LineString([(1, 1), (1.2, 1.3)]),
        shapely.Point(4161, 5),
        shapely.Point(float("nan"), 5),
        shapely.Polygon(),
    ]
    assert encode_layer([_record(k, g) for k, g in enumerate(gone)] + [_record(9, None)], _frame()).content == b""
    assert encode_layer([], _frame()).content == b""


def test_lines_are_cut_and_keep_their_turns() -> None:
    rng = np.random.default_rng(2)
    lines = [shapely.LineString(rng.uniform(-900, 5000, (int(rng.integers(2, 30)), 3))) for _ in range(200)]
    drawn = _drawn(lines)
    for fid, line in enumerate(lines):
        truth = shapely.force_2d(line).intersection(BOX)
        found = drawn.get(fid, shapely.LineString())
        assert truth.is_empty == found.is_empty or truth.length < 3
        if not found.is_empty:
            assert shapely.hausdorff_distance(found, truth) < 1.5
    spike = _drawn([shapely.LineString([(0, 0), (50, 0), (100, 0), (40, 0)])])[0]
    assert list(spike.coords) == [(0, 0), (100, 0), (40, 0)]


def test_values_are_kept_each_once_and_as_they_are() -> None:
    rows: list[tuple[Value, ...]] = [
        ('DN<300 & >100 "q"', 2**63 - 1, 0.1, True),
        ("\u2028", -(2**63), -0.0, False),
        ("", 0, 1e308, None),
        ("污水🚰", -1, float("nan"), True),
        (None, None, float("-inf"), None),
        ("污水🚰", 300, 0.1, False),
    ]
    names = ("text", "whole", "real", "truth")
    layer = encode_layer([_record(k, shapely.Point(k, k), row) for k, row in enumerate(rows)], _frame(*names)).content
    for fid, feature in _features(layer).items():
        told = dict(zip(names, rows[fid], strict=True))
        kept = {k: v for k, v in told.items() if v is not None and not (isinstance(v, float) and not math.isfinite(v))}
        assert {k: (v, type(v)) for k, v in feature["properties"].items()} == {k: (v, type(v)) for k, v in kept.items()}
    assert layer.count("污水🚰".encode()) == 1


def test_what_is_drawn_already_is_taken_as_it_is() -> None:
    frame = _frame(to_units=(2.0, 0.0, -1000.0, 0.0, -2.0, 4000.0))
    here = shapely.box(600, 1000, 700, 1200)
    layer = encode_layer([_record(1, here), _record(2, shapely.box(200, 1600, 400, 2000), is_drawn=True)], frame).content
    first, second = (shape(feature["geometry"]) for feature in _features(layer).values())
    assert first.equals(second)


def test_what_is_drawn_already_is_cut_where_it_is() -> None:
    frame = _frame(to_units=(2.0, 0.0, -1000.0, 0.0, -2.0, 4000.0))
    layer = encode_layer(
        [_record(1, shapely.box(600, 1000, 700, 1200)), _record(2, shapely.box(-90, 7, 90, 90), is_drawn=True)], frame
    ).content
    assert shape(_features(layer)[2]["geometry"]).equals(shapely.box(-64, 7, 90, 90))


def test_a_row_that_says_nothing_of_being_drawn_moves_no_other() -> None:
    rows = [_record(1, None, ("a", 1), is_drawn=None), _record(2, shapely.Point(3, 4), ("b", 2)), _record(3, shapely.Point(5, 6), ("c", 3))]
    features = _features(encode_layer(rows, _frame("name", "floors")).content)
    assert {fid: (f["geometry"]["coordinates"], f["properties"]) for fid, f in features.items()} == {
        2: ([3, 4], {"name": "b", "floors": 2}),
        3: ([5, 6], {"name": "c", "floors": 3}),
    }


def test_what_stands_for_several_has_no_id() -> None:
    rows = [_record(None, shapely.box(3, 4, 9, 9), ("a", 7), is_drawn=True), _record(5, shapely.Point(5, 6), ("b", 1))]
    read = mapbox_vector_tile.decode(encode_layer(rows, _frame("name", "count")).content)["layer"]["features"]
    assert [(f.get("id", 0), f["properties"]) for f in read] == [(0, {"name": "a", "count": 7}), (5, {"name": "b", "count": 1})]


def test_what_is_no_point_line_or_area_is_left_out() -> None:
    # what a collection is made of was read as if it were lines
    others = [
        shapely.GeometryCollection([shapely.Point(3, 4), shapely.box(10, 10, 90, 90)]),
        shapely.GeometryCollection([shapely.MultiPoint([(1, 1), (2, 2)]), shapely.LineString([(0, 0), (5, 5)])]),
    ]
    assert list(_drawn([*others, shapely.Point(7, 8)])) == [2]


def test_gdal_reads_the_same(tmp_path: Path) -> None:
    inner = shapely.box(0, 0, 4096, 4096)  # GDAL cuts to the tile itself
    areas = [a for a in _awkward_areas(60) if a.intersection(inner).area > 500]
    layer = encode_layer([_record(k + 1, area, (f"幢{k}", k)) for k, area in enumerate(areas)], _frame("name", "floors")).content
    path = tmp_path / "tile.mvt"
    path.write_bytes(layer)
    meta, _, geometries, fields = pyogrio.raw.read(path)
    values = dict(zip(meta["fields"].tolist(), fields, strict=True))
    assert values["name"].tolist() == [f"幢{k}" for k in range(len(areas))]
    assert values["mvt_id"].tolist() == [k + 1 for k in range(len(areas))]
    assert shapely.is_valid(shapely.from_wkb(geometries)).all()


def test_what_takes_too_long_to_draw_is_given_up() -> None:
    # 10,000 areas of 240 vertices that GEOS has to repair took half a minute, whatever the door allowed.
    angles = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radii = 30 * np.random.default_rng(3).uniform(0.2, 1, 240)
    star = shapely.Polygon(2000 + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))
    rows = [_record(k, star) for k in range(400)]
    with pytest.raises(TimeoutError):
        encode_layer(rows, _frame(), 0.1)
    assert len(_features(encode_layer(rows[:2], _frame(), 60).content)) == 2


def test_areas_that_cross_themselves_again_and_again_hold_no_tile_between_looks_at_the_clock() -> None:
    """Each takes GEOS half a second, and all are less than is drawn between two looks of what needs no repair."""
    rng = np.random.default_rng(3)
    scribbles = [_record(k, shapely.Polygon(rng.uniform(0, 4096, (490, 2)))) for k in range(20)]
    assert all(len(row) < MOST_BYTES for row in scribbles)
    with pytest.raises(TimeoutError):
        encode_layer(scribbles, _frame(), most_s=0.3)


def test_what_is_repaired_in_several_groups_is_each_where_it_is() -> None:
    rng = np.random.default_rng(4)
    areas = [shapely.Polygon(rng.uniform(0, 4096, (vertices, 2))) for vertices in (5, 150, 3, 200, 250, 90)]
    together, alone = _drawn(areas), [_drawn([area])[0] for area in areas]
    assert len(together) == len(areas)
    assert all(shape.equals_exact(one, 0) for shape, one in zip(together.values(), alone, strict=True))


def _star(vertices: int, radius: float = 1900, least: float = 0.2) -> shapely.Polygon:
    rng = np.random.default_rng(1)
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, vertices)), radius * rng.uniform(least, 1, vertices)
    return shapely.Polygon(2048 + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))


def _coast(vertices: int) -> shapely.Polygon:
    """Return an isle with a coast that nearly touches itself everywhere."""
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    steps = np.cumsum(np.random.default_rng(2).normal(0, 1, vertices))
    radii = 1200 + 500 * (steps - np.linspace(0, steps[-1], vertices)) / np.abs(steps).max()
    return shapely.Polygon(2048 + np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))


def _garden(beds: int, side: float) -> shapely.Polygon:
    """Return an area with square holes in rows."""
    holes = [shapely.box(x, y, x + side / 2, y + side / 2) for x in side * np.arange(beds) for y in side * np.arange(beds)]
    around = shapely.box(-side, -side, beds * side, beds * side)
    return shapely.Polygon(around.exterior.coords, [hole.exterior.coords for hole in holes])


@pytest.mark.parametrize(
    "area",
    [
        pytest.param(_star(1000), id="a star"),
        pytest.param(_star(1000, 5000), id="a star beyond the tile"),
        pytest.param(_coast(900), id="a coast"),
        pytest.param(_coast(30_000), id="a coast of very many vertices"),
        pytest.param(shapely.affinity.translate(_coast(30_000), 2000, -1500), id="a coast that leaves the tile"),
        pytest.param(_garden(40, 110.3), id="holes beyond the tile"),
        pytest.param(_garden(60, 5.3), id="holes that come to touch"),
        pytest.param(_garden(60, 0.9), id="holes that none can see"),
        pytest.param(shapely.MultiPolygon([_garden(20, 40), shapely.affinity.translate(_coast(3000), 1500, 1500)]), id="two areas"),
        pytest.param(shapely.affinity.translate(_coast(3000), 9000), id="elsewhere"),
        pytest.param(shapely.box(-9000, -9000, 9000, 9000).difference(_coast(3000).buffer(0)), id="all around"),
        pytest.param(shapely.segmentize(shapely.box(-500, 70, 5000, 4000), 2), id="straight edges"),
    ],
)
def test_areas_of_very_many_vertices_are_drawn_as_they_are(area: shapely.Geometry) -> None:
    truth, others = area.intersection(BOX), [shapely.box(7, 7, 60, 90)]
    drawn = _drawn([shapely.force_3d(area, 4.0), *others])
    found = drawn.get(0, shapely.Polygon())
    assert found.is_valid
    assert truth.is_empty or BOX.covers(found)
    # as of others; of holes that come to touch what is between them may go
    assert found.symmetric_difference(truth).area <= 1.5 * truth.length + 2
    assert drawn[1].equals(others[0])


def _nested(count: int) -> shapely.MultiPolygon:
    """Return frames, one in another, that come to touch."""
    boxes = [shapely.box(k, k, 4000 - k, 4000 - k).exterior.coords for k in np.arange(2 * count) * 1990 / (2 * count)]
    return shapely.MultiPolygon([shapely.Polygon(outer, [inner]) for outer, inner in itertools.pairwise(boxes)][::2])


@pytest.mark.parametrize(
    "area",
    [
        pytest.param(_star(20_000), id="spikes in the tile"),
        pytest.param(_star(150_000), id="very many spikes"),
        pytest.param(shapely.affinity.translate(_star(150_000), 2000, 300), id="spikes across the edge of the tile"),
        pytest.param(_nested(4_000), id="frames in frames"),
    ],
)
def test_an_area_that_nothing_could_draw_in_time_is_left_out_and_counted(area: shapely.Geometry) -> None:
    # GEOS cannot be interrupted: PostGIS 3.5 took nine minutes for the second one, and ST_ClipByBox2D 93 s for the third.
    layer = encode_layer([_record(1, area), _record(2, shapely.box(7, 7, 60, 90))], _frame(), 60)
    assert layer.left_out == 1
    assert set(_features(layer.content)) == {2}


def test_a_line_may_have_any_number_of_vertices_and_cross_itself() -> None:
    line = shapely.LineString(_star(150_000, 4000).exterior.coords)
    layer = encode_layer([_record(1, line)], _frame(), 60)
    assert layer.left_out == 0
    assert BOX.covers(shapely.box(*shape(_features(layer.content)[1]["geometry"]).bounds))


def test_a_layer_of_many_slices_has_every_feature_where_it_is() -> None:
    # 24 bytes a vertex, and all but the first and the last lie on the straight line between these: much to read, little to write
    lines = [shapely.LineString([(x, k, 7) for x in range(k, k + 1000)]) for k in range(90)]
    assert {fid: list(line.coords) for fid, line in _drawn(lines).items()} == {k: [(k, k), (k + 999, k)] for k in range(90)}
