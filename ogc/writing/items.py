"""Single features written: POST, PUT, PATCH and DELETE of items, and OPTIONS (OGC API - Features - Part 4, 20-002)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.item_document import item_address, item_content, item_links, item_tag
from ogc.parameters import single_values
from ogc.state import OgcContext, StateKeeper
from ogc.writing import bodies, preconditions
from ogc.writing.preferences import Preferences, preferences, reason_of
from ogc.writing.received import Receiver
from ogc.writing.standing import read_item, standing, with_heights
from ogc.writing.writer import FeatureWriter, WriteAction, WriteRefusedError, Written, WrittenState
from twin.crs import OutputCrs
from twin.errors import MethodNotAllowedError, UnauthorizedError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.findings import COLLECTION_ID
from twin.query.records import CATALOGUE

READING = ("GET", "HEAD", "OPTIONS")
_OF_ITEMS = ("POST",)
_OF_ITEM = ("PUT", "PATCH", "DELETE")
_ACCEPTED: Mapping[str, Mapping[str, str]] = {
    "POST": {"Accept-Post": ", ".join(bodies.FEATURE_TYPES)},
    "PUT": {"Accept-Patch": ", ".join(bodies.PATCH_TYPES)},
}
MOST_FAULTS = 1000
"""What is wrong with a body is listed up to so much: who has more to mend asks again."""
_EVERY = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class WritingDoor:
    """What may be done to items beside reading them; without a writer nothing, and it says so."""

    def __init__(self, context: OgcContext, keeper: StateKeeper) -> None:
        self._context = context
        self._keeper = keeper

    def routes(self) -> list[Route]:
        """Return the routes of all methods but GET and HEAD, which are other doors'."""
        items = "/collections/{collection}/items"
        return [Route(items, self.items, methods=_EVERY), Route(f"{items}/{{item}}", self.item, methods=_EVERY)]

    async def items(self, request: Request) -> Response:
        """Create features, or say what may be done."""
        if request.method == "OPTIONS":
            return await self._offered(request, _OF_ITEMS)
        collection, principal, writer, actor = await self._begin(request, _OF_ITEMS)
        body = await bodies.json_body(request, bodies.FEATURE_TYPES)
        given, is_one, reason = bodies.features_of(body), body["type"] == "Feature", reason_of(request)
        with refusals([""] if is_one else [f"/features/{n}" for n in range(len(given))], preferences(request)):
            features, stated = await Receiver(self._context.pool, request, principal).received(collection, body, given)
            crs = stated or bodies.content_crs(request, collection)
            require_receivable([(collection, feature, {}) for feature in features])
            actions = [WriteAction(collection, "insert", crs, feature=receivable(collection, feature)) for feature in features]
            written = await self._keeper.written(lambda: writer.write(actions, actor, reason))
        if not is_one:
            return _created_list(request, collection, written)
        return await self._created(request, collection, principal, crs, written)

    async def item(self, request: Request) -> Response:
        """Replace, change or delete a feature, or say what may be done."""
        if request.method == "OPTIONS":
            return await self._offered(request, _OF_ITEM)
        collection, principal, writer, actor = await self._begin(request, _OF_ITEM)
        fid = collection.fid(request.path_params["item"])
        is_patch = request.method == "PATCH"
        media_types = bodies.PATCH_TYPES if is_patch else bodies.FEATURE_TYPES
        body = None if request.method == "DELETE" else await bodies.json_body(request, media_types)
        crs, reason = bodies.content_crs(request, collection), reason_of(request)
        if body is not None:
            receiver = Receiver(self._context.pool, request, principal)
            with refusals([""], preferences(request)):
                (body,), stated = await receiver.received(collection, body, [body], fid=fid, is_patch=is_patch)
                crs = stated or crs
        found, since = await standing(self._context.pool, collection, principal, crs, fid)
        preconditions.require_state(request, fid, since)
        with refusals([""], preferences(request)):
            if body is None:
                action = WriteAction(collection, "delete", crs, fid, since)
            else:
                action = replacing(collection, crs, fid, since, found, body, is_patch=is_patch)
                action = await with_heights(self._context.pool, principal, action, found)
            written = await self._keeper.written(lambda: writer.write([action], actor, reason))
        if body is None:
            return Response(status_code=204)
        return await self._changed(request, collection, principal, crs, written)

    async def _begin(self, request: Request, methods: Sequence[str]) -> tuple[Collection, Principal, FeatureWriter, str]:
        """Return what is written to, who asks, who publishes and in whose name; MethodNotAllowedError before UnauthorizedError."""
        principal = self._context.principal_of(request)
        collection = await self._collection(request, principal)
        writer = self._context.writer
        if collection is None or writer is None or not is_writable(collection):
            raise MethodNotAllowedError(READING)
        if request.method not in methods:
            raise MethodNotAllowedError((*READING, *methods))
        require_parameters(request)
        return collection, principal, writer, await self._keeper.in_thread(lambda: writer.actor_of(request))

    async def _offered(self, request: Request, methods: Sequence[str]) -> Response:
        """Answer OPTIONS: what this caller may do with this collection, whether or not the item is there."""
        require_parameters(request)
        collection = await self._collection(request, self._context.principal_of(request))
        may = collection is not None and is_writable(collection) and await self._is_writer(request)
        headers = {"Allow": ", ".join((*READING, *(methods if may else ()))), "Vary": "Authorization"}
        if may:
            headers |= _ACCEPTED[methods[0]]
        return Response(status_code=200, headers=headers)

    async def _collection(self, request: Request, principal: Principal) -> Collection | None:
        """Return the collection of the path, None for those of findings and records, which are nobody's to write."""
        if request.path_params["collection"] in {COLLECTION_ID, CATALOGUE}:
            return None
        return await self._keeper.collection(request.path_params["collection"], principal)

    async def _is_writer(self, request: Request) -> bool:
        writer = self._context.writer
        if writer is None or "authorization" not in request.headers:
            return False
        try:
            await self._keeper.in_thread(lambda: writer.actor_of(request))
        except UnauthorizedError:
            return False
        return True

    async def _created(self, request: Request, collection: Collection, principal: Principal, crs: OutputCrs, written: Written) -> Response:
        state = written.states[0]
        if preferences(request).representation:
            made = await self._representation(request, collection, principal, crs, state)
            made.status_code = 201
        else:
            made = Response(status_code=201, headers={"ETag": item_tag(request, collection, state.fid, state.since)})
        return _located(made, item_address(request, collection, state.fid))

    async def _changed(self, request: Request, collection: Collection, principal: Principal, crs: OutputCrs, written: Written) -> Response:
        state = written.states[0]
        if not preferences(request).representation:
            pairs = request.query_params.multi_items()
            return Response(status_code=204, headers={"ETag": item_tag(request, collection, state.fid, state.since, pairs)})
        return await self._representation(request, collection, principal, crs, state)

    async def _representation(
        self, request: Request, collection: Collection, principal: Principal, crs: OutputCrs, state: WrittenState
    ) -> Response:
        """Return the feature in the state it was written in, although somebody may have changed it since.

        It is what GET at Content-Location gives, under the same entity tag (RFC 9110, 8.7 and 8.8.3).
        """
        found = await read_item(self._context.pool, collection, principal, crs, state.fid, state.since)
        pairs, language = request.query_params.multi_items(), negotiation.language(request)
        if crs != collection.crs[0]:
            pairs.append(("crs", crs.uri))
        made = item_links(request, collection, state.fid, pairs, "json", language, json_fg=self._context.exports is not None)
        headers = {"Content-Crs": f"<{crs.uri}>", "Preference-Applied": "return=representation"}
        headers["Content-Location"] = links.with_parameters(item_address(request, collection, state.fid), pairs)
        tag = item_tag(request, collection, state.fid, state.since, pairs)
        return await answers.answer(request, item_content(found.feature or b'{"type":"Feature"}', made), answers.GEOJSON, tag, headers)


