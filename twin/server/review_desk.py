"""The desk where reports of checks are made and reviewers let findings pass; what the doors of `routes.reviews` answer."""

from __future__ import annotations

import uuid
from pathlib import Path

from ingest.register import Register, Submission
from ingest.reports.documents import places_document, report_document
from ingest.reports.report import CheckReport
from ingest.reports.workbook import write_workbook
from ingest.waiver_book import WaiverBook
from ingest.waivers import Waiver
from twin.model import Principal
from twin.server import submission_documents as documents
from twin.server.check_reports import report_of_submission
from twin.server.city import City
from twin.server.orders import FeatureOrder, WaiveOrder
from twin.server.publishing import Publishing
from twin.server.submission_documents import Json
from twin.server.visibility import visible


class ReviewDesk:
    """Reports and waivers of the submissions of one city."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._register = Register(city.catalogue)
        self._book = WaiverBook(city.catalogue)
        self._publishing = Publishing(city)

    def document(self, principal: Principal, submission: uuid.UUID) -> bytes:
        """Return the whole report as JSON."""
        return report_document(self._report(principal, submission, rows=True))

    def places(self, principal: Principal, submission: uuid.UUID) -> bytes:
        """Return the places of findings as GeoJSON in CRS84."""
        return places_document(self._report(principal, submission, rows=False))

    def sheet(self, principal: Principal, submission: uuid.UUID, language: str) -> bytes:
        """Return the acceptance sheet as PDF; UnavailableError where there is no font to set it in."""
        from ingest.reports.acceptance import acceptance_sheet  # noqa: PLC0415 - the PDF library takes a second to import
        from ingest.reports.fonts import find_font  # noqa: PLC0415

        return acceptance_sheet(self._report(principal, submission, rows=False), language, find_font())

    def write_workbook(self, principal: Principal, submission: uuid.UUID, language: str, path: Path) -> None:
        """Write the workbook of a report to ``path``."""
        write_workbook(path, self._report(principal, submission, rows=True), language)

    def waivers(self, principal: Principal, submission: uuid.UUID) -> Json:
        """Return the waivers of a submission, and earlier ones that may be given again."""
        found = self._visible(principal, submission)
        return documents.waivers(self._book.all_of(submission), self._book.earlier(found))

    def waive(self, principal: Principal, submission: uuid.UUID, reviewer: str, order: WaiveOrder) -> Json:
        """Keep waivers and return the submission, which waits for the check in which they hold."""
        features = order.features or [FeatureOrder()]
        wanted = [Waiver(order.rule, order.reason, reviewer, f.dataset, f.key, f.file, f.layer, f.row) for f in features]
        self._book.make(self._visible(principal, submission).id, wanted)
        return self._checked_again(submission)

    def withdraw(self, principal: Principal, submission: uuid.UUID, number: int, reviewer: str) -> Json:
        """Take a waiver back and return the submission, which waits for the check without it."""
        self._book.withdraw(self._visible(principal, submission).id, number, reviewer)
        return self._checked_again(submission)

    def _checked_again(self, submission: uuid.UUID) -> Json:
        self._publishing.wake_worker()
        return documents.submission(self._register.one(submission), {})

    def _report(self, principal: Principal, submission: uuid.UUID, *, rows: bool) -> CheckReport:
        return report_of_submission(self._city, self._visible(principal, submission), rows=rows)

    def _visible(self, principal: Principal, submission: uuid.UUID) -> Submission:
        return visible(self._city.catalogue, self._register, principal, submission)
