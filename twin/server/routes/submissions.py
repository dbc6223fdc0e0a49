"""/api/submissions: files handed in, checked, looked at, and published or withdrawn. All writing needs a token."""

from __future__ import annotations

import asyncio
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from twin.errors import TooManyRequestsError
from twin.model import SubmissionState
from twin.server.access import principal_of, token_of, writer_of
from twin.server.city import City
from twin.server.orders import CheckOrder, PublishOrder
from twin.server.routes.answers import json_answer
from twin.server.routes.reviews import add_review_routes
from twin.server.uploads import store_upload
from twin.tokens import Tokens

if TYPE_CHECKING:
    from twin.server.submission_desk import SubmissionDesk

UPLOADS_AT_ONCE = 4
MAX_PAGE = 10_000
_PROBLEM_TEXTS = {
    400: "Bad request",
    401: "No token, or one not in force",
    403: "Not with this token",
    404: "No such submission",
    409: "Not in this state",
}
_FILES = {"type": "object", "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}}}
_UPLOAD = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FILES}}}}
_FORMS = "csv gives all at once; geojson those with a place, of each rule, severity and dataset out of the first 10,000, as pages do"
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


def submissions_router(city: City, tokens: Tokens) -> APIRouter:
    """Return /api/submissions and what is below it."""
    problems: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"application/problem+json": {}}} for status, text in _PROBLEM_TEXTS.items()
    }
    router = APIRouter(prefix="/api/submissions", tags=["Submissions"], responses=problems)
    door = _SubmissionsDoor(city, tokens)
    router.add_api_route("", door.receive, methods=["POST"], status_code=201, openapi_extra=_UPLOAD)
    router.add_api_route("", door.newest, methods=["GET"])
    router.add_api_route("/{submission}", door.one, methods=["GET"])
    router.add_api_route("/{submission}/check", door.check, methods=["POST"], status_code=202)
    router.add_api_route("/{submission}/findings", door.findings, methods=["GET"])
    router.add_api_route("/{submission}/changes", door.changes, methods=["GET"])
    router.add_api_route("/{submission}/publish", door.publish, methods=["POST"])
    router.add_api_route("/{submission}/withdraw", door.withdraw, methods=["POST"])
    add_review_routes(router, city, tokens)
    return router


class _SubmissionsDoor:
    def __init__(self, city: City, tokens: Tokens) -> None:
        self._city = city
        self._tokens = tokens
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)

    async def receive(self, request: Request) -> Response:
        """Store the files of a multipart/form-data body, look into them and propose what they are."""
        actor = await asyncio.to_thread(writer_of, request, self._tokens)
        if self._uploads.locked():
            raise TooManyRequestsError("too many uploads at once; try again soon", zh="同时上传过多，请稍后重试")
        async with self._uploads:
            files = await store_upload(request, self._city.store, self._city.settings.max_upload_bytes)
            made = await asyncio.to_thread(lambda: self._desk.receive(actor, files))
        return JSONResponse(made, 201, {"Location": f"/api/submissions/{made['id']}"})

    def newest(self, request: Request, state: SubmissionState | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """Submissions, newest first, without their findings."""
        return json_answer(request, self._desk.newest(principal_of(request), state, limit))

    def one(self, request: Request, submission: uuid.UUID) -> Response:
        """A submission: its files, what is proposed, what was asked, how far it is and what came of it."""
        return json_answer(request, self._desk.one(principal_of(request), submission))

    def check(self, request: Request, submission: uuid.UUID, order: CheckOrder) -> Response:
        """Have the files checked as said; the answer is the submission, whose progress and result are then to be asked for."""
        actor = writer_of(request, self._tokens)
        return JSONResponse(self._desk.check(submission, actor, order), 202)

    def findings(
        self,
        request: Request,
        submission: uuid.UUID,
        limit: Limit = 1000,
        after: Annotated[int, Query(ge=0, lt=2**63, description="`number` of the last finding had")] = 0,
        rule: Annotated[str | None, Query(max_length=60)] = None,
        f: Annotated[Literal["json", "geojson", "csv"], Query(description=_FORMS)] = "json",
    ) -> Response:
        """Findings row by row, in the order they were made."""
        principal = principal_of(request)
        if f == "csv":
            headers = {"Content-Disposition": 'attachment; filename="findings.csv"'}
            table = self._desk.finding_table(principal, submission, rule)
            return StreamingResponse(table, media_type="text/csv; charset=utf-8", headers=headers)
        if f == "geojson":
            return Response(self._desk.finding_places(principal, submission, rule), media_type="application/geo+json")
        return json_answer(request, self._desk.finding_rows(principal, submission, rule, after, limit))

    def changes(
        self,
        request: Request,
        submission: uuid.UUID,
        action: Literal["insert", "update", "delete"] | None = None,
        limit: Limit = 1000,
        after: Annotated[str, Query(pattern=r"^(0|\d{1,9}\.\d{1,19})$", description="`next` of the page had")] = "0",
    ) -> Response:
        """What publishing would change, or has changed: features before and after, as GeoJSON in CRS84; `next` is where to go on."""
        return json_answer(request, self._desk.changes(principal_of(request), submission, action, after, limit))

    def publish(self, request: Request, submission: uuid.UUID, order: Annotated[PublishOrder | None, Body()] = None) -> Response:
        """Publish what was checked, as one commit; asked again it answers the same."""
        actor = writer_of(request, self._tokens)
        return JSONResponse(self._desk.publish(submission, actor, order or PublishOrder()))

    def withdraw(self, request: Request, submission: uuid.UUID) -> Response:
        """Give a submission up, its check broken off where it waits or is made; asked again it answers the same."""
        return JSONResponse(self._desk.withdraw(submission, token_of(request, self._tokens)))

    @cached_property
    def _desk(self) -> SubmissionDesk:
        from twin.server.submission_desk import SubmissionDesk  # noqa: PLC0415 - who only looks at the city need not wait for all of ingest

        return SubmissionDesk(self._city)
