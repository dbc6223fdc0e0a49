"""A vector tile from question to bytes: which way to draw it, and again with less where it came out too large."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg
import shapely

from twin.crs import OutputCrs
from twin.errors import UnavailableError
from twin.model import Principal
from twin.mvt.layer import encode_layer
from twin.query.area import to_storage
from twin.query.execute import AsyncPool, Row, fetch_pinned, fetch_row, fetched_records
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.massed_tile import (
    COUNTED,
    Sample,
    count_statement,
    counted_statement,
    has_overview_statement,
    massed_properties,
    stored_statement,
)
from twin.query.tile import FEATURE_CAP, Detail, TileFrame, layer_frame, properties_of, tile_frame, tile_statement
from twin.tile_matrix_sets import TileAddress

MOST_BYTES = 500_000
"""No tile is larger."""
DRAWING_S = 3.0
"""So long a processor may be at work on drawing a tile, as long as the database may be at finding them."""

_ONE_BY_ONE = 8_000
_ONE_BY_ONE_M = 12_000.0
"""Above this side a feature that is not large is less than a pixel, and is drawn with its neighbours."""
_COUNTED_M = 20_000.0
"""Above this side a tile of a city has more features than can be summed up at once: they need not be counted."""
_COUNTED_BESIDE = 20_000
"""Where there is an overview, fewer features are summed up anew: in smaller cells than it has."""
_SAMPLE = 20_000
_SCANNED = 250_000
_LAST_SAMPLE = 2_000
_LAST_STEP = 8
"""What one by one takes too long is summed up of no more than so many, and of no more than one in so many."""
_MOST_TRIES = 8
_DEGREES = OutputCrs("", 4326, xy=True, height="none")

NOTHING_DRAWN = "all-features"
"""What a tile says that has features and could not be drawn in time."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a tile is drawn."""

    build: Callable[[FeatureQuery, Detail], Statement]
    is_one_by_one: bool = False
    """True when every feature is drawn itself."""
    is_sampled: bool = False
    is_last: bool = False
    """True when nothing is left to try where it takes too long."""

    def properties(self, query: FeatureQuery, frame: TileFrame, detail: Detail) -> tuple[str, ...]:
        """Return the properties of the records."""
        return properties_of(query, detail, near=frame.is_near) if self.is_one_by_one else massed_properties(query, detail)


