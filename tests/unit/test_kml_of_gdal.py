"""KML as GDAL's two writers have it, libkml's and its own: shapes, names, descriptions and data come back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from ingest.protocol import PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import CoverageReader, SourceBatch
from twin.featuretypes.loader import load_feature_types

SHAPES = [
    shapely.Polygon([(119.95, 31.75), (119.96, 31.75), (119.96, 31.76)], [[(119.955, 31.751), (119.958, 31.751), (119.958, 31.754)]]),
    shapely.MultiPolygon([shapely.box(119.9, 31.7, 119.91, 31.71), shapely.box(119.92, 31.7, 119.93, 31.71)]),
    shapely.Polygon([(119.1234567, 31.1, 5.25), (119.2, 31.1, 5.25), (119.2, 31.2, 5.25)]),
]
NAMES = np.array(["一号楼", "二号楼 <A&B>", "Bâtiment 3"], dtype=object)
FLOORS = np.array([3, 18, 0], dtype=np.int32)
HEIGHTS = np.array([9.5, 54.25, -1.0])


@pytest.mark.parametrize(("driver", "ending"), [("LIBKML", "kml"), ("LIBKML", "kmz"), ("KML", "kml")])
def test_what_gdal_writes_as_kml_comes_back(tmp_path: Path, driver: str, ending: str) -> None:
    path = tmp_path / f"建筑物.{ending}"
    columns = {"Name": NAMES, "floors": FLOORS, "height_m": HEIGHTS}
    wkb = shapely.to_wkb(np.array(SHAPES, dtype=object))
    pyogrio.raw.write(
        path, wkb, list(columns.values()), list(columns), geometry_type="Unknown", crs="EPSG:4326", driver=driver, layer="buildings"
    )
    batch = read(path)
    assert [shapely.normalize(shapely.force_2d(g)).wkb for g in batch.geometry] == [
        shapely.normalize(shapely.force_2d(s)).wkb for s in SHAPES
    ]
    found = {name.casefold(): column.to_pylist() for name, column in batch.columns.items()}
    assert found["name"] == list(NAMES)
    assert [int(v) for v in found["floors"]] == FLOORS.tolist()
    assert [float(v) for v in found["height_m"]] == HEIGHTS.tolist()


def read(path: Path) -> SourceBatch:
    """Return the rows of the one layer of a file."""
    request = ReadRequest(path, (), 4549)
    reader = choose_reader(request)
    assert not isinstance(reader, CoverageReader)
    (batch,) = reader.open(PartRequest(None, load_feature_types()["building"], "d")).batches()
    return batch
