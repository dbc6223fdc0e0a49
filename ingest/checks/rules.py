"""How loud each rule about single rows is for a FeatureType, and by which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from twin.model import FeatureType, Severity
from twin.rules.loader import load_rules
from twin.rules.rule import ParameterValue, Rule


@dataclass(frozen=True, slots=True)
class Severities:
    """How loud each rule is for one FeatureType: as the rule says unless a check of the type says otherwise."""

    rules: Mapping[str, Rule]
    feature_type: FeatureType
    wanted: Mapping[tuple[str, str | None], Severity]
    given: Mapping[tuple[str, str], ParameterValue]
    """(rule, parameter) → what the type says it is."""

    @staticmethod
    def of(feature_type: FeatureType) -> Severities:
        """Return the severities a FeatureType's checks ask for."""
        wanted: dict[tuple[str, str | None], Severity] = {}
        given: dict[tuple[str, str], ParameterValue] = {}
        for check in feature_type.checks:
            given.update({(check.rule, name): value for name, value in check.parameters.items()})
            severity = check.parameters.get("severity")
            if severity is None:
                continue
            fields = check.parameters.get("fields")
            names = tuple(str(f) for f in fields) if isinstance(fields, list | tuple) else (None,)
            wanted.update({(check.rule, name): Severity(str(severity)) for name in names})
        return Severities(load_rules(), feature_type, wanted, given)

    def of_rule(self, rule: str, field: str | None = None) -> Severity:
        """Return the severity of ``rule`` for ``field``."""
        wanted = self.wanted.get((rule, field), self.wanted.get((rule, None)))
        return self.rules[rule].grade(wanted, self.feature_type.geometry_type)

    def number(self, rule: str, parameter: str) -> float:
        """Return a parameter that is a number: the type's own, else the rule's default."""
        value = self.given.get((rule, parameter), self.rules[rule].parameters[parameter].default)
        return float(cast("float", value))

    def fields(self, rule: str) -> tuple[str, ...]:
        """Return the fields the type lists a rule for, none where it does not list it."""
        listed = (check.parameters.get("fields", ()) for check in self.feature_type.checks if check.rule == rule)
        return tuple(str(name) for names in listed for name in cast("tuple[str, ...]", names))
