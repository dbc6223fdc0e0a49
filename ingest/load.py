"""Loading in two steps: a check reads the files, checks and stages them; a publish, later and perhaps elsewhere, makes them current.

`twin load` takes both steps at once, `twin check` the first and gives its rows up; submissions over HTTP take them one by one
(DESIGN 13, 14).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from ingest import kept_parts
from ingest import staging as staged
from ingest.background import Background
from ingest.beside_copies import BesideCopies
from ingest.checking import begin_indexes, check_rows, match_rows, prepare_rows
from ingest.dependants import has_dependants, stage_dependants
from ingest.derive import GroundOf
from ingest.described_files import Described, described_meanwhile, sized, unchanged
from ingest.extents import Extent
from ingest.further_findings import FurtherFindings
from ingest.indexing import give_up
from ingest.match import many_deletes
from ingest.measures import Measure, kind_field, measured
from ingest.publish import Act, CheckOutdatedError, Part, Published, StagingLostError, publish
from ingest.receiving import read_all, start
from ingest.request import LoadRequest, Workplace
from ingest.step_clock import clocked
from ingest.tally import Tally
from twin.catalogue import Catalogue
from twin.db import translated
from twin.errors import ConflictError, NotFoundError, RejectedError, Text
from twin.model import Finding, FindingKind, SubmissionState

_READING = Text(zh="读取文件", en="reading the files")
_CHECKING = Text(zh="检查", en="checking")
_COMPARING = Text(zh="与已发布数据比对", en="comparing with what is published")


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of it; per feature, in = published + unchanged + rejected, and deleted apart (DESIGN 14)."""

    submission: uuid.UUID
    read: int
    published: int
    unchanged: int
    rejected: int
    deleted: int
    datasets: Mapping[str, Mapping[str, int]]
    commit: int | None
    findings: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a check counted for one dataset."""

    dataset: str
    feature_type: str
    read: int
    rejected: int
    kind_field: str | None
    """The field by which its features are told apart in ``measures``."""
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; nothing was published."""

    read: int
    rejected: int
    refusal: RejectedError | None
    """Why a load would reject the file as a whole; None when it would publish the rows that are right."""
    sources: tuple[Mapping[str, object], ...]
    findings: tuple[Finding, ...]
    """Of each kind the first ten thousand."""
    further: tuple[FurtherFindings, ...]
    """The others, by dataset."""
    counts: Mapping[FindingKind, int]
    """How many of each kind there are."""
    parts: tuple[PartResult, ...]
    datasets: Mapping[str, Mapping[str, int]]
    """What publishing would do: insert, update, unchanged, delete by dataset; empty with a refusal of what was read."""


@dataclass(frozen=True, slots=True)
class _Checked:
    tallies: Mapping[str, Tally]
    parts: tuple[Part, ...]
    """Empty when the files are refused as a whole."""
    refusal: RejectedError | None
    measures: Mapping[str, tuple[Measure, ...]]
    """By dataset."""


def load(place: Workplace, request: LoadRequest) -> LoadResult:
    """Publish what is right in the files and list what is not.

    Raises RejectedError or UnsupportedMediaError, with nothing changed, when a blocking rule rejects a file: no usable CRS,
    unreadable content, content that changed meanwhile, missing layer, more than ``max_rejected`` of its rows wrong, or more deletes than
    anybody allowed.
    """
    catalogue = place.catalogue
    files = sized(request.files)
    submission = catalogue.submissions.receive(request.actor, files, _options(request))
    with staged.claimed(catalogue.pool, submission), given_up(catalogue, submission):
        with described_meanwhile(catalogue, submission, request.files) as described:
            checked = _check(place, request, submission, described)
            if checked.refusal is not None:
                raise checked.refusal
        act = Act(request.actor, request.reason or named(files), request.name, allow_deletes=request.allow_deletes)
        published = publish_parts(catalogue, submission, checked.parts, act, place.to_degrees, place.ground)
    return _result(submission, checked.tallies, published)


def check(place: Workplace, request: LoadRequest) -> CheckResult:
    """Say what is wrong in the files, with the rules and the published data that a load would meet, and publish nothing."""
    catalogue = place.catalogue
    files = sized(request.files)
    submission = catalogue.submissions.receive(request.actor, files, _options(request) | {"check": True})
    with staged.claimed(catalogue.pool, submission), given_up(catalogue, submission):
        with unchanged(request.files):
            checked = _check(place, request, submission, lambda: files)
        result = _check_result(checked, request)
        withdraw(catalogue, submission)
    return result


