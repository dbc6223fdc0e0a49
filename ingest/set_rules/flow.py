"""Rules over the way water flows in sewers: falling, not narrowing, turning gently, sewage apart from storm water."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import numpy as np

from ingest.set_rules.codes import NONE, Mask
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding_at, finding_at_end, size_texts
from ingest.set_rules.network import Ends
from ingest.set_rules.network_assembly import network_of
from ingest.set_rules.survey import Floats, Numbers
from twin.errors import Text
from twin.model import Finding

_INTO, _OUT_OF = 1, -1
"""Which way water flows at an end, seen from the point."""
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_ROUNDING_M = 1e-6
"""A rise of just the tolerance is none, whatever binary makes of decimals."""


def lines_uphill(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers without pressure that rise by more than ``tolerance_m`` in their direction of flow (``gravity-uphill``)."""
    network = network_of(context)
    lines = network.lines
    for own in lines.blocks(context.staging.part):
        rise = (lines.end_m(own) - lines.start_m(own)) * network.flow(own)
        falls = network.survey.words.among(lines.kind[own], check.names("gravity")) & (lines.pressure[own] == NONE)
        uphill = falls & (rise > check.number("tolerance_m") + _ROUNDING_M)
        for index, m in zip(own[uphill].tolist(), rise[uphill].tolist(), strict=True):
            message = Text(zh=f"重力流管段沿流向升高 {m:.3f} m", en=f"rises by {m:.3f} m in its direction of flow")
            yield finding_at(check, lines, index, message, f"{m:.3f}")


def lines_that_narrow(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers more than ``steps`` of the ``series`` of diameters smaller than what flows into them (``diameter-shrinks``).

    A box counts as the round pipe of the same area.
    """
    for ends in network_of(context).ends():
        for end, above in _narrowing(context, check, ends):
            number, (below_mm, above_mm) = ends.number(end), size_texts(ends.network.lines, (int(ends.line[end]), above))
            zh = f"点 {number} 下游管径 {below_mm} mm 小于上游 {above_mm} mm"
            en = f"{below_mm} mm below point {number}, {above_mm} mm above it"
            yield finding_at_end(check, ends, end, Text(zh=zh, en=en), below_mm)


def _narrowing(context: SetContext, check: SetCheck, ends: Ends) -> Iterator[tuple[int, int]]:
    """Yield the ends at which sewers go on too narrow, and the widest line that comes in there."""
    diameter = ends.network.lines.diameter_mm(ends.line)
    series = np.array(cast("tuple[float, ...]", check.parameters["series"]), dtype=np.float64)
    size = np.where(np.isnan(diameter), np.nan, np.searchsorted(series, diameter, side="right"))
    flow, joint = ends.flow(), ends.joint
    inflows = np.flatnonzero((flow == _INTO) & ~np.isnan(diameter))
    if not len(inflows):
        return
    inflows = inflows[np.lexsort((diameter[inflows], joint[inflows]))]
    out = np.flatnonzero((flow == _OUT_OF) & _of_sewers(context, check, ends))
    widest = np.searchsorted(joint[inflows], joint[out], side="right") - 1
    met = np.flatnonzero((widest >= 0) & (joint[inflows[widest]] == joint[out]))
    here, above = out[met], inflows[widest[met]]
    narrow = size[above] - size[here] > int(check.number("steps"))
    yield from zip(here[narrow].tolist(), ends.line[above[narrow]].tolist(), strict=True)


def sewage_into_storm_water(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewage pipes that flow into a point from which storm water pipes lead on (SEP01); unknown flow counts as either way."""
    words = context.survey.words
    for ends in network_of(context).ends():
        flow, kind, point = ends.flow(), ends.network.lines.kind[ends.line], ends.point - ends.first_point
        leads_on = np.zeros(ends.after_point - ends.first_point, dtype=bool)
        leads_on[point[words.among(kind, ["YS"]) & (flow != _INTO)]] = True
        sewage = words.among(kind, ["WS"]) & (flow != _OUT_OF) & ends.of_part(context.staging.part)
        for end in np.flatnonzero(sewage & leads_on[point]):
            number = ends.number(end)
            message = Text(zh=f"污水管在点 {number} 接入雨水管", en=f"sewage flows into a storm sewer at point {number}")
            yield finding_at_end(check, ends, end, message, number)


def sharp_turns(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers whose water has to turn back: seen from the point, the pipe on leaves at less than ``least_deg`` (``turn-angle``).

    180 degrees is straight on. Pipes of at most ``small_mm`` that fall in by more than ``drop_m`` may come in at any angle.
    """
    least_deg = check.number("least_deg")
    for ends in network_of(context).ends():
        turn_deg = _turns_deg(context, check, ends)
        for end in np.flatnonzero(turn_deg < least_deg - check.number("tolerance_deg")):
            number, deg = ends.number(end), turn_deg[end]
            zh = f"在点 {number} 处水流转角 {deg:.1f}°，小于 {least_deg:g}°"
            en = f"at point {number} the water turns at {deg:.1f}°, less than {least_deg:g}°"
            yield finding_at_end(check, ends, end, Text(zh=zh, en=en), f"{deg:.1f}")


def _turns_deg(context: SetContext, check: SetCheck, ends: Ends) -> Floats:
    """Return the sharpest turn that water takes at each end of a sewer of the part by which it comes in, infinite where it takes none."""
    lines, flow = ends.network.lines, ends.flow()
    come, go = _meeting(ends, np.flatnonzero((flow == _INTO) & _of_sewers(context, check, ends)), np.flatnonzero(flow == _OUT_OF))
    azimuth, height = ends.of(lines.start_azimuth, lines.end_azimuth), ends.height_m()
    turn_deg = np.degrees(np.arccos(np.clip(np.cos(azimuth[come] - azimuth[go]), -1.0, 1.0)))
    is_small = ~(lines.diameter_mm(ends.line[come]) > check.number("small_mm"))
    falls_in = np.nan_to_num(height[come] - height[go]) > check.number("drop_m")
    sharpest = np.full(len(flow), np.inf)
    np.fmin.at(sharpest, come, np.where(is_small & falls_in, np.inf, turn_deg))
    return sharpest


def _of_sewers(context: SetContext, check: SetCheck, ends: Ends) -> Mask:
    """Return which ends are of sewers of the part."""
    is_sewer = ends.network.survey.words.among(ends.network.lines.kind[ends.line], check.names("gravity"))
    return is_sewer & ends.of_part(context.staging.part)


def _meeting(ends: Ends, come: Numbers, go: Numbers) -> tuple[Numbers, Numbers]:
    """Return all pairs of ends of two lines, one of each group, that meet at a joint."""
    joint = ends.joint
    go = go[np.argsort(joint[go], kind="stable")]
    first, last = (np.searchsorted(joint[go], joint[come], side=side) for side in _SIDES)
    count = last - first
    pair = np.repeat(np.arange(len(come)), count)
    other = go[np.arange(len(pair)) - np.repeat(np.cumsum(count) - count - first, count)]
    apart = ends.line[come[pair]] != ends.line[other]
    return come[pair[apart]], other[apart]
