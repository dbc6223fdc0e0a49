"""Several elevation models of one city: one order for derived heights and terrain, and revisions only where the ground has changed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyproj
import rasterio

from ingest.part_reading import PartReading
from ingest.request import LoadRequest, PartSpec
from ingest.rollback import rollback
from tests.opened_city import get, load, opened_city, request
from tests.quantized_mesh_reader import read_tile
from twin.catalogue import has_tree
from twin.heights.mosaic import in_order
from twin.query.elevation import published_sheets
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.terrain_garbage import collect_terrain

X0, Y0, SRID = 494_000.0, 3_524_000.0, 4549
WIDE_M, PATCH_M = 12.0, 17.0
TO_GRID = pyproj.Transformer.from_crs(4326, SRID, always_xy=True)


def dem(folder: Path, name: str, height_m: float, pixel_m: float, box: tuple[int, int, int, int], void: slice = slice(0)) -> Path:
    """Write level ground from so far east to so far east, from so far south to so far south, without a height in some rows."""
    west, north, east, south = box
    values = np.full((int((south - north) / pixel_m), int((east - west) / pixel_m)), height_m, np.float32)
    values[void] = -9999
    transform = rasterio.Affine(pixel_m, 0, X0 + west, 0, -pixel_m, Y0 - north)
    profile = {"driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1, "dtype": "float32", "nodata": -9999}
    with rasterio.open(folder / f"{name}.tif", "w", crs=f"EPSG:{SRID}", transform=transform, **profile) as target:
        target.write(values, 1)
    return folder / f"{name}.tif"


def houses(folder: Path) -> Path:
    """Three footprints 20 m wide: on what will be surveyed, on a hole of that, and beside it."""
    squares = {"on": (300, 300), "hole": (300, 380), "beside": (800, 800)}
    features = []
    for name, (east, south) in squares.items():
        ring = [[X0 + east + dx, Y0 - south - dy] for dx, dy in ((0, 0), (0, 20), (20, 20), (20, 0), (0, 0))]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": {"building_id": name, "height_m": 9.0}, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{SRID}"}}
    (folder / "houses.geojson").write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    return folder / "houses.geojson"


def ground(path: Path, dataset: str, mode: str = "replace", priority: int | None = None) -> LoadRequest:
    part = PartSpec(None, "terrain", dataset, reading=PartReading(priority=priority))
    return LoadRequest(files=(path,), parts=(part,), mode=mode)  # type: ignore[arg-type]


def bases(city: City) -> dict[str, tuple[float, int]]:
    """Return the base height of every house and the commit that wrote it."""
    with city.pool.connection() as connection:
        rows = connection.execute("SELECT natural_key, base_height_m, commit_from FROM city.building WHERE commit_from > 0").fetchall()
    return {str(key): (round(float(base), 3), int(commit)) for key, base, commit in rows}


def drawn_minus_sampled_m(city: City, url: str) -> float:
    """Return how far vertices of the deepest tiles that are served lie from the ground heights of the city, at most."""
    layer = get(city, f"/{url}layer.json")[0].json()
    level = len(layer["available"]) - 1
    tiles = [
        (level, x, y)
        for r in layer["available"][level]
        for x in range(r["startX"], r["endX"] + 1)
        for y in range(r["startY"], r["endY"] + 1)
    ]
    sampler, worst, checked = city.ground(), 0.0, 0
    assert sampler is not None
    for at, answer in zip(tiles, get(city, *(f"/{url}{z}/{x}/{y}.terrain" for z, x, y in tiles)), strict=True):
        assert answer.status_code == 200
        tile = read_tile(gzip.compress(answer.content, 0))  # the client has unpacked it
        lon, lat = tile.lon_lat(*at)
        sampled = sampler.height_m(*TO_GRID.transform(lon, lat)) + city.frame.vertical.separation_m(lon, lat)
        off = np.abs(tile.h - sampled)[np.isfinite(sampled)]
        worst, checked = max(worst, float(off.max(initial=0))), checked + off.size
    assert checked > 3_000
    return worst


def test_the_mosaic_gives_bases_and_terrain_and_changes_only_what_it_changes(database_url: str, open_folder: Path) -> None:
    wide = dem(open_folder, "wide", WIDE_M, 40, (0, 0, 1200, 1200))
    survey = dem(open_folder, "survey", PATCH_M, 10, (200, 200, 500, 500), void=slice(17, 23))
    with opened_city(database_url, open_folder / "data", SRID) as city:

        def delivered(asked: LoadRequest) -> int | None:
            commit = load(city, asked).commit
            assert build_missing(city, lambda *_: None) is None
            return commit

        assert delivered(ground(wide, "terrain")) == 1
        assert delivered(request(houses(open_folder), (None, "building", "houses"))) == 2
        assert bases(city) == dict.fromkeys(("on", "hole", "beside"), (WIDE_M, 2))
        first = get(city, "/scene.json")[0].json()["terrain"]
        assert first == {"dataset": "terrain", "revision": 1, "url": "tiles/terrain/1/"}

        # finer and newer goes first, but for its hole; nobody else gets a revision
        assert delivered(ground(survey, "survey")) == 3
        assert bases(city) == {"on": (PATCH_M, 3), "hole": (WIDE_M, 2), "beside": (WIDE_M, 2)}
        second = get(city, "/scene.json")[0].json()["terrain"]
        assert second == {"dataset": "survey", "revision": 3, "url": "tiles/survey/3/"}
        assert drawn_minus_sampled_m(city, second["url"]) < 0.01
        detail = city.catalogue.assets.ready(city.catalogue.dataset("survey").id, "terrain", "open")[0].detail
        assert 0 < int(str(detail["made"])) < int(str(detail["tiles"]))

        # within a centimetre nothing stands anywhere else
        dem(open_folder, "survey", PATCH_M + 0.008, 10, (200, 200, 500, 500), void=slice(17, 23))
        assert delivered(ground(survey, "survey")) == 4
        assert bases(city) == {"on": (PATCH_M, 3), "hole": (WIDE_M, 2), "beside": (WIDE_M, 2)}
        assert city.catalogue.current_revision("houses") == city.catalogue.revision_as_of("houses", 3)

        # a priority goes before all else
        assert delivered(ground(wide, "terrain", priority=5)) == 5
        assert bases(city)["on"] == (WIDE_M, 5)
        third = get(city, "/scene.json")[0].json()["terrain"]
        assert third["url"] == "tiles/terrain/5/"
        assert drawn_minus_sampled_m(city, third["url"]) < 0.01

        # earlier ones are served until they are dropped, tiles that others use are not
        tile = "0/0/0.terrain"
        old = get(city, f"/{first['url']}{tile}", f"/{second['url']}{tile}", f"/{third['url']}{tile}", f"/{third['url']}9/0/0.terrain")
        assert [a.status_code for a in old] == [200, 200, 200, 404]
        terrains = [d for d in city.catalogue.datasets() if d.feature_type == "terrain"]
        assert not any(has_tree(city.catalogue.feature_type(d.feature_type)) for d in terrains)
        assert [c.dropped for c in collect_terrain(city, terrains, None).values()] == [0, 0]
        found = collect_terrain(city, terrains, 1)
        assert {slug: c.dropped_revisions for slug, c in found.items()} == {"terrain": (1,), "survey": (3,)}
        assert sum(c.dropped for c in found.values()) > 4
        answers = get(city, f"/{first['url']}layer.json", f"/{first['url']}{tile}", f"/{third['url']}layer.json", f"/tiles/survey/4/{tile}")
        assert [a.status_code for a in answers] == [410, 404, 200, 200]
        assert drawn_minus_sampled_m(city, third["url"]) < 0.01

        # what a rollback publishes again is as old as it was
        then = published_sheets(city.catalogue, commit=4)
        assert rollback(city.catalogue, 4, "test", "", city.extent_deg).commit == 6
        city.catalogue.refresh()
        assert bases(city)["on"][0] == PATCH_M
        assert sorted(in_order(published_sheets(city.catalogue))) == sorted(in_order(then))
        assert {s.commit for s in published_sheets(city.catalogue)} == {s.commit for s in then} == {1, 4}

        # notes that a loss of power cut off, and those of a build nobody goes on with, are of no use
        for commit in (2, 6):
            city.store.put(f"terrain/survey/{commit}/notes.index", b"TWTI")
        assert sum(c.dropped for c in collect_terrain(city, terrains, None).values()) == 2
