"""Rules over what meets at the points of a pipe survey, and over lines in space (L05, J02…J06)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain

import numpy as np

from ingest.set_rules.codes import NONE, Mask
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding_at, finding_at_end, size_texts, title_of_code
from ingest.set_rules.grouping import millimetres
from ingest.set_rules.network import Ends, Network
from ingest.set_rules.network_assembly import network_of
from ingest.set_rules.survey import Floats, Lines, Numbers
from twin.errors import Text
from twin.model import Finding

_WHAT = {"height": Text("高程", "elevation"), "material": Text("材质", "material"), "size": Text("管径", "size")}
_ROUNDING_M = 1e-6
"""A difference of just the tolerance is none, whatever binary makes of decimals."""


def ends_that_disagree(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that have, at a point where nothing declares a change, another height, material or size than the rest there (L05).

    Heights of sewers and of what ends in a shaft may differ. Heights are elevations, else ground less depth.
    """
    for ends in network_of(context).ends():
        yield from _at_other_heights(context, check, ends)
        yield from _of_other_make(context, check, ends)


def _at_other_heights(context: SetContext, check: SetCheck, ends: Ends) -> Iterator[Finding]:
    """Yield what departs from the height most ends have at a point, of conduits that do not fall."""
    lines = ends.network.lines
    height = ends.of(lines.start_elevation_m, lines.end_elevation_m)
    depth = ends.of(lines.start_depth_m, lines.end_depth_m)
    height = np.where(np.isnan(height), ends.network.points.ground_m(ends.point) - depth, height)
    plain = np.flatnonzero(_without_change(check, ends) & ~np.isnan(height))
    plain = plain[_spread(ends.joint[plain], height[plain]) > check.number("tolerance_m")]
    usual = np.full(len(height), np.nan)
    usual[plain] = _usual(ends, plain, height[plain])
    for end in np.flatnonzero(ends.of_part(context.staging.part) & (np.abs(height - usual) > check.number("tolerance_m"))):
        yield _disagreement(check, ends, end, "height", _metres(height[end]), _metres(usual[end]))


def _without_change(check: SetCheck, ends: Ends) -> Mask:
    """Return the ends of conduits that do not fall, at points without a shaft or declared change of height."""
    words, points, kind = ends.network.survey.words, ends.network.points, ends.network.lines.kind[ends.line]
    may_differ = (points.appurtenance[ends.point] != NONE) | words.among(points.feature[ends.point], check.names("changes"))
    falls = (kind == NONE) | words.among(kind, check.names("gravity"))
    return ~may_differ & ~falls


def _spread(joint: Numbers, height: Floats) -> Floats:
    """Return for each end how far apart the heights of its joint are."""
    lowest, highest = np.full((2, joint.max(initial=-1) + 1), np.nan)
    np.fmin.at(lowest, joint, height)
    np.fmax.at(highest, joint, height)
    spread: Floats = (highest - lowest)[joint]
    return spread


def _usual(ends: Ends, some: Numbers, height: Floats) -> Floats:
    """Return for each end the height that most ends of its joint have to the millimetre, the lowest of them; of several the first row's."""
    joint, mm = ends.joint[some], millimetres(height)
    line, lines = ends.line[some], ends.network.lines
    row = np.where(lines.part[line] == NONE, np.iinfo(np.int64).max, lines.row[line])
    order = np.lexsort((mm, joint))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(joint[order]) != 0) | (np.diff(mm[order]) != 0)
    start = np.flatnonzero(begins)
    if not len(start):
        return np.empty(0)
    lowest, first = np.minimum.reduceat(height[order], start), np.minimum.reduceat(row[order], start)
    of_joint = joint[order][start]
    rank = np.lexsort((first, -np.diff(np.append(start, len(order))), of_joint))
    known, place = np.unique(of_joint[rank], return_index=True)
    usual: Floats = lowest[rank[place]][np.searchsorted(known, joint)]
    return usual


