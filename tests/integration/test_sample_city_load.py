"""The sample city goes in whole: exactly the planted faults are found, exactly their rows stay out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import shapely
from psycopg import sql

from sample_city import Manifest
from tests.opened_city import load, look, opened_city, request
from twin.server.city import City
from twin.tables import current_table

LOADS = {
    "高程.tif": request(Path("高程.tif"), (None, "terrain", "terrain")).parts,
    "行政区划.geojson": request(Path("x"), (None, "admin_unit", "admin_units")).parts,
    "建筑物.gpkg": request(Path("x"), (None, "building", "buildings")).parts,
    "用地规划.zip": request(Path("x"), (None, "land_use_plan", "land_use")).parts,
    "管线普查.xlsx": request(Path("x"), ("管点", "pipe_node", "pipe_nodes"), ("管线", "pipe_segment", "pipe_segments")).parts,
}


def test_the_planted_faults_are_found_and_the_rest_is_published(
    database_url: str, open_folder: Path, sample_city_folder: Path, sample_city_manifest: Manifest
) -> None:
    with opened_city(database_url, open_folder / "data", 4549) as city:
        for file, parts in LOADS.items():
            asked = request(
                sample_city_folder / file,
                *((p.layer, p.feature_type, p.dataset) for p in parts),
                crs="EPSG:4549" if file.endswith(".xlsx") else None,
            )
            found = look(city, asked)
            planted = {(f.layer, f.row, f.rule, f.severity) for f in sample_city_manifest.faults if f.file == file}
            assert {(f.layer, f.row, f.rule, str(f.severity)) for f in found.findings if f.row is not None} == planted
            expected = [s for s in sample_city_manifest.sources if s.file == file]
            first = load(city, asked)
            assert first.read == sum(s.rows for s in expected)
            assert first.rejected == sum(s.rejected for s in expected)
            assert first.published == first.read - first.rejected
            again = load(city, asked)
            assert (again.published, again.unchanged, again.deleted, again.commit) == (0, first.published, 0, None)
        _bases_that_the_survey_left_out_come_from_the_elevation_model(city, sample_city_folder)


def _bases_that_the_survey_left_out_come_from_the_elevation_model(city: City, folder: Path) -> None:
    table = current_table("building", city.catalogue.dataset("buildings").id)
    query = sql.SQL("SELECT ST_AsBinary(ST_Force2D(geom)), base_height_m FROM {} WHERE base_height_source = 'dem'").format(table)
    with city.pool.connection() as connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) > 200
    with rasterio.open(folder / "高程.tif") as raster:
        for wkb, base in rows:
            around = shapely.from_wkb(bytes(wkb)).buffer(2 * raster.res[0])
            window = raster.window(*around.bounds)
            heights = raster.read(1, window=window)
            assert np.floor(heights.min() * 100) / 100 <= base <= np.ceil(heights.max() * 100) / 100
