"""Rules over what meets at the points of a pipe survey, and over lines in space (L05, J02…J06)."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.network import along_network, finding, title_of_code
from twin.errors import Text
from twin.model import Finding

_WHAT = {"height": Text("高程", "elevation"), "material": Text("材质", "material"), "size": Text("管径", "size")}


def ends_that_disagree(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that have, at a point where nothing declares a change, another height, material or size than the rest there (L05).

    Heights of sewers and of what ends in a shaft may differ. Heights are elevations, else ground less depth.
    """
    heights = along_network(
        context,
        "ends_at_other_heights",
        tolerance_m=check.number("tolerance_m"),
        gravity=list(check.names("gravity")),
        changes=list(check.names("changes")),
    )
    for rows in (heights, along_network(context, "ends_of_other_make")):
        for row in rows:
            what = _WHAT[row[5]]
            zh = f"在点 {row[4]} 处{what.zh}为 {row[6]}，同点其他管段为 {row[7]}"
            yield finding(check, row, Text(zh=zh, en=f"{what.en} {row[6]} at point {row[4]}, where it is {row[7]} otherwise"), row[6])


def points_without_lines(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points at which no line ends (J02)."""
    for row in along_network(context, "points_without_lines"):
        yield finding(check, row, Text(zh=f"没有管线连接点 {row[1]}", en=f"no line ends at point {row[1]}"))


def heights_that_do_not_add_up(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines at whose end the ground is not depth + elevation within ``tolerance_m`` (J03)."""
    for row in along_network(context, "heights_that_do_not_add_up", tolerance_m=check.number("tolerance_m")):
        node, ground, depth, elevation = row[4:8]
        off = ground - depth - elevation
        zh = f"点 {node}：地面高程 {ground:.3f} ≠ 埋深 {depth:.3f} + 管线高程 {elevation:.3f}（差 {off:+.3f} m）"
        en = f"point {node}: ground {ground:.3f} is not depth {depth:.3f} + elevation {elevation:.3f} (off by {off:+.3f} m)"
        yield finding(check, row, Text(zh=zh, en=en), f"{off:+.3f}")


def lengths_beyond(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines longer in space than ``longest_m`` or shorter than ``shortest_m`` (J04)."""
    longest, shortest = check.number("longest_m"), check.number("shortest_m")
    for row in along_network(context, "lengths_beyond", longest_m=longest, shortest_m=shortest):
        zh = f"管段长 {row[4]:.3f} m，不在 {shortest:g}…{longest:g} m 之内"
        yield finding(check, row, Text(zh=zh, en=f"length {row[4]:.3f} m is outside {shortest:g}…{longest:g} m"), f"{row[4]:.3f}")


def steep_lines(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines steeper than ``gravity_deg`` (sewers) or ``other_deg``, but those that come out of the ground (J05)."""
    limits = {"gravity_deg": check.number("gravity_deg"), "other_deg": check.number("other_deg")}
    rows = along_network(context, "steep_lines", gravity=list(check.names("gravity")), upright=list(check.names("upright")), **limits)
    for row in rows:
        yield finding(check, row, Text(zh=f"坡度 {row[4]:.1f}° 过大", en=f"a slope of {row[4]:.1f}° is too steep"), f"{row[4]:.1f}")


def declared_joints(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield points at which not as many lines meet as their feature says, such as three at a tee (J06)."""
    degrees = check.table("degrees")
    values = {"features": [str(d[0]) for d in degrees], "degrees": [int(d[1] or 0) for d in degrees]}
    for row in along_network(context, "declared_joints", **values):
        name = title_of_code(context, "feature", row[4])
        zh, en = f"{name.zh}应连接 {row[5]} 条管线，实连 {row[6]} 条", f"{name.en}: {row[5]} lines should meet here, {row[6]} do"
        yield finding(check, row, Text(zh=zh, en=en), row[6])
