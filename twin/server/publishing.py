"""The second step over HTTP: publishing or withdrawing a submission, once, however often it is asked for."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ingest import staging
from ingest.confirmed_reading import remember
from ingest.load import named, publish_submission, withdraw
from ingest.publish import Act, CheckOutdatedError, Published, StagingLostError
from ingest.register import Register, Submission
from ingest.request import is_meant
from twin.errors import ConflictError, ForbiddenError, TooManyRequestsError
from twin.model import SubmissionState
from twin.server.city import City
from twin.server.orders import CheckOrder, PartOrder, PublishOrder
from twin.tokens import Token

PUBLISHES_AT_ONCE = 2
"""Each takes connections of the pool while it runs; the next waits its turn, or is told to come again."""
_TURN_S = 60.0


class Publishing:
    """Publishes and withdraws checked submissions of one city."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._register = Register(city.catalogue)
        self._turns = threading.BoundedSemaphore(PUBLISHES_AT_ONCE)

    def publish(self, submission: uuid.UUID, actor: str, order: PublishOrder) -> Submission:
        """Publish an accepted submission and return it; one that is published already is returned as it is.

        Raises ConflictError ``not-checked``, ``staging-lost`` or ``check-outdated`` (it is received again and says so), and RejectedError
        ``many-deletes``.
        """
        if not self._turns.acquire(timeout=_TURN_S):
            raise TooManyRequestsError("others are publishing; try again soon", zh="正在发布其他提交，请稍后重试")
        try:
            if (found := self._register.one(submission)).state is SubmissionState.PUBLISHED:
                return found
            if found.state is not SubmissionState.ACCEPTED:
                raise ConflictError(f"the submission is {found.state.value}, not checked", zh="该提交尚未通过检查").with_code("not-checked")
            with staging.claimed(self._city.pool, submission):
                if (found := self._register.one(submission)).state is not SubmissionState.PUBLISHED:
                    self._publish(found, _act(found, actor, order))
                    self.wake_worker()
                return self._register.one(submission)
        finally:
            self._turns.release()

    def withdraw(self, submission: uuid.UUID, by: Token) -> Submission:
        """Give a submission up and return it; one that is withdrawn already is returned as it is. ConflictError ``ended`` when published.

        Where its check waits or is being made that is broken off; ForbiddenError ``not-yours`` when neither who submitted it nor a
        reviewer asks for that.
        """
        found = self._register.one(submission)
        if found.check_wanted and by.name != found.actor and by.role != "reviewer":
            error = ForbiddenError("only who submitted it, or a reviewer, may break its check off", zh="仅提交人或复核人可中止检查")
            raise error.with_code("not-yours")
        if found.state is SubmissionState.PUBLISHED:
            over = ConflictError("the submission is published: it cannot be withdrawn", zh="该提交已发布，不能撤回")
            raise over.with_code("ended")
        if found.state is not SubmissionState.WITHDRAWN and not self._register.break_off(submission):
            with staging.claimed(self._city.pool, submission, wait=False):
                withdraw(self._city.catalogue, submission)
                self._register.end_check(submission, found.result, None)
        return self._register.one(submission)

    def wake_worker(self) -> None:
        """Have the worker build or check what waits; it would find it within a minute anyway."""
        from twin.server.jobs import wake_worker  # noqa: PLC0415 - the queue takes a third of a second to import, and reading never needs it

        wake_worker(self._city)

    def _publish(self, found: Submission, act: Act) -> None:
        try:
            published = publish_submission(self._city.catalogue, found.id, act, self._city.extent_deg, self._city.ground)
        except (StagingLostError, CheckOutdatedError) as error:
            self._register.note_problem(found.id, error)
            raise
        self._register.note_published(found.id, _published_document(found, published))
        self._remember(found)

    def _remember(self, found: Submission) -> None:
        """Keep how the files were read, to be proposed to the same department for the next ones of their shape."""
        asked = None if found.request is None else CheckOrder.model_validate(found.request)
        for source in (found.result or {}).get("sources", ()):
            part = None if asked is None else part_of_source(asked.parts, source)
            if part is not None and "mapping" in source:
                remember(
                    self._city.pool,
                    found.actor,
                    source["format"],
                    part.feature_type,
                    mapping=source["mapping"],
                    unmapped=source["unmapped"],
                    units=part.units,
                )


def part_of_source(parts: Sequence[PartOrder], source: Mapping[str, Any]) -> PartOrder | None:
    """Return what was asked of a layer, as its source is kept: by dataset, file and layer, the part that says the most of them first."""
    said = sorted(parts, key=lambda p: (p.file is None) + (p.layer is None))
    file, layer = str(source.get("file")), str(source.get("layer"))
    return next((p for p in said if p.dataset == source.get("dataset") and is_meant(p.file, p.layer, file, layer)), None)


def _published_document(found: Submission, published: Published) -> Mapping[str, object]:
    """Return the result of the check with what was published in place of what was to be; where they differ it says so."""
    before = dict(found.result or {})
    expected = before.get("datasets", {})
    datasets = {slug: dict(counts) for slug, counts in published.counts.items()}
    differs = [slug for slug in expected if datasets.get(slug) != expected[slug]]
    return before | {"datasets": datasets, "expected": expected, "differs_from_check": differs, "needs_allow_deletes": False}


def _act(found: Submission, actor: str, order: PublishOrder) -> Act:
    """Return the act of publishing, with what the check was told where the publish is told nothing."""
    asked = None if found.request is None else CheckOrder.model_validate(found.request)
    return Act(
        actor=actor,
        reason=order.reason or (asked.reason if asked else "") or named(found.files),
        name=order.name or (asked.name if asked else None),
        allow_deletes=order.allow_deletes or (asked.allow_deletes if asked else False),
    )