@dataclass(frozen=True, slots=True)
class _DrawnTile:
    """The commit the dataset stood at, the bytes of a tile (none where nothing lies), of how many rows, how many of them left out."""

    commit: int
    content: bytes
    rows: int
    left_out: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before a tile of a low level is drawn."""

    has_sums: bool
    """An overview has what is asked for."""
    count: int
    """Features that touch it, of more than ``COUNTED`` not how many; -1 where they were not counted."""


@dataclass(frozen=True, slots=True)
class VectorTile:
    """The bytes of a tile (empty where nothing lies), the commit the dataset stood at, and what was left out to keep it small."""

    commit: int
    content: bytes
    reduced: str | None = None


async def vector_tile(
    pool: AsyncPool,
    query: FeatureQuery,
    at: int | None,
    address: TileAddress,
    principal: Principal,
    most_bytes: int = MOST_BYTES,
    color_by: str | None = None,
    drawing_s: float = DRAWING_S,
) -> VectorTile:
    """Return a tile of what ``query`` means as of commit ``at`` (None: as it stands), no larger than ``most_bytes``.

    Too large, it is drawn again without properties, then without the smallest features; what takes too long, in the database or to be
    drawn (``drawing_s``), without the features of very many vertices, then as sums of a sample. Empty (``NOTHING_DRAWN``) when even they
    take too long. An area that alone would take too long is never drawn. What is drawn together has the class of the field ``color_by``
    (None: of the one that colours the type, which the overview knows; others are summed up while one waits). Raises NotFoundError for
    hidden collections.
    """
    frame = tile_frame(address, query.collection)
    if frame is None:
        return VectorTile(query.collection.revision.commit, b"")
    other_color = color_by if color_by != query.collection.feature_type.style.color_by else None
    way = await _way(pool, query, at, frame, principal, has_sums=other_color is None)
    detail = Detail(is_sample=way.is_sampled, color_by=other_color)
    for tried in range(_MOST_TRIES):
        try:
            tile = await _drawn(pool, query, at, frame, way, detail, drawing_s)
        except (UnavailableError, TimeoutError) as error:
            if not _took_too_long(error):
                raise
            if detail.simple_only and way.is_last:
                break
            if detail.simple_only:
                way = _Way(partial(_last, frame=frame, principal=principal), is_sampled=True, is_last=True)
            detail = dataclasses.replace(detail, simple_only=True, is_sample=way.is_sampled)
            continue
        if _are_too_many(frame, detail, tile.rows):
            detail = dataclasses.replace(detail, most=FEATURE_CAP)
        elif len(tile.content) > most_bytes:
            detail = detail.reduced(len(tile.content) / most_bytes, tile.rows)
            # A tile that stays too large has features that are.
            detail = dataclasses.replace(detail, simple_only=detail.simple_only or tried >= _MOST_TRIES // 2)
        else:
            told = dataclasses.replace(detail, simple_only=detail.simple_only or tile.left_out > 0)
            return VectorTile(tile.commit, tile.content, told.tells)
    return VectorTile(query.collection.revision.commit if at is None else at, b"", NOTHING_DRAWN)


async def _drawn(
    pool: AsyncPool, query: FeatureQuery, at: int | None, frame: TileFrame, way: _Way, detail: Detail, drawing_s: float
) -> _DrawnTile:
    def build(asked: FeatureQuery) -> Statement:
        return way.build(asked, detail)

    async def fetch(pool: AsyncPool, statement: Statement) -> Row:
        async with fetched_records(pool, statement) as (commit, rows):
            if _are_too_many(frame, detail, len(rows)):
                return commit, b"", len(rows), 0
            to_draw = layer_frame(query.collection, frame, way.properties(query, frame, detail))
            # Never on the event loop: one area of 6,000 vertices, 96 kB, takes GEOS a second; the way to a thread and back 50 µs.
            layer = await asyncio.to_thread(encode_layer, rows, to_draw, drawing_s if way.is_one_by_one else DRAWING_S)
            return commit, layer.content, len(rows), layer.left_out

    return _DrawnTile(*await fetch_pinned(pool, query, at, build, fetch))


def _are_too_many(frame: TileFrame, detail: Detail, rows: int) -> bool:
    return frame.is_near and detail.most is None and rows > FEATURE_CAP


async def _way(pool: AsyncPool, query: FeatureQuery, at: int | None, frame: TileFrame, principal: Principal, *, has_sums: bool) -> _Way:
    """Return how a tile is drawn: near or with few features one by one; else from the overview, or from features summed up now.

    ``has_sums`` says whether what is asked for is what an overview sums up.
    """
    one_by_one = _Way(partial(_one_by_one, frame=frame, principal=principal), is_one_by_one=True)
    if frame.is_near:
        return one_by_one
    stands = query.is_whole and (at is None or at >= query.collection.revision.commit)
    asked = dataclasses.replace(query, as_of=None if stands else at)
    try:
        known = await _known(pool, asked, frame, principal, may_have_sums=stands and has_sums)
    except UnavailableError as error:
        if not _took_too_long(error):
            raise
        known = _Known(has_sums=False, count=COUNTED + 1)
    if 0 <= known.count <= _ONE_BY_ONE and frame.side_m <= _ONE_BY_ONE_M:
        return one_by_one
    summed_up = partial(_summed_up, frame=frame, principal=principal, known=known)
    return _Way(summed_up, is_sampled=known.count > COUNTED and not known.has_sums)


async def _known(pool: AsyncPool, query: FeatureQuery, frame: TileFrame, principal: Principal, *, may_have_sums: bool) -> _Known:
    has_sums = may_have_sums and (await fetch_row(pool, has_overview_statement(query.collection)))[0] is True
    if has_sums and frame.side_m > _COUNTED_M:
        return _Known(has_sums, -1)
    row = await fetch_row(pool, count_statement(query, frame, principal, has_overview=has_sums))
    return _Known(has_sums, int(row[0]))


def _took_too_long(error: UnavailableError | TimeoutError) -> bool:
    return isinstance(error, TimeoutError) or isinstance(error.__cause__, psycopg.errors.QueryCanceled)


def _last(query: FeatureQuery, detail: Detail, *, frame: TileFrame, principal: Principal) -> Statement:
    return counted_statement(query, frame, detail, principal, _sample(query, frame, most=_LAST_SAMPLE, least_step=_LAST_STEP))


def _one_by_one(query: FeatureQuery, detail: Detail, *, frame: TileFrame, principal: Principal) -> Statement:
    return tile_statement(query, frame, detail, principal)


def _summed_up(query: FeatureQuery, detail: Detail, *, frame: TileFrame, principal: Principal, known: _Known) -> Statement:
    is_stored = known.has_sums and query.as_of is None
    if 0 <= known.count <= (_COUNTED_BESIDE if is_stored else COUNTED):
        return counted_statement(query, frame, detail, principal)
    if is_stored:
        return stored_statement(query, frame, detail, principal)
    return counted_statement(query, frame, detail, principal, _sample(query, frame))


def _sample(query: FeatureQuery, frame: TileFrame, most: int = _SAMPLE, least_step: int = 1) -> Sample:
    """Return a sample that is looked at in time: by place where few features touch the tile, by number where most do."""
    revision = query.collection.revision
    share = 1.0
    if revision.extent_deg is not None:
        extent = to_storage(shapely.box(*revision.extent_deg), _DEGREES, query.collection.storage_srid)
        share = frame.region.intersection(extent).area / max(extent.area, 1.0)
    expected = revision.count * min(1.0, share)
    if expected <= _SCANNED:
        return Sample(max(least_step, math.ceil(expected / most)), by_number=False)
    return Sample(max(least_step, math.ceil(revision.count / most)), by_number=True)