def check_submission(place: Workplace, request: LoadRequest, submission: uuid.UUID, files: Callable[[], Described]) -> CheckResult:
    """Take the first step for a submission in state received, whose claim the caller holds: it ends as accepted, its rows staged.

    What ``files`` returns goes into the lineage; it is asked once they have been read.

    A file that cannot be read, or not as said, raises what a load raises. Where what was read is refused as a whole the result says so.
    In both cases the submission is then rejected. With many deletes it is accepted all the same, and the refusal says what a publish
    must allow.
    """
    with given_up(place.catalogue, submission):
        checked = _check(place, request, submission, files)
        if checked.refusal is not None:
            _give_up(place.catalogue, submission)
    return _check_result(checked, request)


def publish_submission(
    catalogue: Catalogue, submission: uuid.UUID, act: Act, to_degrees: Callable[[Extent], Extent], ground: GroundOf
) -> Published:
    """Take the second step for an accepted submission whose claim the caller holds.

    Raises StagingLostError or CheckOutdatedError with the submission back in state received, its rows given up, to be checked again;
    RejectedError ``many-deletes`` with it accepted as before.
    """
    with translated(), catalogue.pool.connection() as connection:
        parts = kept_parts.kept(connection, catalogue, submission)
    if not parts:
        raise ConflictError("the submission has not been checked", zh="该提交尚未检查").with_code("not-checked")
    return publish_parts(catalogue, submission, parts, act, to_degrees, ground)


def give_back(catalogue: Catalogue, submission: uuid.UUID) -> None:
    """Return an accepted submission to state received, its staged rows given up: it can be checked again."""
    with translated(), catalogue.pool.connection() as connection:
        datasets = kept_parts.datasets_of(connection, submission)
        catalogue.submissions.advance(connection, submission, SubmissionState.RECEIVED)
        kept_parts.drop(connection, submission)
    forget_unpublished(catalogue, datasets)


def withdraw(catalogue: Catalogue, submission: uuid.UUID) -> None:
    """End a submission that has not been published; nothing of it stays but the record and its findings."""
    with translated(), catalogue.pool.connection() as connection:
        datasets = kept_parts.datasets_of(connection, submission)
        catalogue.submissions.advance(connection, submission, SubmissionState.WITHDRAWN)
        kept_parts.drop(connection, submission)
    forget_unpublished(catalogue, datasets)


def _options(request: LoadRequest) -> dict[str, object]:
    """Return what the record of a submission keeps of how it was asked for; by datasets and sharing it is known who may see it."""
    return {
        "mode": request.mode,
        "crs": request.crs,
        "vertical": request.vertical,
        "datasets": list(dict.fromkeys(part.dataset for part in request.parts)),
        "sharing": request.sharing.value,
    }


def named(files: Described) -> str:
    """Return the reason of a commit for which nobody gave one: the names of the files."""
    return ", ".join(str(f["name"]) for f in files)


def _check(place: Workplace, request: LoadRequest, submission: uuid.UUID, files: Callable[[], Described]) -> _Checked:
    """Read, check and stage; unless the files are refused as a whole the submission is then accepted."""
    with clocked(place) as told:
        return _check_clocked(told, request, submission, files)


def _check_clocked(place: Workplace, request: LoadRequest, submission: uuid.UUID, files: Callable[[], Described]) -> _Checked:
    catalogue = place.catalogue
    tallies = start(place, submission, request)
    place.step(_READING)
    with BesideCopies(catalogue.pool) as apart:
        read_all(place, request, tallies, apart)
        place.step(_CHECKING)
        prepare_rows(place, request, tallies)
        with Background(catalogue.pool) as background:
            begun = {} if _refusal(request, tallies) else begin_indexes(background, catalogue, tallies, apart.settled)
            check_rows(place, request, tallies, lambda: give_up(background, begun) if _refusal(request, tallies) else None)
            refusal = _refusal(request, tallies)
            if refusal is None:
                apart.settled()
            else:
                give_up(background, begun)
            place.step(_COMPARING)
            first = {s: _measure(background, t) for s, t in tallies.items() if t.staging.first_load}
            parts = [] if refusal is not None else match_rows(background, catalogue, submission, request, files, tallies, begun)
            measuring = {s: first.get(s) or _measure(background, t) for s, t in tallies.items()}
            measures = {s: measured_by.result() for s, measured_by in measuring.items()}
    with translated(), catalogue.pool.connection() as connection:
        for tally in tallies.values():
            further = tally.further.packed()
            catalogue.submissions.add_findings(connection, submission, tally.staging.part, tally.findings, tally.omitted, further)
        catalogue.submissions.advance(connection, submission, SubmissionState.CHECKED)
        if refusal is None:
            kept_parts.keep(connection, submission, parts)
            catalogue.submissions.advance(connection, submission, SubmissionState.ACCEPTED)
    return _Checked(tallies, tuple(parts), refusal, measures)


