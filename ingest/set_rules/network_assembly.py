"""The network that will be there once a submission is published.

It is made once per check, by the first rule that asks; it holds what of the submission is right by then, what stays of the datasets that
are partly replaced, and every other published dataset of pipes. Around single features that are edited it holds what lies near them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ingest.set_rules.codes import NONE, Codes
from ingest.set_rules.context import SetContext
from ingest.set_rules.neighbourhood import neighbourhood
from ingest.set_rules.network import Network
from ingest.set_rules.published_columns import published_batches
from ingest.set_rules.survey import Lines, Points, Survey, blocks_of
from ingest.set_rules.survey_columns import NODE, SEGMENT
from twin.model import FeatureType

DRAINAGE = "PS"
"""The class whose kinds are systems of their own."""
_SAME_POINT_M = 1.0
"""Another survey may have used the same numbers: a published line counts at a point only where it really ends there."""


def network_of(context: SetContext) -> Network:
    """Return the network of a submission, made when it is first asked for."""
    once = context.network
    if once.made is None:
        once.made = _made(context)
    return once.made


def _made(context: SetContext) -> Network:
    survey, files = context.survey, context.survey.files
    near = neighbourhood(context) if context.staging.edited is not None else None
    points = survey.points.where(survey.points.of_parts(_parts_of(context, NODE)))
    points = points.followed_by(survey.points_of({NONE: files.batches(published_batches(context, NODE, near))}))
    lines = survey.lines.where(survey.lines.of_parts(_parts_of(context, SEGMENT)))
    lines = lines.followed_by(survey.lines_of({NONE: files.batches(published_batches(context, SEGMENT, near))}))
    survey.let_go()
    place = _places(survey, points)
    stands = np.concatenate([np.zeros(0, bool), *(place[points.node[b]] == np.arange(b.start, b.stop) for b in survey.blocks(len(points)))])
    at = files.array((_reached(points, lines, place, block) for block in survey.blocks(len(lines))), np.int32).reshape(-1, 2)
    of_word = _systems(context)
    system = files.array((of_word[lines.kind[block]] for block in survey.blocks(len(lines))), np.int32)
    return Network(survey, points, lines, stands, at, system)


def _parts_of(context: SetContext, name: str) -> list[int]:
    return [s.part for s in context.staged if s.feature_type.name == name]


def _places(survey: Survey, points: Points) -> Codes:
    """Return for each name the first of the points that have it; the last of all stands for no name."""
    place = np.full(survey.names.end + 1, NONE, np.int32)
    for block in reversed(list(blocks_of(len(points)))):
        place[points.node[block][::-1]] = np.arange(block.start, block.stop, dtype=np.int32)[::-1]
        survey.let_go()
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
