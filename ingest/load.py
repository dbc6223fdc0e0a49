"""Load: files become one submission, are read in the sandbox, checked, staged and published as one commit (docs/architecture.md)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ingest import staging as staged
from ingest.copy_binary import HEADER, TRAILER, copy_binary_rows
from ingest.coverage import receive_coverage
from ingest.dependants import has_dependants, stage_dependants
from ingest.derive import GroundOf, derive_from_city, derive_from_row
from ingest.match import drop_declared_deletes
from ingest.protocol import CoverageHeader, Message, PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from ingest.publish import Act, Extent, Part, Published, StagingLostError, publish
from ingest.set_checks import missing_nodes, repeated_keys, repeated_values
from ingest.staging import Mode, Staging
from twin.catalogue import Catalogue, NewDataset
from twin.db import Connection, translated
from twin.errors import RejectedError, Text
from twin.model import Dataset, Finding, Severity, SharingClass, SubmissionState
from twin.store import FolderStore, sha256_of

_MANY_ROWS = 20
"""Below this many rows the share of rejected ones says little, so it does not reject the file."""


class Reader(Protocol):
    """Reads one file in the sandbox; see :func:`ingest.sandbox.read_file`."""

    def __call__(self, request: ReadRequest) -> Iterator[Message]:
        """Yield, for every part asked for, its header, its batches and its end."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What to take out of the files: a layer or sheet (None: the only one), as what, into which dataset."""

    layer: str | None
    feature_type: str
    dataset: str


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a surveyor asks for when loading."""

    files: tuple[Path, ...]
    parts: tuple[PartSpec, ...]
    mode: Mode = "replace"
    crs: str | None = None
    vertical: str | None = None
    area_wkb: bytes | None = None
    """EWKB polygon of the storage CRS inside which mode area replaces."""
    allow_deletes: bool = False
    max_rejected: float = 0.5
    actor: str = "operator"
    reason: str = ""
    name: str | None = None
    title: Text | None = None
    sharing: SharingClass = SharingClass.OPEN


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
class CheckResult:
    """What a check found; nothing was published."""

    read: int
    rejected: int
    refusal: RejectedError | None
    """Why a load would reject the file as a whole; None when it would publish the rows that are right."""
    sources: tuple[Mapping[str, object], ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Workplace:
    """What loading needs from outside, handed in by the composition root."""

    catalogue: Catalogue
    store: FolderStore
    read: Reader
    make_request: Callable[[Path, tuple[PartRequest, ...], tuple[Path, ...], str | None, str | None], ReadRequest]
    """(file, parts, companion files, declared CRS, vertical) → the request, with what the deployment adds to it."""
    ground: GroundOf
    to_degrees: Callable[[Extent], Extent]
    progress: Callable[[str, int, int | None], None]
    """(what, done, of how many or None): told as rows come in."""


_ROWS_A_SOURCE = 10**10
"""Staged rows are numbered source × this + row: several files or layers may go into one dataset, each with rows from 1."""


@dataclass(slots=True)
class _Tally:
    """What is counted for one dataset while its rows come in, layer by layer and file by file (its sources)."""

    staging: Staging
    read: int = 0
    copied: int = 0
    rejected_rows: set[int] = field(default_factory=set)
    """Numbers as staged."""
    rejected_keys: set[str] = field(default_factory=set)
    headers: list[Mapping[str, object]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    staged: tuple[int, int] = (0, 0)
    """How many rows stood staged when they were checked, and a hash of which."""

    @property
    def first_number(self) -> int:
        """What is added to the row numbers of the source being read."""
        return max(len(self.headers) - 1, 0) * _ROWS_A_SOURCE

    def note_read(self, findings: Iterable[Finding]) -> None:
        """Keep what was found while reading the present source."""
        for f in findings:
            self._keep(f, None if f.row is None else self.first_number + f.row)

    def note_staged(self, findings: Iterable[Finding]) -> None:
        """Keep what was found among staged rows, saying the row and the layer as the source does."""
        for f in findings:
            if f.row is None:
                self._keep(f, None)
                continue
            source, row = divmod(f.row, _ROWS_A_SOURCE)
            layer = str(self.headers[source].get("layer") or "") if source < len(self.headers) else ""
            self._keep(replace(f, row=row, layer=f.layer or layer), f.row)

    def _keep(self, finding: Finding, number: int | None) -> None:
        self.findings.append(finding)
        if finding.severity is Severity.ERROR and number is not None:
            self.rejected_rows.add(number)
            if finding.key is not None:
                self.rejected_keys.add(finding.key)


def load(place: Workplace, request: LoadRequest) -> LoadResult:
    """Publish what is right in the files and list what is not.

    Raises RejectedError or UnsupportedMediaError, with nothing changed, when a blocking rule rejects a file: no usable CRS,
    unreadable content, missing layer, or more than ``max_rejected`` of its rows wrong.
    """
    catalogue = place.catalogue
    files = [{"name": f.name, "size": f.stat().st_size, "sha256": sha256_of(f)} for f in request.files]
    submission = catalogue.receive(request.actor, files, {"mode": request.mode, "crs": request.crs, "vertical": request.vertical})
    with _staged(place, request, submission) as tallies:
        with translated(), catalogue.pool.connection() as connection:
            catalogue.advance(connection, submission, SubmissionState.CHECKED)
            if (refusal := _refusal(request, tallies)) is not None:
                raise refusal
            catalogue.advance(connection, submission, SubmissionState.ACCEPTED)
        published = _publish(place, request, submission, tallies, files)
    return _result(submission, tallies, published)


def check(place: Workplace, request: LoadRequest) -> CheckResult:
    """Say what is wrong in the files, with the rules and the published data that a load would meet, and publish nothing."""
    files = [{"name": f.name, "size": f.stat().st_size} for f in request.files]
    submission = place.catalogue.receive(request.actor, files, {"check": True})
    with _staged(place, request, submission) as tallies, translated(), place.catalogue.pool.connection() as connection:
        for tally in tallies.values():
            staged.drop(connection, tally.staging)
        place.catalogue.advance(connection, submission, SubmissionState.WITHDRAWN)
    for tally in tallies.values():
        place.catalogue.forget_unpublished(tally.staging.dataset)
    return CheckResult(
        read=sum(t.read for t in tallies.values()),
        rejected=sum(len(t.rejected_rows) for t in tallies.values()),
        refusal=_refusal(request, tallies),
        sources=tuple(h for t in tallies.values() for h in t.headers),
        findings=tuple(f for t in tallies.values() for f in t.findings),
    )


@contextmanager
def _staged(place: Workplace, request: LoadRequest, submission: uuid.UUID) -> Iterator[dict[str, _Tally]]:
    """Have the files read, checked and staged for the block; whatever goes wrong, no staged row stays behind."""
    with staged.claimed(place.catalogue.pool, submission):
        tallies: dict[str, _Tally] = {}
        try:
            datasets = {part.dataset: _ensure(place.catalogue, part, request) for part in request.parts}
            tallies |= _start(place.catalogue, submission, datasets, is_whole=request.mode == "replace")
            _read_all(place, request, tallies)
            _check_all(place, request, submission, tallies)
            yield tallies
        except StagingLostError:
            raise  # the submission is back in state received: its files may be loaded again
        except BaseException:
            _give_up(place.catalogue, submission, tallies)
            raise


def _ensure(catalogue: Catalogue, part: PartSpec, request: LoadRequest) -> Dataset:
    feature_type = catalogue.feature_type(part.feature_type)
    title = request.title or feature_type.title
    return catalogue.ensure_dataset(
        NewDataset(
            slug=part.dataset, feature_type=part.feature_type, title=title, tolerance_m=feature_type.tolerance_m, sharing=request.sharing
        )
    )


def _start(catalogue: Catalogue, submission: uuid.UUID, datasets: Mapping[str, Dataset], *, is_whole: bool) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = {}
    with translated(), catalogue.pool.connection() as connection:
        for number, (slug, dataset) in enumerate(datasets.items()):
            staging = Staging(
                submission=submission,
                part=number,
                dataset=dataset,
                feature_type=catalogue.feature_type(dataset.feature_type),
                first_load=catalogue.current_revision(slug) is None,
                is_whole=is_whole,
            )
            staged.create(connection, staging, catalogue.deployment.storage_srid)
            tallies[slug] = _Tally(staging)
    return tallies


def _read_all(place: Workplace, request: LoadRequest, tallies: Mapping[str, _Tally]) -> None:
    types = [tally.staging.feature_type for tally in tallies.values()]
    types += [place.catalogue.feature_type(d.feature_type) for d in place.catalogue.datasets()]
    has_terrain = any(t.recipe == "terrain" for t in types)
    for path in request.files:
        parts = tuple(
            PartRequest(
                layer=None if _names_file(p, path) else p.layer,
                feature_type=place.catalogue.feature_type(p.feature_type),
                dataset=p.dataset,
            )
            for p in _parts_of(path, request)
        )
        companions = tuple(f for f in request.files if f != path)
        asked = place.make_request(path, parts, companions, request.crs, request.vertical)
        with translated(), place.catalogue.pool.connection() as connection:
            _receive(place, connection, place.read(asked), path, tallies, has_terrain=has_terrain)


def _parts_of(path: Path, request: LoadRequest) -> tuple[PartSpec, ...]:
    """With several files a part that is called like one of them is in that file only (the CSVs of a survey)."""
    named = {p for p in request.parts for f in request.files if _names_file(p, f)}
    own = tuple(p for p in request.parts if _names_file(p, path))
    return own or tuple(p for p in request.parts if p not in named)


def _names_file(part: PartSpec, path: Path) -> bool:
    return part.layer is not None and part.layer in (path.name, path.stem)


def _receive(
    place: Workplace,
    connection: Connection,
    messages: Iterator[Message],
    path: Path,
    tallies: Mapping[str, _Tally],
    *,
    has_terrain: bool,
) -> None:
    """Copy what one file gives into staging; one transaction a file, so a broken file leaves nothing staged."""
    expected: int | None = None
    for message in messages:
        tally = tallies[message.dataset]
        slug = tally.staging.dataset.slug
        if isinstance(message, PartHeader):
            tally.headers.append(_source(path, message))
            tally.note_read(message.findings)
            expected = message.row_estimate
        elif isinstance(message, CoverageHeader):
            tally.headers.append({"file": path.name, "format": message.format, "crs": message.source_crs})
            _copy(
                connection,
                tally.staging,
                receive_coverage(place.store, message, messages, path, tally.staging.feature_type, tally.first_number + 1),
            )
            tally.read += 1
            place.progress(slug, tally.read, None)
        elif isinstance(message, PartBatch):
            batch = derive_from_row(message.table, tally.staging.feature_type, has_terrain=has_terrain)
            _copy(connection, tally.staging, _numbered(batch, tally.first_number))
            tally.note_read(message.findings)
            tally.copied += message.table.num_rows
            place.progress(slug, tally.copied, expected)
        elif isinstance(message, PartEnd) and tally.staging.feature_type.geometry_type != "coverage":
            tally.read += message.rows


def _source(path: Path, header: PartHeader) -> Mapping[str, object]:
    """What a revision's lineage keeps of how a file was understood."""
    return {
        "file": path.name,
        "layer": header.layer,
        "format": header.format,
        "crs": header.source_crs,
        "crs_assumed": header.assumed,
        "encoding": header.encoding,
        "operation": header.operation,
        "accuracy_m": header.accuracy_m,
        "mapping": dict(header.mapping),
        "unmapped": list(header.unmapped),
    }


