"""The network that will be there once a submission is published: points, lines and the ends where they meet.

It is made once per check, by the first rule that asks; it holds what of the submission is right by then, what stays of the datasets that
are partly replaced, and every other published dataset of pipes. Around single features that are edited it holds what lies near them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from psycopg import sql

from ingest.set_rules.codes import NONE, Codes, Mask
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.neighbourhood import neighbourhood
from ingest.set_rules.published_columns import published_batches
from ingest.set_rules.survey import Lines, Numbers, Points, Survey, blocks_of
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
ENDS_AT_A_TIME = 1 << 20
"""Ends of lines that are looked at together, about."""
_ANY = TypeVar("_ANY", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Network:
    """Points and lines, both in the order of parts and rows, what is published last."""

    survey: Survey
    points: Points
    lines: Lines
    stands: Mask
    """Shape (points,): whether a point stands for its number, of which it is the first; at others no line ends."""
    at: Codes
    """Shape (lines, 2): the point at start and end of each line, `NONE` where it is not known."""
    system: Codes
    """Of each line: sewers belong to that of their kind (storm water and sewage are apart), all other pipes to their class."""
    _all: list[Ends] = field(default_factory=list)
    """All ends, once they were made, where they are not many."""

    def ends(self) -> Iterator[Ends]:
        """Yield all ends of lines that are at points, point after point so many at a time that memory does not grow with the network."""
        known = sum(int(np.count_nonzero(self.at[block] != NONE)) for block in blocks_of(len(self.at)))
        if known > ENDS_AT_A_TIME:
            points = max(1, len(self.points) * ENDS_AT_A_TIME // known)
            yield from (self._ends_at(first, min(first + points, len(self.points))) for first in range(0, len(self.points), points))
            return
        if not self._all:
            self._all.append(self._ends_at(0, len(self.points)))
        yield self._all[0]

    def flow(self, lines: Numbers) -> Numbers:
        """Return 1 where water flows from start to end of some lines, −1 the other way, 0 where nothing is known."""
        words, given = self.survey.words, self.lines.flow_direction[lines]
        return words.among(given, "+").astype(np.int64) - words.among(given, "-")

    def _ends_at(self, first: int, after: int) -> Ends:
        at = self.at.reshape(-1)
        found = [np.flatnonzero((at[block] >= first) & (at[block] < after)) + block.start for block in blocks_of(len(at))]
        end = np.concatenate([np.empty(0, np.int64), *found])
        line, point = end // 2, at[end].astype(np.int64)
        joint = np.unique(point * (len(self.survey.words.words) + 1) + self.system[line] + 1, return_inverse=True)[1]
        return Ends(self, first, after, line, point, end % 2 == 1, joint)


@dataclass(frozen=True, slots=True)
class Ends:
    """All ends of lines that are at some neighbouring points, by lines, starts first."""

    network: Network
    first_point: int
    after_point: int
    """The point after the last of them."""
    line: Numbers
    point: Numbers
    is_end: Mask
    """Whether it is the line's end."""
    joint: Numbers
    """Ends of one system that meet at a point have the same number, from 0."""

    def of(self, start: npt.NDArray[_ANY], end: npt.NDArray[_ANY]) -> npt.NDArray[_ANY]:
        """Return for each end what its line has there, of what all lines have at start and end."""
        return np.where(self.is_end, end[self.line], start[self.line])

    def height_m(self) -> npt.NDArray[np.float64]:
        """Return the elevation of each end, else its height."""
        lines = self.network.lines
        return np.where(self.is_end, lines.end_m(self.line), lines.start_m(self.line))

    def flow(self) -> Numbers:
        """Return 1 where water flows into the point, −1 where it flows out of it, 0 where nothing is known."""
        flow = self.network.flow(self.line)
        return np.where(self.is_end, flow, -flow)

    def counts(self) -> Numbers:
        """Return how many ends there are at each point."""
        return np.bincount(self.point - self.first_point, minlength=self.after_point - self.first_point)

    def of_part(self, part: int) -> Mask:
        """Return which ends are of lines of a part."""
        return self.network.lines.part[self.line] == part

    def place(self, end: int) -> tuple[float, float]:
        """Return where an end lies."""
        line, lines = self.line[end], self.network.lines
        return (float(lines.end_x[line]), float(lines.end_y[line])) if self.is_end[end] else lines.place(line)

    def number(self, end: int) -> str:
        """Return the number of the point at an end."""
        network = self.network
        return network.survey.names.at(network.points.node[self.point[end]])


def network_of(context: SetContext) -> Network:
    """Return the network of a submission, made when it is first asked for."""
    survey = context.survey
    if survey.network is None:
        survey.network = _made(context)
    return survey.network


def _made(context: SetContext) -> Network:
    survey, files = context.survey, context.survey.files
    near = neighbourhood(context) if context.staging.edited is not None else None
    points = survey.points.where(np.isin(survey.points.part, _parts_of(context, NODE)))
    points = points.followed_by(survey.points_of({NONE: files.batches(published_batches(context, NODE, near))}))
    lines = survey.lines.where(np.isin(survey.lines.part, _parts_of(context, SEGMENT)))
    lines = lines.followed_by(survey.lines_of({NONE: files.batches(published_batches(context, SEGMENT, near))}))
    place = _places(survey, points)
    stands = np.concatenate([np.zeros(0, bool), *(place[points.node[b]] == np.arange(b.start, b.stop) for b in blocks_of(len(points)))])
    at = files.array((_reached(points, lines, place, block) for block in blocks_of(len(lines))), np.int32).reshape(-1, 2)
    of_word = _systems(context)
    system = files.array((of_word[lines.kind[block]] for block in blocks_of(len(lines))), np.int32)
    return Network(survey, points, lines, stands, at, system)


def _parts_of(context: SetContext, name: str) -> list[int]:
    return [s.part for s in context.staged if s.feature_type.name == name]


def _places(survey: Survey, points: Points) -> Codes:
    """Return for each name the first of the points that have it; the last of all stands for no name."""
    place = np.full(survey.names.end + 1, NONE, np.int32)
    for block in reversed(list(blocks_of(len(points)))):
        place[points.node[block][::-1]] = np.arange(block.start, block.stop, dtype=np.int32)[::-1]
    place[NONE] = NONE
    return place


def _reached(points: Points, lines: Lines, place: Codes, block: slice) -> Codes:
    """Return start and end point of lines, one after the other; a published line counts at a point only where it really ends there."""
    sides = []
    for node, x, y in ((lines.start, lines.start_x, lines.start_y), (lines.end, lines.end_x, lines.end_y)):
        point = place[node[block]]
        known = np.flatnonzero((lines.part[block] == NONE) & (point != NONE))
        apart = np.hypot(x[block][known] - points.x[point[known]], y[block][known] - points.y[point[known]])
        point[known[apart > _SAME_POINT_M]] = NONE
        sides.append(point)
    return np.stack(sides, axis=1).reshape(-1)


def _systems(context: SetContext) -> Codes:
    """Return the system of each word that is a kind of pipe, `NONE` as the last for no word."""
    words = context.survey.words
    of_kinds = systems(context.catalogue.feature_type(SEGMENT))
    return np.array([*(words.learn(of_kinds.get(kind, kind)) for kind in list(words.words)), NONE], np.int32)


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


def finding_at_end(check: SetCheck, ends: Ends, end: int, message: Text, value: object) -> Finding:
    """Return a finding about a line where one of its ends is."""
    return finding_at(check, ends.network.lines, int(ends.line[end]), message, value, ends.place(end))


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
