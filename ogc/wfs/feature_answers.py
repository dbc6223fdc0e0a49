"""Answers to GetFeature and GetPropertyValue: one query's features as they come, or those of several one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from itertools import chain

import orjson
from starlette.responses import Response

from ogc.ows import OwsError
from ogc.state import OgcContext
from ogc.taken import TakenResponse
from ogc.wfs import answer
from ogc.wfs.call import Call
from ogc.wfs.gml import FeatureWriter
from ogc.wfs.names import GEOMETRY
from ogc.wfs.request import GEOJSON_FORMAT, GML_FORMAT, GetFeature
from ogc.windows import PIECE, Window, Windows
from twin.errors import UnavailableError
from twin.model import Principal
from twin.query.execute import fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.items import ItemsPage, matched_statement
from twin.query.skipping import counted_statement

COUNTED_WITHIN_S = 10.0
"""All queries of a request are counted within the time that one statement has: twenty do not keep the database twenty times as long."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is given: the namespace of the city's types and the address of the service."""

    space: str
    address: str


class FeatureAnswers:
    """Writes features of the query core as the answers of a WFS."""

    def __init__(self, context: OgcContext) -> None:
        self._pool = context.dear
        self._windows = Windows(context.dear)

    async def one(self, place: Place, principal: Principal, wanted: GetFeature, call: Call) -> Response:
        """Return the answer to a request of one query."""
        value = _value_reference(call, wanted)
        if value is not None:
            wanted = dataclasses.replace(wanted, query=_of_one_property(wanted, value), form="gml")
        element = "ValueCollection" if value else "FeatureCollection"
        if wanted.hits or wanted.count == 0:
            at = wanted.query.as_of
            commit, matched = await self._counted(wanted, principal)
            return _numbers_alone([wanted], element, place, matched, commit if at is None else min(at, commit))
        pages = self._windows.pieces(Window(wanted.query, principal, wanted.start, wanted.count))
        first = await anext(pages)
        if wanted.alone:
            return _alone(wanted, first, place.space)
        returned, more = await self._returned(wanted, first, principal)
        total = await self._matched(wanted, first, returned, principal) if not more else first.matched
        said = "unknown" if total is None else str(total)
        streamed = _with_first(first, pages)
        onward = call.onward(place.address, wanted.start + wanted.count, wanted.count, first.commit) if more else None
        if wanted.form == "geojson":
            opening = answer.geojson_opening(wanted, said, returned, first.commit, onward)
            return _streamed(opening, answer.geojson_members(streamed), b"]}", GEOJSON_FORMAT)
        opening = answer.opening(element, place.space, place.address, [wanted.collection.slug], said, returned, onward).encode()
        return _streamed(opening, answer.gml_members(wanted, streamed, value), f"</wfs:{element}>\n".encode(), GML_FORMAT)

    async def several(self, place: Place, principal: Principal, wanted: Sequence[GetFeature], commit: int, call: Call) -> Response:
        """Return the answer to a request of several queries at ``commit``: a collection of their collections (09-025r2, 11.3.3).

        ``startIndex`` and ``count`` are of all their features, in the order of the queries.
        """
        pinned = [dataclasses.replace(one, query=dataclasses.replace(one.query, as_of=commit)) for one in wanted]
        try:
            async with asyncio.timeout(COUNTED_WITHIN_S):
                numbers = [(await self._counted(one, principal))[1] for one in pinned]
        except TimeoutError:
            raise UnavailableError("the queries took longer than this door allows", zh="各查询合计超时，请减少查询或缩小范围") from None
        matched, first = sum(numbers), pinned[0]
        if first.hits or first.count == 0:
            return _numbers_alone(pinned, "FeatureCollection", place, matched, commit)
        shares = _shares(pinned, numbers)
        returned, end = sum(share.count for share in shares), first.start + first.count
        onward = call.onward(place.address, end, first.count, commit) if end < matched else None
        windows = [[Window(share.query, principal, share.start, share.count)] if share.count else [] for share in shares]
        if first.form == "geojson":
            opening = answer.geojson_opening(first, str(matched), returned, commit, onward)
            return _streamed(opening, answer.geojson_members(self._pages(list(chain(*windows)))), b"]}", GEOJSON_FORMAT)
        slugs = [share.collection.slug for share in shares]
        opening = answer.opening("FeatureCollection", place.space, place.address, slugs, str(matched), returned, onward).encode()

        async def collections() -> AsyncIterator[bytes]:
            written: answer.Given = {}
            for share, window, number in zip(shares, windows, numbers, strict=True):
                yield answer.member_opening(number, share.count)
                async for piece in answer.gml_members(share, self._pages(window), None, written):
                    yield piece
                yield answer.MEMBER_CLOSING

        return _streamed(opening, collections(), b"</wfs:FeatureCollection>\n", GML_FORMAT)

    async def _pages(self, windows: Sequence[Window]) -> AsyncIterator[ItemsPage]:
        for window in windows:
            async for page in self._windows.pieces(window):
                yield page

    async def _counted(self, wanted: GetFeature, principal: Principal) -> tuple[int, int]:
        """Return the commit the dataset stands at, and how many features a query means."""
        row = await fetch_pinned(self._pool, wanted.query, wanted.query.as_of, lambda q: matched_statement(q, principal))
        return int(row[0]), int(row[1])

    async def _matched(self, wanted: GetFeature, first: ItemsPage, returned: int, principal: Principal) -> int:
        """Return how many features there are, of which an answer holds the last, or none where it begins beyond them."""
        if first.matched is not None or returned or not wanted.start:
            return first.matched if first.matched is not None else wanted.start + returned
        return (await self._counted(dataclasses.replace(wanted, query=dataclasses.replace(wanted.query, as_of=first.commit)), principal))[1]

    async def _returned(self, wanted: GetFeature, first: ItemsPage, principal: Principal) -> tuple[int, bool]:
        """Return how many features the answer has, which it says before they come, and whether there are more behind them."""
        if not first.more or wanted.count <= PIECE:
            return first.count, first.more
        rest = wanted.count - first.count
        beyond = dataclasses.replace(wanted.query, boundary=first.farthest, limit=rest + 1)
        row = await fetch_pinned(self._pool, beyond, first.commit, lambda q: counted_statement(q, principal))
        return first.count + min(row[1], rest), row[1] > rest


