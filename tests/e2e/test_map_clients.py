"""OpenLayers and MapLibre, in a browser, read features, vector tiles and styles as they find them by our documents."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import ogc_server
import pytest
import query_city as city
from playwright.sync_api import Browser

from tests.map_page import MapPage, map_page
from twin.embedded import EmbeddedCluster
from twin.tile_matrix_sets import MATRIX_SETS

AT = (119.9905, 31.8034, 17)
"""The houses of the small city."""
HOUSES = 29

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(cluster: EmbeddedCluster, template: str) -> Iterator[str]:
    with city.clone_of(template, cluster.dsn) as url:
        catalogue = city.small_city(url)
        with ogc_server.served(catalogue, url) as address:
            yield address
        catalogue.pool.close()


@pytest.fixture
def maps(browser: Browser, base: str) -> Iterator[MapPage]:
    with map_page(browser, base.removesuffix("/ogc")) as opened:
        yield opened
        assert opened.complaints == []


def test_openlayers_reads_features_by_the_box_of_its_view(maps: MapPage, base: str) -> None:
    found = maps.ask("olFeatures", f"{base}/collections/buildings/items", *AT)
    assert len(found) == HOUSES
    assert next(f["name"] for f in found if f["building_id"] == "B2") == city.HOSTILE_TEXT


@pytest.mark.parametrize("grid", MATRIX_SETS)
def test_openlayers_reads_vector_tiles_by_their_description(maps: MapPage, base: str, grid: str) -> None:
    projection = "EPSG:3857" if grid == "WebMercatorQuad" else "EPSG:4326"
    found = maps.ask("olVectorTiles", f"{base}/collections/buildings/tiles/{grid}", projection, *AT)
    assert len({f["building_id"] for f in found}) == HOUSES
    assert next(f["name"] for f in found if f["building_id"] == "B2") == city.HOSTILE_TEXT


def test_maplibre_reads_an_archive_of_tiles_by_ranges(maps: MapPage, base: str) -> None:
    archive = f"{base}/collections/buildings/tiles/WebMercatorQuad/export.pmtiles"
    drawn = maps.ask("mapLibreArchive", archive, "buildings", *AT)
    assert drawn["failures"] == []
    assert {f["properties"].get("building_id") for f in drawn["found"]} >= {f"B{i}" for i in (1, 2, 12, 22)}


def test_maplibre_draws_by_our_styles(maps: MapPage, base: str) -> None:
    offered = httpx.get(f"{base}/collections/buildings/styles", timeout=60).json()
    for style in (f"{base}/collections/buildings/styles/{offered['default']}?f=mbs", f"{base}/styles/city?f=mbs"):
        drawn = maps.ask("mapLibre", style, *AT)
        assert drawn["failures"] == []
        assert {f["properties"].get("building_id") for f in drawn["found"]} >= {
            f"B{i}" for i in (1, 2, 12, 22)
        }  # the middle of the picture
