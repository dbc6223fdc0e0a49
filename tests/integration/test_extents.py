"""Number and extent that a small commit carries on are those of all rows: what comes, moves and goes inside and at the edge."""

from __future__ import annotations

import json
import random
from pathlib import Path

import shapely
from psycopg import sql

from ingest.extents import Extent
from tests.opened_city import load, opened_city, request
from twin.server.city import City
from twin.tables import current_table

_AT = (497_000.0, 3_520_000.0)


def test_number_and_extent_of_many_small_commits(database_url: str, open_folder: Path) -> None:
    chance = random.Random(7)
    houses = {f"H{k}": (chance.uniform(0, 900), chance.uniform(0, 900)) for k in range(12)}
    with opened_city(database_url, open_folder / "data", 4549) as city:
        _publish(city, open_folder, houses, mode="replace")
        for step in range(14):
            changed = chance.sample(sorted(houses), 2)
            for name in changed:
                houses[name] = (chance.uniform(-50, 950), chance.uniform(-50, 950))
            gone = {chance.choice(sorted(houses.keys() - changed))} if step % 3 == 2 else set()
            new = {f"N{step}": (chance.uniform(0, 900), 450.0)}
            _publish(city, open_folder, {n: houses[n] for n in changed} | new, gone={n: houses[n] for n in gone})
            houses = {n: p for n, p in (houses | new).items() if n not in gone}
            assert _recorded(city) == _counted(city)
        assert _recorded(city)[0] == len(houses)


def _publish(
    city: City,
    folder: Path,
    houses: dict[str, tuple[float, float]],
    gone: dict[str, tuple[float, float]] | None = None,
    mode: str = "delta",
) -> None:
    path = folder / "houses.geojson"
    features = [_feature(n, p, "") for n, p in houses.items()] + [_feature(n, p, "删除") for n, p in (gone or {}).items()]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    load(city, request(path, (None, "building", "buildings"), crs="EPSG:4549", mode=mode))


def _feature(name: str, place: tuple[float, float], change: str) -> dict[str, object]:
    outline = shapely.box(_AT[0] + place[0], _AT[1] + place[1], _AT[0] + place[0] + 9, _AT[1] + place[1] + 7)
    return {
        "type": "Feature",
        "properties": {"building_id": name, "height_m": 6, "变更": change},
        "geometry": json.loads(shapely.to_geojson(outline)),
    }


def _recorded(city: City) -> tuple[int, Extent]:
    with city.pool.connection() as connection:
        row = connection.execute("SELECT count, extent_m FROM catalog.revision ORDER BY commit DESC LIMIT 1").fetchone()
    assert row is not None
    return row[0], tuple(row[1])


def _counted(city: City) -> tuple[int, Extent]:
    dataset = city.catalogue.dataset("buildings")
    with city.pool.connection() as connection:
        table = current_table("building", dataset.id)
        places = connection.execute(sql.SQL("SELECT ST_AsBinary(geom) FROM {}").format(table)).fetchall()
    shapes = shapely.from_wkb([bytes(p[0]) for p in places])
    return len(shapes), tuple(shapely.total_bounds(shapes))
