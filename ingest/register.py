"""The register of submissions handed in over HTTP: their files and proposals, the check asked for, how far it is and what came of it.

The truth of a check that has been asked for is a flag in the database, not a job in a queue: whoever is free and gets the claim makes
it, and what a killed worker left is made again (DESIGN 15).
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ingest import kept_parts, staging
from ingest.further_findings import of_given_up, unpacked
from ingest.load import forget_unpublished
from ingest.rule_counts import RuleCount, rule_counts
from twin.catalogue import Catalogue
from twin.db import Connection, load_queries, translated
from twin.errors import ConflictError, NotFoundError, Text, TwinError
from twin.model import Finding, Severity, SubmissionState

Document = Mapping[str, Any]
"""A JSON document that is stored and answered as it is."""
MAX_ATTEMPTS = 3
"""How often a check is begun before it is given up: its worker was killed, or the database was, each time."""
WAITING = Text(zh="排队等待检查", en="waiting in line to be checked")
_FINDINGS_AT_ONCE = 5_000
_LEAVES_WITHIN_S, _LOOKS_AGAIN_S = 2.0, 0.02
_SAYS_NOTHING_OF_ROWS = frozenset({"reason", "name", "allow_deletes"})
"""What may change between two checks without a row being read or judged differently."""
_QUERIES = load_queries("ingest", "register.sql")


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as the register holds it."""

    id: uuid.UUID
    state: SubmissionState
    actor: str
    received_at: dt.datetime
    changed_at: dt.datetime
    files: tuple[Document, ...]
    """name, size, sha256 of each; without sha256 while a load of the command line reads them, or where it ended before that was known."""
    stored: bool
    proposals: tuple[Document, ...]
    options: Document
    """How it was asked for on the command line; empty for one of HTTP."""
    request: Document | None
    check_wanted: bool
    """A check has been asked for and has not ended; until then the state is received."""
    attempt: int
    progress: Document | None
    result: Document | None
    problem: Document | None
    commit: int | None

    @property
    def is_waiting(self) -> bool:
        """A check has been asked for that nobody has begun."""
        return self.check_wanted and self.attempt == 0

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets it is for, in the order of its parts."""
        asked = [part["dataset"] for part in (self.request or {}).get("parts", ())]
        return tuple(dict.fromkeys(asked or self.options.get("datasets", ())))

    @property
    def feature_types(self) -> tuple[str, ...]:
        """The FeatureTypes of its datasets, in the same order; empty for one of the command line."""
        by_dataset = {part["dataset"]: part["feature_type"] for part in (self.request or {}).get("parts", ())}
        return tuple(by_dataset[slug] for slug in self.datasets) if by_dataset else ()


class Register:
    """Reads and writes the register; every method is a transaction of its own."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._pool = catalogue.pool

    # -- reading -----------------------------------------------------------------------------------------------------

    def one(self, submission: uuid.UUID) -> Submission:
        """Return a submission; NotFoundError when there is none."""
        rows = self._rows("one", id=submission)
        if not rows:
            raise NotFoundError(f"there is no submission {submission}", zh=f"没有提交 {submission}")
        return _submission(rows[0])

    def newest(self, state: SubmissionState | None, limit: int) -> tuple[Submission, ...]:
        """Return the submissions received last, newest first."""
        return tuple(_submission(row) for row in self._rows("newest", state=state and state.value, limit=limit))

    def findings(self, submission: uuid.UUID, rule: str | None, after: int, limit: int) -> tuple[tuple[int, Finding], ...]:
        """Return (number, finding) of at most ``limit`` findings (of one rule) numbered above ``after``."""
        rows = self._rows("findings", id=submission, rule=rule, after=after, limit=limit)
        return tuple((int(r["number"]), _finding(r)) for r in rows)

    def all_findings(self, submission: uuid.UUID, rule: str | None) -> Iterator[Finding]:
        """Yield all findings (of one rule) of one check, some thousands of them in memory at a time: those with numbers, then the others.

        ConflictError ``findings-changed`` amid them where the submission is checked again, published or withdrawn meanwhile: no
        transaction is held open for who reads slowly.
        """
        before = self.one(submission)
        after, part, number = 0, -1, 0
        while page := self.findings(submission, rule, after, _FINDINGS_AT_ONCE):
            self._require_unchanged(before)
            yield from (finding for _, finding in page)
            after = page[-1][0]
        while packs := self._rows("further_findings", id=submission, rule=rule, part=part, number=number):
            self._require_unchanged(before)
            for pack in packs:
                yield from unpacked(pack["content"])
            part, number = packs[-1]["part"], packs[-1]["number"]
        self._require_unchanged(before)

    def finding_counts(self, submission: uuid.UUID) -> Mapping[str, RuleCount]:
        """Return rule → how many findings, and of which severities."""
        rows = self._rows("finding_counts", id=submission)
        return rule_counts((str(r["rule"]), Severity(r["severity"]), int(r["count"]), int(r["waived"]), int(r["kept"])) for r in rows)

    def wanted(self) -> tuple[uuid.UUID, ...]:
        """Return the submissions whose check has been asked for and has not ended, and that nobody is at work on."""
        found = [row["id"] for row in self._rows("wanted")]
        with translated(), self._pool.connection() as connection:
            return tuple(submission for submission in found if not staging.is_claimed(connection, submission))

    def before_in_line(self, submission: uuid.UUID) -> int:
        """Return how many checks are made before that of a waiting submission, those that are being made among them."""
        return int(self._rows("before_in_line", id=submission)[0]["before"])

    def broken_off(self) -> tuple[uuid.UUID, ...]:
        """Return the submissions that were withdrawn while they were checked and that nobody has cleared: a worker was killed."""
        return tuple(row["id"] for row in self._rows("broken_off"))

    def resting(self, days: int) -> tuple[uuid.UUID, ...]:
        """Return the submissions that were accepted more than ``days`` ago and neither published nor withdrawn."""
        return tuple(row["id"] for row in self._rows("resting", days=days))

    def long_over(self, days: int) -> tuple[uuid.UUID, ...]:
        """Return the submissions that ended unpublished more than ``days`` ago and still keep findings that are not kept row by row."""
        return tuple(row["id"] for row in self._rows("long_over", days=days))

    # -- writing -----------------------------------------------------------------------------------------------------

    def receive(self, actor: str, files: Sequence[Document], proposals: Sequence[Document], problem: TwinError | None) -> uuid.UUID:
        """Record files that are in the store: in state received, or rejected where a problem says that nothing in them can be read."""
        submission = uuid.uuid4()
        self._execute(
            "receive",
            id=submission,
            state=(SubmissionState.RECEIVED if problem is None else SubmissionState.REJECTED).value,
            actor=actor,
            files=Jsonb(list(files)),
            proposals=Jsonb(list(proposals)),
            problem=problem_document(problem),
        )
        return submission

    def order_check(self, submission: uuid.UUID, request: Document, by: str) -> int:
        """Ask for a check (again) and return how many waivers that withdraws; what an earlier check found and staged is given up.

        Waivers hold for the findings a reviewer saw: where the files are now to be read or judged in another way, they are withdrawn in
        the name of who asks for that, in the same transaction.

        ConflictError ``busy`` while somebody is at work on it, ``ended`` when it is published or withdrawn, ``files-not-kept`` when
        its files are not in the store (a submission of the command line).
        """
        withdrawn = 0

        def withdraw_waivers(connection: Connection, held: Submission) -> Document:
            nonlocal withdrawn
            if held.request is not None and _of_rows(held.request) != _of_rows(request):
                withdrawn = connection.execute(_QUERIES["withdraw_waivers"], {"id": submission, "by": by}).rowcount
            return request

        self._order(submission, withdraw_waivers)
        return withdrawn

    def check_again(self, submission: uuid.UUID, first: Callable[[Connection, Submission], None]) -> None:
        """Ask for the check that was made once more, and do ``first`` in the same transaction, with the submission as it is held.

        ConflictError ``not-checked`` before the first check, and as `order_check`.
        """

        def as_it_was(connection: Connection, held: Submission) -> Document:
            if held.request is None:
                raise ConflictError("the submission has not been checked", zh="该提交尚未检查").with_code("not-checked")
            first(connection, held)
            return held.request

        self._order(submission, as_it_was)

    def begin_check(self, submission: uuid.UUID) -> int | None:
        """Begin a check whose claim the caller holds: clear what a broken one left, return its attempt, None when none is wanted."""
        with translated(), self._pool.connection() as connection:
            row = connection.execute(_QUERIES["begin_check"], {"id": submission}).fetchone()
            if row is not None:
                self._clear(connection, submission)
            return None if row is None else int(row[0])

    def note_progress(self, submission: uuid.UUID, step: Text, done: int, total: int | None) -> bool:
        """Say how far a check is; return whether anybody still wants it."""
        with translated(), self._pool.connection() as connection:
            values = {"id": submission, "progress": Jsonb(progress_document(step, done, total))}
            return connection.execute(_QUERIES["note_progress"], values).rowcount == 1

    def end_check(self, submission: uuid.UUID, result: Document | None, problem: TwinError | None) -> None:
        """Say what came of a check."""
        self._execute("end_check", id=submission, result=None if result is None else Jsonb(dict(result)), problem=problem_document(problem))

    def end_made_check(self, submission: uuid.UUID, result: Document, problem: TwinError | None) -> None:
        """Say what came of a check that was made, unless it was withdrawn since."""
        self._execute("end_made_check", id=submission, result=Jsonb(dict(result)), problem=problem_document(problem))

    def break_off(self, submission: uuid.UUID) -> bool:
        """Withdraw a submission whose check is wanted and has not ended, and return whether that was so.

        What is staged goes at once where nobody is at work on it; who is, hears of it when it next says how far it is, and clears it.
        """
        with translated(), self._pool.connection() as connection:
            with connection.cursor(row_factory=dict_row) as cursor:
                row = cursor.execute(_QUERIES["hold"], {"id": submission}).fetchone()
            if row is None or not row["check_wanted"]:
                return False
            self._catalogue.submissions.advance(connection, submission, SubmissionState.WITHDRAWN)
            connection.execute(_QUERIES["want_no_check"], {"id": submission})
            is_at_work = staging.is_claimed(connection, submission)
        if not is_at_work:
            self.clear(submission)
        return True

    def clear(self, submission: uuid.UUID) -> None:
        """Drop what a submission staged and found, and the datasets that only it wanted."""
        with translated(), self._pool.connection() as connection:
            datasets = kept_parts.datasets_of(connection, submission)
            self._clear(connection, submission)
        forget_unpublished(self._catalogue, datasets)

    def give_up_further(self, submission: uuid.UUID, days: int) -> None:
        """Have a submission that ended unpublished ``days`` ago keep of the findings beyond those kept row by row their number alone."""
        with translated(), self._pool.connection() as connection:
            with connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute(_QUERIES["hold"], {"id": submission})
                if submission not in {row["id"] for row in cursor.execute(_QUERIES["long_over"], {"days": days})}:
                    return  # it is checked again just now
                omitted = cursor.execute(_QUERIES["omitted_by_rule"], {"id": submission}).fetchall()
            connection.execute(_QUERIES["forget_further"], {"id": submission})
            for number, row in enumerate(omitted, start=1):
                said = of_given_up(row["rule"], int(row["count"]), days)
                values = {"id": submission, "part": row["part"], "number": -number, "rule": row["rule"], "content": said}
                connection.execute(_QUERIES["say_given_up"], values)

    def note_published(self, submission: uuid.UUID, result: Document) -> None:
        """Say what a publish did."""
        self._execute("note_published", id=submission, result=Jsonb(dict(result)))

    def note_problem(self, submission: uuid.UUID, problem: TwinError) -> None:
        """Say what stands in the way of a submission."""
        self._execute("note_problem", id=submission, problem=problem_document(problem))

    # -- inside ------------------------------------------------------------------------------------------------------

    def _order(self, submission: uuid.UUID, request_of: Callable[[Connection, Submission], Document]) -> None:
        """Hold the row, then let ``request_of`` say what to ask for: nobody else can change it or ask in between."""
        with translated(), self._pool.connection() as connection:
            with connection.cursor(row_factory=dict_row) as cursor:
                row = cursor.execute(_QUERIES["hold"], {"id": submission}).fetchone()
            if row is None:
                raise NotFoundError(f"there is no submission {submission}", zh=f"没有提交 {submission}")
            state = SubmissionState(row["state"])
            _require_checkable(state, stored=bool(row["stored"]))
            if _stays_claimed(connection, submission, leaves_soon=not row["check_wanted"]):
                raise ConflictError("the submission is being worked on just now", zh="该提交正在处理中").with_code("busy")
            request = request_of(connection, _submission(row))
            datasets = kept_parts.datasets_of(connection, submission)
            if state is not SubmissionState.RECEIVED:
                self._catalogue.submissions.advance(connection, submission, SubmissionState.RECEIVED)
            self._clear(connection, submission)
            values = {"id": submission, "request": Jsonb(dict(request)), "progress": Jsonb(progress_document(WAITING, 0, None))}
            connection.execute(_QUERIES["order_check"], values)
        forget_unpublished(self._catalogue, datasets)

    def _require_unchanged(self, before: Submission) -> None:
        now = self.one(before.id)
        if (now.changed_at, now.attempt) != (before.changed_at, before.attempt):
            error = ConflictError("the findings changed while they were read: fetch them anew", zh="读取期间问题清单已变化，请重新获取")
            raise error.with_code("findings-changed")

    def _clear(self, connection: Connection, submission: uuid.UUID) -> None:
        kept_parts.drop(connection, submission)
        connection.execute(_QUERIES["forget_findings"], {"id": submission})
        connection.execute(_QUERIES["forget_omitted"], {"id": submission})
        connection.execute(_QUERIES["forget_further"], {"id": submission})

    def _rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with translated(), self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_QUERIES[query], values).fetchall()

    def _execute(self, query: str, **values: object) -> None:
        with translated(), self._pool.connection() as connection:
            connection.execute(_QUERIES[query], values)


