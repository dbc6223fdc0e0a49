"""Points and lines told right from their arrays alone: what comes of a file is what comes of it when each is looked at as a geometry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.declared import in_order
from ingest.georeference import georeference
from ingest.part_reading import PartReading
from ingest.paths import paths_of
from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers.source import SourceBatch, SourceLayer
from ingest.readers.wkb import batch_of_wkb
from ingest.reading import read_parts
from ingest.sure_paths import sure_paths
from tests.unit.one_batch import FileOfOneBatch
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType

TYPES = load_feature_types()
_ORIGIN = np.array((500_000.0, 3_500_000.0, 0.0))
_STEP_M = st.sampled_from([0.0, 0.0004, 0.005, 1.0, 2.0, -1.0, 30.0])
_HEIGHT_M = st.sampled_from([0.0, 3.5, 3.508, 4.0, -9999.0, float("nan")])
_ELEVATION_M = st.none() | st.sampled_from([3.5, 4.0])
_VERTEX = st.tuples(_STEP_M, _STEP_M, _HEIGHT_M)
_Drawn = tuple[list[tuple[float, float, float]], bool, float | None, float | None]
_Others = tuple[shapely.Geometry | None, ...]
_DRAWN = st.tuples(st.lists(_VERTEX, min_size=1, max_size=7), st.booleans(), _ELEVATION_M, _ELEVATION_M)


def _read(batch: SourceBatch, feature_type: FeatureType, crs: str = "EPSG:4549") -> PartBatch:
    request = ReadRequest(Path("x"), (PartRequest(None, feature_type, "x"),), storage_srid=4549)
    return next(m for m in read_parts(FileOfOneBatch(batch, crs), request) if isinstance(m, PartBatch))


def _batch(shapes: list[shapely.Geometry | None], **columns: list[float | None] | list[str]) -> SourceBatch:
    wkb = pa.array(shapely.to_wkb(np.array(shapes, dtype=object), flavor="iso"), pa.binary())
    arrays = {n: pa.array(v, pa.float64()) if n.endswith("_m") else pa.array(v) for n, v in columns.items()}
    return batch_of_wkb(np.arange(1, len(shapes) + 1), wkb, arrays)


def _points(drawn: list[_Drawn], others: _Others = ()) -> SourceBatch:
    """Return points, and as many as there are others are these in place of them."""
    shapes = [shapely.points((_ORIGIN + v[0])[: 3 if solid else 2]) for v, solid, _, _ in drawn]
    shapes[: len(others)] = others[: len(shapes)]
    return _batch([*shapes], node_id=[f"P{k}" for k in range(len(drawn))], ground_elevation_m=[e for _, _, e, _ in drawn])


def _lines(drawn: list[_Drawn], others: _Others = ()) -> SourceBatch:
    """Return lines whose vertices are steps from one to the next, those of one vertex have it twice; others likewise."""
    shapes = []
    for vertices, solid, _, _ in drawn:
        steps = np.array(vertices if len(vertices) > 1 else vertices * 2)
        steps[:, :2] = np.cumsum(steps[:, :2], axis=0)
        shapes.append(shapely.linestrings((_ORIGIN + steps)[:, : 3 if solid else 2]))
    shapes[: len(others)] = others[: len(shapes)]
    names = {"start_node": [f"P{k}" for k in range(len(drawn))], "end_node": [f"Q{k}" for k in range(len(drawn))]}
    return _batch([*shapes], **names, start_elevation_m=[d[2] for d in drawn], end_elevation_m=[d[3] for d in drawn])


def _same(batch: SourceBatch, feature_type: FeatureType, crs: str = "EPSG:4549") -> None:
    told, looked_at = _read(batch, feature_type, crs), _read(batch.with_geometries(), feature_type, crs)
    assert told.table.equals(looked_at.table)
    assert told.findings == looked_at.findings


@given(st.lists(_DRAWN, min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_points_come_out_as_when_each_is_looked_at(drawn: list[_Drawn]) -> None:
    _same(_points(drawn), TYPES["pipe_node"])
    _same(_points(drawn, (None, shapely.MultiPoint([_ORIGIN]))), TYPES["pipe_node"])
    _same(_points(drawn), replace(TYPES["pipe_node"], has_z=False))


@given(st.lists(_DRAWN, min_size=1, max_size=30))
@settings(max_examples=250, deadline=None)
def test_lines_come_out_as_when_each_is_looked_at(drawn: list[_Drawn]) -> None:
    _same(_lines(drawn), TYPES["pipe_segment"])
    _same(_lines(drawn, (None, shapely.MultiLineString([[_ORIGIN, _ORIGIN + 9.0]]))), TYPES["pipe_segment"])
    _same(_lines(drawn), replace(TYPES["pipe_segment"], has_z=False))


def test_elevations_that_are_whole_numbers_count_whatever_stands_beside() -> None:
    node = TYPES["pipe_node"]
    whole = replace(node, fields=tuple(replace(f, type="integer") if f.name == "ground_elevation_m" else f for f in node.fields))
    drawn: list[_Drawn] = [([(9.0 * k, 0.0, 7.0)], True, 50.0, None) for k in range(3)]
    for others in ((), (None,)):
        rows = _points(drawn, others)
        _same(rows, whole)
        assert [f.row for f in _read(rows, whole).findings if f.rule == "height-differs"] == [1, 2, 3][len(others) :]


def _degrees(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(shape, lambda c: c * [1e-5, 1e-5, 1.0][: c.shape[1]] + [120.0, 31.0, 0.0][: c.shape[1]], include_z=shape.has_z)


def test_rows_that_are_transformed_come_out_as_when_each_is_looked_at() -> None:
    flat, solid = shapely.LineString([(0, 0), (1, 0), (2, 3), (9, 3)]), shapely.LineString([(0, 0, 2), (5, 0, 3)])
    far = shapely.LineString([(0, 0), (8_000_000, 0)])
    shapes = [_degrees(s) for s in (flat, solid, far, flat)]
    ends = {"start_elevation_m": [3.0, 2.0, None, None], "end_elevation_m": [4.0, 3.0, None, None]}
    lines = _batch(shapes, **ends)
    assert lines.paths is not None
    assert len(lines.paths) == 4
    _same(lines, TYPES["pipe_segment"], "EPSG:4490")
    _same(_batch([_degrees(shapely.Point(1, 2, 3)), _degrees(shapely.Point(2, 2))]), TYPES["pipe_node"], "EPSG:4490")


def test_what_is_no_plain_point_or_line_is_a_geometry() -> None:
    plain = [shapely.Point(1, 2), shapely.LineString([(0, 0, 1), (1, 1, 2)])]
    others = [
        shapely.Point(), shapely.LineString(), shapely.Point(float("nan"), 2), shapely.LineString([(0, 0), (float("inf"), 1)]),
        shapely.LineString([(0, 0, 1), (1, 1, float("nan"))]), shapely.MultiPoint([(1, 2)]), shapely.MultiLineString([[(0, 0), (1, 1)]]),
        shapely.from_wkt("POINT M (1 2 3)"), shapely.from_wkt("LINESTRING ZM (0 0 1 2, 1 1 2 3)"), None,
    ]  # fmt: skip
    for shape in plain:
        for wkb in (shapely.to_wkb(shape, flavor="iso"), shapely.to_wkb(shape, flavor="extended")):
            paths = paths_of(pa.array([wkb], pa.binary()))
            assert shapely.to_wkb(paths.geometries()).tolist() == [shapely.to_wkb(shape)]
    content = [None if s is None else shapely.to_wkb(s, flavor="iso") for s in others]
    content += [shapely.to_wkb(plain[0], byte_order=0), shapely.to_wkb(plain[1])[:-8], shapely.to_wkb(plain[0]) + b"\0", b"", b"\1\1"]
    content += [shapely.to_wkb(shapely.set_srid(plain[0], 4549), include_srid=True)]
    assert len(paths_of(pa.array(content, pa.binary()))) == 0
    assert paths_of(pa.array([None, *content, shapely.to_wkb(plain[1])], pa.large_binary())).rows.tolist() == [len(content) + 1]


@pytest.mark.parametrize(("name", "shape"), [("pipe_node", shapely.Point(500_000, 3_500_000)), ("building", shapely.Point(1, 2))])
def test_rows_of_another_kind_are_named(name: str, shape: shapely.Geometry) -> None:
    rows = _batch([shape, shapely.LineString([(500_000, 3_500_000), (500_001, 3_500_000)]), shapely.box(0, 0, 1, 1)])
    _same(rows, TYPES[name])
    assert {f.row for f in _read(rows, TYPES[name]).findings if f.rule == "geometry-type"} >= {2}


def test_axes_that_are_declared_are_exchanged() -> None:
    rows = _batch([shapely.Point(3_500_000, 500_000, 7), shapely.LineString([(3_500_000, 500_000), (3_500_001, 500_009)])])
    part = PartRequest(None, TYPES["pipe_node"], "x", PartReading(axes="yx"))
    point, line = in_order(rows, part, SourceLayer("paths", (), "EPSG:4549")).with_geometries().geometry
    assert point.equals_exact(shapely.Point(500_000, 3_500_000, 7), 0.0)
    assert line.equals_exact(shapely.LineString([(500_000, 3_500_000), (500_009, 3_500_001)]), 0.0)


def test_only_rows_in_doubt_become_geometries() -> None:
    bent = [(0, 0, 3), (30, 0, 3), (30, 9, 3), (60, 9, 3)]
    crossing = [(0, 0, 3), (9, 0, 3), (9, 9, 3), (5, 9, 3), (5, -9, 3)]
    spiked, short = [(0, 0, 3), (9, 0, 3), (1, 0, 3)], [(0, 0, 3), (0.001, 0, 3)]
    rows = _batch([shapely.LineString(np.array(s) + _ORIGIN) for s in (bent[:2], bent, crossing, spiked, short)])
    assert rows.paths is not None
    placing = georeference(ReadRequest(Path("x"), (), storage_srid=4549), "paths", "EPSG:4549", assumed=False)
    sure = sure_paths(rows.paths, len(rows.rows), {}, TYPES["pipe_segment"], placing, Limits())
    assert sure.is_sure.tolist() == [True, True, False, False, False]
