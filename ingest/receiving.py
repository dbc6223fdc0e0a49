"""Receiving: the files of a submission, read in the sandbox and copied into one staging table a dataset (docs/architecture.md)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ingest import representations
from ingest import staging as staged
from ingest.beside_copies import BesideCopies
from ingest.copier import Copier
from ingest.coverage import receive_coverage
from ingest.derive import derive_from_row, there_is_terrain
from ingest.ends_elsewhere import EndsElsewhere
from ingest.fids import FidSource
from ingest.further_findings import Room
from ingest.imagery import receive_image
from ingest.inputs import inputs_of
from ingest.kept_parts import hold_datasets
from ingest.main_files import main_files
from ingest.model import receive_model
from ingest.pictures import keep_picture
from ingest.point_cloud import receive_point_cloud
from ingest.protocol import (
    CoverageHeader,
    ImageHeader,
    Message,
    ModelHeader,
    PartBatch,
    PartEnd,
    PartHeader,
    PartRequest,
    PictureBlock,
    PointCloudHeader,
    ReadRequest,
)
from ingest.published_ends import answered, may_be_published
from ingest.representations import Accompaniment
from ingest.request import LoadRequest, PartSpec, Workplace
from ingest.staging import Staging
from ingest.tally import Tally
from ingest.waivers import Waivers
from twin.catalogue import Catalogue, NewDataset
from twin.db import translated
from twin.model import Dataset
from twin.store import Store

_LARGE_BYTES = 16 << 20
"""A file from which on connections of their own for what stands beside rows are worth being opened."""


def start(place: Workplace, submission: uuid.UUID, request: LoadRequest) -> dict[str, Tally]:
    """Make the datasets that are new and one empty staging table for each dataset of the request; return their tallies by slug."""
    catalogue = place.catalogue
    datasets = {part.dataset: _ensure(catalogue, part, request) for part in request.parts}
    tallies: dict[str, Tally] = {}
    room = Room.on(place.work)
    with translated(), catalogue.pool.connection() as connection:
        for number, (slug, dataset) in enumerate(datasets.items()):
            staging = Staging(
                submission=submission,
                part=number,
                dataset=dataset,
                feature_type=catalogue.feature_type(dataset.feature_type),
                first_load=catalogue.current_revision(slug) is None,
                is_whole=request.mode == "replace",
            )
            staged.create(connection, staging, catalogue.deployment.storage_srid)
            tallies[slug] = Tally(staging, Waivers.of_part(request.waivers, staging.feature_type, slug), place.work, room=room)
        stagings = [t.staging for t in tallies.values()]
        hold_datasets(connection, submission, stagings)
        for tally in tallies.values():
            tally.inputs = inputs_of(connection, catalogue, tally.staging, stagings)
    return tallies


def read_all(place: Workplace, request: LoadRequest, tallies: Mapping[str, Tally], apart: BesideCopies | None = None) -> None:
    """Read every file of the request; a file that breaks raises what it is refused with, and nothing of it is committed.

    What is filled ``apart``, where that is given, is on its way to its commit when this returns: whoever reads it waits until that settled.
    """
    has_terrain = there_is_terrain(place.catalogue, [tally.staging for tally in tallies.values()])
    for path in main_files(request.files):
        asked = read_request(place, request, path)
        if asked is None:
            continue  # it is there for another file's sake
        pool = place.catalogue.pool
        if apart is not None:
            apart.settled()
        large = apart is not None and path.stat().st_size >= _LARGE_BYTES  # what is edited through a door is no file
        with (
            translated(),
            FidSource(pool) as fids,
            pool.connection() as connection,
            Copier(connection, fids, apart if large else None) as copier,
            answered(place, request, asked) as messages,
        ):
            _receive(place, copier, messages, asked, tallies, has_terrain=has_terrain)


def read_request(place: Workplace, request: LoadRequest, path: Path) -> ReadRequest | None:
    """Return what the sandbox is asked of one file of a request, None when no part of it is in that file."""
    parts = tuple(_part_request(place.catalogue, request, p, path) for p in _parts_of(path, request))
    companions = tuple(f for f in request.files if f != path)
    if not parts:
        return None
    asked = place.make_request(path, parts, companions, request.crs, request.vertical)
    return replace(asked, ends=EndsElsewhere(may_ask=True)) if may_be_published(place.catalogue, request, parts) else asked


def _part_request(catalogue: Catalogue, request: LoadRequest, part: PartSpec, path: Path) -> PartRequest:
    feature_type = catalogue.feature_type(part.feature_type)
    return PartRequest(
        layer=None if _names_file(part, path) else part.layer,
        feature_type=feature_type,
        dataset=part.dataset,
        reading=part.reading,
        waivers=Waivers.of_part(request.waivers, feature_type, part.dataset, path.name).all(),
    )


def _ensure(catalogue: Catalogue, part: PartSpec, request: LoadRequest) -> Dataset:
    feature_type = catalogue.feature_type(part.feature_type)
    title = request.title or feature_type.title
    return catalogue.ensure_dataset(
        NewDataset(
            slug=part.dataset, feature_type=part.feature_type, title=title, tolerance_m=feature_type.tolerance_m, sharing=request.sharing
        )
    )


def _parts_of(path: Path, request: LoadRequest) -> tuple[PartSpec, ...]:
    """With several files a part that says its file, or is called like one of them, is in that file only (the CSVs of a survey)."""
    if len(request.files) == 1:
        return tuple(p for p in request.parts if p.file in (None, path.name))
    named = {p for p in request.parts for f in request.files if p.file is not None or _names_file(p, f)}
    own = tuple(p for p in request.parts if (_names_file(p, path) if p.file is None else p.file == path.name))
    return own or tuple(p for p in request.parts if p not in named)


def _names_file(part: PartSpec, path: Path) -> bool:
    return part.layer is not None and part.layer in (path.name, path.stem)


def _receive(
    place: Workplace, copier: Copier, messages: Iterator[Message], asked: ReadRequest, tallies: Mapping[str, Tally], *, has_terrain: bool
) -> None:
    """Copy what one file gives into staging; of a file that breaks amid nothing is committed."""
    path = asked.path
    expected: int | None = None
    document_header: str | None = None
    for message in messages:
        tally = tallies[message.dataset]
        slug = tally.staging.dataset.slug
        if isinstance(message, PartHeader):
            tally.headers.append(_source(path, message))
            tally.note_read(message.findings)
            expected = message.row_estimate
            document_header = representations.keep_header(copier.connection(), message)
        elif isinstance(message, CoverageHeader | ImageHeader | PointCloudHeader | ModelHeader):
            tally.headers.append({"file": path.name, "format": message.format, "crs": message.source_crs})
            tally.note_read(message.findings)
            _copy(copier, tally, _coverage_row(place.store, message, messages, asked, tally))
            tally.read += 1
            place.progress(slug, tally.read, None)
        elif isinstance(message, PictureBlock):
            keep_picture(place.store, message.pixels)
        elif isinstance(message, PartBatch):
            batch = derive_from_row(message.table, tally.staging.feature_type, has_terrain=has_terrain)
            batch = _numbered(batch, tally)
            _copy(copier, tally, batch, Accompaniment.of(message, tally.first_number, document_header))
            tally.survey.add(batch)
            tally.keys.add(batch.column("natural_key"))
            tally.places.add(batch.column("geom"))
            tally.note_read(message.findings)
            place.progress(slug, tally.copied, expected)
        elif isinstance(message, PartEnd) and tally.staging.feature_type.geometry_type != "coverage":
            tally.read += message.rows
            tally.headers[-1] = {**tally.headers[-1], "rounding_m": message.rounding_m}


def _copy(copier: Copier, tally: Tally, batch: pa.RecordBatch, beside: Accompaniment | None = None) -> None:
    if batch.num_rows:
        tally.note_given(batch)
        copier.copy(tally.staging, batch, is_first=tally.copied == 0, beside=beside)
        tally.copied += batch.num_rows


def _coverage_row(
    store: Store,
    header: CoverageHeader | ImageHeader | PointCloudHeader | ModelHeader,
    messages: Iterator[Message],
    asked: ReadRequest,
    tally: Tally,
) -> pa.RecordBatch:
    """Put what a coverage consists of into the store and return the row that describes it."""
    path, feature_type, row = asked.path, tally.staging.feature_type, tally.first_number + 1
    match header:
        case CoverageHeader():
            priority = next((p.reading.priority for p in asked.parts if p.dataset == header.dataset), None)
            return receive_coverage(store, header, messages, path, feature_type, row, priority=priority or 0)
        case ImageHeader():
            return receive_image(store, header, messages, path, feature_type, row)
        case PointCloudHeader():
            return receive_point_cloud(store, header, messages, path, feature_type, row)
        case ModelHeader():
            return receive_model(store, header, messages, path, feature_type, row)


def _source(path: Path, header: PartHeader) -> Mapping[str, object]:
    """What a revision's lineage keeps of how a file was understood."""
    return {
        "file": path.name,
        "dataset": header.dataset,
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


def _numbered(batch: pa.RecordBatch, tally: Tally) -> pa.RecordBatch:
    """Return the batch with its rows numbered as staged."""
    first_number = tally.first_number
    for row in pc.min_max(batch.column(0)).as_py().values() if batch.num_rows else ():
        tally.number_of(row)
    return batch.set_column(0, batch.schema.field(0), pc.add(batch.column(0), first_number)) if first_number else batch