def _of_other_make(context: SetContext, check: SetCheck, ends: Ends) -> Iterator[Finding]:
    """Yield where just two pipes of a system meet, at a point without a shaft, that differ unless the point is declared a change."""
    points, lines, words = ends.network.points, ends.network.lines, ends.network.survey.words
    first, second = _pairs(ends)
    a, b, point = ends.line[first], ends.line[second], ends.point[second]
    judged = (a != b) & (lines.part[b] == context.staging.part) & (points.appurtenance[point] == NONE)
    first, second, a, b, point = first[judged], second[judged], a[judged], b[judged], point[judged]
    other_material = (lines.material[a] != lines.material[b]) & (lines.material[a] != NONE) & (lines.material[b] != NONE)
    other_material &= ~words.among(points.feature[point], ["material_change"])
    other_size = _of_other_size(lines, a, b) & ~words.among(points.feature[point], ["diameter_change"])
    for k in np.flatnonzero(other_material | other_size):
        here, there = int(b[k]), int(a[k])
        if other_material[k]:
            material = (words.at(int(lines.material[line])) for line in (here, there))
            yield _disagreement(check, ends, second[k], "material", *material)
        if other_size[k]:
            yield _disagreement(check, ends, second[k], "size", *size_texts(lines, (here, there)))


def _pairs(ends: Ends) -> tuple[Numbers, Numbers]:
    """Return the ends of joints at which just two meet, what is published first, then by row; pairs in the order of the second."""
    two = np.flatnonzero(np.bincount(ends.joint)[ends.joint] == 2)
    first, second = two[np.argsort(ends.joint[two], kind="stable")].reshape(-1, 2).T
    line, lines = ends.line, ends.network.lines
    row = np.where(lines.part[line] == NONE, NONE, lines.row[line])
    turned = (row[first] > row[second]) | ((row[first] == row[second]) & (line[first] > line[second]))
    first, second = np.where(turned, second, first), np.where(turned, first, second)
    by_row = np.argsort(line[second], kind="stable")
    return first[by_row], second[by_row]


def _of_other_size(lines: Lines, a: Numbers, b: Numbers) -> Mask:
    """Return which of the lines ``a`` and ``b``, pair by pair, are of different sizes; what is not given differs from nothing."""
    (diameter_a, sides_a), (diameter_b, sides_b) = _sizes(lines, a), _sizes(lines, b)
    round_a, round_b = ~np.isnan(diameter_a), ~np.isnan(diameter_b)
    box_a, box_b = ~round_a & ~np.isnan(sides_a).all(axis=1), ~round_b & ~np.isnan(sides_b).all(axis=1)
    other: Mask = (round_a & box_b) | (box_a & round_b) | (np.abs(diameter_a - diameter_b) > 0)
    return other | (box_a & box_b & (np.abs(sides_a - sides_b) > 0).any(axis=1))


def _sizes(lines: Lines, of: Numbers) -> tuple[Floats, Floats]:
    return lines.outer_diameter_mm[of], np.stack([lines.width_mm[of], lines.section_height_mm[of]], axis=1)


def _disagreement(check: SetCheck, ends: Ends, end: int, what: str, here: str, there: str) -> Finding:
    title, number = _WHAT[what], ends.number(end)
    zh = f"在点 {number} 处{title.zh}为 {here}，同点其他管段为 {there}"
    en = f"{title.en} {here} at point {number}, where it is {there} otherwise"
    return finding_at_end(check, ends, end, Text(zh=zh, en=en), here)


def _metres(height: float) -> str:
    """Return a height to the millimetre, halves rounded away from zero."""
    return f"{Decimal(f'{height:.15g}').quantize(Decimal('0.001'), ROUND_HALF_UP) + 0:f}"


