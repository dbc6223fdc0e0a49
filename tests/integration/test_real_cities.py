"""Real files of real cities, each in a deployment of its own storage CRS: nothing is lost, nothing is moved."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from numpy.typing import NDArray
from psycopg import sql
from shapely.strtree import STRtree

from tests.opened_city import load, opened_city, request
from twin.server.city import City
from twin.tables import current_table

DEMO_TYPES = Path(__file__).parents[2] / "twin" / "server" / "demo_types"


@dataclass(frozen=True)
class RealLayer:
    """One real file: how many features it has, and how many of them are invalid in it."""

    file: str
    feature_type: str
    count: int
    invalid: int


@dataclass(frozen=True)
class RealCity:
    """One real city."""

    name: str
    srid: int
    extent_deg: tuple[float, float, float, float]
    layers: tuple[RealLayer, ...] = field(default=())


CITIES = (
    RealCity(
        "beijing", 4548, (116.3, 39.8, 116.6, 40.1), (RealLayer("footprints-beijing/beijing_buildings.geojson", "building", 5442, 0),)
    ),
    RealCity(
        "boulder", 26913, (-105.35, 39.9, -105.15, 40.1), (RealLayer("footprints-boulder/boulder_buildings.zip", "building", 13491, 10),)
    ),
    RealCity(
        "rotterdam",
        28992,
        (4.3, 51.8, 4.6, 52.0),
        (
            RealLayer("sewer-rotterdam/manholes.shp", "pipe_node", 231, 0),
            RealLayer("sewer-rotterdam/sewer_lines.shp", "pipe_segment", 246, 0),
        ),
    ),
    RealCity(
        "chicago",
        26916,
        (-88.0, 41.6, -87.5, 42.1),
        (RealLayer("zoning-chicago/chicago-zoning-2025-04-17-simple.geojson.gz", "zoning_district", 14670, 307),),
    ),
    RealCity("shanghai", 4549, (120.8, 30.6, 122.1, 32.0), (RealLayer("admin-shanghai-gbk/区县界_area.shp", "admin_unit", 17, 0),)),
)


@pytest.mark.parametrize("real", CITIES, ids=[c.name for c in CITIES])
def test_a_real_city_goes_in_whole_and_where_it_was(real: RealCity, database_url: str, open_folder: Path, real_data: Path) -> None:
    data_dir = open_folder / "data"
    if (DEMO_TYPES / real.name).is_dir():
        shutil.copytree(DEMO_TYPES / real.name, data_dir / "featuretypes")
    with opened_city(database_url, data_dir, real.srid, real.extent_deg) as city:
        for number, layer in enumerate(real.layers):
            slug = f"layer_{number}"
            source, moved = _source(city, real_data / layer.file)
            sound = shapely.is_valid(source) & shapely.is_valid(moved)
            assert (~shapely.is_valid(source)).sum() == layer.invalid
            first = load(city, request(real_data / layer.file, (None, layer.feature_type, slug)))
            assert (first.read, first.rejected) == (layer.count, (~sound).sum()), first.findings
            assert first.published == sound.sum()
            again = load(city, request(real_data / layer.file, (None, layer.feature_type, slug)))
            assert (again.published, again.unchanged, again.commit) == (0, first.published, None)
            _is_stored_at(city, slug, moved[sound])


def _source(city: City, path: Path) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return the geometries of a file as pyogrio reads them, and where pyproj puts them in the city's grid."""
    prefix = {".zip": "/vsizip/", ".gz": "/vsigzip/"}.get(path.suffix, "")
    meta, _, wkb, _ = pyogrio.raw.read(f"{prefix}{path}")
    source = shapely.force_2d(shapely.from_wkb(wkb))
    move = pyproj.Transformer.from_crs(meta["crs"], city.deployment.storage_srid, always_xy=True, area_of_interest=_area(city))
    return source, shapely.transform(source, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))


def _is_stored_at(city: City, slug: str, expected: NDArray[np.object_]) -> None:
    dataset = city.catalogue.dataset(slug)
    query = sql.SQL("SELECT ST_AsBinary(ST_Force2D(geom)) FROM {} ORDER BY fid").format(current_table(dataset.feature_type, dataset.id))
    with city.pool.connection() as connection:
        stored = shapely.from_wkb([bytes(row[0]) for row in connection.execute(query)])
    places, wanted = shapely.points(shapely.get_coordinates(stored)), shapely.points(shapely.get_coordinates(expected))
    assert len(places) == len(wanted)
    _, far = STRtree(wanted).query_nearest(places, return_distance=True, all_matches=False)
    assert far.max() < 0.001


def _area(city: City) -> pyproj.aoi.AreaOfInterest:
    extent = city.deployment.extent_deg
    assert extent is not None
    return pyproj.aoi.AreaOfInterest(*extent)


def test_a_real_elevation_model_gives_the_heights_it_has(database_url: str, open_folder: Path, real_data: Path) -> None:
    import rasterio

    path = real_data / "raster-dem" / "dtm.tif"
    with opened_city(database_url, open_folder / "data", 26918) as city:
        assert load(city, request(path, (None, "terrain", "terrain"))).published == 1
        assert load(city, request(path, (None, "terrain", "terrain"))).unchanged == 1
        ground = city.ground()
        assert ground is not None
        with rasterio.open(path) as raster:
            rows, columns = np.mgrid[20 : raster.height - 20 : 17, 20 : raster.width - 20 : 17]
            east, north = rasterio.transform.xy(raster.transform, rows.ravel(), columns.ravel())
            heights = raster.read(1)[rows.ravel(), columns.ravel()]
        known = heights != raster.nodata
        sampled = ground.height_m(np.asarray(east), np.asarray(north))
        assert known.sum() > 100
        assert np.abs(sampled - heights)[known].max() < 0.01
