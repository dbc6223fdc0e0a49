"""One table that holds a whole survey (成果表, requirements.md C.5): each row a point and, by 连接点号, the line from it to another.

Such a table is shown as two, of its points and of its lines, both with the numbers of its rows; what reads pairs of tables reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.freed_memory import give_back_freed_memory
from ingest.mapping import match_columns
from ingest.names import normalised, parted_unit
from ingest.protocol import PartRequest
from ingest.readers.one_table_lines import Carried, PerEnd, lines_of
from ingest.readers.one_table_points import points_of
from ingest.readers.one_table_rows import NONE, Connected, connected
from ingest.readers.sheets import Sheet
from ingest.readers.survey_points import names_column, own_axes
from twin.errors import Text
from twin.model import FeatureType, Field, GeometryType

_NOTHING = Text("", "")
_TABLES: Mapping[GeometryType, Text] = {"Point": Text("管点", "points"), "LineString": Text("管线", "lines")}
_KIND = "kind"
"""Of the fields of points and lines the one that tells lines between two points apart; road and owner are each point's own."""
_MOSTLY = 0.5
"""A table of whose points more stand in tables of their own is no survey by itself."""
_START, _END = "start_", "end_"
_AT_ENDS = ("elevation_m", "depth_m")
"""What a line has at each of its ends and a row says once: of the end that it is about."""
_START_WORDS = ("起点", "起始")
_PARTS_OF_PIPE: Mapping[str, tuple[str, ...]] = {
    "invert": ("管内底", "管底", "沟内底", "沟底", "内底"),
    "top": ("管外顶", "管顶", "外顶", "管块顶"),
    "": ("管线点", "管线", "管道", ""),
}
"""Words before 高程, 标高 and 埋深 for the part of the pipe that is meant; what is said of no part is as the kind of pipe has it."""
_GROUND, _GROUND_WORDS = "ground_elevation_m", ("高程", "Z")
"""Of a whole survey the height of a row that is said of no part of the pipe; in a table of points alone it may be of anything."""
_WORDS_AT_ENDS: Mapping[str, tuple[str, ...]] = {"elevation_m": ("高程", "标高"), "depth_m": ("埋深", "深度", "埋设深度")}


@dataclass(frozen=True, slots=True)
class Half(Sheet):
    """The points or the lines of a table that holds both."""

    base: str = ""
    """What the table is called."""
    geometry_type: GeometryType = "Point"
    feature_type: str = ""
    said: Text = _NOTHING
    """Why it is taken for both."""


@dataclass(frozen=True, slots=True)
class PipeTypes:
    """What points and lines of a survey are, and which fields name the ends of a line."""

    node: FeatureType
    line: FeatureType
    ends: tuple[str, str]


def names_at_ends() -> list[str]:
    """Return every name of a column that says of a row's own end what a line has at both."""
    return [part + word for parts in _PARTS_OF_PIPE.values() for part in parts for words in _WORDS_AT_ENDS.values() for word in words]


def half_name(base: str, geometry_type: GeometryType) -> str:
    """Return what the points or the lines of a table are called."""
    return f"{base} {_TABLES[geometry_type].zh}"


