"""Which function answers which rule, in the order they are asked: each over all parts of a submission before the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from ingest.set_rules.admin_units import unit_codes, units_outside_their_parent, units_without_their_parent
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.control_lines import plots_in_control_lines
from ingest.set_rules.cover import pipes_too_shallow
from ingest.set_rules.coverage import gaps_between_areas, overlapping_areas
from ingest.set_rules.flow import lines_that_narrow, lines_uphill, sewage_into_storm_water, sharp_turns
from ingest.set_rules.joints import (
    declared_joints,
    ends_that_disagree,
    heights_that_do_not_add_up,
    lengths_beyond,
    points_without_lines,
    steep_lines,
)
from ingest.set_rules.land_use import short_codes
from ingest.set_rules.lines import lines_back_to_their_start, lines_listed_twice, lines_too_deep, lines_without_an_end
from ingest.set_rules.losses import lost_targets
from ingest.set_rules.neighbours import edges_that_do_not_match, published_elsewhere
from ingest.set_rules.older import older_rows
from ingest.set_rules.points import feature_codes, feature_or_appurtenance, map_numbers, points_at_one_place, repeated_points
from ingest.set_rules.repeated import repeated_values, same_geometries
from ingest.set_rules.runs import manholes_far_apart, parts_that_lead_nowhere
from ingest.set_rules.targets import missing_nodes, missing_references
from twin.model import Finding

SetRule = Callable[[SetContext, SetCheck], Iterable[Finding]]

SET_RULES: Mapping[str, SetRule] = MappingProxyType(
    {
        # what is listed twice goes first: it is no second point or pipe to any other rule
        "P02": repeated_points,
        "L01": lines_without_an_end,
        "L02": lines_back_to_their_start,
        "L03": lines_listed_twice,
        "unique": repeated_values,
        "duplicate-geometry": same_geometries,
        "node-exists": missing_nodes,
        "reference": missing_references,
        "reference-lost": lost_targets,
        "older-than-published": older_rows,
        "P01": map_numbers,
        "P03": feature_or_appurtenance,
        "P04": points_at_one_place,
        "P05": feature_codes,
        "L04": lines_too_deep,
        "L05": ends_that_disagree,
        "J02": points_without_lines,
        "J03": heights_that_do_not_add_up,
        "J04": lengths_beyond,
        "J05": steep_lines,
        "J06": declared_joints,
        "gravity-uphill": lines_uphill,
        "diameter-shrinks": lines_that_narrow,
        "manhole-spacing": manholes_far_apart,
        "connectivity": parts_that_lead_nowhere,
        "SEP01": sewage_into_storm_water,
        "turn-angle": sharp_turns,
        "coverage-overlap": overlapping_areas,
        "coverage-gap": gaps_between_areas,
        "on-farmland": plots_in_control_lines,
        "in-ecological-red-line": plots_in_control_lines,
        "outside-urban-growth": plots_in_control_lines,
        "in-green-line": plots_in_control_lines,
        "in-blue-line": plots_in_control_lines,
        "in-yellow-line": plots_in_control_lines,
        "in-purple-line": plots_in_control_lines,
        "on-road-red-line": plots_in_control_lines,
        "land-use-level": short_codes,
        "admin-code": unit_codes,
        "admin-parent": units_without_their_parent,
        "admin-inside": units_outside_their_parent,
        "published-duplicate": published_elsewhere,
        "edge-match": edges_that_do_not_match,
    }
)
"""Rule id → function. It finds; what its findings do to the rows is `ingest.checking`'s."""
OF_WHOLE_NETWORKS = frozenset({"manhole-spacing", "connectivity"})
"""Rules that follow pipes as far as they go: not asked of single features that are edited, around which only what is near is known."""
DERIVED_RULES: Mapping[str, SetRule] = MappingProxyType({"cover": pipes_too_shallow})
"""Those over values that follow from other datasets: asked once these are there."""
