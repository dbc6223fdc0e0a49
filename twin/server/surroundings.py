"""What an opened city knows that a file can be held against: its area, its published features, its ground."""

from __future__ import annotations

import numpy as np

from ingest.published_places import coinciding_with
from ingest.understanding.area import deployment_area
from ingest.understanding.layer import GroundAt, Surroundings
from twin.crs import FloatArray
from twin.heights import vertical_model
from twin.server.city import City


def surroundings(city: City) -> Surroundings:
    """Return what ``city`` knows; its ground is opened when a file first has heights to be compared with it."""
    d = city.deployment
    return Surroundings(
        area=deployment_area(d.storage_srid, d.extent_deg),
        coinciding=lambda feature_type: coinciding_with(city.catalogue, city.to_crs84, feature_type),
        ground=_ground_at(city),
    )


def _ground_at(city: City) -> GroundAt:
    def ground_at(lonlat: FloatArray) -> tuple[FloatArray, FloatArray]:
        x, y = city.to_crs84.inverse(lonlat[:, 0], lonlat[:, 1])
        sampler = city.ground()
        height = np.full(len(lonlat), np.nan) if sampler is None else sampler.height_m(x, y)
        model = vertical_model(city.deployment.vertical, city.settings.proj_data_dirs)
        return height, model.separation_m(lonlat[:, 0], lonlat[:, 1])

    return ground_at
