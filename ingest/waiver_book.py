"""The waivers of submissions as they are kept: who let what pass, why and when, and who took it back.

A waiver belongs to its submission. One that was given for the same feature and rule before is offered, never repeated by itself: that
the fault was right then does not say that it is right now (docs/decisions/0030).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from psycopg.rows import dict_row

from ingest.register import Register, Submission
from ingest.waivers import Waiver, can_be_waived, loses_the_key
from twin.catalogue import Catalogue
from twin.db import Connection, load_queries, translated
from twin.errors import BadRequestError, ConflictError, NotFoundError
from twin.model import FeatureType

MOST_OFFERED = 1000
_QUERIES = load_queries("ingest", "waivers.sql")


@dataclass(frozen=True, slots=True)
class KeptWaiver:
    """A waiver with when it was made, and when and by whom it was taken back."""

    waiver: Waiver
    submission: uuid.UUID
    made_at: dt.datetime
    withdrawn_at: dt.datetime | None
    withdrawn_by: str | None


class WaiverBook:
    """Reads and writes waivers; whatever changes them asks for a check of the submission, in the same transaction."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._register = Register(catalogue)

    def all_of(self, submission: uuid.UUID) -> tuple[KeptWaiver, ...]:
        """Return every waiver ever made of a submission, oldest first."""
        return tuple(_kept(row) for row in self._rows("of_submission", submission=submission))

    def in_force(self, submission: uuid.UUID) -> tuple[Waiver, ...]:
        """Return the waivers that hold for the next check of a submission."""
        return tuple(kept.waiver for kept in self.all_of(submission) if kept.withdrawn_at is None)

    def earlier(self, submission: Submission) -> tuple[KeptWaiver, ...]:
        """Return waivers of published submissions for features (by key) that break the same rule in this one and are not let pass."""
        found = self._rows("earlier", submission=submission.id, datasets=list(submission.datasets), limit=MOST_OFFERED)
        return tuple(_kept(row) for row in found)

    def make(self, submission: uuid.UUID, wanted: Sequence[Waiver]) -> None:
        """Keep waivers, each for every dataset in which it lets something pass, and ask for the check in which they hold.

        Raises ConflictError ``not-waivable`` for a rule that a row must keep to be stored and served, ``row-without-key`` where
        only rows without the key of their type break it, ``not-checked`` before the first check, and as `Register.order_check`;
        NotFoundError ``no-such-finding`` where there is nothing to let pass.
        """
        types = self._catalogue.feature_types()

        def make_all(connection: Connection, held: Submission) -> None:
            _make_all(connection, held.id, [w for waiver in wanted for w in _of_datasets(connection, held, waiver, types)])

        self._register.check_again(submission, make_all)

    def withdraw(self, submission: uuid.UUID, number: int, by: str) -> None:
        """Take a waiver back and ask for the check without it; NotFoundError when there is none of that number in force."""
        self._register.check_again(submission, partial(_withdraw, number=number, by=by))

    def _rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with translated(), self._catalogue.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_QUERIES[query], values).fetchall()


def _of_datasets(connection: Connection, submission: Submission, waiver: Waiver, types: Mapping[str, FeatureType]) -> list[Waiver]:
    """Return a waiver once for each dataset of the submission in which there is something it lets pass."""
    datasets = submission.datasets
    if waiver.dataset is not None and waiver.dataset not in datasets:
        raise BadRequestError(f"dataset {waiver.dataset!r} is not in this submission", zh=f"该提交不含数据集 {waiver.dataset!r}")
    of = {"rule": waiver.rule, "key": waiver.key, "row": waiver.row, "layer": waiver.layer, "file": waiver.file}
    part = None if waiver.dataset is None else datasets.index(waiver.dataset)
    found = connection.execute(_QUERIES["parts_found"], {"submission": submission.id, "part": part, **of}).fetchall()
    if not found:
        what = waiver.key or (f"row {waiver.row}" if waiver.row is not None else "any feature")
        error = NotFoundError(f"there is no finding {waiver.rule} of {what}", zh=f"没有规则 {waiver.rule} 的此项问题")
        raise error.with_code("no-such-finding")
    known = {int(part): (types.get(submission.feature_types[part]), bool(keyless)) for part, keyless in found}
    if not all(t is not None and can_be_waived(waiver.rule, t) for t, _ in known.values()):
        raise ConflictError(
            f"{waiver.rule} cannot be waived: what breaks it cannot be stored or served",
            zh=f"规则 {waiver.rule} 不可豁免：违反它的要素无法入库或对外服务",
        ).with_code("not-waivable")
    parts = [p for p, (t, keyless) in known.items() if not (keyless and t is not None and loses_the_key(waiver.rule, t))]
    if not parts:
        raise ConflictError(
            "a row without the key that its type requires is not let pass: the next delivery could not find it again; complete the key",
            zh="要素缺少该类型必填的编号，不可豁免：下次提交无法找到同一要素，请补全编号",
        ).with_code("row-without-key")
    return [replace(waiver, dataset=datasets[p]) for p in parts]


def _make_all(connection: Connection, submission: uuid.UUID, wanted: Sequence[Waiver]) -> None:
    for w in wanted:
        of = {"dataset": w.dataset, "key": w.key, "file": w.file, "layer": w.layer, "row": w.row}
        connection.execute(_QUERIES["make"], {"submission": submission, "rule": w.rule, "reason": w.reason, "reviewer": w.reviewer, **of})


def _withdraw(connection: Connection, submission: Submission, number: int, by: str) -> None:
    values = {"submission": submission.id, "number": number, "by": by}
    if connection.execute(_QUERIES["withdraw"], values).fetchone() is None:
        raise NotFoundError(f"there is no waiver {number} in force", zh=f"没有有效的豁免 {number}").with_code("no-such-waiver")


def _kept(row: Mapping[str, Any]) -> KeptWaiver:
    waiver = Waiver(
        rule=row["rule"],
        reason=row["reason"],
        reviewer=row["reviewer"],
        dataset=row["dataset"],
        key=row["key"],
        file=row["file"],
        layer=row["layer"],
        row=row["row"],
        number=row["number"],
    )
    return KeptWaiver(waiver, row["submission"], row["made_at"], row["withdrawn_at"], row["withdrawn_by"])
