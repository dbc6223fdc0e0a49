"""Arcs in chords: on their circle, within the tolerance, ends exact; curved WKB as another GDAL writes it."""

from __future__ import annotations

import math
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers.curves import TOLERANCE_M, arc, geometries_of_wkb
from tests.ogr2ogr import ogr2ogr
from tests.vector_layers import Layer

ANGLES = st.floats(-math.pi, math.pi)


@given(st.floats(0.01, 5000), ANGLES, st.floats(0.02, 6.2), st.booleans())
def test_an_arc_lies_on_its_circle_and_its_chords_within_the_tolerance(radius: float, start: float, sweep: float, clockwise: bool) -> None:
    signed = -sweep if clockwise else sweep
    angles = (start, start + signed / 2, start + signed)
    on_circle = [np.array([radius * math.cos(a), radius * math.sin(a), z]) for z, a in enumerate(angles)]
    vertices = arc(on_circle[0], on_circle[1], on_circle[2], TOLERANCE_M)
    np.testing.assert_array_equal(vertices[[0, -1]], [on_circle[0], on_circle[2]])
    np.testing.assert_allclose(np.hypot(vertices[:, 0], vertices[:, 1]), radius, rtol=1e-6)
    chords = np.hypot(*np.diff(vertices[:, :2], axis=0).T)
    sagitta = radius - np.sqrt(np.maximum(radius**2 - chords**2 / 4, 0))
    coarsest = radius * (1 - math.cos(math.radians(0.05) / 2))  # no chord is shorter than 0.05°
    assert sagitta.max() <= max(TOLERANCE_M, coarsest) * 1.01
    turned = np.unwrap(np.arctan2(vertices[:, 1], vertices[:, 0]))
    assert turned[-1] - turned[0] == pytest.approx(signed, abs=1e-5)
    assert (np.diff(vertices[:, 2]) > 0).all()


CURVED = {
    "CURVEPOLYGON(COMPOUNDCURVE(CIRCULARSTRING(0 0,1 1,2 0),(2 0,2 -1,0 -1,0 0)))": ("Polygon", math.pi / 2 + 2),
    "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(10 0,11 1,12 0,11 -1,10 0)),((20 0,21 0,21 1,20 0)))": ("MultiPolygon", math.pi + 0.5),
    "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,0 0))": ("Polygon", 4 * math.pi),
    "COMPOUNDCURVE Z(CIRCULARSTRING Z(0 0 1,1 1 2,2 0 3),(2 0 3,2 -1 4))": ("LineString", 0),
    "MULTICURVE((0 0,1 1),CIRCULARSTRING(0 0,1 1,2 0))": ("MultiLineString", 0),
    "TIN Z(((0 0 0,1 0 0,0 1 1,0 0 0)))": ("MultiPolygon", 0.5),
    "GEOMETRYCOLLECTION(CIRCULARSTRING(0 0,1 1,2 0),POINT(1 2),MULTIPOINT((1 1),(2 2)))": ("GeometryCollection", 0),
}


