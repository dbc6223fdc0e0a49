"""Which values of a FeatureType must name something else in the city, and how loud it is when they do not."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.checks.rules import Severities
from twin.model import FeatureType, Severity
from twin.rules.loader import load_rules


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """Values of ``fields`` must be values of ``target_field`` in features of FeatureType ``target``."""

    rule: str
    fields: tuple[str, ...]
    target: str
    target_field: str
    severity: Severity


def referring_fields(feature_type: FeatureType) -> tuple[ReferenceCheck, ...]:
    """Return a check of rule ``reference`` for each field that refers."""
    severities = Severities.of(feature_type)
    return tuple(
        ReferenceCheck("reference", (f.name,), f.reference.type, f.reference.field, severities.of_rule("reference", f.name))
        for f in feature_type.fields
        if f.reference is not None
    )


def needed_types(feature_type: FeatureType) -> frozenset[str]:
    """Return the other FeatureTypes whose features decide whether a row of this one is taken: a rule that is an error looks at them."""
    rules = load_rules()
    needed = {check.target for check in referring_fields(feature_type) if check.severity is Severity.ERROR}
    for check in feature_type.checks:
        wanted = check.parameters.get("severity")
        severity = rules[check.rule].grade(None if wanted is None else Severity(str(wanted)), feature_type.geometry_type)
        if severity is Severity.ERROR:
            needed |= set(rules[check.rule].needs) - {feature_type.name}
            needed |= {str(check.parameters["type"])} if check.rule == "node-exists" else set()
    return frozenset(needed)
