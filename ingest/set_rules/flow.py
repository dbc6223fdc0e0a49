"""Rules over the way water flows in sewers: falling, not narrowing, turning gently, sewage apart from storm water."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.network import along_network, finding
from twin.errors import Text
from twin.model import Finding


def lines_uphill(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers without pressure that rise by more than ``tolerance_m`` in their direction of flow (``gravity-uphill``)."""
    rows = along_network(context, "lines_uphill", gravity=list(check.names("gravity")), tolerance_m=check.number("tolerance_m"))
    for row in rows:
        message = Text(zh=f"重力流管段沿流向升高 {row[4]:.3f} m", en=f"rises by {row[4]:.3f} m in its direction of flow")
        yield finding(check, row, message, f"{row[4]:.3f}")


def lines_that_narrow(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers more than ``steps`` of the ``series`` of diameters smaller than what flows into them (``diameter-shrinks``).

    A box counts as the round pipe of the same area.
    """
    series = [float(mm) for mm in cast("tuple[float, ...]", check.parameters["series"])]
    rows = along_network(
        context, "lines_that_narrow", gravity=list(check.names("gravity")), series=series, steps=int(check.number("steps"))
    )
    for row in rows:
        zh = f"点 {row[4]} 下游管径 {row[5]} mm 小于上游 {row[6]} mm"
        yield finding(check, row, Text(zh=zh, en=f"{row[5]} mm below point {row[4]}, {row[6]} mm above it"), row[5])


def sewage_into_storm_water(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewage pipes that flow into a point from which storm water pipes lead on (SEP01); unknown flow counts as either way."""
    for row in along_network(context, "sewage_into_storm_water"):
        yield finding(
            check, row, Text(zh=f"污水管在点 {row[4]} 接入雨水管", en=f"sewage flows into a storm sewer at point {row[4]}"), row[4]
        )


def sharp_turns(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield sewers whose water has to turn back: seen from the point, the pipe on leaves at less than ``least_deg`` (``turn-angle``).

    Pipes of at most ``small_mm`` that fall in by more than ``drop_m`` may come in at any angle.
    """
    limits = {name: check.number(name) for name in ("least_deg", "tolerance_deg", "small_mm", "drop_m")}
    for row in along_network(context, "sharp_turns", gravity=list(check.names("gravity")), **limits):
        zh = f"在点 {row[4]} 处水流转角 {row[5]:.1f}°，小于 {limits['least_deg']:g}°"
        en = f"at point {row[4]} the water turns at {row[5]:.1f}°, less than {limits['least_deg']:g}°"
        yield finding(check, row, Text(zh=zh, en=en), f"{row[5]:.1f}")
