"""The job of checking a submission: its files out of the store, through the sandbox, into staging; never stuck, whoever is killed."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ingest import staging
from ingest.load import CheckResult, PartResult, check_submission, give_back
from ingest.looked_into import with_doubts
from ingest.main_files import main_files
from ingest.part_reading import PartReading
from ingest.register import MAX_ATTEMPTS, Register, Submission
from ingest.request import LoadRequest, PartSpec
from ingest.stopping import Stop, stopped
from ingest.waiver_book import WaiverBook
from ingest.waivers import Waiver
from twin.catalogue import check_slug
from twin.errors import BadRequestError, ConflictError, Text, TwinError
from twin.model import SubmissionState
from twin.server.city import City
from twin.server.inspection import laid_out
from twin.server.loading import workplace
from twin.server.orders import CheckOrder, PartOrder
from twin.server.proposal_documents import known_layers
from twin.server.settings import Settings
from twin.server.uploads import StoredFile

_PROGRESS_S = 0.4
"""How often progress is written down at most: a page that shows it needs no more."""
_LEFT_S = 86_400.0
"""No check and no upload takes a day."""
_AT_WORK = ("files-", "report-", "access-")
_HALF_KEPT = (".coverage-", ".imagery-", ".model-", ".cloud-", ".export-", ".upload-", ".picture-")
"""How temporary files are called in the work folder and where the store has its own."""
_LOG = logging.getLogger("twin.checks")
_GIVEN_UP = Text(
    zh=f"检查中断 {MAX_ATTEMPTS} 次，请重试或联系管理员",
    en=f"the check was interrupted {MAX_ATTEMPTS} times; try again, or ask the operator",
)


def require_orderable(city: City, submission: Submission, order: CheckOrder) -> None:
    """Raise BadRequestError or NotFoundError when an order names a file, a type or a dataset that cannot be; a check finds the rest."""
    names = {str(f["name"]) for f in submission.files}
    many = len(main_files([Path(name) for name in sorted(names)])) > 1
    for part in order.parts:
        if part.file is None and many:
            raise BadRequestError("say of each part which file it is in", zh="有多个文件时，请说明每个部分所在的文件").with_code(
                "which-file"
            )
        if part.file is not None and part.file not in names:
            raise BadRequestError(f"there is no file {part.file!r} in the submission", zh=f"提交中没有文件 {part.file!r}")
        city.catalogue.feature_type(part.feature_type)
        check_slug(part.dataset)
    for crs in (order.crs, *(part.crs for part in order.parts)):
        if crs is not None and crs.startswith("/"):
            raise BadRequestError(
                "a CRS is EPSG:n, WKT, X-GCJ02, X-BD09 or X-LOCAL:name", zh="坐标系应为 EPSG:n、WKT、X-GCJ02、X-BD09 或 X-LOCAL:名称"
            )


def run_check(city: City, submission: uuid.UUID) -> None:
    """Make the check a submission waits for; returns at once when somebody else is at it or nobody waits any more.

    What is the files' fault ends as state rejected with its problem. What is ours (the database gone, a disk full) is raised, the check
    still wanted, until it has been begun three times. One that is withdrawn meanwhile ends at its next step at the latest, and nothing
    of it stays staged.
    """
    register = Register(city.catalogue)
    try:
        with staging.claimed(city.pool, submission, wait=False):
            attempt = register.begin_check(submission)
            if attempt is not None:
                _check(city, register, register.one(submission), attempt)
                if _is_withdrawn(register, submission):
                    register.clear(submission)
    except ConflictError as error:
        if error.code != "busy":
            raise


def wanted_checks(city: City) -> tuple[uuid.UUID, ...]:
    """Return the submissions that wait for a check that nobody makes."""
    return Register(city.catalogue).wanted()


def give_back_resting(city: City) -> None:
    """Give back the rows of submissions that were accepted long ago and never published: their files stay, to be checked again."""
    for submission in Register(city.catalogue).resting(city.settings.keep_checked_days):
        try:
            with staging.claimed(city.pool, submission, wait=False):
                give_back(city.catalogue, submission)
        except ConflictError as error:  # somebody publishes or withdraws it just now
            _LOG.info("submission %s is not given back: %s", submission, error)


def give_up_further_findings(city: City) -> None:
    """Drop the long lists of findings of submissions that were rejected or withdrawn long ago: how many there were stays."""
    register, days = Register(city.catalogue), city.settings.keep_checked_days
    for submission in register.long_over(days):
        try:
            with staging.claimed(city.pool, submission, wait=False):
                register.give_up_further(submission, days)
        except ConflictError as error:  # it is checked again just now
            _LOG.info("findings of submission %s are not given up: %s", submission, error)


def clear_broken_off(city: City) -> None:
    """Clear what was withdrawn amid its check and is cleared by nobody: the worker that was at it was killed."""
    register = Register(city.catalogue)
    for submission in register.broken_off():
        try:
            with staging.claimed(city.pool, submission, wait=False):
                register.clear(submission)
        except ConflictError as error:  # its worker is about to
            _LOG.info("submission %s is not cleared: %s", submission, error)
        except TwinError:  # one that cannot be cleared keeps no worker from the others
            _LOG.exception("submission %s could not be cleared", submission)


def sweep_work(settings: Settings) -> None:
    """Remove what killed processes left: links laid out for a check, tables of a database, halves of uploads and of what is kept."""
    long_ago = time.time() - _LEFT_S
    folders = ((settings.work_folder, _AT_WORK), (settings.store_folder, _HALF_KEPT), (settings.copies_folder, _HALF_KEPT))
    left_over = [left for folder, prefixes in folders for prefix in prefixes for left in folder.glob(f"{prefix}*")]
    for left in left_over:
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < long_ago:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def result_document(result: CheckResult) -> Mapping[str, object]:
    """Return what is kept and answered of a check."""
    return {
        "checked_at": dt.datetime.now(dt.UTC).isoformat(),
        "read": result.read,
        "accepted": result.read - result.rejected,
        "rejected": result.rejected,
        "datasets": {slug: dict(counts) for slug, counts in result.datasets.items()},
        "sources": [dict(s) for s in result.sources],
        "parts": [_part_document(part) for part in result.parts],
        "needs_allow_deletes": result.refusal is not None and result.refusal.code == "many-deletes",
    }


def _part_document(part: PartResult) -> Mapping[str, object]:
    return {
        "dataset": part.dataset,
        "feature_type": part.feature_type,
        "read": part.read,
        "rejected": part.rejected,
        "kind_field": part.kind_field,
        "measures": [asdict(measure) for measure in part.measures],
    }


def _check(city: City, register: Register, submission: Submission, attempt: int) -> None:
    if attempt > MAX_ATTEMPTS:
        register.end_check(submission.id, None, TwinError(_GIVEN_UP.en, zh=_GIVEN_UP.zh).with_code("check-failed"))
        return
    order = CheckOrder.model_validate(submission.request)
    files = tuple(StoredFile(f["name"], f["size"], f["sha256"]) for f in submission.files)
    stop = Stop(city.pool, submission.id)
    reporter = _Reporter(register, submission.id, stop)
    try:
        with laid_out(city.settings.data_dir, city.store, files) as paths:
            request = load_request(order, submission, paths, WaiverBook(city.catalogue).in_force(submission.id))
            place = workplace(city, reporter.rows, reporter.step, stop.is_told)
            result = check_submission(place, request, submission.id, lambda: submission.files)
    except Exception as error:
        if _is_withdrawn(register, submission.id):
            return  # whatever broke off was broken off for that
        if not isinstance(error, TwinError) or (error.status >= 500 and attempt < MAX_ATTEMPTS):
            raise
        register.end_check(submission.id, None, error)
    else:
        register.end_made_check(submission.id, result_document(result), result.refusal)


def _is_withdrawn(register: Register, submission: uuid.UUID) -> bool:
    return register.one(submission).state is SubmissionState.WITHDRAWN


def load_request(order: CheckOrder, submission: Submission, paths: tuple[Path, ...], waivers: tuple[Waiver, ...] = ()) -> LoadRequest:
    """Return what a check of the files is asked for."""
    main = main_files(paths)
    only = main[0].name if len(main) == 1 else None
    known = known_layers(submission.proposals)
    return LoadRequest(
        files=paths,
        parts=tuple(with_doubts(_part(p, p.file or only), known, order.crs, order.vertical) for p in order.parts),
        mode=order.mode,
        crs=order.crs,
        vertical=order.vertical,
        allow_deletes=order.allow_deletes,
        max_rejected=order.max_rejected,
        actor=submission.actor,
        reason=order.reason,
        name=order.name,
        waivers=waivers,
    )


def _part(order: PartOrder, file: str | None) -> PartSpec:
    reading = PartReading(
        mapping=tuple(order.mapping.items()),
        units=tuple(order.units.items()),
        crs=order.crs,
        axes=order.axes,
        vertical=order.vertical,
        up=order.up,
        height_offset_m=order.height_offset_m,
        priority=order.priority,
        encoding=order.encoding,
    )
    return PartSpec(order.layer, order.feature_type, order.dataset, file, reading)


class _Reporter:
    """Writes down how far a check is, now and then, and breaks it off once nobody wants it any more."""

    def __init__(self, register: Register, submission: uuid.UUID, stop: Stop) -> None:
        self._register = register
        self._stop = stop
        self._submission = submission
        self._step = Text("", "")
        self._last = 0.0

    def step(self, step: Text) -> None:
        """Say what begins."""
        self._step = step
        self._write(0, None)

    def rows(self, _: str, done: int, total: int | None) -> None:
        """Say how many rows have come."""
        if time.monotonic() - self._last >= _PROGRESS_S:
            self._write(done, total)

    def _write(self, done: int, total: int | None) -> None:
        self._last = time.monotonic()
        if not self._register.note_progress(self._submission, self._step, done, total):
            self._stop.tell()
            raise stopped()
