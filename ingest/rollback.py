"""Rollback: the state of a past commit, published again as a new commit; history is never rewritten."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial

from ingest import representations
from ingest import staging as staged
from ingest.extents import Extent
from ingest.publish import Act, Part, Published, publish
from ingest.staging import Staging, columns
from twin.catalogue import Catalogue
from twin.db import Connection, translated
from twin.errors import BadRequestError
from twin.model import SubmissionState


def rollback(catalogue: Catalogue, commit: int, actor: str, reason: str, to_degrees: Callable[[Extent], Extent]) -> Published:
    """Give every dataset the state it had at ``commit``, under the same OIDs, as one new commit.

    Datasets that did not exist then become empty. Nothing is published when nothing has changed since. Raises BadRequestError when
    there is no such commit.
    """
    if commit not in {c.number for c in catalogue.commits()}:
        raise BadRequestError(f"there is no commit {commit}", zh=f"没有提交 {commit}")
    submission = catalogue.submissions.receive(actor, [], {"rollback_to": commit})
    with translated(), catalogue.pool.connection() as connection:
        catalogue.submissions.advance(connection, submission, SubmissionState.CHECKED)
        catalogue.submissions.advance(connection, submission, SubmissionState.ACCEPTED)
    act = Act(actor=actor, reason=reason or f"rollback to {commit}", kind="rollback", rolled_back_to=commit)
    late = partial(_stage_state_of, catalogue=catalogue, submission=submission, commit=commit)
    published = publish(catalogue, submission, (), act, to_degrees, late)
    catalogue.refresh()
    return published


def _stage_state_of(
    connection: Connection, _: Sequence[Staging], *, catalogue: Catalogue, submission: uuid.UUID, commit: int
) -> list[Part]:
    """Stage, for every dataset published since, what must change for it to be as it was."""
    parts: list[Part] = []
    for dataset in catalogue.datasets():
        current = catalogue.current_revision(dataset.slug)
        if current is None or current.commit <= commit:
            continue
        staging = Staging(submission, len(parts), dataset, catalogue.feature_type(dataset.feature_type), first_load=False)
        staged.create(connection, staging, catalogue.deployment.storage_srid)
        connection.execute(staging.query("stage_state_as_of", history_content=columns(staging.content, "h")), {"commit": commit})
        connection.execute(staging.query("stage_later_rows"), {"commit": commit})
        compared = [name for name in staging.content if name != "extra"]
        same = {"staged_content": columns(compared, "s"), "current_content": columns(compared, "c")}
        differs = representations.differs_from_former(connection, staging, commit)
        connection.execute(staging.query("drop_equal", **same, differs=differs))
        count, checksum = staged.count_and_hash(connection, staging)
        lineage = {"submission": str(submission), "rolled_back_to": commit}
        parts.append(Part(staging, "rollback", count, checksum, lineage, actions_set=True))
    return parts
