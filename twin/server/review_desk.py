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
from twin.errors import ForbiddenError
from twin.model import Principal
from twin.server import submission_documents as documents
from twin.server.check_reports import report_of_submission
from twin.server.city import City
from twin.server.kept_reports import KeptReports
from twin.server.orders import FeatureOrder, ReportForm, WaiveOrder
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
        self._reports = KeptReports(city.settings.data_dir / "work")

    def report(self, principal: Principal, submission: uuid.UUID, form: ReportForm, language: str) -> Path:
        """Return the file of a report in one of its forms; UnavailableError where there is no font to set a sheet in."""
        found = self._visible(principal, submission)
        return self._reports.file_of(found, form, language, lambda path: self._write(found, form, language, path))

    def waivers(self, principal: Principal, submission: uuid.UUID) -> Json:
        """Return the waivers of a submission, and earlier ones that may be given again."""
        found = self._visible(principal, submission)
        return documents.waivers(self._book.all_of(submission), self._book.earlier(found))

    def waive(self, principal: Principal, submission: uuid.UUID, reviewer: str, order: WaiveOrder) -> Json:
        """Keep waivers and return the submission, which waits for the check in which they hold.

        ForbiddenError ``own-submission`` for who handed it in, unless the deployment leaves reviewing to them.
        """
        found = self._visible(principal, submission)
        if reviewer == found.actor and not self._city.settings.own_waivers:
            raise ForbiddenError(
                "whoever hands in does not waive: another reviewer has to look at it", zh="提交人不可豁免自己提交的问题，请由其他复核人复核"
            ).with_code("own-submission")
        features = order.features or [FeatureOrder()]
        wanted = [Waiver(order.rule, order.reason, reviewer, f.dataset, f.key, f.file, f.layer, f.row) for f in features]
        self._book.make(found.id, wanted)
        return self._checked_again(submission)

    def withdraw(self, principal: Principal, submission: uuid.UUID, number: int, reviewer: str) -> Json:
        """Take a waiver back and return the submission, which waits for the check without it."""
        self._book.withdraw(self._visible(principal, submission).id, number, reviewer)
        return self._checked_again(submission)

    def _checked_again(self, submission: uuid.UUID) -> Json:
        self._publishing.wake_worker()
        return documents.submission(self._register.one(submission), {})

    def _write(self, submission: Submission, form: ReportForm, language: str, path: Path) -> bool:
        """Write a report; return whether it is all that can be said, now and later."""
        report = report_of_submission(self._city, submission, rows=form in ("json", "xlsx"))
        if form == "json":
            path.write_bytes(report_document(report))
        elif form == "geojson":
            path.write_bytes(places_document(report))
        elif form == "xlsx":
            write_workbook(path, report, language)
        else:
            path.write_bytes(_sheet(report, language))
        return not report.is_unread

    def _visible(self, principal: Principal, submission: uuid.UUID) -> Submission:
        return visible(self._city.catalogue, self._register, principal, submission)


def _sheet(report: CheckReport, language: str) -> bytes:
    from ingest.reports.acceptance import acceptance_sheet  # noqa: PLC0415 - the PDF library takes a second to import
    from ingest.reports.fonts import find_font  # noqa: PLC0415

    return acceptance_sheet(report, language, find_font())
