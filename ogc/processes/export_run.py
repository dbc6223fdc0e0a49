"""An export of an area is written: one file a collection, all of them as of one commit, and a manifest that says what they are."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ogc.formats.export import Export
from ogc.processes.archive import Archive, listed
from ogc.processes.export_area import ExportArea
from twin.catalogue import Catalogue
from twin.db import Connection, translated
from twin.errors import NotFoundError, Text
from twin.model import Commit, Principal
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery
from twin.query.items import count_statement

_PIECE_BYTES = 1 << 20
_NO_LIMIT = (1 << 63) - 1
_EMPTY = Commit(0, dt.datetime(1980, 1, 1, tzinfo=dt.UTC), "", "", None, "publish")
"""The state before the first commit, at the first time a ZIP can name."""

Told = Callable[[int, int, Text], None]
"""Is told how many features of how many are done, and what is done now; what it raises ends the export."""


@dataclass(frozen=True, slots=True)
class ExportRun:
    """What is written, for whom, and as of which commit."""

    job: str
    order: ExportArea
    commit: int
    principal: Principal


def write_export(run: ExportRun, catalogue: Catalogue, connection: Connection, scratch: Path, target: BinaryIO, told: Told) -> None:
    """Write the archive to ``target``; memory is bounded by what a format's writer holds, ``scratch`` has one file at a time.

    Rows are read as of ``run.commit``, so that what is published meanwhile is in none of the files.
    """
    commit = next((c for c in catalogue.commits() if c.number == run.commit), _EMPTY)
    archive = Archive(target, commit)
    try:
        files = _files(run, catalogue, connection, scratch, archive, told)
        archive.close(_manifest(run, catalogue, commit, files))
    except BaseException:
        archive.abandon()
        raise


def _files(
    run: ExportRun, catalogue: Catalogue, connection: Connection, scratch: Path, archive: Archive, told: Told
) -> list[Mapping[str, object]]:
    """Write a file a collection into the archive and return the manifest's entries."""
    counts = {c.slug: _count(run, c, connection) for c in run.order.collections}
    whole, done = max(1, sum(counts.values())), 0
    files = []
    for collection in run.order.collections:
        told(done, whole, Text(zh=f"导出 {collection.slug}", en=f"exporting {collection.slug}"))
        path = scratch / f"{collection.slug}.{run.order.form.suffix}"
        run.order.form.write(Export(connection, _query(run, collection), run.principal, scratch), path)
        done += counts[collection.slug]
        told(done, whole, Text(zh=f"压缩 {collection.slug}", en=f"packing {collection.slug}"))
        about = _about(collection, catalogue, run.commit, counts[collection.slug])
        files.append(listed(archive.add(path.name, _pieces(path)), about))
        path.unlink()
    return files


def _query(run: ExportRun, collection: Collection) -> FeatureQuery:
    return FeatureQuery(collection, run.order.crs, as_of=run.commit, area=run.order.area)


def _count(run: ExportRun, collection: Collection, connection: Connection) -> int:
    statement = count_statement(dataclasses.replace(_query(run, collection), limit=_NO_LIMIT), run.principal)
    with translated():
        row = connection.execute(statement.text, statement.values).fetchone()
    return int(row[0]) if row else 0


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _about(collection: Collection, catalogue: Catalogue, commit: int, count: int) -> Mapping[str, object]:
    dataset = collection.dataset
    try:
        revision = catalogue.revision_as_of(collection.slug, commit)
    except NotFoundError:
        revision = None
    return {
        "collection": collection.slug,
        "title": {"zh": dataset.title.zh, "en": dataset.title.en},
        "feature_type": collection.feature_type.name,
        "revision": None if revision is None else revision.commit,
        "features": count,
        "licence": dataset.licence,
        "owner_department": dataset.owner_department,
    }


def _manifest(run: ExportRun, catalogue: Catalogue, commit: Commit, files: list[Mapping[str, object]]) -> Mapping[str, object]:
    inputs = run.order.document
    return {
        "job": run.job,
        "city": catalogue.deployment.name,
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": {"number": run.commit, "time": commit.time.isoformat() if commit.number else None, "name": commit.name},
        "area": inputs["area"],
        "crs": run.order.crs.uri,
        "format": run.order.form.name,
        "features": sum(int(str(f["features"])) for f in files),
        "files": files,
    }
