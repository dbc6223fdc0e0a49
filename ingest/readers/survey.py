"""Pipe surveys as point and line tables (CJJ 61-2017 appendices): sheets of a workbook, of a database, or CSV files of one submission.

Points come from coordinate columns, lines from the points that their ends name. A census keeps a pair of tables for each kind of
pipeline (JS_POINT, JS_LINE; 给水管点, 给水管线): what the rows do not say of their kind, the table's name does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from pathlib import Path

import numpy as np

from ingest.ends_elsewhere import EndsWanted
from ingest.mapping import match_columns
from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest, ReadRequest
from ingest.readers.delimited import read_delimited
from ingest.readers.encodings import declared_codec
from ingest.readers.layers import layer_unclear, layers_named_like, spellings_of
from ingest.readers.mdb import read_tables
from ingest.readers.one_table import Half, PipeTypes, names_at_ends, parted
from ingest.readers.points_elsewhere import asked_for, points_elsewhere
from ingest.readers.sheets import Sheet
from ingest.readers.source import SourceBatch, SourceLayer
from ingest.readers.survey_points import axis_names, find_ends, find_points, named_axes
from ingest.readers.survey_shapes import Ends, LineShapes, OwnEnds, PointShapes, Shapes
from ingest.readers.workbook import begins_as_workbook, read_workbook
from ingest.refusals import layer_missing, rejected
from ingest.sampling import Sampled
from ingest.understanding.sample import SAMPLED_ROWS, MadeFor
from twin.errors import Text, TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType, Field

_KIND, _Z_REFERENCE, _INVERT = "kind", "z_reference", "invert"
_LINES = "pipe_segment"
_HEAD_BYTES = 32


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of tables: a workbook, a database of which a program has printed the tables, or a table as text."""

    kind: str
    """What people call such a file."""
    name: str
    """Without its ending, as its table is called where it has one."""
    known_as: Path
    """By what the tables of a database name it (`ingest.exported_table.ExportedTable`)."""
    source: Path | bytes

    def head(self) -> bytes:
        """Return its first bytes."""
        if isinstance(self.source, bytes):
            return self.source[:_HEAD_BYTES]
        with self.source.open("rb") as file:
            return file.read(_HEAD_BYTES)


