"""Exports: a dataset as of a commit, one GeoJSON feature a line, in the storage CRS, so that it can be loaded again unchanged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import shapely
from psycopg_pool import ConnectionPool

from ogc.exports import AT_ONCE
from ogc.kept_exports import KeptExports
from twin.db import Pool, connection_string, translated
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.collection import Collection, collection_of
from twin.query.column_batches import ColumnBatch, stream_columns
from twin.query.execute import DOOR_SETTINGS
from twin.query.feature_query import FeatureQuery
from twin.server.city import City
from twin.server.cityjson.export import Format, export_cityjson
from twin.store import written_whole

EXPORT_WITHIN_S = 600.0
"""How long an export of the web door may read, and so how long it may hold a snapshot; however slow its caller is, he reads from a file."""


def exports_connections(database_url: str) -> Pool:
    """Return the closed pool of connections that files of the web door are read by: few, for they are busy for long."""
    settings = {**DOOR_SETTINGS, "max_parallel_workers_per_gather": "2"}  # rows are moved and formatted by more than one process
    conninfo = connection_string(database_url, application="twin-exports", statement_timeout_s=EXPORT_WITHIN_S, settings=settings)
    return ConnectionPool(conninfo, min_size=0, max_size=AT_ONCE, open=False, timeout=30)


def sweep_exports(city: City) -> None:
    """Forget files of whole datasets that nobody asks for any more, and those beyond what may be kept."""
    found = [(dataset.slug, city.catalogue.current_revision(dataset.slug)) for dataset in city.catalogue.datasets()]
    current = {slug: revision.commit for slug, revision in found if revision is not None}
    KeptExports(city.store, city.settings.exports_bytes).forget(current)


def export_dataset(city: City, slug: str, as_of: int | dt.datetime | None, output: Path) -> int:
    """Write the features of a dataset in order of fid and return how many; the same state gives the same bytes.

    Each line carries ``crs`` (the storage CRS) as GeoJSON before RFC 7946 did, full precision, the OID as id, every field and
    the unmapped source columns. The file appears whole or not at all.
    """
    collection = collection_of(city.catalogue, city.deployment, city.catalogue.dataset(slug))
    if collection is None:
        raise NotFoundError(f"{slug} has no revision", zh=f"{slug} 没有版本")
    commit = None if as_of is None else city.catalogue.commit_as_of(as_of)
    query = FeatureQuery(collection, collection.crs[0], as_of=commit)
    names = (*collection.properties, "admin_codes", "extra")
    count = 0
    with written_whole(output) as file, translated(), city.pool.connection() as connection:
        for batch in stream_columns(connection, query, Principal.system(), names):
            for line in _lines(batch, collection, names):
                file.write(line)
                count += 1
    return count


def export_dataset_as_cityjson(city: City, slug: str, as_of: int | dt.datetime | None, form: Format, output: Path) -> int:
    """Write a dataset as CityJSON or CityJSONSeq (`twin.server.cityjson.export`) and return how many features it has."""
    exported = export_cityjson(city, slug, as_of, form, Principal.system())
    with written_whole(output) as file:
        for piece in exported:
            file.write(piece)
    return exported.count


def _lines(batch: ColumnBatch, collection: Collection, names: tuple[str, ...]) -> Iterator[bytes]:
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{collection.storage_srid}"}}
    geometries = shapely.from_wkb(list(batch.geometry))
    for i, fid in enumerate(batch.fid):
        properties: dict[str, Any] = {name: batch.columns[name][i] for name in names if name != "extra"}
        extra = batch.columns["extra"][i]
        feature = {
            "type": "Feature",
            "id": f"{collection.oid_prefix}{fid}",
            "crs": crs,
            "geometry": orjson.Fragment(shapely.to_geojson(geometries[i])),
            "properties": properties | ({"extra": extra} if extra else {}),
        }
        yield orjson.dumps(feature, option=orjson.OPT_APPEND_NEWLINE)
