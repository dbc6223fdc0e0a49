"""The network that will be there once a submission is published: points, lines and the ends where they meet.

It is made once per check, by the first rule that asks; it holds what of the submission is right by then, what stays of the datasets that
are partly replaced, and every other published dataset of pipes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from psycopg import sql

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.published_columns import published_batches
from ingest.set_rules.survey import NONE, Codes, Lines, Mask, Numbers, Points, Survey
from ingest.set_rules.survey_columns import NODE, SEGMENT
from ingest.tally import ROWS_A_SOURCE
from twin.db import load_queries
from twin.errors import Text
from twin.model import FeatureType, Finding

QUERIES = load_queries("ingest.set_rules", "network.sql")

DRAINAGE = "PS"
"""The class whose kinds are systems of their own."""
_SAME_POINT_M = 1.0
"""Another survey may have used the same numbers: a published line counts at a point only where it really ends there."""
_ANY = TypeVar("_ANY", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Network:
    """Points with numbers, each number once, and lines; both in the order of parts and rows, what is published last."""

    survey: Survey
    points: Points
    lines: Lines
    at: Numbers
    """Shape (lines, 2): the point at start and end of each line, `NONE` where it is not known."""
    system: Codes
    """Of each line: sewers belong to that of their kind (storm water and sewage are apart), all other pipes to their class."""
    end_line: Numbers
    end_point: Numbers
    is_end: Mask
    """Shape (ends,): line and point of each end that is at a point, and whether it is the line's end, by lines, starts first."""
    joint: Numbers
    """Shape (ends,): ends of one system that meet at a point have the same number, from 0."""

    def at_ends(self, start: npt.NDArray[_ANY], end: npt.NDArray[_ANY]) -> npt.NDArray[_ANY]:
        """Return for each end what its line has there, shape (ends,)."""
        return np.where(self.is_end, end[self.end_line], start[self.end_line])

    def place_of_end(self, end: int) -> tuple[float, float]:
        """Return where an end lies."""
        line, lines = self.end_line[end], self.lines
        return (float(lines.end_x[line]), float(lines.end_y[line])) if self.is_end[end] else lines.place(line)

    def number_at(self, end: int) -> str:
        """Return the number of the point at an end."""
        return self.survey.names.at(int(self.points.node[self.end_point[end]]))

    def flow(self) -> Numbers:
        """Return 1 where water flows from start to end, −1 the other way, 0 where nothing is known, shape (lines,)."""
        words, given = self.survey.words, self.lines.flow_direction
        return words.among(given, "+").astype(np.int64) - words.among(given, "-")

    def flow_at_ends(self) -> Numbers:
        """Return 1 where water flows into the point, −1 where it flows out of it, 0 where nothing is known, shape (ends,)."""
        flow = self.flow()
        return self.at_ends(-flow, flow)

    def own_ends(self, part: int) -> Mask:
        """Return which ends are of lines of a part, shape (ends,)."""
        return self.lines.part[self.end_line] == part


def network_of(context: SetContext) -> Network:
    """Return the network of a submission, made when it is first asked for."""
    survey = context.survey
    if survey.network is None:
        survey.network = _made(context)
    return survey.network


def _made(context: SetContext) -> Network:
    survey = context.survey
    points = survey.points.where(np.isin(survey.points.part, _parts_of(context, NODE)) & (survey.points.node != NONE))
    points = points.followed_by(survey.points_of({NONE: published_batches(context, NODE)}))
    lines = survey.lines.where(np.isin(survey.lines.part, _parts_of(context, SEGMENT)))
    lines = lines.followed_by(survey.lines_of({NONE: published_batches(context, SEGMENT)}))
    points = points.where(points.node != NONE)
    points = points.where(_places(survey, points)[points.node] == np.arange(len(points)))  # of one number the first
    place = _places(survey, points)
    at = np.stack([_reached(points, lines, place[lines.start], "start"), _reached(points, lines, place[lines.end], "end")], axis=1)
    end, system = np.flatnonzero(at.ravel() != NONE), _systems(context, lines)
    line, point = end // 2, at.ravel()[end]
    joint = np.unique(point * (len(survey.words.words) + 1) + system[line] + 1, return_inverse=True)[1]
    return Network(survey, points, lines, at, system, line, point, end % 2 == 1, joint)


