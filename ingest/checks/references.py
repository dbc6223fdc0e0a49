"""Which values of a FeatureType must name something else in the city, and how loud it is when they do not."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.checks.rules import Severities
from twin.model import FeatureType, Severity


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """Values of ``fields`` must be values of ``target_field`` in features of FeatureType ``target``."""

    rule: str
    fields: tuple[str, ...]
    target: str
    target_field: str
    severity: Severity


def reference_checks(feature_type: FeatureType) -> tuple[ReferenceCheck, ...]:
    """Return a check of rule ``node-exists`` for each one the type lists, and of rule ``reference`` for each field that refers."""
    severities = Severities.of(feature_type)
    listed = [
        ReferenceCheck(
            rule=check.rule,
            fields=tuple(map(str, check.parameters["fields"])) if isinstance(check.parameters["fields"], list | tuple) else (),
            target=str(check.parameters["type"]),
            target_field=str(check.parameters["field"]),
            severity=Severity(str(check.parameters.get("severity", Severity.ERROR))),
        )
        for check in feature_type.checks
        if check.rule == "node-exists"
    ]
    referring = [
        ReferenceCheck("reference", (f.name,), f.reference.type, f.reference.field, severities.of_rule("reference", f.name))
        for f in feature_type.fields
        if f.reference is not None
    ]
    return (*listed, *referring)
