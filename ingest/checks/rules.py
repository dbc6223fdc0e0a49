"""How loud each rule about single rows is for a FeatureType, and by which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twin.model import FeatureType, Severity
from twin.rules.loader import load_rules
from twin.rules.rule import ParameterValue, Rule


@dataclass(frozen=True, slots=True)
class Severities:
    """How loud each rule is for one FeatureType: as the rule says unless a check of the type says otherwise."""

    rules: Mapping[str, Rule]
    feature_type: FeatureType
    wanted: Mapping[tuple[str, str | None], Severity]

    @staticmethod
    def of(feature_type: FeatureType) -> Severities:
        """Return the severities a FeatureType's checks ask for."""
        wanted: dict[tuple[str, str | None], Severity] = {}
        for check in feature_type.checks:
            severity = check.parameters.get("severity")
            if severity is None:
                continue
            fields = check.parameters.get("fields")
            names = tuple(str(f) for f in fields) if isinstance(fields, list | tuple) else (None,)
            wanted.update({(check.rule, name): Severity(str(severity)) for name in names})
        return Severities(load_rules(), feature_type, wanted)

    def of_rule(self, rule: str, field: str | None = None) -> Severity:
        """Return the severity of ``rule`` for ``field``."""
        wanted = self.wanted.get((rule, field), self.wanted.get((rule, None)))
        return self.rules[rule].grade(wanted, self.feature_type.geometry_type)


def parameters_of(feature_type: FeatureType, rule: str) -> Mapping[str, ParameterValue]:
    """Return the parameters of a row rule for a FeatureType: its own where its checks give some, else the defaults."""
    given = [check.parameters for check in feature_type.checks if check.rule == rule]
    values = load_rules()[rule].defaults()
    for parameters in given:
        values.update({name: value for name, value in parameters.items() if name in values})
    return values
