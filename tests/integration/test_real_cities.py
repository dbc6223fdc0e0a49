"""Real files of real cities, each as ``twin demo`` makes it: nothing is lost, nothing is moved, and nothing is made up."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
import yaml
from numpy.typing import NDArray
from psycopg import sql

from ingest.request import LoadRequest
from tests.opened_city import load, opened_city, request
from twin.server.city import City
from twin.tables import current_table

SERVER = Path(__file__).parents[2] / "twin" / "server"
CITIES: dict[str, dict[str, Any]] = {
    name: entry for name, entry in yaml.safe_load((SERVER / "demo_cities.yaml").read_text("utf-8")).items() if entry["source"] == "real"
}
FEATURES = {
    "beijing_buildings.geojson": (5442, 0),
    "boulder_buildings.zip": (13491, 10),
    "manholes.shp": (231, 0),
    "sewer_lines.shp": (246, 0),
    "chicago-zoning-2025-04-17-simple.geojson.gz": (14670, 307),
    "区县界_area.shp": (17, 0),
}
"""Features of each file, and how many of them GEOS finds invalid as they are."""
COVERAGES = {"alexandria": 0.01, "franconia": 0.5}
"""Cities of which only an elevation model is at hand; how far a sampled height may be from the pixel's (whole metres in SRTM)."""


def opened(name: str, database_url: str, folder: Path) -> Any:
    """Return the demo city ``name`` without its data, as a context manager."""
    if (SERVER / "demo_types" / name).is_dir():
        shutil.copytree(SERVER / "demo_types" / name, folder / "data" / "featuretypes")
    made = CITIES[name]["city"]
    return opened_city(database_url, folder / "data", int(made["storage_crs"].removeprefix("EPSG:")), tuple(made["extent"]))


def requests(name: str, real_data: Path) -> list[LoadRequest]:
    """Return the loads of the demo city ``name``."""
    loads = CITIES[name]["loads"]
    return [request(real_data / entry["file"], *((None, p["type"], p["dataset"]) for p in entry["parts"])) for entry in loads]


@pytest.mark.parametrize("name", sorted(n for n, c in CITIES.items() if {Path(e["file"]).name for e in c["loads"]} <= FEATURES.keys()))
def test_a_real_city_goes_in_whole_and_where_it_was(name: str, database_url: str, open_folder: Path, real_data: Path) -> None:
    with opened(name, database_url, open_folder) as city:
        for asked in requests(name, real_data):
            (path,), (part,) = asked.files, asked.parts
            source, moved = geometries(city, path)
            sound = shapely.is_valid(source)
            assert (len(source), (~sound).sum()) == FEATURES[path.name]
            first = load(city, asked)
            assert (first.read, first.published, first.rejected) == (len(source), sound.sum(), (~sound).sum()), first.findings
            again = load(city, asked)
            assert (again.published, again.unchanged, again.commit) == (0, first.published, None)
            stored = shapely.from_wkb([bytes(g) for (g,) in rows(city, part.dataset, "ST_AsBinary(ST_Force2D(geom))")])
            assert shapely.hausdorff_distance(stored, moved[sound]).max() < 0.001


def geometries(city: City, path: Path) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return the geometries of a file as pyogrio reads them, and where pyproj puts them in the city's grid."""
    prefix = {".zip": "/vsizip/", ".gz": "/vsigzip/"}.get(path.suffix, "")
    meta, _, wkb, _ = pyogrio.raw.read(f"{prefix}{path}", columns=[])
    source = shapely.force_2d(shapely.from_wkb(wkb))
    assert city.deployment.extent_deg is not None
    area = pyproj.aoi.AreaOfInterest(*city.deployment.extent_deg)
    move = pyproj.Transformer.from_crs(meta["crs"], city.deployment.storage_srid, always_xy=True, area_of_interest=area)  # type: ignore[arg-type]  # two names of one class
    return source, shapely.transform(source, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))


