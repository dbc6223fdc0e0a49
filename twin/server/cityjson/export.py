"""A dataset as of a commit as CityJSON 2.0: what came as CityJSON with its own objects, attributes, semantics and numbers (DESIGN 8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import psycopg
import shapely

from twin.crs import OutputCrs
from twin.db import Connection, translated
from twin.errors import NotFoundError
from twin.exact_json import json_value
from twin.heights import vertical_model
from twin.model import Principal
from twin.packed_documents import unpacked
from twin.query.collection import Collection, collection_of
from twin.query.column_batches import stream_columns
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.representations import representations_statement, source_headers_statement, source_objects_statement
from twin.representation import decode
from twin.server.city import City
from twin.server.cityjson import writing
from twin.server.cityjson.objects import city_object
from twin.server.cityjson.target import SourceFrame, Target, target_in, target_of
from twin.server.cityjson.upgrade import upgraded

Format = Literal["cityjson", "cityjsonseq"]
_ROWS_AT_A_TIME = 500


class Export:
    """A file on its way out: iterate its pieces, then ask how many features it has."""

    def __init__(self, city: City, query: FeatureQuery, form: Format, principal: Principal) -> None:
        self._city = city
        self._query = query
        self._form = form
        self._principal = principal
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes of the file."""
        with translated(), self._city.pool.connection() as connection, connection.transaction():
            yield from self.pieces(connection)

    def pieces(self, connection: Connection, crs: OutputCrs | None = None, limit: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of the file, read in the transaction of ``connection``: of at most ``limit`` features, in ``crs``.

        None: in the reference system that most features came in, so that they keep their numbers.
        """
        city, query, principal = self._city, self._query, self._principal
        write = writing.sequence if self._form == "cityjsonseq" else writing.document
        headers = source_headers_statement(query, principal)
        frames = [SourceFrame.of(row) for row in connection.execute(headers.text, headers.values).fetchall()]
        vertical = vertical_model(city.deployment.vertical, city.settings.proj_data_dirs)
        corner, title = _corner(connection, query), query.collection.dataset.title.zh
        target = (
            target_of(frames, city.storage, vertical, corner, title)
            if crs is None
            else target_in(crs, city.storage, vertical, corner, title)
        )
        with closing(_features(connection, query, principal, target, {f.hash: f for f in frames})) as features:
            yield from write(target.header, self._counted(islice(features, limit)))

    def _counted(self, features: Iterator[writing.Feature]) -> Iterator[writing.Feature]:
        for feature in features:
            self.count += 1
            yield feature


def export_cityjson(city: City, slug: str, as_of: int | dt.datetime | None, form: Format, principal: Principal) -> Export:
    """Return the file; everything that can be refused is refused before its first piece. NotFoundError for what is not there.

    It is written in the reference system and transform that most features came in, so their integer vertices are those of the source;
    without any, in the storage CRS in millimetres. A feature that was edited since by a source without 3D is written from what is stored.
    """
    collection = collection_of(city.catalogue, city.deployment, city.catalogue.dataset(slug))
    if collection is None:
        raise NotFoundError(f"{slug} has no revision", zh=f"{slug} 没有版本")
    at = city.catalogue.last_commit() if as_of is None else city.catalogue.commit_as_of(as_of)
    query = FeatureQuery(collection, collection.crs[0], as_of=at)
    source_headers_statement(query, principal)  # what is hidden is said to be missing before anything is sent
    return Export(city, query, form, principal)


def _corner(connection: Connection, query: FeatureQuery) -> npt.NDArray[np.float64]:
    """Return a position near the dataset: the first vertex of one of its features."""
    for batch in stream_columns(connection, query, Principal.system(), (), rows_a_batch=1):
        coordinates: npt.NDArray[np.float64] = shapely.get_coordinates(shapely.from_wkb(batch.geometry[0]), include_z=True)
        first: npt.NDArray[np.float64] = np.nan_to_num(coordinates[0])
        return first
    return np.zeros(3)


@dataclass(frozen=True, slots=True)
class _Row:
    fid: int
    geometry: bytes
    values: Mapping[str, Any]
    shape: Mapping[str, Any]
    """What its form is made of, as far as ``values`` do not say it."""


def _features(
    connection: Connection, query: FeatureQuery, principal: Principal, target: Target, frames: Mapping[str, SourceFrame]
) -> Generator[writing.Feature]:
    """Yield every feature as a CityJSONFeature, in order of fid; three streams that rise together."""
    with (
        closing(_rows(connection, query, principal)) as rows,  # the first to begin and the last to end: its transaction holds the others
        closing(_stream(connection, "documents", source_objects_statement(query, principal))) as document_rows,
        closing(_stream(connection, "bodies", representations_statement(query, principal, "all"))) as body_rows,
    ):
        documents, bodies = _Rising(document_rows), _Rising(body_rows)
        for row in rows:
            document, levels = documents.at(row.fid), bodies.at(row.fid)
            made = None
            if document and query.properties is None:
                _, header, content = document[0]
                made = _as_it_came(bytes(content), frames[header], target)
            yield made or _from_store(row, levels, query.collection, target)


def _rows(connection: Connection, query: FeatureQuery, principal: Principal) -> Generator[_Row]:
    names = (*query.wanted_properties, *(("extra",) if query.properties is None else ()))
    drawn_by = tuple(n for n in query.collection.feature_type.recipe_fields.values() if n not in names)
    for batch in stream_columns(connection, query, principal, (*names, *drawn_by), _ROWS_AT_A_TIME):
        for i, fid in enumerate(batch.fid):
            values, shape = ({name: batch.columns[name][i] for name in some} for some in (names, drawn_by))
            yield _Row(fid, batch.geometry[i], values, shape)


def _as_it_came(content: bytes, frame: SourceFrame, target: Target) -> writing.Feature | None:
    """Return a source's own feature in the file's transform, None where it is of another reference system."""
    if not target.takes(frame):
        return None
    feature = upgraded(json_value(unpacked(content)), str(frame.header.get("version")))
    vertices = np.array(feature["vertices"], dtype=np.float64).reshape(-1, 3)
    same = target.from_source(frame, np.rint(vertices).astype(np.int64))
    return {**feature, "vertices": same.tolist()}


def _from_store(row: _Row, levels: Sequence[tuple[Any, ...]], collection: Collection, target: Target) -> writing.Feature:
    values = dict(row.values)
    extra = values.pop("extra", None)
    geometry = shapely.from_wkb(row.geometry)
    faces = [(lod, decode(bytes(content))) for _, lod, content in levels]
    made, vertices = city_object(collection.feature_type, values, row.shape, extra, geometry, faces)
    key = [values.get(name) for name in collection.feature_type.natural_key]
    name = "/".join(map(str, key)) if key and None not in key else f"{collection.oid_prefix}{row.fid}"
    return {"type": "CityJSONFeature", "id": name, "CityObjects": {name: made}, "vertices": target.from_stored(vertices).tolist()}


class _Rising:
    """Rows grouped by fid, asked for in rising order."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._groups = groupby(rows, key=lambda row: row[0])
        self._fid = -1
        self._rows: list[tuple[Any, ...]] = []

    def at(self, fid: int) -> list[tuple[Any, ...]]:
        """Return the rows of ``fid``, none when it has none."""
        while self._fid < fid:
            with suppress(StopIteration):
                self._fid, group = next(self._groups)
                self._rows = list(group)
                continue
            self._fid, self._rows = np.iinfo(np.int64).max, []
        return self._rows if self._fid == fid else []


def _stream(connection: Connection, name: str, statement: Statement) -> Generator[tuple[Any, ...]]:
    with psycopg.ServerCursor(connection, name) as cursor:
        cursor.execute(statement.text, statement.values, binary=True)
        while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
            yield from rows
