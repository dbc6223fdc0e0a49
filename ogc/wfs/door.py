"""The route of WFS 2.0.0: operations by parameters (GET, and POST of a form) and by XML (POST)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.forms import form_fields, is_form
from ogc.ows import XML, OwsError, exception_report, keyed_values, required
from ogc.state import DoorState, OgcContext, StateKeeper
from ogc.taken import TakenResponse
from ogc.wfs import answer
from ogc.wfs.capabilities import OPERATIONS, capabilities
from ogc.wfs.gml import FeatureWriter
from ogc.wfs.names import GEOMETRY, namespace, type_named
from ogc.wfs.request import GEOJSON_FORMAT, GML_FORMAT, Asked, GetFeature, asked_by_parameters, asked_by_xml, get_feature
from ogc.wfs.schema import application_schema
from ogc.wfs.stored_queries import stored_query_descriptions, stored_query_list
from ogc.wfs.xml_body import children, local_name, parse_xml, text_of
from ogc.windows import PIECE, Window, Windows
from twin.errors import TwinError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.items import ItemsPage, matched_statement
from twin.query.skipping import counted_statement

VERSION = "2.0.0"
PARAMETERS = frozenset(
    {
        "service", "version", "request", "acceptversions", "acceptformats", "sections", "updatesequence", "namespaces", "namespace",
        "typenames", "typename", "srsname", "propertyname", "filter", "filter_language", "bbox", "resourceid", "sortby", "startindex",
        "count", "maxfeatures", "resulttype", "outputformat", "storedquery_id", "id", "valuereference", "resolve", "resolvedepth",
        "resolvetimeout", "aliases", "handle", "lang", "language", "as-of",
    }
)  # fmt: skip
"""What a request may have: those of the standard, those that its clients add (QGIS writes TYPENAME beside TYPENAMES), and ``as-of`` of our
own, by which all pages of a walk are of one commit."""


@dataclass(frozen=True, slots=True)
class _Call:
    """An operation that is asked for, in whatever encoding."""

    operation: str
    asked: Asked | None
    types: tuple[str, ...]
    value_reference: str | None
    pairs: list[tuple[str, str]] | None
    """The parameters, for the link to the next page; None for XML."""


class WfsDoor:
    """Answers at ``/wfs``; what goes wrong is an exception report."""

    def __init__(self, context: OgcContext, keeper: StateKeeper) -> None:
        self._context = context
        self._keeper = keeper
        self._windows = Windows(context.dear)

    def routes(self) -> list[Route]:
        """Return the routes of this door."""
        return [Route("/wfs", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        """An operation by its parameters, as XML, or as a form."""
        try:
            call = await _call_of(request)
            return await self._answer(request, call)
        except OwsError as error:
            return exception_report(error, negotiation.spoken_language(request), VERSION)
        except TwinError as error:
            code = "OperationProcessingFailed" if error.status >= 500 else "InvalidParameterValue"
            known = OwsError(code, _locator(error), error.text.en, error.text.zh, error.status)
            return exception_report(known, negotiation.spoken_language(request), VERSION)

    async def _answer(self, request: Request, call: _Call) -> Response:
        principal = self._context.principal_of(request)
        state = await self._keeper.state()
        visible, language = state.visible(principal), negotiation.language(request)
        space, address = namespace(state.deployment), f"{links.base_url(request)}/wfs"
        match call.operation:
            case "GetCapabilities":
                return await _xml(request, capabilities(state.deployment, visible, address, language))
            case "DescribeFeatureType":
                chosen = [type_named(name, visible) for name in call.types] or list(visible.values())
                return await _xml(request, application_schema(chosen, space, language), GML_FORMAT)
            case "ListStoredQueries":
                return await _xml(request, stored_query_list(visible, space))
            case "DescribeStoredQueries":
                return await _xml(request, stored_query_descriptions(space))
            case _:
                wanted = await self._wanted(call, await self._fresh(visible, call, principal))
                return await self._features(request, state, principal, wanted, call)

    async def _wanted(self, call: _Call, visible: Mapping[str, Collection]) -> GetFeature:
        # A filter may be of thousands of elements: beside the event loop, so that nobody else waits for it.
        wanted = await asyncio.to_thread(get_feature, call.asked or Asked(), visible)
        moment = wanted.as_of
        if moment is None:
            return wanted
        at = await self._keeper.in_thread(lambda: self._context.catalogue.commit_as_of(moment))
        return dataclasses.replace(wanted, query=dataclasses.replace(wanted.query, as_of=at))

    async def _fresh(self, visible: Mapping[str, Collection], call: _Call, principal: Principal) -> Mapping[str, Collection]:
        """Return the collections, looked for anew when one is named that may just have been published."""
        names = call.asked.types if call.asked else None
        if names is None or names.rpartition(":")[2] in visible:
            return visible
        return (await self._keeper.state(max_age_s=0)).visible(principal)

    async def _features(self, request: Request, state: DoorState, principal: Principal, wanted: GetFeature, call: _Call) -> Response:
        space, address = namespace(state.deployment), f"{links.base_url(request)}/wfs"
        value = _value_reference(call, wanted)
        if value is not None:
            wanted = dataclasses.replace(wanted, query=_of_one_property(wanted, value), form="gml")
        if wanted.hits or wanted.count == 0:
            at = wanted.query.as_of
            commit, matched = await fetch_pinned(self._context.dear, wanted.query, at, lambda q: matched_statement(q, principal))
            commit = commit if at is None else min(at, commit)
            return _whole(wanted, "ValueCollection" if value else "FeatureCollection", space, address, matched, commit)
        pages = self._windows.pieces(Window(wanted.query, principal, wanted.start, wanted.count))
        first = await anext(pages)
        if wanted.alone:
            return _alone(wanted, first, space)
        returned, more = await self._returned(wanted, first, principal)
        matched = await self._matched(wanted, first, returned, principal) if not more else first.matched
        said = "unknown" if matched is None else str(matched)
        streamed = _with_first(first, pages)
        onward = _next_address(address, call, wanted, first.commit) if more else None
        if wanted.form == "geojson":
            opening = answer.geojson_opening(wanted, said, returned, first.commit, onward)
            return _streamed(opening, answer.geojson_members(streamed), b"]}", GEOJSON_FORMAT)
        element = "ValueCollection" if value else "FeatureCollection"
        following = f" next={quoteattr(onward)}" if onward else ""
        opening = answer.opening(element, space, address, wanted.collection.slug, said, returned, following).encode()
        return _streamed(opening, answer.gml_members(wanted, streamed, value), f"</wfs:{element}>\n".encode(), GML_FORMAT)

    async def _matched(self, wanted: GetFeature, first: ItemsPage, returned: int, principal: Principal) -> int:
        """Return how many features there are, of which an answer holds the last, or none where it begins beyond them."""
        if first.matched is not None or returned or not wanted.start:
            return first.matched if first.matched is not None else wanted.start + returned
        row = await fetch_pinned(self._context.dear, wanted.query, first.commit, lambda q: matched_statement(q, principal))
        return int(row[1])

    async def _returned(self, wanted: GetFeature, first: ItemsPage, principal: Principal) -> tuple[int, bool]:
        """Return how many features the answer has, which it says before they come, and whether there are more behind them."""
        if not first.more or wanted.count <= PIECE:
            return first.count, first.more
        rest = wanted.count - first.count
        beyond = dataclasses.replace(wanted.query, boundary=first.farthest, limit=rest + 1)
        row = await fetch_pinned(self._context.dear, beyond, first.commit, lambda q: counted_statement(q, principal))
        return first.count + min(row[1], rest), row[1] > rest


def _whole(wanted: GetFeature, element: str, space: str, address: str, matched: int, commit: int) -> Response:
    """Return the answer that has no members, only their number."""
    if wanted.form == "geojson":
        return Response(answer.geojson_opening(wanted, str(matched), 0, commit, None) + b"]}", media_type=GEOJSON_FORMAT)
    start = answer.opening(element, space, address, wanted.collection.slug, str(matched), 0, "")
    return Response(f"{start}</wfs:{element}>\n", media_type=GML_FORMAT)


async def _call_of(request: Request) -> _Call:
    """Return what a request asks for; XML, which may be large, is read beside the event loop."""
    pairs = request.query_params.multi_items()
    if request.method != "POST":
        return await asyncio.to_thread(_call_of_parameters, pairs)
    if is_form(request):
        return await asyncio.to_thread(_call_of_parameters, pairs + await form_fields(request))
    return await asyncio.to_thread(_call_of_xml, await request.body())


def _call_of_parameters(pairs: list[tuple[str, str]]) -> _Call:
    given = keyed_values(pairs, PARAMETERS)
    operation = required(given, "request")
    _require_version(given.get("service", "WFS"), given.get("version"), given.get("acceptversions"), operation)
    names = tuple(name for name in given.get("typenames", given.get("typename", "")).split(",") if name)
    asked = asked_by_parameters(given) if operation in {"GetFeature", "GetPropertyValue"} else None
    return _Call(_known(operation), asked, names, given.get("valuereference"), pairs)


def _call_of_xml(body: bytes) -> _Call:
    root = parse_xml(body, "request")
    operation = _known(local_name(root))
    accepted = [text_of(p).strip() for p in root.iter() if isinstance(p.tag, str) and local_name(p) == "Version"]
    _require_version(root.get("service") or "WFS", root.get("version"), ",".join(accepted) or None, operation)
    names = tuple(text_of(part).strip() for part in children(root) if local_name(part) == "TypeName")
    asked = asked_by_xml(root) if operation in {"GetFeature", "GetPropertyValue"} else None
    return _Call(operation, asked, names, root.get("valueReference"), None)


def _known(operation: str) -> str:
    if operation not in OPERATIONS:
        raise OwsError(
            "OperationNotSupported", "request", f"there is no operation {operation[:40]!r} here", f"此处没有操作 {operation[:40]!r}"
        )
    return operation


def _require_version(service: str, version: str | None, accepted: str | None, operation: str) -> None:
    if service.upper() != "WFS":
        raise OwsError("InvalidParameterValue", "service", "the service is WFS", "服务为 WFS")
    if operation == "GetCapabilities":
        if accepted and VERSION not in {part.strip() for part in accepted.split(",")}:
            raise OwsError("VersionNegotiationFailed", "AcceptVersions", f"the version is {VERSION}", f"版本为 {VERSION}")
    elif version is not None and not version.startswith("2.0"):
        raise OwsError("InvalidParameterValue", "version", f"the version is {VERSION}", f"版本为 {VERSION}")


def _value_reference(call: _Call, wanted: GetFeature) -> str | None:
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


def _next_address(address: str, call: _Call, wanted: GetFeature, commit: int) -> str | None:
    """Return where the next page is, of the same commit in whichever process it is asked for; None after XML, which no address holds."""
    if call.pairs is None:
        return None
    kept = [(name, value) for name, value in call.pairs if name.lower() not in {"startindex", "count", "maxfeatures", "as-of"}]
    window = [("startIndex", str(wanted.start + wanted.count)), ("count", str(wanted.count)), ("as-of", str(commit))]
    return links.with_parameters(address, [*kept, *window])


def _locator(error: TwinError) -> str:
    return {
        "bad-bbox": "bbox",
        "bad-as-of": "as-of",
        "bad-filter": "filter",
        "filter-too-complex": "filter",
        "unknown-property": "filter",
    }.get(error.code, "")


async def _xml(request: Request, content: bytes, media_type: str = XML) -> Response:
    return await answers.answer(request, content, media_type)
