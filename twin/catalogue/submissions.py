"""Submissions on their way to a revision, and the findings kept with them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from twin.catalogue.rows import fetch_rows
from twin.db import Connection, Pool, load_queries, translated
from twin.errors import ConflictError
from twin.model import Finding, FindingKind, SubmissionState

_FORWARD: Mapping[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.RECEIVED: frozenset({SubmissionState.CHECKED, SubmissionState.REJECTED, SubmissionState.WITHDRAWN}),
    SubmissionState.CHECKED: frozenset({SubmissionState.ACCEPTED, SubmissionState.REJECTED, SubmissionState.WITHDRAWN}),
    SubmissionState.ACCEPTED: frozenset({SubmissionState.PUBLISHED, SubmissionState.RECEIVED, SubmissionState.WITHDRAWN}),
    SubmissionState.REJECTED: frozenset({SubmissionState.RECEIVED, SubmissionState.WITHDRAWN}),
    SubmissionState.PUBLISHED: frozenset(),
    SubmissionState.WITHDRAWN: frozenset(),
}
"""Forward, with one way back: accepted or rejected → received, to be checked again: staging was lost, other declarations were made."""
_TITLES_ZH: Mapping[SubmissionState, str] = {
    SubmissionState.RECEIVED: "已收到",
    SubmissionState.CHECKED: "已检查",
    SubmissionState.ACCEPTED: "检查通过",
    SubmissionState.REJECTED: "整体拒收",
    SubmissionState.PUBLISHED: "已发布",
    SubmissionState.WITHDRAWN: "已撤回",
}
_QUERIES = load_queries("twin.sql", "submissions.sql")


class Submissions:
    """The submissions of one deployment."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def receive(self, actor: str, files: Sequence[Mapping[str, object]], options: Mapping[str, object]) -> uuid.UUID:
        """Record a new submission in state received and return its id."""
        submission = uuid.uuid4()
        with translated(), self._pool.connection() as connection:
            connection.execute(
                _QUERIES["receive_submission"],
                {"id": submission, "actor": actor, "files": Jsonb(list(files)), "options": Jsonb(dict(options))},
            )
        return submission

    def describe_files(self, submission: uuid.UUID, files: Sequence[Mapping[str, object]]) -> None:
        """Have the record of a submission say of its files what has become known since it was received."""
        with translated(), self._pool.connection() as connection:
            connection.execute(_QUERIES["describe_files"], {"id": submission, "files": Jsonb(list(files))})

    def advance(self, connection: Connection, submission: uuid.UUID, to: SubmissionState, commit: int | None = None) -> None:
        """Move a submission to state ``to`` inside the caller's transaction; ConflictError when that way is closed."""
        allowed = [state.value for state, targets in _FORWARD.items() if to in targets]
        cursor = connection.execute(
            _QUERIES["advance_submission"], {"id": submission, "to": to.value, "allowed": allowed, "commit": commit}
        )
        if cursor.rowcount != 1:
            raise ConflictError(f"the submission cannot become {to.value} now", zh=f"该提交当前不能变为“{_TITLES_ZH[to]}”")

    def reject(self, connection: Connection, submission: uuid.UUID) -> None:
        """End a submission that was not published, whatever state it is in, inside the caller's transaction."""
        connection.execute(_QUERIES["reject_submission"], {"id": submission})

    def findings(self, submission: uuid.UUID) -> list[dict[str, Any]]:
        """Return the findings of a submission as JSON-able rows, in order of part and row."""
        return fetch_rows(self._pool, _QUERIES["findings"], {"submission": submission})

    def further_bytes(self, connection: Connection, submission: uuid.UUID) -> int:
        """Return how much the packed findings of a submission take, in bytes."""
        row = connection.execute(_QUERIES["further_bytes"], {"submission": submission}).fetchone()
        return 0 if row is None else int(row[0])

    def add_findings(
        self,
        connection: Connection,
        submission: uuid.UUID,
        part: int,
        findings: Sequence[Finding],
        omitted: Mapping[FindingKind, int] = MappingProxyType({}),
        further: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Keep findings with their submission, and of ``omitted`` ones the number, inside the caller's transaction.

        ``further`` are these, packed: rule and content (`ingest.further_findings`).
        """
        for rule, content in further:
            values = {"submission": submission, "part": part, "rule": rule, "content": content}
            connection.execute(_QUERIES["add_further_findings"], values)
        for kind, count in omitted.items():
            values = {"submission": submission, "part": part, "rule": kind.rule, "severity": kind.severity.value, "waived": kind.waived}
            connection.execute(_QUERIES["add_omitted_findings"], values | {"count": count})
        if not findings:
            return
        with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_findings"]) as copy:
            for f in findings:
                x, y = f.place or (None, None)
                head = (submission, part, f.rule, f.severity.value, f.file, f.layer, f.row, f.key, f.message.zh, f.message.en)
                copy.write_row((*head, x, y, f.value, f.proposal, f.waived, f.waived_by))
