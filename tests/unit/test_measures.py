"""Measures (M) are no part of what is stored: heights beside them stay, in another CRS and with axes swapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from ingest.part_reading import PartReading
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.curves import geometries_of_wkb
from ingest.readers.source import CoverageReader
from ingest.reading import read_parts
from tests.ogr2ogr import ogr2ogr
from tests.vector_layers import TYPES

_CITY, _DEGREES = 4549, 4490
_TO_DEGREES = pyproj.Transformer.from_crs(_CITY, _DEGREES, always_xy=True)
_EAST, _NORTH = 497538.0, 3520895.0
_CORNERS = ((0, 0), (0, 9), (9, 9), (0, 0))
_HEIGHT_M, _MEASURE = 12.5, 0.0

Axes = Literal["xy", "yx"]
SHAPES = {
    "POINT": ("{0}", "survey_control"),
    "LINESTRING": ("{0},{1}", "utility_tunnel"),
    "POLYGON": ("({0},{1},{2},{3})", "building_part"),
    "MULTIPOLYGON": ("(({0},{1},{2},{3}))", "building_part"),
}
KINDS = [pytest.param(kind, dimensions, id=f"{kind}{dimensions}") for kind in SHAPES for dimensions in ("ZM", "M")]
PLACES = [pytest.param(_CITY, "xy", id="as it is"), pytest.param(_DEGREES, "xy", id="moved"), pytest.param(_CITY, "yx", id="swapped")]


def wkt(kind: str, dimensions: str, srid: int, axes: Axes) -> str:
    """A geometry at the middle of the city, with a measure."""
    places = [(_EAST + x, _NORTH + y) for x, y in _CORNERS]
    places = [_TO_DEGREES.transform(*p) for p in places] if srid == _DEGREES else places
    rest = f"{_HEIGHT_M} {_MEASURE}" if dimensions == "ZM" else f"{_MEASURE}"
    words = [f"{a!r} {b!r} {rest}" for a, b in (p if axes == "xy" else p[::-1] for p in places)]
    return f"{kind} {dimensions} ({SHAPES[kind][0].format(*words)})"


def written(folder: Path, suffix: str, feature_type: str, text: str, srid: int) -> Path:
    """A file with one row, by another GDAL or by pyarrow."""
    if suffix == "parquet":
        geo = {"version": "1.0.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB", "geometry_types": []}}}
        geo["columns"]["g"]["crs"] = pyproj.CRS(srid).to_json_dict()  # type: ignore[index]
        table = pa.table({"g": pa.array([shapely.to_wkb(shapely.from_wkt(text), flavor="iso", output_dimension=4)], pa.binary())})
        pq.write_table(
            table.append_column(TYPES[feature_type].natural_key[0], pa.array(["a"])).replace_schema_metadata({"geo": json.dumps(geo)}),
            folder / "a.parquet",
        )
        return folder / "a.parquet"
    source = folder / "a.csv"
    source.write_text(f'{TYPES[feature_type].natural_key[0]},WKT\na,"{text}"\n')
    kind = "".join(text.split()[:2])
    return ogr2ogr(folder / f"a.{suffix}", source, "-a_srs", f"EPSG:{srid}", "-oo", "KEEP_GEOM_COLUMNS=NO", "-nlt", kind)


def stored(path: Path, feature_type: str, axes: Axes) -> shapely.Geometry:
    """The one geometry as it would be stored."""
    part = PartRequest(None, TYPES[feature_type], "d", PartReading(axes=axes))
    request = ReadRequest(path, (part,), storage_srid=_CITY)
    reader = choose_reader(request)
    assert not isinstance(reader, CoverageReader)
    batches = [message.table for message in read_parts(reader, request) if isinstance(message, PartBatch)]
    [geometry] = [shapely.from_wkb(value) for table in batches for value in table.column("geom").to_pylist()]
    return geometry


@pytest.mark.filterwarnings("ignore:Measured")  # pyogrio's, of the type of a layer: the shapes have their M all the same
@pytest.mark.parametrize(("srid", "axes"), PLACES)
@pytest.mark.parametrize(("kind", "dimensions"), KINDS)
@pytest.mark.parametrize("suffix", ["shp", "parquet", "gpkg"])
def test_heights_stay_and_measures_do_not(tmp_path: Path, suffix: str, kind: str, dimensions: str, srid: int, axes: Axes) -> None:
    feature_type = SHAPES[kind][1]
    got = stored(written(tmp_path, suffix, feature_type, wkt(kind, dimensions, srid, axes), srid), feature_type, axes)
    x, y, z = shapely.get_coordinates(got, include_z=True).T
    np.testing.assert_allclose((x.min(), y.min()), (_EAST, _NORTH), atol=0.002)
    assert not got.has_m
    if TYPES[feature_type].has_z:
        np.testing.assert_allclose(z, _HEIGHT_M if dimensions == "ZM" else 0.0, atol=1e-9)


def test_geometries_of_wkb_have_no_measures() -> None:
    point, line = "POINT ZM (1 2 3 4)", "LINESTRING ZM (0 0 1 2, 1 1 1 1)"
    texts = [point, "POINT M (1 2 4)", "POINT Z (1 2 3)", "POINT ZM EMPTY"]
    texts += [f"GEOMETRYCOLLECTION ZM ({point}, {line})", "GEOMETRYCOLLECTION M (POINT M (1 2 4))"]
    wanted = ["POINT Z (1 2 3)", "POINT (1 2)", "POINT Z (1 2 3)", "POINT Z EMPTY"]
    wanted += ["GEOMETRYCOLLECTION Z (POINT Z (1 2 3), LINESTRING Z (0 0 1, 1 1 1))", "GEOMETRYCOLLECTION (POINT (1 2))"]
    wkb = np.array([None, b"\x01", *shapely.to_wkb(shapely.from_wkt(texts), output_dimension=4)], dtype=object)
    for count in (6, 8):  # without and with what goes through our own reading of curves
        got = geometries_of_wkb(wkb[:count])
        assert [None if g is None else g.wkt for g in got] == [None, None, *wanted][:count]
