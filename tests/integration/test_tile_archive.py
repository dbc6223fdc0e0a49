"""PMTiles files say what they lack."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pmtiles.reader
import pytest
import query_city as city
import shapely

from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster
from twin.server.vector_tile_archive import export_vector_tiles


@pytest.fixture(scope="module")
def catalogue(cluster: EmbeddedCluster, template: str) -> Iterator[Catalogue]:
    with city.clone_of(template, cluster.dsn) as url:
        made = city.new_catalogue(url)
        yield made
        made.pool.close()


def test_an_archive_says_of_how_many_tiles_something_was_left_out(catalogue: Catalogue, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, 40_000)), rng.uniform(100, 900, 40_000)
    star = shapely.Polygon(np.column_stack([city.EAST + 3000 + radii * np.cos(angles), city.NORTH + 3000 + radii * np.sin(angles)]))
    rows = [city.Row(900, shapely.multipolygons([shapely.force_3d(star, 3.0)]), {"building_id": "spikes"})]
    city.publish_first(catalogue, "spiky", "building", [*rows, city.Row(901, city.square(5000, 5000, 90, z=3.0), {"building_id": "small"})])
    file = tmp_path / "spiky.pmtiles"
    order = (catalogue, str(catalogue.pool.conninfo), "spiky", None, file, 14, lambda *_: None)
    with ThreadPoolExecutor(1) as thread:  # an event loop of its own, which this thread cannot have beside Playwright's
        written = thread.submit(export_vector_tiles, *order).result()
    with file.open("rb") as opened:
        metadata = pmtiles.reader.Reader(pmtiles.reader.MmapSource(opened)).metadata()
    assert written.reduced > 0
    assert metadata["reduced_tiles"]["complex-features"] == written.reduced