def parted(sheets: Sequence[Sheet], types: PipeTypes, asked: Sequence[PartRequest], at_invert: Callable[[str], bool]) -> list[list[Sheet]]:
    """Return for each table itself, or its points and its lines where it holds both; a table whose points stand elsewhere stays whole.

    ``at_invert`` tells whether a table of that name is of a kind surveyed at the invert: so of 管顶高程 and 管底高程 it is the latter.
    """
    roles = [_roles(sheet, types, asked, is_gravity=at_invert(sheet.name)) for sheet in sheets]
    others = [sheet for sheet, own in zip(sheets, roles, strict=True) if own is None]
    taken = {normalised(sheet.name) for sheet in sheets}
    return [
        [sheet]
        if own is None or taken & {normalised(half_name(sheet.name, g)) for g in _TABLES} or _stands_elsewhere(sheet, own, others, types)
        else _halves(sheet, own, types, [(s, r.number) for s, r in zip(sheets, roles, strict=True) if r is not None and s is not sheet])
        for sheet, own in zip(sheets, roles, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Roles:
    number: str
    end: str
    axes: tuple[str, str]
    of_points: Mapping[str, str]
    of_lines: Mapping[str, str]
    at_ends: tuple[PerEnd, ...]
    part_of_pipe: str
    retitled: Mapping[str, str]
    """Columns of points that are called otherwise than in the table."""


def _roles(sheet: Sheet, types: PipeTypes, asked: Sequence[PartRequest], *, is_gravity: bool) -> _Roles | None:
    """Return what the columns of a table are where it holds points and lines, else None."""
    axes = own_axes(sheet.columns)
    if axes is None or not types.node.natural_key:
        return None
    free = [c for c in sheet.columns if c not in axes]
    declared = _mapping(sheet, types.node, asked)
    of_points = match_columns(free, types.node, declared).columns
    of_lines = match_columns(free, types.line, _mapping(sheet, types.line, asked)).columns
    number = _fed(of_points, types.node.natural_key[0])
    start, end = (_fed(of_lines, field) for field in types.ends)
    if (
        number is None
        or end is None
        or end == number
        or start not in (None, number)
        or of_lines.get(number, types.ends[0]) != types.ends[0]
    ):
        return None
    ground = _ground([c for c in free if c not in declared and c not in of_lines], of_points, types.node)
    of_points = {**of_points, **dict.fromkeys(ground, _GROUND)}
    at_ends, part = _at_ends(free, of_points, of_lines, types.line, is_gravity=is_gravity)
    titles = {c: _title(types.node, _GROUND) + parted_unit(c)[1] for c in ground}
    return _Roles(number, end, axes, of_points, of_lines, at_ends, part, {c: t for c, t in titles.items() if t not in sheet.columns})


def _ground(columns: Sequence[str], of_points: Mapping[str, str], node: FeatureType) -> list[str]:
    """Return the column that says the ground of a row's point by no name of that field, if any does."""
    if _GROUND not in node.field_names or _GROUND in of_points.values():
        return []
    names = {normalised(c): c for c in reversed(columns) if c not in of_points}
    return [names[word] for word in map(normalised, _GROUND_WORDS) if word in names][:1]


def _mapping(sheet: Sheet, feature_type: FeatureType, asked: Sequence[PartRequest]) -> Mapping[str, str]:
    """Return what was declared of the columns of a table, or of the half of it that is of a type."""
    names = {normalised(sheet.name), normalised(half_name(sheet.name, feature_type.geometry_type))}
    own = (p for p in asked if p.feature_type.name == feature_type.name and (p.layer is None or normalised(p.layer) in names))
    return dict(next((p.reading.mapping for p in own), ()))


def _fed(mapping: Mapping[str, str], field: str) -> str | None:
    return next((c for c, f in mapping.items() if f == field), None)


def _at_ends(
    columns: Sequence[str], of_points: Mapping[str, str], of_lines: Mapping[str, str], line: FeatureType, *, is_gravity: bool
) -> tuple[tuple[PerEnd, ...], str]:
    """Return the columns that say of one end what a line has at both, and the part of the pipe that they are of, ``""`` for none."""
    fields = {f.name: f for f in line.fields}
    free = [c for c in columns if c not in of_points and c not in of_lines]
    both = [what for what in _AT_ENDS if _START + what in fields and _END + what in fields and _fed(of_lines, _END + what) is None]
    known = {what: _fed(of_lines, _START + what) for what in both}
    parts = ("", "invert", "top") if is_gravity else ("", "top", "invert")
    found = {part: {what: _of_part(free, what, part) for what in both if known[what] is None} for part in parts}
    best = max(parts, key=lambda part: (sum(c is not None for c in found[part].values()), -parts.index(part)))
    chosen = {what: column or found[""][what] for what, column in found[best].items()}
    of_row = [PerEnd(c, *_names(c, what, fields), is_of_line=False) for what, c in chosen.items() if c is not None]
    of_line = [PerEnd(c, c, _names(c, what, fields)[1], is_of_line=True) for what, c in known.items() if c is not None]
    return (*of_row, *of_line), best if any(found[best].values()) else ""


def _of_part(columns: Sequence[str], what: str, part: str) -> str | None:
    wanted = {normalised(p + word) for p in _PARTS_OF_PIPE[part] for word in _WORDS_AT_ENDS[what]}
    return next((c for c in columns if normalised(c) in wanted), None)


def _names(column: str, what: str, fields: Mapping[str, Field]) -> tuple[str, str]:
    """Return what a column is called at both ends, by the titles of the fields and in the unit of the column."""
    unit = parted_unit(column)[1]
    start, end = (fields[end + what].title.zh + unit for end in (_START, _END))
    return start, end


def _stands_elsewhere(sheet: Sheet, roles: _Roles, others: Sequence[Sheet], types: PipeTypes) -> bool:
    """Return whether a table beside it holds a line between points of a table, or tables beside it together most of its points."""
    own = found = None
    for other in others:
        numbers = [c for c, f in match_columns(other.columns, types.node, {}).columns.items() if f == types.node.natural_key[0]]
        ends = [c for c, f in match_columns(other.columns, types.line, {}).columns.items() if f in types.ends]
        named = ends if len(ends) == len(types.ends) else numbers if own_axes(other.columns) else []
        if not named:
            continue
        own = names_column(sheet.column(roles.number)).drop_null() if own is None else own
        cells = [names_column(other.column(column)) for column in named]
        if named is ends and pc.any(pc.and_(*(pc.is_in(names, own) for names in cells))).as_py():
            return True
        for names in cells:
            there = pc.is_in(own, names)
            found = there if found is None else pc.or_(found, there)
        if (pc.sum(found).as_py() or 0) > _MOSTLY * len(own):
            return True
    return False


def _is_connected(rows: Connected, surveys: Sequence[tuple[Sheet, str]]) -> bool:
    """Return whether at least half of the ends are points of the table, or of ``surveys`` beside it with the columns of their numbers."""
    own = np.zeros(rows.count + 1, np.bool_)
    own[rows.start] = True
    own[NONE] = False
    ends = rows.end[rows.has_end]
    known, least = int(own[ends].sum()), _MOSTLY * len(ends)
    if known < least and surveys:
        elsewhere = pa.concat_arrays([names_column(sheet.column(number)) for sheet, number in surveys]).drop_null()
        others = rows.ends.filter(pa.array(rows.has_end)).filter(pa.array(~own[ends]))
        known += pc.sum(pc.is_in(others, elsewhere)).as_py() or 0
    return known >= least


def _halves(sheet: Sheet, roles: _Roles, types: PipeTypes, surveys: Sequence[tuple[Sheet, str]]) -> list[Sheet]:
    """Return the points and the lines of a table, or itself where its ends are not points (东, 南); ``surveys`` stand beside it."""
    rows = connected(sheet, roles.number, roles.end, roles.axes)
    if not rows.has_end.any():
        return [sheet]
    if not _is_connected(rows, surveys):
        said = Text(
            f"表“{sheet.name}”的“{roles.end}”多数不是表中的点号，未据此生成管线",
            f"most of {roles.end!r} in table {sheet.name!r} are no numbers of its points, so no lines are made of it",
        )
        return [replace(sheet, notes=(*sheet.notes, said))]
    nobody = [c for c in sheet.columns if c not in roles.of_points and c not in roles.of_lines and c not in roles.axes]
    at_ends = {end.column for end in roles.at_ends}
    alone = [c for c in roles.of_points if c not in roles.of_lines and c != roles.number]
    points = points_of(sheet, rows, _in_order(sheet, {*roles.of_points, *roles.axes, *nobody} - at_ends), [*roles.axes, *alone])
    points = replace(points, columns=tuple(roles.retitled.get(c, c) for c in points.columns))
    carried = _in_order(sheet, {*roles.of_lines, *nobody} - at_ends - {roles.number, roles.end})
    told = {c: f for c, f in roles.of_lines.items() if not _turns(f)}
    compared = frozenset(c for c, f in told.items() if c not in roles.of_points or f == _KIND)
    ends = roles.number if roles.number in roles.of_lines else _title(types.line, types.ends[0]), roles.end
    shared = frozenset(c for c in told if c in roles.of_points)
    lines = lines_of(sheet, rows, ends, Carried(carried, compared, shared), roles.at_ends)
    if roles.part_of_pipe and "z_reference" not in roles.of_lines.values() and "z_reference" in types.line.field_names:
        lines = lines.with_column(_title(types.line, "z_reference"), roles.part_of_pipe)
    give_back_freed_memory()
    return [_half(half, sheet, roles, t) for half, t in ((points, types.node), (lines, types.line))]


def _turns(field: str) -> bool:
    """Return whether a field says something else where a line is told from its other end."""
    return field.startswith((_START, _END)) or field == "flow_direction"


def _in_order(sheet: Sheet, wanted: set[str]) -> list[str]:
    return [c for c in sheet.columns if c in wanted]


def _title(feature_type: FeatureType, field: str) -> str:
    return next(f.title.zh for f in feature_type.fields if f.name == field)


def _half(half: Sheet, sheet: Sheet, roles: _Roles, feature_type: FeatureType) -> Half:
    said = Text(
        f"表“{sheet.name}”的每一行既是管线点（“{roles.number}”），也是到“{roles.end}”所指点的管线",
        f"each row of table {sheet.name!r} is a point ({roles.number!r}) and the line to that of {roles.end!r}",
    )
    notes = (*sheet.notes, said, *half.notes)
    title = half_name(sheet.name, feature_type.geometry_type)
    return Half(
        title, half.columns, half.rows, half.numbers, sheet.encoding, notes,
        base=sheet.name, geometry_type=feature_type.geometry_type, feature_type=feature_type.name, said=said,
    )  # fmt: skip
