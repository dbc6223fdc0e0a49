"""The accuracy certificate of a tileset, held against the database: every vertex another reader decodes, placed by PROJ alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from pyproj.datadir import append_data_dir

from bench.houses import write_houses
from bench.workload import make_buildings, write_geopackage
from tests import tile_readers
from tests.opened_city import load, opened_city, request
from twin.server.assets import build_missing
from twin.server.city import City

# EPSG:4549 written out (CGCS2000, Gauss-Krüger, 120°E) and EGM96 by PROJ's own grid shift: nothing of it is code of ours.
TO_GEOCENTRIC = (
    "+proj=pipeline +step +inv +proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 "
    "+step +proj=vgridshift +grids=egm96_15.gtx +multiplier=1 +step +proj=cart +ellps=GRS80"
)
SHIFT = (
    "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids=egm96_15.gtx +multiplier=1 "
    "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
)
BLOCKS = """
SELECT fid, ST_X(p.geom), ST_Y(p.geom), base_height_m + height_m * above
FROM city.building_d{dataset}, ST_DumpPoints(geom) p, (VALUES (0), (1)) AS ends (above)
"""
BODIES = """
SELECT fid, ST_X(p.geom), ST_Y(p.geom), ST_Z(p.geom)
FROM city.representation_d{dataset}, ST_DumpPoints(catalog.representation_geometry_v3(faces, 4549)) p
"""


def footprints(path: Path) -> Path:
    write_geopackage(make_buildings(36), path.with_suffix(".gpkg"))
    return path.with_suffix(".gpkg")


def houses(path: Path) -> Path:
    write_houses(60, path.with_suffix(".city.jsonl"))
    return path.with_suffix(".city.jsonl")


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[City]:
    with opened_city(database_url, tmp_path / "city", 4549) as opened:
        for name, file in (("blocks", footprints), ("bodies", houses)):
            assert load(opened, request(file(tmp_path / name), (None, "building", name))).rejected == 0
        assert build_missing(opened, lambda *_: None) is None
        yield opened


def tileset(city: City, dataset: str) -> tuple[dict[str, Any], Path]:
    """The explicit tileset of the dataset's revision and its one content."""
    folder = city.store.path(f"tiles/{dataset}/open")
    (path,) = folder.glob("r/*/tileset.json")
    document = json.loads(path.read_text())
    assert "children" not in document["root"]
    return document, folder / "c" / Path(document["root"]["content"]["uri"]).name


def stored(city: City, dataset: str, statement: str) -> dict[int, np.ndarray]:
    """Geocentric positions by fid of the corners the database holds."""
    (directory, *_) = [d for d in city.settings.proj_data_dirs if (d / "egm96_15.gtx").is_file()]
    append_data_dir(str(directory))
    with city.pool.connection() as connection:
        rows = np.array(connection.execute(statement.format(dataset=city.catalogue.dataset(dataset).id).encode()).fetchall(), np.float64)
    placed = np.column_stack(pyproj.Transformer.from_pipeline(TO_GEOCENTRIC).transform(*rows[:, 1:].T))
    assert np.isfinite(placed).all()
    return {int(fid): np.unique(placed[rows[:, 0] == fid], axis=0) for fid in np.unique(rows[:, 0])}


def test_every_decoded_vertex_is_as_near_to_the_database_as_the_certificate_says(city: City) -> None:
    agrees(city, "blocks", BLOCKS, 0.005)
    agrees(city, "bodies", BODIES, 2.0**-8)
    names_operation_and_geoid(city)


def agrees(city: City, dataset: str, statement: str, step_m: float) -> None:
    document, content = tileset(city, dataset)
    accuracy = document["extras"]["accuracy"]
    assert accuracy["quantization_step_m"] == step_m
    parts = [accuracy[name] for name in ("projection_residual_m", "position_error_m", "chord_error_m")]
    assert accuracy["fidelity_m"] == pytest.approx(sum(parts))
    assert accuracy["fidelity_m"] <= 0.01
    (decoded,) = tile_readers.run("read.mjs", [content])
    fid = np.array(decoded["table"]["columns"]["fid"])[np.array(decoded["features"])]
    positions, expected = np.array(decoded["positions"]), stored(city, dataset, statement)
    assert set(np.unique(fid).tolist()) == set(expected)
    farthest = 0.0
    for one, corners in expected.items():
        apart = np.linalg.norm(positions[fid == one][:, None] - corners[None], axis=2)
        farthest = max(farthest, float(apart.min(axis=0).max()), float(apart.min(axis=1).max()))
    assert 0 < farthest <= accuracy["projection_residual_m"] + accuracy["position_error_m"] + 1e-6


def names_operation_and_geoid(city: City) -> None:
    document, _ = tileset(city, "blocks")
    certificate = document["extras"]["certificate"]
    assert (certificate["storage_crs"], certificate["tileset_crs"]) == ("EPSG:4549", "EPSG:4978")
    assert "+proj=pipeline" in certificate["pipeline"]
    assert "absolute_accuracy_m" in certificate
    west, south, east, north = (np.degrees(v) for v in document["root"]["boundingVolume"]["region"][:4])
    shift = pyproj.Transformer.from_pipeline(SHIFT)
    separation = shift.transform((west + east) / 2, (south + north) / 2, 0.0)[2]
    assert certificate["separation"]["source"] == "egm96_15.gtx"
    assert certificate["separation"]["minimum_m"] - 1e-3 <= separation <= certificate["separation"]["maximum_m"] + 1e-3