def _numbered(batch: pa.RecordBatch, first_number: int) -> pa.RecordBatch:
    """Return the batch with its rows numbered as staged."""
    return batch.set_column(0, batch.schema.field(0), pc.add(batch.column(0), first_number)) if first_number else batch


def _copy(connection: Connection, staging: Staging, batch: pa.RecordBatch) -> None:
    if batch.num_rows == 0:
        return
    statement = staging.query("copy_into_staging", columns=staged.columns(staging.copied))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        copy.write(copy_binary_rows(batch, staging.copy_columns))
        copy.write(TRAILER)


def _check_all(place: Workplace, request: LoadRequest, submission: uuid.UUID, tallies: Mapping[str, _Tally]) -> None:
    """Set-based checks, derived values and indexes; nodes are settled before what refers to them."""
    stagings = [t.staging for t in tallies.values()]
    catalogue = place.catalogue
    with translated(), catalogue.pool.connection() as connection:
        for tally in tallies.values():
            if request.mode == "delta" and tally.staging.first_load:
                tally.note_staged(drop_declared_deletes(connection, tally.staging))
            connection.execute(sql.SQL("ANALYZE {}").format(tally.staging.table))
            if request.mode != "delta" or tally.staging.feature_type.natural_key:
                tally.note_staged(repeated_keys(connection, tally.staging))
            for check in tally.staging.feature_type.checks:
                if check.rule == "unique":
                    tally.note_staged(repeated_values(connection, tally.staging, check))
        for tally in tallies.values():
            for check in tally.staging.feature_type.checks:
                if check.rule == "node-exists":
                    tally.note_staged(missing_nodes(connection, tally.staging, check, stagings, catalogue))
        for tally in tallies.values():
            derive_from_city(connection, tally.staging, place.ground, catalogue, stagings)
            catalogue.add_findings(connection, submission, tally.staging.part, tally.findings)
        for tally in tallies.values():
            tally.staged = staged.count_and_hash(connection, tally.staging)
    for staging in stagings:
        staged.index(catalogue.pool, staging)


