"""One part of a file, from the reader's rows to the batches that go out: map, place, check, sort out, encode."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from ingest.bodies import documents_table, place_bodies, representations_table, with_measured_heights
from ingest.body_arrays import laid_out
from ingest.checks.geometry import as_declared_type, has_non_finite, invalid, noded, place_of, reason_of
from ingest.checks.rules import Severities
from ingest.checks.shapes import shape_faults
from ingest.checks.solids.findings import solid_findings
from ingest.checks.values import FieldValues, check_values
from ingest.crosswalks import crossing_notes
from ingest.declared import in_order, lifted, request_for, unit_notes
from ingest.elevation import Elevated, base_heights_m, with_elevation, without_void_heights
from ingest.ewkb import encode_ewkb
from ingest.extra import extra_column
from ingest.fields import field_columns, natural_key
from ingest.georeference import Georeference, georeference
from ingest.mapping import ColumnMapping, match_columns
from ingest.protocol import KEPT_FINDINGS, Limits, Message, PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest, batch_schema
from ingest.readers.source import CoverageReader, Geometries, OpenLayer, Reader, SourceBatch, SourceLayer
from ingest.refusals import rejected, unsupported
from ingest.rounding import RoundingGauge
from ingest.sure_areas import SureAreas, told_sure
from ingest.units import factors_of
from ingest.waivers import Waivers
from twin.errors import Text, TwinError
from twin.model import FeatureType, Finding, FindingKind, Severity

Mask = npt.NDArray[np.bool_]
_EMPTY = Text(zh="几何为空", en="the geometry is empty")
_NON_FINITE = Text(zh="坐标不是有限数值", en="a coordinate is not a finite number")
_UNREACHABLE = Text(zh="坐标无法转换到存储坐标系", en="a coordinate cannot be brought into the storage CRS")
_OUTSIDE = Text(zh="坐标超出本部署范围或坐标系适用范围", en="outside the deployment's extent or the area of use of its CRS")
_FLAT = Text(zh="没有高程,按 0 米入库", en="no elevation: stored at 0 m")
_LEVEL = Text(zh="一端没有高程,按另一端高程水平入库", en="one end has no elevation: stored level with the other")
_DIFFERS = Text(zh="几何的 Z 与高程字段不一致,按高程字段入库", en="Z differs from the elevations given: stored at the latter")
_NODED = Text(zh="投影舍入使面自相交,已在 0.1 毫米内重建结点", en="rounding in the projection crossed edges: noded within 0.1 mm")


def read_parts(reader: Reader, request: ReadRequest) -> Iterator[Message]:
    """Yield the messages of every part of ``request``, in order (see `ingest.protocol`)."""
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
            yield from _read_features(reader.open(part), reader.format, part, request)


def _read_features(layer: OpenLayer, file_format: str, part: PartRequest, request: ReadRequest) -> Iterator[Message]:
    source = layer.source
    placing = georeference(request_for(request, part), source.name, source.crs, source.assumed)
    mapping = match_columns(source.columns, part.feature_type, part.mapping)
    factors = factors_of(mapping, part.feature_type, part.units)
    source = replace(source, notes=(*source.notes, *unit_notes(factors, mapping.columns)))
    yield _header(source, file_format, part, placing, mapping)
    waivers = Waivers.of_part(part.waivers, part.feature_type, part.dataset)
    work = _Part(part, source, placing, request.limits, RoundingGauge(placing.unit_m), waivers, dt.datetime.now(dt.UTC).date())
    for batch in layer.batches():
        yield work.process(in_order(batch, part, source))
    yield PartEnd(part.dataset, work.rows, work.accepted, work.rows - work.accepted, work.rounding.rounding_m)


def _header(source: SourceLayer, file_format: str, part: PartRequest, placing: Georeference, mapping: ColumnMapping) -> PartHeader:
    texts = (*source.notes, *crossing_notes(part.feature_type, mapping))
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
        findings=(*notes, *part.doubts),
        document_header=source.document_header,
    )


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
    rows: int = 0
    accepted: int = 0
    told: Counter[FindingKind] = field(default_factory=Counter)
    """Findings about values so far."""

    def process(self, batch: SourceBatch) -> PartBatch:
        """Return the accepted rows of a batch and what was found in it."""
        self.rows += len(batch.rows)
        if self.rows > self.limits.rows:
            raise rejected("too-many-rows", f"More than {self.limits.rows} rows.", f"行数超过 {self.limits.rows}。")
        feature_type = self.part.feature_type
        mapping = match_columns(tuple(batch.columns), feature_type, self.part.mapping)
        factors = factors_of(mapping, feature_type, self.part.units)
        columns = field_columns(batch.columns, mapping, feature_type, len(batch.rows), factors)
        batch, sure = told_sure(batch, feature_type, self.placing, self.limits)
        columns = lifted(columns, self.placing, batch.geometry)
        batch = replace(batch, representations=laid_out(batch.representations))
        bodies = place_bodies(batch, self.placing, self.limits)
        columns = with_measured_heights(columns, bodies, feature_type)
        batch = replace(batch, faults=(*batch.faults, *bodies.faults))
        judge = _Judge(self.waivers, batch, columns, feature_type)
        checker = _GeometryChecker(batch, feature_type, self.placing, self.limits, self.source.name, judge, sure)
        geometry, elevated = checker.check(columns)
        solids = solid_findings(bodies.representations, batch.rows, feature_type, self.placing.place_point, self.source.name)
        values = check_values(batch.rows, columns, feature_type, self.source.name, self.today)
        findings = judge.all((*checker.findings, *solids, *checker.located(values, geometry, self.told)))
        refused = np.array([f.row for f in findings if f.rejects], dtype=np.int64)
        keep = ~np.isin(batch.rows, refused)
        self.accepted += int(keep.sum())
        if not self.rounding.is_settled:
            self.rounding.add(shapely.get_coordinates(batch.geometry[keep]))
            if batch.areas is not None:
                self.rounding.add(batch.areas.of(keep[batch.areas.rows]).xyz[:, :2])
        ewkb = self._ewkb(geometry, elevated, keep & ~sure.is_sure)
        if sure.is_sure.any():
            base_m = base_heights_m(columns, feature_type, len(batch.rows)) if feature_type.has_z else None
            ewkb = sure.encoded_among(ewkb, keep, self.placing.storage.srid, base_m)
        return PartBatch(
            dataset=self.part.dataset,
            table=self._table(batch, columns, mapping, ewkb, keep),
            findings=findings,
            representations=representations_table(bodies, batch.rows, keep),
            documents=documents_table(batch.documents, batch.rows, keep) if batch.documents else None,
        )

    def _table(
        self, batch: SourceBatch, columns: Mapping[str, FieldValues], mapping: ColumnMapping, geometry: pa.Array, keep: Mask
    ) -> pa.RecordBatch:
        feature_type = self.part.feature_type
        schema = batch_schema(feature_type)
        kept = pa.array(np.flatnonzero(keep))
        left_over = {n: batch.columns[n] for n in mapping.unmapped} | _untaken(columns, mapping, batch)
        values = {name: column.values for name, column in columns.items()}
        values["natural_key"] = natural_key(columns, feature_type)
        values["extra"] = extra_column(left_over, len(batch.rows))
        arrays = [
            pa.array(batch.rows[keep]) if field.name == "row" else geometry if field.name == "geom" else values[field.name].take(kept)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

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


class _Judge:
    """Says of what was found in a batch which feature it is about, and whether a reviewer let that pass."""

    def __init__(self, waivers: Waivers, batch: SourceBatch, columns: Mapping[str, FieldValues], feature_type: FeatureType) -> None:
        self._waivers = waivers
        self._keys = cache(lambda: natural_key(columns, feature_type))
        self._index = cache(lambda: {int(row): i for i, row in enumerate(batch.rows)})

    def one(self, finding: Finding) -> Finding:
        """Return a finding that says so if it is let pass."""
        return self.all((finding,))[0] if finding.rule in self._waivers.by_rule else finding

    def all(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Return findings with the natural key of their rows, in row order, those that are let pass saying so."""
        return self._waivers.applied([self._keyed(f) for f in sorted(findings, key=lambda f: f.row or 0)])

    def index_of(self, row: int) -> int:
        """Return the place of a row in the batch."""
        return self._index()[row]

    def _keyed(self, finding: Finding) -> Finding:
        return finding if finding.row is None else replace(finding, key=self._keys()[self.index_of(finding.row)].as_py())


