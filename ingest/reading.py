"""One part of a file, from the reader's rows to the batches that go out: map, place, check, sort out, encode."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.bodies import Bodies, place_bodies, representations_table, with_measured_heights
from ingest.body_arrays import laid_out
from ingest.checks.remarks import remark_findings
from ingest.checks.solids.findings import Hit, look_at_solids, solid_findings
from ingest.checks.solids.looks import LooksOfFile
from ingest.checks.values import FieldValues, check_values
from ingest.declared import in_order, lifted, request_for, unit_notes
from ingest.documents import compressed, documents_table
from ingest.elevation import Elevated
from ingest.ewkb import encode_ewkb
from ingest.extra import extra_of
from ingest.fields import field_columns, natural_key
from ingest.geometry_checker import GeometryChecker
from ingest.georeference import Georeference, georeference
from ingest.judge import Judge
from ingest.mapping import ColumnMapping, match_columns
from ingest.protocol import Limits, Message, PartBatch, PartEnd, PartHeader, PartRequest, PictureBlock, ReadRequest, batch_schema
from ingest.readers.source import CoverageReader, Geometries, OpenLayer, Reader, SourceBatch, SourceLayer
from ingest.refusals import rejected, unsupported
from ingest.rounding import RoundingGauge
from ingest.sure_rows import encoded_among, told_sure
from ingest.told_codes import ToldCodes, told_codes
from ingest.units import factors_of
from ingest.waivers import Waivers
from twin.errors import TwinError
from twin.model import FeatureType, Finding, FindingKind, Severity

Mask = npt.NDArray[np.bool_]


def read_parts(reader: Reader, request: ReadRequest) -> Generator[Message]:
    """Yield the messages of every part of ``request``, in order (see `ingest.protocol`)."""
    left = LooksOfFile()
    for part in request.parts:
        is_coverage = part.feature_type.geometry_type == "coverage"
        if isinstance(reader, CoverageReader):
            if part.feature_type.recipe not in reader.recipes:
                raise _wrong_kind(part.feature_type, reader.format)
            yield from reader.read(part, _for_coverage(request_for(request, part), reader.format))
            yield PartEnd(part.dataset, 1, 1, 0)
        else:
            if is_coverage:
                raise _wrong_kind(part.feature_type, reader.format)
            yield from _read_features(reader.open(part), reader.format, part, request, left)


def _read_features(layer: OpenLayer, file_format: str, part: PartRequest, request: ReadRequest, left: LooksOfFile) -> Iterator[Message]:
    source = layer.source
    placing = georeference(request_for(request, part), source.name, source.crs, source.assumed)
    mapping = match_columns(source.columns, part.feature_type, dict(part.reading.mapping))
    factors = factors_of(mapping, part.feature_type, dict(part.reading.units))
    source = replace(source, notes=(*source.notes, *unit_notes(factors, mapping.columns)))
    codes, batches = told_codes(part, source.name, mapping, layer.batches())
    yield _header(source, file_format, part, placing, mapping, codes)
    waivers = Waivers.of_part(part.waivers, part.feature_type, part.dataset)
    today, rounding = dt.datetime.now(dt.UTC).date(), RoundingGauge(placing.unit_m)
    with ThreadPoolExecutor(1, "documents") as documents, ThreadPoolExecutor(1, "solids") as solids:
        work = _Part(part, source, placing, request.limits, rounding, waivers, today, documents, solids, left, codes.classifications)
        begun: deque[_Begun] = deque()
        for batch in batches:
            for pixels in batch.pictures:
                yield PictureBlock(part.dataset, pixels)
            begun.append(work.begin(in_order(batch, part, source)))
            del batch  # what it is read from goes as soon as nobody needs it
            # one whose solids are looked at waits until the next one is begun; but for the first, which others wait for
            while begun and len(begun) > (begun[-1].has_bodies and work.rows > 0):
                yield work.process(begun.popleft())
        while begun:
            yield work.process(begun.popleft())
    yield PartEnd(part.dataset, work.rows, work.accepted, work.rows - work.accepted, work.rounding.rounding_m)


def _header(
    source: SourceLayer, file_format: str, part: PartRequest, placing: Georeference, mapping: ColumnMapping, codes: ToldCodes
) -> PartHeader:
    texts = (*source.notes, *codes.notes)
    notes = tuple(Finding("reading", Severity.INFO, None, text, source.name) for text in texts)
    return PartHeader(
        dataset=part.dataset,
        layer=source.name,
        format=file_format,
        source_crs=placing.label,
        assumed=placing.assumed,
        encoding=source.encoding,
        operation=placing.operation,
        accuracy_m=placing.transform.operation.accuracy_m,
        mapping=mapping.columns,
        unmapped=mapping.unmapped,
        row_estimate=source.rows,
        findings=(*notes, *part.reading.doubts, *codes.doubts),
        document_header=source.document_header,
    )


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch, and what threads of their own do with it meanwhile."""

    batch: SourceBatch
    bodies: Bodies
    solids: Future[Sequence[Hit]] | None
    documents: Future[pa.BinaryArray] | None

    @property
    def has_bodies(self) -> bool:
        """Whether its solids are looked at."""
        return self.solids is not None