def _refusal(request: LoadRequest, tallies: Mapping[str, Tally]) -> RejectedError | None:
    return next((r for t in tallies.values() if (r := t.refusal(request.max_rejected)) is not None), None)


def _measure(background: Background, tally: Tally) -> Future[tuple[Measure, ...]]:
    return background.submit(partial(measured, staging=tally.staging))


def publish_parts(
    catalogue: Catalogue, submission: uuid.UUID, parts: Sequence[Part], act: Act, to_degrees: Callable[[Extent], Extent], ground: GroundOf
) -> Published:
    """Publish checked parts with what derives from them; one whose staging or inputs were lost is given back, and the error raised."""
    late = partial(stage_dependants, catalogue=catalogue, submission=submission, ground=ground)
    depended = has_dependants(catalogue, [p.staging for p in parts])
    try:
        published = publish(catalogue, submission, parts, act, to_degrees, late if depended else None)
    except (StagingLostError, CheckOutdatedError):
        give_back(catalogue, submission)
        raise
    catalogue.refresh()
    return published


@contextmanager
def given_up(catalogue: Catalogue, submission: uuid.UUID) -> Iterator[None]:
    """Whatever goes wrong in the block, leave nothing behind but the record and its findings: no staged row, no dataset only it wanted."""
    try:
        yield
    except (StagingLostError, CheckOutdatedError):
        raise  # its rows are given up, and its files may be checked again
    except BaseException:
        _give_up(catalogue, submission)
        raise


def _give_up(catalogue: Catalogue, submission: uuid.UUID) -> None:
    with catalogue.pool.connection() as connection:
        datasets = kept_parts.datasets_of(connection, submission)
        catalogue.submissions.reject(connection, submission)
        kept_parts.drop(connection, submission)
    forget_unpublished(catalogue, datasets)


def forget_unpublished(catalogue: Catalogue, slugs: Sequence[str]) -> None:
    """Forget those of the datasets that never had a revision and that no other submission is on its way into."""
    for slug in slugs:
        with suppress(NotFoundError):  # somebody else has just forgotten it
            catalogue.forget_unpublished(catalogue.dataset(slug))


def _check_result(checked: _Checked, request: LoadRequest) -> CheckResult:
    deletes = [many_deletes(p.staging.dataset, p.counts["delete"], p.replaceable) for p in checked.parts]
    refused = None if request.allow_deletes else next((d for d in deletes if d is not None), None)
    tallies = checked.tallies.values()
    return CheckResult(
        read=sum(t.read for t in tallies),
        rejected=sum(len(t.rejected_rows) for t in tallies),
        refusal=checked.refusal or refused,
        sources=tuple(h for t in tallies for h in t.headers),
        findings=tuple(f for t in tallies for f in t.findings),
        further=tuple(t.further for t in tallies),
        counts=sum((t.counts for t in tallies), Counter[FindingKind]()),
        parts=tuple(_part_result(slug, tally, checked.measures[slug]) for slug, tally in checked.tallies.items()),
        datasets={p.staging.dataset.slug: p.counts for p in checked.parts},
    )


def _part_result(slug: str, tally: Tally, measures: tuple[Measure, ...]) -> PartResult:
    kind = tally.staging.feature_type
    return PartResult(slug, kind.name, tally.read, len(tally.rejected_rows), kind_field(kind), measures)


def _result(submission: uuid.UUID, tallies: Mapping[str, Tally], published: Published) -> LoadResult:
    own = [counts for slug, counts in published.counts.items() if slug in tallies]
    findings = Counter(f.rule for f in published.findings)
    for kind, count in (entry for t in tallies.values() for entry in t.counts.items()):
        findings[kind.rule] += count
    return LoadResult(
        submission=submission,
        read=sum(t.read for t in tallies.values()),
        published=sum(c["insert"] + c["update"] for c in own),
        unchanged=sum(c["unchanged"] for c in own),
        rejected=sum(len(t.rejected_rows) for t in tallies.values()),
        deleted=sum(c["delete"] for c in own),
        datasets=published.counts,
        commit=published.commit,
        findings=dict(findings),
    )