def _refusal(request: LoadRequest, tallies: Mapping[str, _Tally]) -> RejectedError | None:
    """Return why the files are rejected as a whole: nothing in them, or too much of it wrong."""
    for slug, tally in tallies.items():
        rejected = len(tally.rejected_rows)
        if tally.read == 0:
            error = RejectedError(f"there is no feature for {slug} in the file", zh=f"文件中没有 {slug} 的要素")
            error.with_code("empty")
            return error
        too_many = tally.read >= _MANY_ROWS and rejected > request.max_rejected * tally.read
        if rejected >= tally.read or too_many:
            examples = [f for f in tally.findings if f.severity is Severity.ERROR][:3]
            zh = "；".join(f"第 {f.row} 行：{f.message.zh}" for f in examples)
            en = "; ".join(f"row {f.row}: {f.message.en}" for f in examples)
            error = RejectedError(
                f"{rejected} of {tally.read} rows for {slug} are wrong ({en})",
                zh=f"{slug} 的 {tally.read} 行中有 {rejected} 行有错（{zh}）",
            )
            error.with_code("too-many-rejected")
            return error
    return None


def _publish(
    place: Workplace,
    request: LoadRequest,
    submission: uuid.UUID,
    tallies: Mapping[str, _Tally],
    files: Sequence[Mapping[str, object]],
) -> Published:
    catalogue = place.catalogue
    stagings = [tally.staging for tally in tallies.values()]
    parts = [
        Part(
            staging=tally.staging,
            mode=request.mode,
            count=tally.staged[0],
            hash=tally.staged[1],
            lineage={"submission": str(submission), "files": list(files), "sources": tally.headers, "rejected": len(tally.rejected_rows)},
            kept_keys=tuple(sorted(tally.rejected_keys)),
            area_wkb=request.area_wkb,
        )
        for tally in tallies.values()
    ]
    late = partial(stage_dependants, catalogue=catalogue, submission=submission, loaded=stagings, ground=place.ground)
    reason = request.reason or ", ".join(str(f["name"]) for f in files)
    act = Act(actor=request.actor, reason=reason, name=request.name, allow_deletes=request.allow_deletes)
    published = publish(catalogue, submission, parts, act, place.to_degrees, late if has_dependants(catalogue, stagings) else None)
    catalogue.refresh()
    return published


