"""The same features in another order, format and number of digits are the same features: no OID, no revision, the same tiles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from psycopg import sql
from pyproj import Transformer

from tests.opened_city import load, opened_city, request
from twin.server.assets import build_missing
from twin.server.city import City
from twin.tables import current_table

STORAGE = "EPSG:4549"
PART = (None, "building", "buildings")


def shuffled(source: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return geometries and columns of a layer in another order."""
    meta, _, wkb, columns = pyogrio.raw.read(source)
    order = np.random.default_rng(7).permutation(len(wkb))
    return shapely.from_wkb(wkb[order]), {n: c[order] for n, c in zip(meta["fields"], columns, strict=True)}


def as_geopackage(source: Path, target: Path) -> Path:
    geometry, columns = shuffled(source)
    pyogrio.raw.write(
        target,
        shapely.to_wkb(geometry),
        list(columns.values()),
        list(columns),
        geometry_type="MultiPolygon",
        crs=STORAGE,
        driver="GPKG",
        layer="房屋",
    )
    return target


def as_geojson(source: Path, target: Path, digits: int, *, renamed: str | None = None) -> Path:
    """Write features in longitude and latitude with so many decimals; ``renamed`` gets another name."""
    geometry, columns = shuffled(source)
    to_degrees = Transformer.from_crs(STORAGE, "EPSG:4490", always_xy=True)
    moved = shapely.transform(geometry, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    features = []
    for i, shape in enumerate(moved):
        rings = [[[[round(v, digits) for v in p] for p in ring] for ring in polygon] for polygon in _rings(shape)]
        properties = {name: None if _missing(column[i]) else _plain(column[i]) for name, column in columns.items()}
        if properties["建筑编号"] == renamed:
            properties["名称"] = "改名大厦"
        features.append({"type": "Feature", "properties": properties, "geometry": {"type": "MultiPolygon", "coordinates": rings}})
    target.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")
    return target


def _rings(shape: shapely.Geometry) -> list[list[list[tuple[float, ...]]]]:
    parts = shape.geoms if shape.geom_type == "MultiPolygon" else [shape]
    return [[list(ring.coords) for ring in (p.exterior, *p.interiors)] for p in parts]


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def state(city: City) -> dict[str, tuple[int, int, bytes]]:
    """Return {building number: (fid, commit, geometry)} of what is published."""
    table = current_table("building", city.catalogue.dataset("buildings").id)
    query = sql.SQL("SELECT building_id, fid, commit_from, ST_AsEWKB(geom) FROM {}").format(table)
    with city.pool.connection() as connection:
        return {key: (fid, commit, bytes(geometry)) for key, fid, commit, geometry in connection.execute(query).fetchall()}


def tiles(city: City) -> set[str]:
    """Return the names of all stored tile contents and trees: hashes of their bytes."""
    assert build_missing(city, lambda *_: None) is None
    folder = city.store.path("tiles")
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "/r/" not in p.as_posix()}


@pytest.fixture(scope="module")
def source(sample_city_folder: Path) -> Path:
    return sample_city_folder / "建筑物.gpkg"


def test_another_order_format_and_number_of_digits_change_nothing(database_url: str, open_folder: Path, source: Path) -> None:
    with opened_city(database_url, open_folder / "data", 4549) as city:
        first = load(city, request(source, PART))
        published, built = state(city), tiles(city)
        for again in (
            request(as_geopackage(source, open_folder / "shuffled.gpkg"), PART),
            request(as_geojson(source, open_folder / "fifteen.geojson", 15), PART),
            request(as_geojson(source, open_folder / "seven.geojson", 7), PART),
        ):
            result = load(city, again)
            assert (result.published, result.deleted, result.commit) == (0, 0, None), again.files
            assert result.unchanged == first.published
            assert state(city) == published
            assert tiles(city) == built


def test_an_edit_in_a_rounded_file_moves_no_vertex(database_url: str, open_folder: Path, source: Path) -> None:
    with opened_city(database_url, open_folder / "data", 4549) as city:
        load(city, request(source, PART))
        before = state(city)
        key = sorted(before)[5]
        result = load(city, request(as_geojson(source, open_folder / "seven.geojson", 7, renamed=key), PART))
        assert (result.published, result.commit) == (1, 2)
        after = state(city)
        assert {k: row[0] for k, row in after.items()} == {k: row[0] for k, row in before.items()}
        assert {k: row[2] for k, row in after.items()} == {k: row[2] for k, row in before.items()}
        assert [k for k, row in after.items() if row[1] == 2] == [key]
