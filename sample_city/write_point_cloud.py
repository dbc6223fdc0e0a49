"""Writes a point cloud as LAZ: LAS 1.4, point format 7, the CRS as WKT (ASPRS LAS specification 1.4-R15)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import laspy
import numpy as np
from laspy.vlrs.known import WktCoordinateSystemVlr
from pyproj import CRS

from sample_city.city import STORAGE_CRS
from sample_city.point_cloud import PointCloud

_SCALE_M = 0.001
_TO_16_BITS = 257


def write_point_cloud(path: Path, cloud: PointCloud, taken_on: dt.date) -> None:
    """Write all points to the millimetre; equal clouds give equal bytes."""
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales = np.full(3, _SCALE_M)
    header.offsets = np.floor(cloud.places.min(axis=0))
    header.creation_date = taken_on
    header.generating_software = "sample_city"
    header.vlrs.append(WktCoordinateSystemVlr(CRS.from_user_input(STORAGE_CRS).to_wkt("WKT1_GDAL")))
    header.global_encoding.wkt = True
    las = laspy.LasData(header)
    las.x, las.y, las.z = cloud.places.T
    las.classification = cloud.classes
    las.return_number = np.ones(len(cloud.classes), dtype=np.uint8)
    las.number_of_returns = np.ones(len(cloud.classes), dtype=np.uint8)
    las.red, las.green, las.blue = (cloud.colours.astype(np.uint16) * _TO_16_BITS).T
    las.write(path, do_compress=True, laz_backend=laspy.LazBackend.Lazrs)