def _give_up(catalogue: Catalogue, submission: uuid.UUID, tallies: Mapping[str, _Tally]) -> None:
    """Leave nothing behind but the record and its findings: no staged row, and no dataset that only this load wanted."""
    with catalogue.pool.connection() as connection:
        for tally in tallies.values():
            staged.drop(connection, tally.staging)
        catalogue.reject(connection, submission)
    for tally in tallies.values():
        catalogue.forget_unpublished(tally.staging.dataset)


def _result(submission: uuid.UUID, tallies: Mapping[str, _Tally], published: Published) -> LoadResult:
    own = {slug: counts for slug, counts in published.counts.items() if slug in tallies}
    findings: dict[str, int] = {}
    for tally in tallies.values():
        for f in tally.findings:
            findings[f.rule] = findings.get(f.rule, 0) + 1
    for f in published.findings:
        findings[f.rule] = findings.get(f.rule, 0) + 1
    return LoadResult(
        submission=submission,
        read=sum(t.read for t in tallies.values()),
        published=sum(c["insert"] + c["update"] for c in own.values()),
        unchanged=sum(c["unchanged"] for c in own.values()),
        rejected=sum(len(t.rejected_rows) for t in tallies.values()),
        deleted=sum(c["delete"] for c in own.values()),
        datasets=published.counts,
        commit=published.commit,
        findings=findings,
    )