def _parts_of(context: SetContext, name: str) -> list[int]:
    return [s.part for s in context.staged if s.feature_type.name == name]


def _places(survey: Survey, points: Points) -> Numbers:
    """Return for each name the first of the points that have it; the last of all stands for no name."""
    place = np.full(len(survey.names.known) + 1, NONE, np.int64)
    place[points.node[::-1]] = np.arange(len(points))[::-1]
    return place


def _reached(points: Points, lines: Lines, point: Numbers, side: str) -> Numbers:
    far = np.zeros(len(lines), dtype=bool)
    known = np.flatnonzero((lines.part == NONE) & (point != NONE))
    x, y = (getattr(lines, f"{side}_{axis}")[known] for axis in "xy")
    far[known] = np.hypot(x - points.x[point[known]], y - points.y[point[known]]) > _SAME_POINT_M
    return np.where(far, NONE, point)


def _systems(context: SetContext, lines: Lines) -> Codes:
    words = context.survey.words
    of_kinds = systems(context.catalogue.feature_type(SEGMENT))
    return np.array([*(words.learn(of_kinds.get(kind, kind)) for kind in list(words.words)), NONE], np.int32)[lines.kind]


def systems(segments: FeatureType) -> Mapping[str, str]:
    """Return per kind of pipe the system it belongs to: the kind itself for sewers, else its class."""
    codelist = segments.field("kind").codelist if "kind" in segments.field_names else None
    codes = codelist.codes if codelist else ()
    return {code.code: code.parent for code in codes if code.parent is not None and code.parent != DRAINAGE}


def among_rows(
    context: SetContext, name: str, values: Mapping[str, object] | None = None, **places: sql.Composable
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query of network.sql over the staged rows of the part alone."""
    query = QUERIES[name].format(staging=context.staging.table, **places)
    yield from context.rows(query, values)


def has_fields(context: SetContext, *names: str) -> bool:
    """Return whether the FeatureType of the part has all these fields: a deployment's own may lack some, then there is nothing to judge."""
    return set(names) <= set(context.feature_type.field_names)


def row_in_source(number: int) -> int:
    """Return the number a row has in its own source."""
    return number % ROWS_A_SOURCE


def finding(check: SetCheck, row: tuple[Any, ...], message: Text, value: object = None) -> Finding:
    """Return a finding about a row that a query gave as (row, natural key, x, y, …)."""
    number, key, x, y = row[:4]
    place = None if x is None or y is None else (float(x), float(y))
    return Finding(check.rule.id, check.severity, number, message, key=key, place=place, value=None if value is None else str(value))


def finding_at(
    check: SetCheck, rows: Points | Lines, index: int, message: Text, value: object = None, place: tuple[float, float] | None = None
) -> Finding:
    """Return a finding about a point or a line, where it is (a line: where it starts) or at ``place``."""
    row = (int(rows.row[index]), rows.key[int(index)].as_py(), *(place or rows.place(index)))
    return finding(check, row, message, value)


def finding_at_end(check: SetCheck, network: Network, end: int, message: Text, value: object) -> Finding:
    """Return a finding about a line where one of its ends is."""
    return finding_at(check, network.lines, network.end_line[end], message, value, network.place_of_end(end))


def size_texts(lines: Lines, which: Iterable[int]) -> list[str]:
    """Return the sizes of some lines as they are written: diameter, or width X height, in mm."""
    sides = np.stack([lines.width_mm, lines.section_height_mm], axis=1)
    given = (sides[k] if np.isnan(lines.outer_diameter_mm[k]) else lines.outer_diameter_mm[k : k + 1] for k in which)
    return ["X".join(np.format_float_positional(mm, trim="-") for mm in of_line if not np.isnan(mm)) for of_line in given]


def title_of_code(context: SetContext, field: str, code: str) -> Text:
    """Return what a code of a field of the part is called, the code itself where no list says so."""
    codelist = context.feature_type.field(field).codelist if field in context.feature_type.field_names else None
    known = codelist.by_code().get(code) if codelist else None
    return known.title if known else Text(code, code)