@contextmanager
def refusals(prefixes: Sequence[str], preferred: Preferences) -> Iterator[None]:
    """Have refusals within the block say where in the body each fault is, ``prefixes`` leading to the features of the actions."""
    try:
        yield
    except WriteRefusedError as error:
        error.headers = preferred.on_refusal
        raise error.pointing(prefixes) from None


def require_parameters(request: Request) -> None:
    """Raise BadRequestError for a query parameter that writing has not: it has ``lang`` alone."""
    single_values(request.query_params.multi_items(), {"lang"})
    negotiation.language(request)


def is_writable(collection: Collection) -> bool:
    """Return whether features of a collection are written one by one; those of a coverage come with its rasters."""
    return not collection.is_coverage


def replacing(
    collection: Collection, crs: OutputCrs, fid: int, since: int, found: Mapping[str, Any], body: bodies.Json, *, is_patch: bool
) -> WriteAction:
    """Return the action that makes of a feature that stands what a PUT or PATCH brings; raises WriteRefusedError for what it cannot be."""
    bodies.require_own_id(body, collection, fid)
    feature = bodies.require_feature(bodies.merged(found, body) if is_patch else body)
    require_receivable([(collection, feature, found.get("properties") or {})])
    return WriteAction(collection, "update" if is_patch else "replace", crs, fid, since, receivable(collection, feature))


def require_receivable(given: Sequence[tuple[Collection, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Raise WriteRefusedError when a feature holds what its collection's schema has no place for; with each the properties it had."""
    every = (
        fault
        for number, (collection, feature, before) in enumerate(given)
        for fault in bodies.property_faults(collection.feature_type, feature, number, before)
    )
    if faults := list(islice(every, MOST_FAULTS)):
        raise WriteRefusedError(faults)


def receivable(collection: Collection, feature: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a feature is written: its geometry, and its properties without the computed ones."""
    return {"geometry": feature.get("geometry"), "properties": bodies.writable(collection.feature_type, feature)}


def _created_list(request: Request, collection: Collection, written: Written) -> Response:
    addresses = [item_address(request, collection, state.fid) for state in written.states]
    document = {
        "commit": written.commit,
        "ids": [f"{collection.oid_prefix}{state.fid}" for state in written.states],
        "links": [links.link(address, "item", answers.GEOJSON, address.rsplit("/", 1)[1]) for address in addresses],
    }
    made = Response(orjson.dumps(document), 201, media_type=answers.JSON)
    return _located(made, addresses[0]) if len(addresses) == 1 else made


def _located(made: Response, address: str) -> Response:
    """Say where what was made is found. Names of headers have no case, but QGIS knows this one by its capital only."""
    made.raw_headers.append((_AsWritten(b"Location"), address.encode("latin-1")))
    return made


class _AsWritten(bytes):
    """The name of a header that keeps its capitals: Starlette and uvicorn make names lower case."""

    def lower(self) -> bytes:
        return self