def test_curves_in_a_geopackage(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("id,WKT\n" + "".join(f'{i},"{wkt}"\n' for i, wkt in enumerate(CURVED)))
    layer = Layer(ogr2ogr(tmp_path / "a.gpkg", table, "-nlt", "GEOMETRY", "-a_srs", "EPSG:4549", "-oo", "KEEP_GEOM_COLUMNS=NO"))
    for shape, (kind, area) in zip(layer.shapes, CURVED.values(), strict=True):
        assert shape.geom_type == kind
        assert shape.area == pytest.approx(area, abs=2e-2)
    assert layer.shapes[3].has_z


HIGH = "LINESTRING Z (1 2 3, 4 5 6)"
DECLARED = {
    "GEOMETRYZ": ("LINESTRING Z(1 2 3,4 5 6)", HIGH),
    "GEOMETRYM": ("LINESTRING M(1 2 30,4 5 60)", "LINESTRING (1 2, 4 5)"),
    "GEOMETRYZM": ("LINESTRING ZM(1 2 3 30,4 5 6 60)", HIGH),
    "LINESTRINGZM": ("LINESTRING ZM(1 2 3 30,4 5 6 60)", HIGH),
    "TINZ": ("TIN Z(((0 0 0,1 0 0,0 1 1,0 0 0)))", "MULTIPOLYGON Z (((0 0 0, 1 0 0, 0 1 1, 0 0 0)))"),
    "POLYHEDRALSURFACEZM": ("POLYHEDRALSURFACE ZM(((0 0 0 9,1 0 0 9,0 1 1 9,0 0 0 9)))", "MULTIPOLYGON Z (((0 0 0, 1 0 0, 0 1 1, 0 0 0)))"),
    "TRIANGLEM": ("TRIANGLE M((0 0 9,1 0 9,0 1 9,0 0 9))", "POLYGON ((0 0, 1 0, 0 1, 0 0))"),
}


@pytest.mark.parametrize("kind", DECLARED)
@pytest.mark.parametrize("ending", ["gpkg", "fgb"])
def test_any_declared_kind_of_geometry_is_read_and_measures_left_out_are_told(tmp_path: Path, kind: str, ending: str) -> None:
    wkt, read = DECLARED[kind]
    (table := tmp_path / "a.csv").write_text(f'id,WKT\n1,"{wkt}"\n')
    options = ("-nlt", kind, "-a_srs", "EPSG:4549", "-oo", "KEEP_GEOM_COLUMNS=NO")
    layer = Layer(ogr2ogr(tmp_path / f"a.{ending}", table, *options))
    assert [shape.wkt for shape in layer.shapes] == [read]
    assert any("(M)" in note.en for note in layer.source.notes) == kind.endswith("M")


def test_a_geopackage_in_write_ahead_mode_is_read_and_what_may_be_missing_is_told(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text('id,WKT\n1,"POINT(1 2)"\n')
    path = ogr2ogr(tmp_path / "a.gpkg", table, "-nlt", "POINT", "-a_srs", "EPSG:4549", "-oo", "KEEP_GEOM_COLUMNS=NO")
    assert Layer(path).source.notes == ()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=wal")
    layer = Layer(path)
    assert len(layer.shapes) == 1
    assert "WAL" in layer.source.notes[0].en


def test_a_multipatch_of_a_shapefile_is_the_polygons_of_its_faces(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text('id,WKT\n1,"TIN Z(((0 0 0,1 0 0,0 1 1,0 0 0)),((1 0 0,1 1 0,0 1 1,1 0 0)))"\n')
    options = ("-nlt", "TINZ", "-lco", "SHPT=MULTIPATCH", "-a_srs", "EPSG:4549", "-oo", "KEEP_GEOM_COLUMNS=NO")
    [shape] = Layer(ogr2ogr(tmp_path / "a.shp", table, *options)).shapes
    assert (shape.geom_type, len(shape.geoms), shape.area) == ("MultiPolygon", 2, 1.0)
    assert sorted(set(shapely.get_coordinates(shape, include_z=True)[:, 2])) == [0.0, 1.0]


@given(st.binary(max_size=40), st.sampled_from([8, 9, 10, 11, 12, 15, 16, 17, 7, 1008]))
def test_curved_wkb_that_is_none_becomes_none(rest: bytes, kind: int) -> None:
    wkb = np.array([struct.pack("<BI", 1, kind) + rest, b"\x01", None], dtype=object)
    shapes = geometries_of_wkb(wkb)
    assert shapes[1] is None
    assert shapes[2] is None
    assert shapes[0] is None or isinstance(shapes[0], shapely.Geometry)


def test_nesting_has_an_end() -> None:
    deep = struct.pack("<BII", 1, 7, 1) * 5000 + struct.pack("<BII", 1, 8, 0)
    assert geometries_of_wkb(np.array([deep], dtype=object))[0] is None
