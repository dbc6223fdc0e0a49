"""EWKB written by batches is what GEOS writes geometry by geometry."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.ewkb import encode_ewkb
from twin.model import GeometryType

_NUMBER = st.floats(-1e7, 1e7, allow_nan=False)
_SIDE = st.floats(1, 100)


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Polygon:
    x, y, side = draw(_NUMBER), draw(_NUMBER), draw(_SIDE)
    holes = draw(st.integers(0, 2))
    inner = [shapely.box(x + side * (0.1 + 0.4 * k), y, x + side * (0.3 + 0.4 * k), y + side / 2).exterior for k in range(holes)]
    return shapely.Polygon(shapely.box(x, y - side, x + side, y + side).exterior, inner)


_AREAS = st.one_of(polygons(), st.lists(polygons(), min_size=1, max_size=3).map(shapely.MultiPolygon))
_LINES = st.lists(st.tuples(_NUMBER, _NUMBER), min_size=2, max_size=5).map(shapely.LineString)
_POINTS = st.builds(shapely.Point, _NUMBER, _NUMBER)


@pytest.mark.parametrize("with_z", [False, True])
@pytest.mark.parametrize("kind", ["Point", "LineString", "MultiPolygon"])
@given(data=st.data())
def test_bytes_are_those_of_geos(kind: GeometryType, with_z: bool, data: st.DataObject) -> None:
    shapes = {"Point": _POINTS, "LineString": _LINES, "MultiPolygon": _AREAS}[kind]
    geometry = np.array([None, *data.draw(st.lists(shapes, min_size=1, max_size=6))], dtype=object)[1:]
    count = int(shapely.get_num_coordinates(geometry).sum())
    z = np.round(np.linspace(-5, 90, count), 2) if with_z else None
    expected = np.array([shapely.MultiPolygon([g]) if g.geom_type == "Polygon" else g for g in geometry], dtype=object)
    if z is not None:
        expected = shapely.set_coordinates(shapely.force_3d(expected), np.column_stack([shapely.get_coordinates(expected), z]))
    wkb = shapely.to_wkb(shapely.set_srid(expected, 4549), output_dimension=3, byte_order=1, include_srid=True, flavor="extended")
    assert encode_ewkb(geometry, z, 4549, kind).to_pylist() == list(wkb)


def test_no_geometry_gives_no_bytes() -> None:
    assert len(encode_ewkb(np.array([], dtype=object), None, 4549, "MultiPolygon")) == 0
