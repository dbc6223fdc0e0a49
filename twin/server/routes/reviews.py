"""/api/submissions/{id}/report.… and …/waivers: what a check found, to be taken along, and what a reviewer lets pass of it."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from twin.server.access import principal_of, reviewer_of
from twin.server.city import City
from twin.server.orders import ReportForm, WaiveOrder
from twin.server.routes.answers import json_answer
from twin.server.routes.numbers import know_numbers
from twin.tokens import Tokens

if TYPE_CHECKING:
    from twin.server.review_desk import ReviewDesk

_MEDIA_TYPES = {
    "json": "application/json",
    "geojson": "application/geo+json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
Language = Annotated[Literal["zh", "en"], Query()]


def add_review_routes(router: APIRouter, city: City, tokens: Tokens) -> None:
    """Add the routes to the router of submissions."""
    know_numbers()
    door = _ReviewDoor(city, tokens)
    router.add_api_route("/{submission}/report.{form}", door.report, methods=["GET"])
    router.add_api_route("/{submission}/waivers", door.waivers, methods=["GET"])
    router.add_api_route("/{submission}/waivers", door.waive, methods=["POST"], status_code=202)
    router.add_api_route("/{submission}/waivers/{number:number}", door.withdraw, methods=["DELETE"], status_code=202)


class _ReviewDoor:
    def __init__(self, city: City, tokens: Tokens) -> None:
        self._city = city
        self._tokens = tokens

    def report(self, request: Request, submission: uuid.UUID, form: ReportForm, lang: Language = "zh") -> Response:
        """The report of the last check: all of it (json), places (geojson), a sheet per rule (xlsx), the acceptance sheet (pdf)."""
        principal = principal_of(request)
        headers = {"Content-Disposition": f'attachment; filename="check-{str(submission)[:8]}.{form}"', "Cache-Control": "no-cache"}
        path = self._desk.report(principal, submission, form, lang)
        return FileResponse(path, media_type=_MEDIA_TYPES[form], headers=headers)

    def waivers(self, request: Request, submission: uuid.UUID) -> Response:
        """Waivers of a submission, and earlier ones for the same features and rules, which may be given again."""
        return json_answer(request, self._desk.waivers(principal_of(request), submission))

    def waive(self, request: Request, submission: uuid.UUID, order: WaiveOrder) -> Response:
        """Let findings pass, for a reason, and have the files checked again; the answer is the submission on its way."""
        reviewer = reviewer_of(request, self._tokens)
        return JSONResponse(self._desk.waive(principal_of(request), submission, reviewer, order), 202)

    def withdraw(self, request: Request, submission: uuid.UUID, number: int) -> Response:
        """Take a waiver back and have the files checked again."""
        reviewer = reviewer_of(request, self._tokens)
        return JSONResponse(self._desk.withdraw(principal_of(request), submission, number, reviewer), 202)

    @cached_property
    def _desk(self) -> ReviewDesk:
        from twin.server.review_desk import ReviewDesk  # noqa: PLC0415 - who only looks at the city need not wait for all of ingest

        return ReviewDesk(self._city)