def points_without_lines(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points at which no line ends (J02)."""
    network = network_of(context)
    points = network.points
    for ends in network.ends():
        of = slice(ends.first_point, ends.after_point)
        lonely = network.stands[of] & (points.part[of] == context.staging.part) & (ends.counts() == 0)
        for index in (np.flatnonzero(lonely) + ends.first_point).tolist():
            key = points.key[index].as_py()
            yield finding_at(check, points, index, Text(zh=f"没有管线连接点 {key}", en=f"no line ends at point {key}"))


def heights_that_do_not_add_up(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines at whose end the ground is not depth + elevation within ``tolerance_m`` (J03)."""
    network = network_of(context)
    lines = network.lines
    for ends in network.ends():
        ground = network.points.ground_m(ends.point)
        depth = ends.of(lines.start_depth_m, lines.end_depth_m)
        elevation = ends.of(lines.start_elevation_m, lines.end_elevation_m)
        off = ground - depth - elevation
        for end in np.flatnonzero((np.abs(off) > check.number("tolerance_m") + _ROUNDING_M) & ends.of_part(context.staging.part)):
            number, above, below, pipe = ends.number(end), *(f"{of[end]:z.3f}" for of in (ground, depth, elevation))
            zh = f"点 {number}：地面高程 {above} ≠ 埋深 {below} + 管线高程 {pipe}（差 {off[end]:+.3f} m）"
            en = f"point {number}: ground {above} is not depth {below} + elevation {pipe} (off by {off[end]:+.3f} m)"
            yield finding_at_end(check, ends, end, Text(zh=zh, en=en), f"{off[end]:+.3f}")


def lengths_beyond(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines longer in space than ``longest_m`` or shorter than ``shortest_m`` (J04)."""
    longest, shortest, lines = check.number("longest_m"), check.number("shortest_m"), network_of(context).lines
    beyond = (own[(lines.length_3d_m[own] > longest) | (lines.length_3d_m[own] < shortest)] for own in lines.blocks(context.staging.part))
    for index in chain.from_iterable(of_block.tolist() for of_block in beyond):
        m = lines.length_3d_m[index]
        zh, en = f"管段长 {m:.3f} m，不在 {shortest:g}…{longest:g} m 之内", f"length {m:.3f} m is outside {shortest:g}…{longest:g} m"
        yield finding_at(check, lines, index, Text(zh=zh, en=en), f"{m:.3f}")


def steep_lines(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines steeper than ``gravity_deg`` (sewers) or ``other_deg``, but those that come out of the ground (J05)."""
    network = network_of(context)
    lines, words = network.lines, network.survey.words
    for own in lines.blocks(context.staging.part):
        length_m = lines.length_m[own]
        slope_deg = np.degrees(np.arctan2(np.abs(lines.end_m(own) - lines.start_m(own)), length_m))
        is_sewer = words.among(lines.kind[own], check.names("gravity"))
        steep = (length_m > 0) & (slope_deg > np.where(is_sewer, check.number("gravity_deg"), check.number("other_deg")))
        steep &= ~_come_out_of_the_ground(network, own, check.names("upright"))
        for index, deg in zip(own[steep].tolist(), slope_deg[steep].tolist(), strict=True):
            yield finding_at(check, lines, index, Text(zh=f"坡度 {deg:.1f}° 过大", en=f"a slope of {deg:.1f}° is too steep"), f"{deg:.1f}")


def _come_out_of_the_ground(network: Network, lines: Numbers, features: Sequence[str]) -> Mask:
    """Return which lines end at a point of one of ``features``."""
    points, feature = network.at[lines], network.points.feature
    is_one = [(of != NONE) & network.survey.words.among(feature[of], features) for of in points.T] if len(feature) else []
    return np.logical_or.reduce([np.zeros(len(lines), dtype=bool), *is_one])


def declared_joints(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points at which not as many lines meet as their feature says, such as three at a tee (J06)."""
    network = network_of(context)
    points, words = network.points, network.survey.words
    for ends in network.ends():
        of, counts = slice(ends.first_point, ends.after_point), ends.counts()
        declared = np.zeros(len(counts), np.int64)
        for feature, degree in check.table("degrees"):
            declared[words.among(points.feature[of], [str(feature)])] = int(degree or 0)
        wrong = (declared > 0) & (counts > 0) & (counts != declared) & (points.part[of] == context.staging.part)
        for place in np.flatnonzero(wrong):
            index, degree, count = int(place) + ends.first_point, declared[place], counts[place]
            name = title_of_code(context, "feature", words.at(int(points.feature[index])))
            zh, en = f"{name.zh}应连接 {degree} 条管线，实连 {count} 条", f"{name.en}: {degree} lines should meet here, {count} do"
            yield finding_at(check, points, index, Text(zh=zh, en=en), count)