class Survey:
    """All tables of a survey, of this file and its companions."""

    def __init__(self, file_format: str, sheets: Sequence[Sheet], own: int, request: ReadRequest) -> None:
        self.format = file_format
        self._sheets = tuple(sheets)
        self._own = tuple(sheets[:own])
        self._request = request
        self._limits = request.limits

    def inspect(self) -> FileInfo:
        """Return the sheets that hold a table."""
        return FileInfo(self.format, tuple(map(_described, self._own)))

    def open(self, part: PartRequest, /) -> SurveyLayer:
        """Return the table that ``part`` asks for; RejectedError when its geometry cannot be had from this survey."""
        sheet, note = _with_kind(self._choose(part), part)
        if part.feature_type.geometry_type == "Point":
            points = find_points(sheet, part, self._request)
            if points is None:
                raise rejected("no-coordinates", f"{sheet.name}: there are no coordinate columns.", f"{sheet.name}：没有坐标列。")
            return SurveyLayer(sheet, PointShapes(points.coordinates), note, self._limits)
        if part.feature_type.geometry_type == "LineString":
            shapes = self._line_shapes(sheet, part)
            placed_by_published = isinstance(shapes, LineShapes) and not shapes.points
            return SurveyLayer(sheet, shapes, note, self._limits, self._storage if placed_by_published else None)
        raise rejected("no-geometry", f"A table cannot give {part.feature_type.geometry_type}.", "表格数据不能生成面。")

    def sample(self, layer: str) -> Sampled:
        """Return the first rows of a table, with a point for those that have coordinates; X and Y as they stand."""
        sheet = next(s for s in self._own if s.name == layer)
        count = min(SAMPLED_ROWS, len(sheet.rows))
        columns = {name: sheet.column(name, 0, count) for name in sheet.columns}
        axes = named_axes(sheet.columns)
        shapes = np.full(count, None, dtype=object) if axes is None else PointShapes(axes[0]).of(columns)[0]
        return Sampled([SourceBatch(sheet.numbers[:count], shapes, columns)], axes_named=axes is not None and axes[1])

    def ends_not_here(self, part: PartRequest) -> Iterator[list[str]]:
        """Yield the names of ends of the lines of ``part`` that no table of the survey has a place for."""
        if _ends_of(part.feature_type) is None:
            return
        sheet = self._choose(part)
        shapes = self._line_shapes(sheet, part)
        if isinstance(shapes, LineShapes):
            for first in range(0, len(sheet.rows), self._limits.rows_per_batch):
                last = min(first + self._limits.rows_per_batch, len(sheet.rows))
                yield shapes.not_here({name: sheet.column(name, first, last) for name in shapes.mapping})

    @property
    def _storage(self) -> str:
        """The CRS of lines of which all ends are published points."""
        return f"EPSG:{self._request.storage_srid}"

    def _choose(self, part: PartRequest) -> Sheet:
        fitting = [s for s in self._own if not isinstance(s, Half) or s.geometry_type == part.feature_type.geometry_type]
        names = [s.name for s in fitting]
        if part.layer is not None:
            called = normalised(part.layer)
            wanted = [s for s in fitting if called == normalised(s.name) or (isinstance(s, Half) and called == normalised(s.base))]
        else:
            unnamed = self._unless_derived(fitting, part.feature_type)
            alike = layers_named_like(part.feature_type, [s.name for s in unnamed])
            wanted = [s for s in unnamed if s.name in alike]
        if len(wanted) == 1:
            return wanted[0]
        if part.layer is None and fitting:
            ranked = sorted(unnamed, key=lambda s: self._fit(s, part.feature_type), reverse=True)
            if len(ranked) == 1 or self._fit(ranked[0], part.feature_type) > self._fit(ranked[1], part.feature_type):
                return ranked[0]
        raise layer_unclear(part.feature_type, names) if part.layer is None else layer_missing(part.layer, tuple(names))

    def _unless_derived(self, sheets: Sequence[Sheet], feature_type: FeatureType) -> Sequence[Sheet]:
        """Return the tables without the lines derived from tables of points, where any table is of the type by its name or columns."""
        real = [s for s in sheets if not (isinstance(s, Half) and s.geometry_type == "LineString")]
        is_any = layers_named_like(feature_type, [s.name for s in real]) or any(self._fit(s, feature_type) >= 0 for s in real)
        return real if is_any else sheets

    def _fit(self, sheet: Sheet, feature_type: FeatureType) -> int:
        """Return how many columns of ``sheet`` are fields of the type; a table without its required ones does not fit."""
        mapped = set(match_columns(sheet.columns, feature_type, {}).columns.values())
        needed = {f.name for f in feature_type.fields if f.required} | set(_ends_of(feature_type) or ())
        return len(mapped) if needed <= mapped else -1

    def _line_shapes(self, sheet: Sheet, part: PartRequest) -> Shapes:
        ends = _ends_of(part.feature_type)
        if ends is None:
            raise rejected("no-geometry", f"{sheet.name}: lines without end points.", f"{sheet.name}：管线没有起止点。")
        request = self._request
        node_type = _node_type(part.feature_type, request)
        of_its_own = replace(part, feature_type=node_type, reading=replace(part.reading, mapping=()))
        asked = next((p for p in request.parts if p.feature_type.name == node_type.name), of_its_own)
        mapping = match_columns(sheet.columns, part.feature_type, dict(part.reading.mapping)).columns
        nearest = sorted(self._sheets, key=lambda s: -_alike(s.name, sheet.name))
        found = [find_points(candidate, asked, request) for candidate in nearest]
        points = [p for p in found if p is not None and p.key is not None]
        if points:
            return LineShapes(points, node_type, ends, mapping, points_elsewhere(request, part, sheet.name, None))
        own = find_ends(sheet, part, request)
        if own is not None:
            return OwnEnds(own, mapping)
        elsewhere = points_elsewhere(request, part, sheet.name, self._storage)
        if elsewhere is None and not request.ends.may_ask:
            raise _without_points(sheet.name)
        if elsewhere is not None and not (len(elsewhere.names) or elsewhere.ambiguous):
            raise _without_points(sheet.name)
        return LineShapes((), node_type, ends, mapping, elsewhere)


