"""Rules over the lines of a pipe survey, each line for itself or beside the others of its file (L01…L04)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.compiled_hashes import hashed
from ingest.mapped_columns import taken
from ingest.set_rules.codes import NONE, Mask
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding_at, has_fields, row_in_source
from ingest.set_rules.grouping import Columns, Likeness, like_in, millimetres, mixed, repeats, suspects
from ingest.set_rules.survey import Lines, Numbers, Survey
from twin.errors import Text
from twin.model import Finding

_NO_NUMBER = "\0"
"""Stands for none: PostgreSQL takes no text with it."""


def lines_without_an_end(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that name no point at one of their ends, or at both, in a file whose other lines do (L01)."""
    lines, part = context.survey.lines, context.staging.part

    def lacking(own: Numbers) -> Mask:
        return (lines.start[own] == NONE) | (lines.end[own] == NONE)

    if all(lacking(own).all() for own in lines.blocks(part)):
        return  # a file that names no ends at all is no survey table: nothing is missing in it
    for index in chain.from_iterable(own[lacking(own)].tolist() for own in lines.blocks(part)):
        zh, en = ("起点", "start") if lines.start[index] == NONE else ("终点", "end")
        if lines.start[index] == lines.end[index]:
            zh, en = "起点和终点", "start and end"
        yield finding_at(check, lines, index, Text(zh=f"缺少{zh}点号", en=f"there is no number of the {en} point"))


def lines_back_to_their_start(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that end where they start (L02)."""
    lines = context.survey.lines
    backs = (own[(lines.start[own] == lines.end[own]) & (lines.start[own] != NONE)] for own in lines.blocks(context.staging.part))
    for index in chain.from_iterable(back.tolist() for back in backs):
        node = context.survey.names.at(lines.start[index])
        yield finding_at(check, lines, index, Text(zh=f"起点与终点同为 {node}", en=f"start and end are both {node}"), node)


def lines_listed_twice(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that are an earlier one again: one kind, the same points and heights, in either direction (L03).

    Lines with different numbers of their own, that are not made of their ends, are not the same: pumps and pipes may lie side by side.
    """
    survey, lines = context.survey, context.survey.lines
    start, end, work = lines.start, lines.end, survey.files.work

    def joining_two() -> Iterator[Numbers]:
        for own in lines.blocks(context.staging.part):
            yield own[(start[own] != NONE) & (end[own] != NONE) & (start[own] != end[own])]

    along_another = suspects(joining_two, lambda own: mixed(_from_the_lower(lines, own)), work)
    for index, before in repeats(along_another, _one_line(survey), work):
        zh, en = ("（起止点互换）", " with its ends exchanged") if start[index] != start[before] else ("", "")
        earlier = row_in_source(int(lines.row[before]))
        yield finding_at(check, lines, index, Text(zh=f"与第 {earlier} 行为同一管段{zh}", en=f"the line of row {earlier}{en}"))


def _from_the_lower(lines: Lines, own: Numbers) -> list[Columns]:
    """Return both ends, the kind and the heights (mm) at the ends of lines, in one direction for each pair of points."""
    start, end = lines.start[own], lines.end[own]
    heights = millimetres(lines.start_z[own]), millimetres(lines.end_z[own])
    at_lower, at_upper = np.where(start < end, *heights), np.where(start < end, *heights[::-1])
    return [np.minimum(start, end), np.maximum(start, end), lines.kind[own], at_lower, at_upper]


def _one_line(survey: Survey) -> Likeness:
    """Return the likeness of lines that lie the same way and have the same number of their own, if any."""
    way = like_in(lambda own: _from_the_lower(survey.lines, own))
    seed, factor = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64) | 1)

    def hashes(own: Numbers) -> Numbers:
        return mixed([*_from_the_lower(survey.lines, own), hashed(_own_numbers(survey, own), seed, factor).view(np.int64)])

    def same(own: Numbers, others: Numbers) -> Mask:
        told: Mask = pc.equal(_own_numbers(survey, own), _own_numbers(survey, others)).to_numpy(zero_copy_only=False)
        return way.same(own, others) & told

    return Likeness(hashes, same)


def _own_numbers(survey: Survey, own: Numbers) -> pa.StringArray:
    """Return lines' own numbers, nothing where the number is made of those of the ends or there is none."""
    lines, names = survey.lines, survey.names
    a, b = names.texts(lines.start[own]), names.texts(lines.end[own])
    number = taken(lines.segment_id, own)
    made = [pc.equal(number, pc.binary_join_element_wise(*ends, "-")) for ends in ((a, b), (b, a))]
    return pc.fill_null(pc.if_else(pc.or_(*made), None, number), _NO_NUMBER)


def lines_too_deep(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines of which an end lies deeper than ``deepest_m`` (L04)."""
    if not has_fields(context, "start_depth_m", "end_depth_m"):
        return
    lines, deepest = context.survey.lines, check.number("deepest_m")
    for own in lines.blocks(context.staging.part):
        depth = np.fmax(lines.start_depth_m[own], lines.end_depth_m[own])
        for index, m in zip(own[depth > deepest].tolist(), depth[depth > deepest].tolist(), strict=True):
            message = Text(zh=f"埋深 {m:g} m 大于 {deepest:g} m", en=f"depth {m:g} m is more than {deepest:g} m")
            yield finding_at(check, lines, index, message, m)