@dataclass
class _Part:
    """The rows of one part on their way; counts what came and what stays."""

    part: PartRequest
    source: SourceLayer
    placing: Georeference
    limits: Limits
    rounding: RoundingGauge
    waivers: Waivers
    today: dt.date
    compresses: Executor
    """A thread for the documents of a batch, while its rows are checked."""
    looks: Executor
    """A thread for its solids, while the rows of the batch before are checked: one, for batches take their looks one after the other."""
    looks_left: LooksOfFile
    """For the solids of all batches of the file."""
    classifications: Mapping[str, str]
    """Column → of which classification its codes are, where its name does not say."""
    rows: int = 0
    accepted: int = 0
    told: Counter[FindingKind] = field(default_factory=Counter)
    """Findings about values so far."""
    matched: tuple[tuple[str, ...], ColumnMapping] | None = None
    """Names of the columns of the last batch, and which fields they are."""

    def begin(self, batch: SourceBatch) -> _Begun:
        """Have what needs nobody else done in threads: looking at solids, compressing documents."""
        batch = replace(batch, representations=laid_out(batch.representations))
        bodies = place_bodies(batch, self.placing, self.limits)
        found = bodies.representations
        if not bodies.faults:  # the same, and placed: nobody needs them where they were
            batch = replace(batch, representations=found)
        documents = self.compresses.submit(compressed, batch.documents, batch.packing) if batch.documents else None
        solids = self.looks.submit(look_at_solids, found, self.part.feature_type, self.looks_left) if len(found) else None
        return _Begun(replace(batch, documents=(), packing=None), bodies, solids, documents)

    def process(self, begun: _Begun) -> PartBatch:
        """Return the accepted rows of a batch and what was found in it."""
        batch, bodies = begun.batch, begun.bodies
        self.rows += len(batch.rows)
        if self.rows > self.limits.rows:
            raise rejected("too-many-rows", f"More than {self.limits.rows} rows.", f"行数超过 {self.limits.rows}。")
        feature_type = self.part.feature_type
        mapping = self._mapping_of(tuple(batch.columns))
        factors = factors_of(mapping, feature_type, dict(self.part.reading.units))
        columns = field_columns(batch.columns, mapping, feature_type, len(batch.rows), factors, self.classifications)
        batch = replace(batch, faults=(*batch.faults, *bodies.faults))
        batch, sure = told_sure(batch, columns, feature_type, self.placing, self.limits)
        if not self.part.reading.elevations_in_datum:
            columns = lifted(columns, self.placing, batch.geometry)
        columns = with_measured_heights(columns, bodies, feature_type)
        judge = Judge(self.waivers, batch, columns, feature_type)
        checker = GeometryChecker(batch, feature_type, self.placing, self.limits, self.source.name, judge, sure)
        geometry, elevated = checker.check(columns)
        found = () if begun.solids is None else begun.solids.result()
        solids = solid_findings(found, bodies.representations, batch.rows, feature_type, self.placing.place_point, self.source.name)
        values = check_values(batch.rows, columns, feature_type, self.source.name, self.today)
        remarks = remark_findings(batch, feature_type, self.source.name)
        findings = judge.all((*checker.findings, *solids, *remarks, *checker.located(values, geometry, self.told)))
        refused = np.array([f.row for f in findings if f.rejects], dtype=np.int64)
        keep = ~np.isin(batch.rows, refused)
        self.accepted += int(keep.sum())
        if not self.rounding.is_settled:
            self.rounding.add(shapely.get_coordinates(batch.geometry[keep]))
            for given in (batch.areas, batch.paths):
                if given is not None:
                    self.rounding.add(given.of(keep[given.rows]).xyz[:, :2])
        ewkb = self._ewkb(geometry, elevated, keep & ~sure.is_sure)
        if sure.is_sure.any():
            ewkb = encoded_among(sure, ewkb, keep, self.placing.storage.srid)
        return PartBatch(
            dataset=self.part.dataset,
            table=self._table(batch, columns, mapping, ewkb, keep),
            findings=findings,
            representations=representations_table(bodies, batch.rows, keep),
            documents=None if begun.documents is None else documents_table(begun.documents.result(), batch.rows, keep),
        )

    def _mapping_of(self, names: tuple[str, ...]) -> ColumnMapping:
        """Return which fields columns are, looked for once where batches have the same."""
        if self.matched is None or self.matched[0] != names:
            self.matched = names, match_columns(names, self.part.feature_type, dict(self.part.reading.mapping))
        return self.matched[1]

    def _table(
        self, batch: SourceBatch, columns: Mapping[str, FieldValues], mapping: ColumnMapping, geometry: pa.Array, keep: Mask
    ) -> pa.RecordBatch:
        feature_type = self.part.feature_type
        schema = batch_schema(feature_type)
        values = {name: column.values for name, column in columns.items()}
        values["natural_key"] = natural_key(columns, feature_type)
        values["extra"] = extra_of(batch.columns, mapping.unmapped, _untaken(columns, mapping, batch), len(batch.rows))
        if not keep.all():
            kept = pa.array(np.flatnonzero(keep))
            values = {name: column.take(kept) for name, column in values.items()}
        values |= {"row": pa.array(batch.rows[keep]), "geom": geometry}
        return pa.RecordBatch.from_arrays([values[field.name] for field in schema], schema=schema)

    def _ewkb(self, geometry: Geometries, elevated: Elevated, keep: Mask) -> pa.Array:
        """Return the geometries that are kept as PostGIS takes them."""
        z_m = elevated.z_m
        if z_m is not None and not keep.all():
            z_m = z_m[np.repeat(keep, shapely.get_num_coordinates(geometry))]
        return encode_ewkb(geometry[keep], z_m, self.placing.storage.srid, self.part.feature_type.geometry_type)


def _untaken(columns: Mapping[str, FieldValues], mapping: ColumnMapping, batch: SourceBatch) -> dict[str, pa.Array]:
    """Return the source values that a softened rule let pass without a typed value: they stay in ``extra``."""
    return {
        name: pa.array([v if b else None for v, b in zip(batch.columns[name].to_pylist(), columns[field].bad, strict=True)])
        for name, field in mapping.columns.items()
        if name in batch.columns and columns[field].bad.any()
    }


def _for_coverage(request: ReadRequest, file_format: str) -> ReadRequest:
    """Refuse what cannot be taken off a coverage, whose pixels and points stay as they are in their file."""
    if (request.crs or "").upper().startswith("X-") or request.height_offset_m:
        raise rejected(
            "crs-unfit",
            f"A {file_format} file stays as it is: have it in a national CRS and the city's heights before it comes.",
            f"{file_format} 文件按原样保存：请先转换到国家坐标系和本市高程基准再提交。",
        )
    return request


def _wrong_kind(feature_type: FeatureType, file_format: str) -> TwinError:
    return unsupported(
        f"A {file_format} file cannot give features of type {feature_type.name}.",
        f"{file_format} 文件不能作为“{feature_type.title.zh}”的数据来源。",
        "wrong-kind",
    )