def rows(city: City, slug: str, columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the current rows in the order of the file."""
    dataset = city.catalogue.dataset(slug)
    query = sql.SQL("SELECT {} FROM {} ORDER BY fid").format(
        sql.SQL(columns),
        current_table(dataset.feature_type, dataset.id),
    )
    with city.pool.connection() as connection:
        return connection.execute(query).fetchall()


def test_sewers_lie_where_they_were_measured_and_manholes_reach_down_to_them(database_url: str, open_folder: Path, real_data: Path) -> None:
    """Z of the register is -9999 or 0 nearly everywhere; elevations are in its columns, where 0 says that nobody measured."""
    nodes, sewers = requests("rotterdam", real_data)
    ground = dict(zip(*columns(nodes.files[0], "CODE", "MAAIVELD"), strict=True))
    start, end, start_m, end_m = columns(sewers.files[0], "BEGINPUT", "EINDPUT", "BOB_ACTUEE", "BOB_ACTU_1")
    with opened("rotterdam", database_url, open_folder) as city:
        load(city, nodes)
        assert not any(bottom for (bottom,) in rows(city, "manholes", "bottom_elevation_m"))
        found = load(city, sewers)
        assert {"height-missing": 33, "no-value": 3}.items() <= found.findings.items()
        stored = rows(city, "sewers", "ST_Z(ST_StartPoint(geom)), ST_Z(ST_EndPoint(geom)), start_elevation_m, end_elevation_m")
        shafts = {r[0]: r[1:] for r in rows(city, "manholes", "node_id, ST_Z(geom), bottom_elevation_m, depth_m, bottom_source")}
        again = load(city, nodes)
    assert (again.published, again.commit) == (0, None)
    assert {node: shaft[0] for node, shaft in shafts.items()} == ground
    z = np.array([row[:2] for row in stored])
    both = (start_m != 0) & (end_m != 0)
    np.testing.assert_allclose(z[both], np.column_stack([start_m, end_m])[both], atol=1e-9)
    assert [row[2] is None for row in stored] == (start_m == 0).tolist()
    lowest: dict[str, float] = {}
    for node, invert in zip([*start, *end], [*start_m, *end_m], strict=True):
        if invert != 0:
            lowest[node] = min(lowest.get(node, np.inf), invert)
    for node, invert in lowest.items():
        top, bottom, depth, source = shafts[node]
        assert source == "segments"
        assert bottom <= invert + 1e-4
        assert depth == pytest.approx(top - bottom, abs=1e-4)


def columns(path: Path, *names: str) -> list[NDArray[Any]]:
    """Return columns of a Shapefile as pyogrio reads them."""
    meta, _, _, values = pyogrio.raw.read(path, columns=list(names), read_geometry=False)
    by_name = dict(zip(meta["fields"], values, strict=True))
    return [by_name[name] for name in names]


@pytest.mark.parametrize("name", sorted(COVERAGES))
def test_a_real_elevation_model_gives_the_heights_it_has(name: str, database_url: str, open_folder: Path, real_data: Path) -> None:
    (asked,) = requests(name, real_data)
    with opened(name, database_url, open_folder) as city:
        assert load(city, asked).published == 1
        assert load(city, asked).unchanged == 1
        ground = city.ground()
        assert ground is not None
        east, north, heights = pixels(asked.files[0], city.deployment.storage_srid)
        sampled = ground.height_m(east, north)
    assert len(heights) > 100
    assert np.abs(sampled - heights).max() < COVERAGES[name]


def pixels(path: Path, srid: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return easting, northing and height of some pixel centres of an elevation model that have a height."""
    source = f"/vsizip/{path}/{path.stem}" if path.suffix == ".zip" else str(path)
    with rasterio.open(source) as raster:
        step = max(raster.width // 17, 1)
        grid = np.mgrid[20 : raster.height - 20 : step, 20 : raster.width - 20 : step].reshape(2, -1)
        heights = raster.read(1)[grid[0], grid[1]].astype(float)
        x, y = rasterio.transform.xy(raster.transform, grid[0], grid[1])
        known = heights != raster.nodata
        east, north = pyproj.Transformer.from_crs(raster.crs, srid, always_xy=True).transform(np.asarray(x)[known], np.asarray(y)[known])
    return east, north, heights[known]