class _GeometryChecker:
    """Runs the geometry rules over one batch; a row is named by the first rule it breaks."""

    def __init__(
        self,
        batch: SourceBatch,
        feature_type: FeatureType,
        placing: Georeference,
        limits: Limits,
        layer: str,
        judge: _Judge,
        sure: SureAreas,
    ) -> None:
        self.findings: list[Finding] = []
        self._judge = judge
        self._batch = batch
        self._type = feature_type
        self._placing = placing
        self._limits = limits
        self._layer = layer
        self._severities = Severities.of(feature_type)
        self._sure = sure
        self._good = ~sure.is_sure
        """Of the rows that are looked at; those that are sure have no geometry here."""

    def check(self, columns: Mapping[str, FieldValues]) -> tuple[Geometries, Elevated]:
        """Return the geometries in the storage CRS and their heights in the type's dimension; rows that broke a rule hold anything."""
        for fault in self._batch.faults:
            self._refuse(np.array([fault.index]), fault.rule, fault.message)
        geometry = self._batch.geometry
        self._refuse(shapely.is_missing(geometry) | shapely.is_empty(geometry), "geometry-empty", _EMPTY)
        geometry, wrong = as_declared_type(geometry, self._type.geometry_type)
        self._refuse(wrong, "geometry-type", lambda i: self._wrong_type(self._batch.geometry[i]))
        if self._type.has_z:
            geometry = self._with_known_heights(geometry)
        self._refuse(has_non_finite(geometry), "geometry-finite", _NON_FINITE)
        vertices = shapely.get_num_coordinates(geometry)
        self._refuse(vertices > self._limits.vertices_per_feature, "geometry-limit", lambda i: self._too_many(int(vertices[i])))
        self._check_validity(geometry, in_source=True)
        chosen = np.flatnonzero(self._good)
        placed = self._placing.place(geometry[chosen])
        geometry[chosen] = placed.geometry
        self._refuse(chosen[placed.unreachable], "geometry-finite", _UNREACHABLE)
        self._refuse(chosen[placed.outside], "area-of-use", _OUTSIDE, geometry)
        if not self._placing.is_unchanged:
            self._check_validity(geometry, in_source=False)
        result = with_elevation(geometry, columns, self._type)
        self._refuse(result.unknown, "height-missing", _FLAT)
        self._refuse(result.one_end, "height-missing", _LEVEL)
        self._refuse(result.differs, "height-differs", _DIFFERS)
        self._check_shapes(geometry)
        return geometry, result

    def _check_shapes(self, geometry: Geometries) -> None:
        """Note what the shape rules find among the rows that are still good; the outline of a body is ours, not the surveyor's."""
        drawn = self._good.copy()
        drawn[laid_out(self._batch.representations).row] = False
        chosen = np.flatnonzero(drawn)
        for fault in shape_faults(geometry[chosen], self._severities.number):
            row, severity = int(self._batch.rows[chosen[fault.index]]), self._severities.of_rule(fault.rule)
            self.findings.append(Finding(fault.rule, severity, row, fault.message, self._layer, None, fault.place, fault.value))

    def located(self, findings: Iterable[Finding], geometry: Geometries, told: Counter[FindingKind]) -> Iterator[Finding]:
        """Yield findings about values with the places of their rows, those that were placed; of each kind as many as are kept."""
        for f in findings:
            kind = FindingKind.of(f)
            told[kind] += 1
            if f.row is None or f.place is not None or told[kind] > KEPT_FINDINGS:
                yield f
            else:
                index = self._judge.index_of(f.row)
                yield replace(f, place=self._place(geometry, index))

    def _place(self, geometry: Geometries, index: int) -> tuple[float, float] | None:
        if self._sure.is_sure[index]:
            return self._sure.place_of(index)
        return place_of(geometry[index]) if self._good[index] else None

    def _with_known_heights(self, geometry: Geometries) -> Geometries:
        result, void = without_void_heights(geometry)
        if count := int(void.sum()):
            note = Text(zh=f"{count} 个几何的 Z 值(-9999 等)按无值处理", en=f"Z of {count} geometries (-9999 or the like) counts as none")
            self.findings.append(Finding("no-value", Severity.INFO, None, note, self._layer))
        return result

    def _check_validity(self, geometry: Geometries, *, in_source: bool) -> None:
        """Refuse what is invalid as handed over, then what is so as stored: rounding by the operation can part or join edges."""
        chosen = np.flatnonzero(self._good)
        for index in chosen[invalid(geometry[chosen])]:
            if not in_source and (sound := noded(geometry[index])) is not None:
                geometry[index] = sound
                row, place = int(self._batch.rows[index]), place_of(sound)
                self.findings.append(Finding("geometry-noded", Severity.INFO, row, _NODED, self._layer, None, place))
                continue
            message, place = reason_of(geometry[index])
            if in_source and place is not None:
                place = self._placing.place_point(*place)
            self._refuse(np.array([index]), "geometry-valid", message, place=place)

    def _refuse(
        self,
        which: Mask | npt.NDArray[np.intp],
        rule: str,
        message: Text | Callable[[int], Text],
        geometry: Geometries | None = None,
        place: tuple[float, float] | None = None,
    ) -> None:
        """Add a finding for each of the rows ``which`` that is still good; it is so no more unless the rule is softened or waived."""
        severity = self._severities.of_rule(rule)
        indices = np.flatnonzero(which) if which.dtype == np.bool_ else which
        for index in indices[self._good[indices]]:
            text = message if isinstance(message, Text) else message(int(index))
            where = place if geometry is None else place_of(geometry[index])
            finding = self._judge.one(Finding(rule, severity, int(self._batch.rows[index]), text, self._layer, None, where))
            self.findings.append(finding)
            self._good[index] = not finding.rejects

    def _wrong_type(self, geometry: shapely.Geometry) -> Text:
        name = "null" if geometry is None else geometry.geom_type
        wanted = self._type.geometry_type
        return Text(zh=f"几何类型为 {name},应为 {wanted}", en=f"the geometry is a {name}, not a {wanted}")

    def _too_many(self, vertices: int) -> Text:
        limit = self._limits.vertices_per_feature
        return Text(zh=f"顶点数 {vertices} 超过 {limit}", en=f"{vertices} vertices are more than {limit}")


def _for_coverage(request: ReadRequest, file_format: str) -> ReadRequest:
    """Refuse what cannot be taken off a coverage, whose pixels and points stay as they are in their file."""
    if (request.crs or "").upper().startswith("X-") or request.height_offset_m:
        raise rejected(
            "crs-unfit",
            f"A {file_format} file stays as it is: have it in a national CRS and the city's heights before it comes.",
            f"{file_format} 文件按原样保存:请先转换到国家坐标系和本市高程基准再提交。",
        )
    return request


def _wrong_kind(feature_type: FeatureType, file_format: str) -> TwinError:
    return unsupported(
        f"A {file_format} file cannot give features of type {feature_type.name}.",
        f"{file_format} 文件不能作为“{feature_type.title.zh}”的数据来源。",
        "wrong-kind",
    )
