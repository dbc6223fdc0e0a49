"""Where a stored point is in space: storage CRS and H on one side, geocentric WGS 84 on the other, exact at every vertex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.crs import FloatArray, Operation, ecef_from_geodetic, ellipsoid_normal, geodetic_from_ecef
from twin.heights.vertical import VerticalModel
from twin.model import Deployment


@dataclass(frozen=True)
class Frame:
    """The map (E, N, H) → geocentric X, Y, Z in metres (EPSG:4978) of one deployment, and its inverse.

    H is brought to h = H + N with N of the vertical model at the very vertex, never one N for a tile.
    """

    operation: Operation
    """Storage CRS and ellipsoidal height → geocentric."""
    vertical: VerticalModel

    def __call__(
        self, easting_m: npt.ArrayLike, northing_m: npt.ArrayLike, height_m: npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return X, Y, Z; NaN where the operation or the geoid grid does not reach."""
        x, y, z = self.operation.transform(easting_m, northing_m, height_m)
        if not self.vertical.known:
            return x, y, z
        lon, lat, _ = geodetic_from_ecef(x, y, z)
        separation = self.vertical.separation_m(np.degrees(lon), np.degrees(lat))
        up_x, up_y, up_z = ellipsoid_normal(lon, lat)  # a height is counted along the normal, so N adds along it
        return x + separation * up_x, y + separation * up_y, z + separation * up_z

    def inverse(self, x_m: npt.ArrayLike, y_m: npt.ArrayLike, z_m: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return easting, northing and H of geocentric positions."""
        lon, lat, h = geodetic_from_ecef(x_m, y_m, z_m)
        separation = self.vertical.separation_m(np.degrees(lon), np.degrees(lat))
        return self.operation.inverse(*ecef_from_geodetic(lon, lat, h - separation))

    def lon_lat_deg(self, easting_m: npt.ArrayLike, northing_m: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return WGS 84 longitude and latitude of points of the storage CRS."""
        lon, lat, _ = geodetic_from_ecef(*self.operation.transform(easting_m, northing_m, np.zeros_like(np.asarray(easting_m, np.float64))))
        return np.degrees(lon), np.degrees(lat)

    def easting_northing_m(self, lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the points of the storage CRS at WGS 84 longitude and latitude; NaN where it does not reach."""
        lon = np.asarray(lon_deg, np.float64)
        x, y, _ = self.operation.inverse(*ecef_from_geodetic(np.radians(lon), np.radians(lat_deg), np.zeros_like(lon)))
        return x, y

    def separation_m(self, easting_m: npt.ArrayLike, northing_m: npt.ArrayLike) -> FloatArray:
        """Return N at points of the storage CRS (0 where the model is ``none``)."""
        return self.vertical.separation_m(*self.lon_lat_deg(easting_m, northing_m))


def deployment_frame(deployment: Deployment, vertical: VerticalModel) -> Frame:
    """Return the frame of ``deployment`` by the operation that was chosen and stored at its init."""
    operation = Operation(deployment.geocentric_pipeline, deployment.geocentric_operation, deployment.geocentric_accuracy_m)
    return Frame(operation, vertical)