def _stays_claimed(connection: Connection, submission: uuid.UUID, *, leaves_soon: bool) -> bool:
    """Return whether somebody is at work on a submission; who has told the end of a check is given a moment to leave it."""
    end = time.monotonic() + (_LEAVES_WITHIN_S if leaves_soon else 0)
    while is_claimed := staging.is_claimed(connection, submission):
        if time.monotonic() >= end:
            break
        time.sleep(_LOOKS_AGAIN_S)
    return is_claimed


def progress_document(step: Text, done: int, total: int | None) -> Document:
    """Return how far something is, as it is stored, told and answered."""
    return {"step": {"zh": step.zh, "en": step.en}, "done": done, "total": total}


def problem_document(error: TwinError | None) -> Jsonb | None:
    """Return a problem as it is stored: both languages, no word of our insides."""
    if error is None:
        return None
    return Jsonb({"status": error.status, "code": error.code, "detail": {"zh": error.text.zh, "en": error.text.en}})


def _of_rows(request: Document) -> Document:
    """Return what a request says of how the files are read and judged."""
    return {name: value for name, value in request.items() if name not in _SAYS_NOTHING_OF_ROWS}


def _require_checkable(state: SubmissionState, *, stored: bool) -> None:
    if state in (SubmissionState.PUBLISHED, SubmissionState.WITHDRAWN):
        raise ConflictError(f"the submission is {state.value}", zh="该提交已发布或撤回").with_code("ended")
    if not stored:
        raise ConflictError("the files of this submission are not kept here", zh="该提交的文件未保存在此").with_code("files-not-kept")


def _submission(row: Mapping[str, Any]) -> Submission:
    return Submission(
        id=row["id"],
        state=SubmissionState.RECEIVED if row["check_wanted"] else SubmissionState(row["state"]),
        actor=row["actor"],
        received_at=row["received_at"],
        changed_at=row["changed_at"],
        files=tuple(row["files"]),
        stored=row["stored"],
        proposals=tuple(row["proposals"]),
        options=row["options"],
        request=row["request"],
        check_wanted=row["check_wanted"],
        attempt=row["attempt"],
        progress=row["progress"],
        result=row["result"],
        problem=row["problem"],
        commit=row["commit"],
    )


def _finding(row: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=row["rule"],
        severity=Severity(row["severity"]),
        row=row["row"],
        message=Text(zh=row["message_zh"], en=row["message_en"]),
        layer=row["layer"],
        key=row["key"],
        place=None if row["x"] is None else (row["x"], row["y"]),
        file=row["file"],
        value=row["value"],
        proposal=row["proposal"],
        waived=row["waived"],
        waived_by=row["waived_by"],
    )
