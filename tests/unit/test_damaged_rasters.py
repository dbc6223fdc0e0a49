"""A damaged raster is told of by the name its surveyor knows, wherever it was unpacked to."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.transform import from_origin

from ingest.protocol import ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.unpacked import Scratch


def damaged(folder: Path) -> bytes:
    """The head of a GeoTIFF whose directory, at its end, is cut off."""
    profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "float32", "crs": "EPSG:4549"}
    path = folder / "whole.tif"
    with rasterio.open(path, "w", transform=from_origin(497000, 3521000, 1, 1), **profile) as raster:
        raster.write(np.ones((1, 40, 40), np.float32))
    return path.read_bytes()[:100]


@pytest.mark.parametrize("ending", ["zip", "tif.gz"])
def test_an_unpacked_raster_that_is_damaged_has_its_own_name(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"地形.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("地形.tif", damaged(tmp_path))
    else:
        path.write_bytes(gzip.compress(damaged(tmp_path)))
    with Scratch(tmp_path) as scratch, pytest.raises(RasterioIOError) as caught:
        choose_reader(ReadRequest(path, (), storage_srid=4549), scratch)
    assert str(caught.value).startswith("地形")
    assert "/proc/" not in str(caught.value)
