"""Items as files: every form of `ogc.formats` on ``/collections/{id}/items``, all features at once and of one snapshot."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from ogc import answers, negotiation
from ogc.export_answer import ExportAnswer
from ogc.export_job import ExportJob, ExportMeans, Task
from ogc.formats import Export, Format, Formats
from ogc.json_fg.door import JsonFgDoor
from ogc.json_fg.profile import FORM, MEDIA_TYPES, PARAMETER, asked_profile
from ogc.parameters import ItemsRequest, bad_parameter, items_request, single_values
from ogc.state import OgcContext
from ogc.time_gate import TimeGate
from twin.crs import OutputCrs
from twin.db import Connection
from twin.errors import BadRequestError, TooManyRequestsError, UnavailableError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery

EXPORT_VERSION = 1
"""Part of every entity tag: raise it when the same rows are written differently."""
AT_ONCE = 4
"""Exports that read at the same time."""
_ROOM_WITHIN_S = 3.0
_NOT_OF_FILES = ("cursor", "resulttype", PARAMETER)
"""Parameters of pages and of GeoJSON: a file has no next one."""


class ExportDoor:
    """Answers ``/items`` in the forms that are files; a bounded number is written and on its way at once."""

    def __init__(self, context: OgcContext, gate: TimeGate, means: ExportMeans) -> None:
        self._context, self._gate, self._means = context, gate, means
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="exports")
        self._room = asyncio.Semaphore(AT_ONCE)
        self._given: Counter[str] = Counter()
        self._json_fg = JsonFgDoor(context, gate, means.formats)
        self._names = (FORM, *(f.name for f in means.formats.all))
        self._media_types = dict.fromkeys(MEDIA_TYPES, FORM) | {f.media_type: f.name for f in means.formats.all}

    @property
    def formats(self) -> Formats:
        """The formats that files can have."""
        return self._means.formats

    def form(self, request: Request) -> str | None:
        """Return the name of the format that a request asks for, by ``f``, ``profile`` or Accept; None where it asks for a page."""
        asked = negotiation.form(request, self._names, self._media_types)
        self._require_own_options(request, asked)
        is_plain = asked_profile(request) == "rfc7946" or asked != "json"
        return asked if asked in self._names else None if is_plain else FORM

    def _require_own_options(self, request: Request, asked: str) -> None:
        """Raise BadRequestError ``bad-parameter`` for a parameter that only other formats have."""
        own = next((f.options for f in self.formats.all if f.name == asked), {})
        for other in self.formats.all:
            for name in other.options:
                if name in request.query_params and name not in own:
                    error = BadRequestError(
                        f"parameter {name!r} goes only with f={other.name}", zh=f"参数 {name!r} 只能与 f={other.name} 同用"
                    )
                    raise error.with_code("bad-parameter")

    async def items(self, request: Request, collection: Collection, name: str) -> Response:
        """The features of a collection that a query means: a page of JSON-FG, or all of them as one file."""
        negotiation.language(request)  # of no use to a file, and yet refused where it is none
        if name == FORM:
            page = items_request(request.query_params.multi_items(), collection)
            return await self._json_fg.items(request, collection, page)
        chosen = self._means.formats.of(name, collection)
        principal = self._context.principal_of(request)
        asked, limit, options = _parsed(request, chosen, collection)
        at = await self._gate.asked(request, asked.as_of, collection, principal)
        known = collection.revision.commit if at is None else min(at, collection.revision.commit)
        tag = self._tag(request, collection, principal, known)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, await self._gate.headers(request, collection, known))
        if request.method == "HEAD":
            recorded = await self._gate.headers(request, collection, known)
            return Response(media_type=chosen.media_type, headers=_headers(asked.query, None, chosen, tag) | recorded)

        def export(connection: Connection, scratch: Path) -> Export:
            return Export(connection, asked.query, principal, scratch, "crs" in request.query_params, limit, options)

        async with AsyncExitStack() as holding:
            await holding.enter_async_context(self._on_its_way(request))
            job = await holding.enter_async_context(self._written(request, Task(chosen, export, at)))
            tag = self._tag(request, collection, principal, job.commit)
            headers = _headers(asked.query, job, chosen, tag) | await self._gate.headers(request, collection, job.commit)
            packed = chosen.is_text and negotiation.takes_gzip(request)
            if packed:
                headers["Content-Encoding"] = "gzip"
            elif not chosen.grows:
                headers["Content-Length"] = str(job.path.stat().st_size)
            return ExportAnswer(job, chosen.media_type, headers, holding.pop_all(), packed=packed)

    async def item(self, request: Request, collection: Collection, name: str) -> Response:
        """One feature as JSON-FG; BadRequestError ``bad-format`` for files, which are of many."""
        if name != FORM:
            error = BadRequestError(f"one feature is not written as {name}; ask for items", zh=f"单个要素不以 {name} 输出，请用 items")
            raise error.with_code("bad-format")
        return await self._json_fg.item(request, collection)

    @asynccontextmanager
    async def _on_its_way(self, request: Request) -> AsyncIterator[None]:
        address = request.client.host if request.client else ""
        if self._given.total() >= self._means.most_given or self._given[address] >= self._means.most_of_an_address:
            raise _too_many()
        self._given[address] += 1
        try:
            yield
        finally:
            self._given -= Counter({address: 1})  # and who has none is no longer counted

    @asynccontextmanager
    async def _written(self, request: Request, task: Task) -> AsyncIterator[ExportJob]:
        """Begin a job and yield it when there is something to send; end it with the block, or when the caller has gone."""
        job = await self._begun(task)
        try:
            while not await job.readable():
                if await request.is_disconnected():
                    raise UnavailableError("nobody waits for this export any more", zh="该导出已无人等待")
            yield job
        finally:
            await asyncio.shield(asyncio.to_thread(job.abandon))

    async def run(self, task: Task) -> None:
        """Do a task to its end, which somebody may or may not wait for; TooManyRequestsError when there is no room for it."""
        job = await self._begun(task)
        try:
            while not await job.readable():
                pass
        finally:
            await asyncio.shield(asyncio.to_thread(job.abandon))

    async def _begun(self, task: Task) -> ExportJob:
        """Begin a job as soon as there is room for it, within a bounded time."""
        try:
            await asyncio.wait_for(self._room.acquire(), _ROOM_WITHIN_S)
        except TimeoutError:
            raise _too_many() from None
        try:
            job = ExportJob(task, self._means.pool, self._means.store.scratch)
        except BaseException:
            self._room.release()
            raise
        job.begin(self._threads).add_done_callback(lambda _: self._room.release())
        return job

    def _tag(self, request: Request, collection: Collection, principal: Principal, commit: int) -> str:
        kind = collection.feature_type
        return answers.etag(request, EXPORT_VERSION, collection.dataset.id, commit, kind.name, kind.version, sorted(principal.classes))


def grid_of(collection: Collection) -> OutputCrs:
    """Return the storage CRS with heights, as it is offered."""
    return next(crs for crs in collection.crs if crs.srid == collection.storage_srid)


def _too_many() -> TooManyRequestsError:
    return TooManyRequestsError("too many exports are being written; try again soon", zh="正在导出的任务过多，请稍后再试")


def _parsed(request: Request, chosen: Format, collection: Collection) -> tuple[ItemsRequest, int | None, dict[str, str]]:
    """Return what is asked for, how many features at most (None: all), and the parameters of the format itself."""
    pairs = request.query_params.multi_items()
    options = single_values([pair for pair in pairs if pair[0] in chosen.options], chosen.options)
    for name, value in options.items():
        if value not in chosen.options[name]:
            raise bad_parameter(name)
    if any(name in _NOT_OF_FILES for name, _ in pairs):
        raise bad_parameter(next(name for name, _ in pairs if name in _NOT_OF_FILES))
    asked = items_request([pair for pair in pairs if pair[0] not in options], collection)
    if chosen.prefers_grid and "crs" not in request.query_params:
        asked = replace(asked, query=replace(asked.query, crs=grid_of(collection)))
    limit = request.query_params.get("limit")  # read by items_request, which knows pages only, and so is a number
    return asked, None if limit is None else int(limit), options


def _headers(query: FeatureQuery, job: ExportJob | None, chosen: Format, tag: str) -> dict[str, str]:
    collection = query.collection
    commit = collection.revision.commit if job is None else job.commit
    return answers.caching(tag) | {
        "Content-Crs": f"<{query.crs.uri}>",
        "Content-Disposition": f'attachment; filename="{collection.slug}-{commit}.{chosen.suffix}"',
    }
