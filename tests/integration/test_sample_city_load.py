"""The sample city goes in whole: only the planted faults are found, only their rows stay out, second surveys differ as planted."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from psycopg import sql

from ingest.pipe_levels import below_z
from ingest.request import LoadRequest
from sample_city import Manifest, Source
from tests.opened_city import load, opened_city, request
from twin.server.city import City
from twin.tables import current_table

COVERAGES = {"imagery", "point_cloud"}
"""Read by other tests."""
LOADED_AGAIN = {"terrain", "admin_unit", "land_use_plan", "building", "pipe_node", "camera"}
"""One layer of every kind of file."""


def dataset_of(source: Source) -> str:
    return f"{source.feature_type}_{source.dataset}" if source.dataset else source.feature_type


def loads(folder: Path, sources: tuple[Source, ...]) -> Iterator[tuple[list[Source], LoadRequest]]:
    """Yield what to load, in order: neighbouring layers of one file go in together."""
    for file, layers in itertools.groupby((s for s in sources if s.feature_type not in COVERAGES), key=lambda s: s.file):
        group = list(layers)
        # A single file of one layer needs no layer name; a coverage has none.
        parts = ((s.layer if file.endswith((".gpkg", ".xlsx")) else None, s.feature_type, dataset_of(s)) for s in group)
        yield group, request(folder / file, *parts, crs=None if group[0].crs_in_file or file.endswith("json") else group[0].crs)


def told(city: City, submission: uuid.UUID) -> set[tuple[str, int, str, str]]:
    """Return what was found of rows, but for mere information."""
    found = city.catalogue.submissions.findings(submission)
    return {(f["layer"], f["row"], f["rule"], f["severity"]) for f in found if f["row"] is not None and f["severity"] != "info"}


def planted(manifest: Manifest, layers: set[tuple[str, str]]) -> set[tuple[str, int, str, str]]:
    return {(f.layer, f.row, f.rule, f.severity) for f in manifest.faults if (f.file, f.layer) in layers}


def test_the_planted_faults_are_found_and_the_rest_is_published(
    database_url: str, open_folder: Path, sample_city_folder: Path, sample_city_manifest: Manifest
) -> None:
    with opened_city(database_url, open_folder / "data", 4549) as city:
        own = tuple(s for s in sample_city_manifest.sources if not s.dataset)
        for group, asked in loads(sample_city_folder, own):
            layers = {(s.file, s.layer) for s in group}
            first = load(city, asked)
            assert told(city, first.submission) == planted(sample_city_manifest, layers)
            assert first.read == sum(s.rows for s in group)
            assert first.rejected == sum(s.rejected for s in group)
            assert first.published == first.read - first.rejected
            if group[0].feature_type in LOADED_AGAIN:
                again = load(city, asked)
                assert (again.published, again.unchanged, again.deleted, again.commit) == (0, first.published, 0, None)
        _pipes_have_inverts_and_the_cover_of_the_elevation_model(city, sample_city_folder)
        _bases_that_the_survey_left_out_come_from_the_elevation_model(city, sample_city_folder)
        _second_surveys_change_what_the_manifest_says(city, sample_city_folder, sample_city_manifest)
        for group, asked in loads(sample_city_folder, tuple(s for s in sample_city_manifest.sources if s.dataset)):
            layers = {(s.file, s.layer) for s in group}
            assert told(city, load(city, asked).submission) == planted(sample_city_manifest, layers), "a neighbour's survey goes in last"


def _second_surveys_change_what_the_manifest_says(city: City, folder: Path, manifest: Manifest) -> None:
    updates = [u for u in manifest.updates if u.mode == "replace"]
    for file, layers in itertools.groupby(updates, key=lambda u: u.file):
        group = list(layers)
        crs = "EPSG:4549" if file.endswith(".xlsx") else None
        asked = request(folder / file, *((u.layer, u.feature_type, u.feature_type) for u in group), crs=crs)
        done = load(city, dataclasses.replace(asked, mode="replace"))
        assert told(city, done.submission) == planted(manifest, {(u.file, u.layer) for u in group})
        assert done.rejected == sum(u.rejected for u in group)
        assert done.datasets == {
            u.feature_type: {"insert": u.inserted, "update": u.updated, "unchanged": u.unchanged, "delete": u.deleted} for u in group
        }


def _bases_that_the_survey_left_out_come_from_the_elevation_model(city: City, folder: Path) -> None:
    table = current_table("building", city.catalogue.dataset("building").id)
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


def _pipes_have_inverts_and_the_cover_of_the_elevation_model(city: City, folder: Path) -> None:
    table = current_table("pipe_segment", city.catalogue.dataset("pipe_segment").id)
    query = sql.SQL(
        "SELECT ST_AsBinary(geom), z_reference, coalesce(section_height_mm, outer_diameter_mm) / 1000,"
        " coalesce(wall_thickness_mm, 0) / 1000, start_invert_m, end_invert_m, cover_m, {} FROM {}"
        " WHERE coalesce(section_height_mm, outer_diameter_mm) > 0 ORDER BY fid"
    ).format(below_z(city.catalogue.feature_type("pipe_segment")), table)
    with city.pool.connection() as connection:
        rows = connection.execute(query).fetchall()
    with rasterio.open(folder / "高程.tif") as raster:
        ground = raster.read(1)
        for wkb, reference, height, wall, start, end, cover, below_in_sql in rows[:: len(rows) // 200]:
            line = shapely.from_wkb(bytes(wkb))
            z = shapely.get_coordinates(line, include_z=True)[:, 2]
            below = {"top": height - wall, "invert": 0.0}.get(reference, height / 2 - wall)
            assert below_in_sql == pytest.approx(below, abs=1e-9)
            assert (start, end) == pytest.approx((z[0] - below, z[-1] - below), abs=0.001)
            (south, west), (north, east) = (raster.index(*line.bounds[i : i + 2]) for i in (0, 2))
            around = ground[max(north - 2, 0) : south + 3, max(west - 2, 0) : east + 3]
            top = z - below + height - wall
            assert around.min() - top.max() - 0.01 <= cover <= around.max() - top.min() + 0.01
