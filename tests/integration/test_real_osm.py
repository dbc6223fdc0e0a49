"""OpenStreetMap PBF of Liechtenstein: all that GDAL's own reading finds goes in, under ids that tell ways from relations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from psycopg import sql
from pyproj import Transformer

from ingest.protocol import FileInfo, PartRequest, ReadRequest
from tests.opened_city import load, opened_city, request
from tests.reading import inspect_file, read_file
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types
from twin.tables import current_table

LV95 = 2056
EXTENT = (9.4, 47.0, 9.7, 47.3)


@pytest.fixture
def extract(real_data: Path) -> Path:
    return real_data / "footprints-osm-liechtenstein" / "liechtenstein-latest.osm.pbf"


def test_buildings_and_roads_go_in_whole_and_where_they_are(database_url: str, open_folder: Path, extract: Path) -> None:
    with opened_city(database_url, open_folder / "data", LV95, EXTENT) as city:
        parts = ((None, "building", "buildings"), (None, "road", "roads"))
        first = load(city, request(extract, *parts))
        assert first.read == first.published + first.rejected
        read = 0
        for (_, kind, dataset), layer, tag in zip(parts, ("multipolygons", "lines"), ("building", "highway"), strict=True):
            source = gdal_reads(extract, layer, tag)
            key = {"building": "building_id", "road": "road_id"}[kind]
            table = current_table(kind, city.catalogue.dataset(dataset).id)
            query = sql.SQL("SELECT {}, ST_AsBinary(ST_Force2D(geom)) FROM {}").format(sql.Identifier(key), table)
            with city.pool.connection() as connection:
                stored = {i: shapely.from_wkb(bytes(g)) for i, g in connection.execute(query).fetchall()}
            assert set(stored) <= set(source)
            assert len(stored) == first.datasets[dataset]["insert"]
            read += len(source)
            assert max(shapely.hausdorff_distance(stored[i], source[i]) for i in stored) < 0.001
        assert first.read == read
        again = load(city, request(extract, *parts))
        assert (again.published, again.unchanged, again.commit) == (0, first.published, None)


def gdal_reads(path: Path, layer: str, tag: str) -> dict[str, shapely.Geometry]:
    """Return what GDAL's driver finds with its own configuration, in the city's grid by pyproj, by kind and number."""
    names = ["osm_id", tag] + (["osm_way_id"] if layer == "multipolygons" else [])
    meta, _, wkb, columns = pyogrio.raw.read(path, layer=layer, columns=names, where=f"{tag} IS NOT NULL")
    by_name = dict(zip(meta["fields"], columns, strict=True))
    to_grid = Transformer.from_crs("EPSG:4326", LV95, always_xy=True)
    moved = shapely.transform(shapely.from_wkb(wkb), lambda xy: np.column_stack(to_grid.transform(xy[:, 0], xy[:, 1])))
    if layer == "lines":
        return {f"w{i}": g for i, g in zip(by_name["osm_id"], moved, strict=True)}
    ids = [f"r{r}" if r is not None else f"w{w}" for r, w in zip(by_name["osm_id"], by_name["osm_way_id"], strict=True)]
    return dict(zip(ids, moved, strict=True))


def test_an_extract_is_known_by_its_content(extract: Path, open_folder: Path) -> None:
    other = open_folder / "数据.bin"
    other.write_bytes(extract.read_bytes()[:200_000])
    other.chmod(0o644)
    info = inspect_file(other)
    assert isinstance(info, FileInfo)
    assert [layer.name for layer in info.layers] == ["points", "lines", "multipolygons"]


def test_a_type_without_tags_takes_nothing(extract: Path) -> None:
    part = PartRequest(None, load_feature_types()["sensor"], "sensors")
    with pytest.raises(RejectedError, match="OpenStreetMap"):
        list(read_file(ReadRequest(extract, (part,), LV95, EXTENT)))