def _shares(wanted: Sequence[GetFeature], numbers: Sequence[int]) -> list[GetFeature]:
    """Return which features of each query are in the part of all that is asked for."""
    shares, before = [], 0
    start, end = wanted[0].start, wanted[0].start + wanted[0].count
    for one, number in zip(wanted, numbers, strict=True):
        first, last = max(start - before, 0), min(end - before, number)
        shares.append(dataclasses.replace(one, start=min(first, number), count=max(0, last - first)))
        before += number
    return shares


def _numbers_alone(wanted: Sequence[GetFeature], element: str, place: Place, matched: int, commit: int) -> Response:
    """Return the answer that has no members, only their number."""
    if wanted[0].form == "geojson":
        return Response(answer.geojson_opening(wanted[0], str(matched), 0, commit, None) + b"]}", media_type=GEOJSON_FORMAT)
    slugs = [one.collection.slug for one in wanted]
    start = answer.opening(element, place.space, place.address, slugs, str(matched), 0, None)
    return Response(f"{start}</wfs:{element}>\n", media_type=GML_FORMAT)


def _value_reference(call: Call, wanted: GetFeature) -> str | None:
    if call.operation != "GetPropertyValue":
        return None
    if not call.value_reference:
        raise OwsError("MissingParameterValue", "valueReference", "parameter valueReference is missing", "缺少参数 valueReference")
    name = call.value_reference.rpartition("/")[2].rpartition(":")[2]
    if name not in {*wanted.collection.properties, GEOMETRY}:
        raise OwsError(
            "InvalidParameterValue",
            "valueReference",
            f"the feature type has no property {name[:40]!r}",
            f"该要素类型没有属性 {name[:40]!r}",
        )
    return name


def _of_one_property(wanted: GetFeature, name: str) -> FeatureQuery:
    names = () if name == GEOMETRY else (name,)
    return dataclasses.replace(wanted.query, properties=names, with_geometry=name == GEOMETRY)


def _alone(wanted: GetFeature, page: ItemsPage, space: str) -> Response:
    if not page.count:
        raise OwsError("NotFound", "id", "there is no such feature", "没有该要素", 404)
    if wanted.form == "geojson":
        return Response(page.features, media_type=GEOJSON_FORMAT)
    feature = orjson.loads(page.features)
    element = FeatureWriter(wanted.collection, wanted.srs).element(feature, answer.declarations(space))
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{element}\n', media_type=GML_FORMAT)


async def _with_first(first: ItemsPage, pages: AsyncIterator[ItemsPage]) -> AsyncIterator[ItemsPage]:
    yield first
    async for page in pages:
        yield page


def _streamed(opening: bytes, members: AsyncIterator[bytes], closing: bytes, media_type: str) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield opening
        async for piece in members:
            yield piece
        yield closing

    return TakenResponse(pieces(), media_type, {"Cache-Control": "no-cache"})
