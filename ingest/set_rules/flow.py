"""Rules over the way water flows in sewers: falling, not narrowing, turning gently, sewage apart from storm water."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import numpy as np

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.network import Network, finding_at, finding_at_end, network_of, size_texts
from ingest.set_rules.survey import NONE, Mask, Numbers
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
    rise = (lines.end_m - lines.start_m) * network.flow()
    falls = network.survey.words.among(lines.kind, check.names("gravity")) & (lines.pressure == NONE)
    uphill = falls & (rise > check.number("tolerance_m") + _ROUNDING_M) & (lines.part == context.staging.part)
    for index in np.flatnonzero(uphill):
        m = rise[index]
        message = Text(zh=f"重力流管段沿流向升高 {m:.3f} m", en=f"rises by {m:.3f} m in its direction of flow")
        yield finding_at(check, lines, int(index), message, f"{m:.3f}")


def lines_that_narrow(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers more than ``steps`` of the ``series`` of diameters smaller than what flows into them (``diameter-shrinks``).

    A box counts as the round pipe of the same area.
    """
    network = network_of(context)
    diameter = network.lines.diameter_mm
    series = np.array(cast("tuple[float, ...]", check.parameters["series"]), dtype=np.float64)
    size = np.where(np.isnan(diameter), np.nan, np.searchsorted(series, diameter, side="right"))
    flow, joint = network.flow_at_ends(), network.joint
    inflows = np.flatnonzero((flow == _INTO) & ~np.isnan(diameter[network.end_line]))
    inflows = inflows[np.lexsort((diameter[network.end_line[inflows]], joint[inflows]))]
    out = np.flatnonzero((flow == _OUT_OF) & _of_sewers(context, check, network))
    widest = np.searchsorted(joint[inflows], joint[out], side="right") - 1
    met = np.flatnonzero((widest >= 0) & (joint[inflows[widest]] == joint[out])) if len(inflows) else np.empty(0, np.int64)
    here, above = network.end_line[out[met]], network.end_line[inflows[widest[met]]]
    narrow = size[above] - size[here] > int(check.number("steps"))
    for end, lines in zip(out[met][narrow], np.stack([here, above], axis=1)[narrow], strict=True):
        number, (below_mm, above_mm) = network.number_at(end), size_texts(network.lines, lines)
        zh, en = f"点 {number} 下游管径 {below_mm} mm 小于上游 {above_mm} mm", f"{below_mm} mm below point {number}, {above_mm} mm above it"
        yield finding_at_end(check, network, end, Text(zh=zh, en=en), below_mm)


def sewage_into_storm_water(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewage pipes that flow into a point from which storm water pipes lead on (SEP01); unknown flow counts as either way."""
    network = network_of(context)
    words, flow, kind = network.survey.words, network.flow_at_ends(), network.lines.kind[network.end_line]
    leads_on = np.zeros(len(network.points), dtype=bool)
    leads_on[network.end_point[words.among(kind, ["YS"]) & (flow != _INTO)]] = True
    sewage = words.among(kind, ["WS"]) & (flow != _OUT_OF) & network.own_ends(context.staging.part)
    for end in np.flatnonzero(sewage & leads_on[network.end_point]):
        number = network.number_at(end)
        message = Text(zh=f"污水管在点 {number} 接入雨水管", en=f"sewage flows into a storm sewer at point {number}")
        yield finding_at_end(check, network, end, message, number)


def sharp_turns(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers whose water has to turn back: seen from the point, the pipe on leaves at less than ``least_deg`` (``turn-angle``).

    180 degrees is straight on. Pipes of at most ``small_mm`` that fall in by more than ``drop_m`` may come in at any angle.
    """
    network, least_deg = network_of(context), check.number("least_deg")
    lines, flow = network.lines, network.flow_at_ends()
    come, go = _meeting(network, np.flatnonzero((flow == _INTO) & _of_sewers(context, check, network)), np.flatnonzero(flow == _OUT_OF))
    azimuth, height = network.at_ends(lines.start_azimuth, lines.end_azimuth), network.at_ends(lines.start_m, lines.end_m)
    turn_deg = np.degrees(np.arccos(np.clip(np.cos(azimuth[come] - azimuth[go]), -1.0, 1.0)))
    is_small = ~(lines.diameter_mm[network.end_line[come]] > check.number("small_mm"))
    falls_in = np.nan_to_num(height[come] - height[go]) > check.number("drop_m")
    sharp = (turn_deg < least_deg - check.number("tolerance_deg")) & ~(is_small & falls_in)
    sharpest = np.full(len(flow), np.inf)
    np.minimum.at(sharpest, come[sharp], turn_deg[sharp])
    for end in np.unique(come[sharp]):
        number, deg = network.number_at(end), sharpest[end]
        zh = f"在点 {number} 处水流转角 {deg:.1f}°，小于 {least_deg:g}°"
        en = f"at point {number} the water turns at {deg:.1f}°, less than {least_deg:g}°"
        yield finding_at_end(check, network, end, Text(zh=zh, en=en), f"{deg:.1f}")


def _of_sewers(context: SetContext, check: SetCheck, network: Network) -> Mask:
    """Return which ends are of sewers of the part."""
    is_sewer = network.survey.words.among(network.lines.kind, check.names("gravity"))
    return is_sewer[network.end_line] & network.own_ends(context.staging.part)


def _meeting(network: Network, come: Numbers, go: Numbers) -> tuple[Numbers, Numbers]:
    """Return all pairs of ends of two lines, one of each group, that meet at a joint."""
    joint = network.joint
    go = go[np.argsort(joint[go], kind="stable")]
    first, last = (np.searchsorted(joint[go], joint[come], side=side) for side in _SIDES)
    count = last - first
    pair = np.repeat(np.arange(len(come)), count)
    other = go[np.arange(len(pair)) - np.repeat(np.cumsum(count) - count - first, count)]
    apart = network.end_line[come[pair]] != network.end_line[other]
    return come[pair[apart]], other[apart]