class SurveyLayer:
    """One table with its geometry."""

    def __init__(self, sheet: Sheet, shapes: Shapes, note: Text | None, limits: Limits, crs: str | None = None) -> None:
        self._sheet = sheet
        self._shapes = shapes
        self._limits = limits
        notes = (shapes.note, *((note,) if note else ()), *sheet.notes)
        self.source = SourceLayer(
            sheet.name, sheet.columns, crs, encoding=sheet.encoding, rows=len(sheet.rows), notes=notes, axes_in_order=True
        )

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in sheet order."""
        sheet, size = self._sheet, self._limits.rows_per_batch
        for first in range(0, len(sheet.rows), size):
            last = min(first + size, len(sheet.rows))
            columns = {name: sheet.column(name, first, last) for name in sheet.columns}
            shapes, faults = self._shapes.of(columns)
            remarks = self._shapes.remarks(columns) if isinstance(self._shapes, LineShapes) else ()
            yield SourceBatch(sheet.numbers[first:last], shapes, columns, faults, remarks=remarks)


def open_survey(kind: str, request: ReadRequest) -> Survey:
    """Return the survey in the file of ``request``, of a ``kind``, and in its companions; RejectedError ``no-table``."""
    return survey_of([TableFile(kind, request.path.stem, request.path, request.path)], request)


def survey_of(files: Sequence[TableFile], request: ReadRequest) -> Survey:
    """Return the survey in ``files`` and in the companions of ``request``; RejectedError ``no-table``."""
    found = [(file, tables) for file in files if (tables := _tables(file, request))]
    companions = [TableFile("", c.stem, c, c) for c in request.companions]
    others = [sheet for file in companions for sheet in _tables(file, request)]
    if not found:
        raise rejected("no-table", "The file holds no table with a header that is understood.", "文件中没有可识别表头的数据表。")
    own = _distinct(found)
    pipes = _pipes(request)
    halves = parted([*own, *others], pipes, request.parts, partial(_is_at_invert, pipes.line))
    first, rest = chain.from_iterable(halves[: len(own)]), chain.from_iterable(halves[len(own) :])
    return Survey("+".join(sorted({file.kind for file, _ in found})), [*(shown := tuple(first)), *rest], len(shown), request)


def ends_wanted(survey: Survey, request: ReadRequest) -> EndsWanted | None:
    """Return what a survey asks before it is read: which published points its lines end at; None where it knows all ends."""
    names = asked_for(some for part in request.parts for some in survey.ends_not_here(part))
    return EndsWanted(request.parts[0].dataset, names) if names else None


def _tables(file: TableFile, request: ReadRequest) -> list[Sheet]:
    known = known_names()
    if any(table.source == file.known_as for table in request.tables):
        return [sheet for source, sheet in read_tables(request, known) if source == file.known_as]
    if begins_as_workbook(file.head()):
        return read_workbook(file.source, request.limits, known)
    declared = next((declared_codec(p.reading.encoding) for p in request.parts if p.reading.encoding), None)
    return read_delimited(file.source, request.limits, known, file.name, declared)


def _distinct(found: Sequence[tuple[TableFile, list[Sheet]]]) -> list[Sheet]:
    """Return the tables of all files; those of one name with that of their file before it."""
    counts = Counter(sheet.name for _, sheets in found for sheet in sheets)
    return [
        sheet if counts[sheet.name] == 1 else replace(sheet, name=f"{file.name}/{sheet.name}") for file, sheets in found for sheet in sheets
    ]


@cache
def _packaged_types() -> Mapping[str, FeatureType]:
    """Return the types that come with the platform; reading them takes half a second."""
    return load_feature_types()


@cache
def known_names() -> frozenset[str]:
    """Return every name by which a column of a survey may go."""
    types = _packaged_types().values()
    fields = [f for t in types if t.geometry_type in ("Point", "LineString") for f in t.fields]
    texts = [text for f in fields for text in (f.name, f.title.zh, f.title.en, *f.aliases)]
    return frozenset(normalised(t) for t in [*texts, *axis_names(), *names_at_ends()])


def _without_points(table: str) -> TwinError:
    """Return the error of a table of lines that nothing places."""
    en = f"{table}: there is no table of the points, and none of the ends is published. Hand in a table with the end points beside it."
    return rejected("no-points", en, f"{table}：缺少管线点表，起止点也都未发布，无法确定管线位置。请同时提交含这些管线起止点的点表。")


def _described(sheet: Sheet) -> LayerInfo:
    info = LayerInfo(sheet.name, None, sheet.columns, None, len(sheet.rows), encoding=sheet.encoding)
    return replace(info, made_for=MadeFor(sheet.feature_type, sheet.said)) if isinstance(sheet, Half) else info


def _pipes(request: ReadRequest) -> PipeTypes:
    """Return the types of points and lines that a survey is of: those asked for, else those of the platform."""
    asked = ((p.feature_type, ends) for p in request.parts if (ends := _ends_of(p.feature_type)) is not None)
    line, ends = next(asked, (None, None))
    if line is None or ends is None:
        line = _packaged_types()[_LINES]
        ends = _ends_of(line)
    if ends is None:
        raise LookupError(line.name)
    return PipeTypes(_node_type(line, request), line, ends)


def _ends_of(feature_type: FeatureType) -> Ends | None:
    """Return the fields that name the end points of a line: those of its node-exists check."""
    for check in feature_type.checks:
        fields = check.parameters.get("fields")
        if check.rule == "node-exists" and isinstance(fields, list | tuple) and len(fields) == 2:
            return str(fields[0]), str(fields[1])
    return None


def _node_type(line_type: FeatureType, request: ReadRequest) -> FeatureType:
    name = next(str(c.parameters["type"]) for c in line_type.checks if c.rule == "node-exists")
    for part in request.parts:
        if part.feature_type.name == name:
            return part.feature_type
    return _packaged_types()[name]


def _alike(one: str, other: str) -> int:
    """Return how many characters two names begin with alike: JS_POINT belongs to JS_LINE."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _with_kind(sheet: Sheet, part: PartRequest) -> tuple[Sheet, Text | None]:
    """Return a table whose rows say nothing of their kind with a column of the kind that its name says, and a note of it."""
    field = next((f for f in part.feature_type.fields if f.name == _KIND and f.codelist), None)
    if field is None or _KIND in match_columns(sheet.columns, part.feature_type, dict(part.reading.mapping)).columns.values():
        return sheet, None
    code = _kind_named(sheet.name, field, part.feature_type)
    if code is None:
        return sheet, None
    note = Text(
        zh=f"表中没有{field.title.zh}列，按表名“{sheet.name}”取 {code}",
        en=f"no column says the kind: {code}, as table {sheet.name!r} is called",
    )
    return sheet.with_column(field.title.zh, code), note


def _is_at_invert(line: FeatureType, table: str) -> bool:
    """Return whether heights of lines of the kind that a table's name says are those of the invert."""
    fields = {f.name: f for f in line.fields}
    kind, reference = fields.get(_KIND), fields.get(_Z_REFERENCE)
    if kind is None or reference is None or reference.default_by is None:
        return False
    return reference.default_by[1].get(_kind_named(table, kind, line) or "") == _INVERT


def _kind_named(name: str, field: Field, feature_type: FeatureType) -> str | None:
    """Return the code that a table's name begins with, when what follows is a name of the type (JS_POINT, 给水管点, 给水)."""
    if field.codelist is None:
        return None
    called = normalised(name)
    follow = spellings_of(feature_type)
    for spelling, code in sorted(field.codelist.resolve().items(), key=lambda s: -len(s[0])):
        rest = called.removeprefix(normalised(spelling))
        if rest != called and (not rest or rest in follow or any(len(s) > 1 and s in rest for s in follow)):
            return code
    return None
