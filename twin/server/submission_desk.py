"""The desk where submissions are handed in, looked at, checked, published and withdrawn; what the doors of /api/submissions answer.

It brings the whole of `ingest` with it, so it is imported when somebody first asks for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from ingest.changes import Action, Cursor, published_changes, staged_changes
from ingest.register import Register, Submission
from ingest.reports.documents import located_findings, table_texts, whole_document
from ingest.reports.report import all_findings_of, places_in_degrees
from twin.errors import ConflictError
from twin.model import Principal, SubmissionState
from twin.server import submission_documents as documents
from twin.server.checks import require_orderable
from twin.server.city import City
from twin.server.inspection import inspect
from twin.server.orders import CheckOrder, PublishOrder
from twin.server.publishing import Publishing
from twin.server.submission_documents import Json
from twin.server.uploads import StoredFile
from twin.server.visibility import may_see, visible
from twin.tokens import Token

_ALL = 10_000_000


class SubmissionDesk:
    """Everything that can be done with the submissions of one city."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._register = Register(city.catalogue)
        self._publishing = Publishing(city)

    def receive(self, actor: str, files: tuple[StoredFile, ...]) -> Json:
        """Look into stored files, record them as a submission and return it."""
        proposals, problem = inspect(self._city, files, actor)
        records = [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]
        return self._answer(self._register.one(self._register.receive(actor, records, proposals, problem)))

    def newest(self, principal: Principal, state: SubmissionState | None, limit: int) -> list[Json]:
        """Return submissions, newest first, without their findings."""
        found = self._register.newest(state, limit)
        return [documents.submission(s, None) for s in found if may_see(self._city.catalogue, principal, s)]

    def one(self, principal: Principal, submission: uuid.UUID) -> Json:
        """Return a submission; NotFoundError when there is none that the caller may see."""
        return self._answer(self._visible(principal, submission))

    def check(self, submission: uuid.UUID, actor: str, order: CheckOrder) -> Json:
        """Order a check and return the submission that waits for it, with how many waivers that withdrew."""
        require_orderable(self._city, self._register.one(submission), order)
        withdrawn = self._register.order_check(submission, order.model_dump(), actor)
        self._publishing.wake_worker()
        return {**self._answer(self._register.one(submission)), "waivers_withdrawn": withdrawn}

    def finding_rows(self, principal: Principal, submission: uuid.UUID, rule: str | None, after: int, limit: int) -> list[Json]:
        """Return a page of findings."""
        self._visible(principal, submission)
        return documents.finding_rows(self._register.findings(submission, rule, after, limit), self._city.to_crs84)

    def finding_places(self, principal: Principal, submission: uuid.UUID, rule: str | None) -> bytes:
        """Return all findings that have a place as GeoJSON in CRS84."""
        self._visible(principal, submission)
        findings = [f for _, f in self._register.findings(submission, rule, 0, _ALL)]
        counts = self._register.finding_counts(submission)
        found = sum(c.count for name, c in counts.items() if rule in (None, name))
        also = whole_document(found, len(findings), all_findings_of(str(submission)))
        return located_findings(findings, places_in_degrees(findings, self._city.to_crs84), also)

    def finding_table(self, principal: Principal, submission: uuid.UUID, rule: str | None) -> Iterator[str]:
        """Return all findings as CSV, text after text, those too that no page and no report lists."""
        self._visible(principal, submission)
        return table_texts(self._register.all_findings(submission, rule))

    def changes(self, principal: Principal, submission: uuid.UUID, action: Action | None, after: str, limit: int) -> Json:
        """Return a page of what publishing would change, or has changed; ConflictError ``not-checked`` while neither can be said."""
        found, cursor = self._visible(principal, submission), Cursor.parse(after)
        if found.state is SubmissionState.ACCEPTED:
            page = staged_changes(self._city.catalogue, submission, action, cursor, limit)
        elif found.commit is not None:
            page = published_changes(self._city.catalogue, found.commit, action, cursor, limit)
        elif found.state is SubmissionState.PUBLISHED:
            page = []  # nothing differed, so there was no commit
        else:
            error = ConflictError(f"the submission is {found.state.value}: nothing is staged", zh="该提交没有待发布的内容")
            raise error.with_code("not-checked")
        return documents.changes(page, self._city.to_crs84, limit)

    def publish(self, submission: uuid.UUID, actor: str, order: PublishOrder) -> Json:
        """Publish what was checked and return the submission; asked again it answers the same."""
        return self._answer(self._publishing.publish(submission, actor, order))

    def withdraw(self, submission: uuid.UUID, by: Token) -> Json:
        """Give a submission up and return it; asked again it answers the same."""
        return self._answer(self._publishing.withdraw(submission, by))

    def _answer(self, submission: Submission) -> Json:
        before = self._register.before_in_line(submission.id) if submission.is_waiting else None
        return documents.submission(submission, self._register.finding_counts(submission.id), self._city.catalogue.feature_types(), before)

    def _visible(self, principal: Principal, submission: uuid.UUID) -> Submission:
        return visible(self._city.catalogue, self._register, principal, submission)
