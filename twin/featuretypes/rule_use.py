"""Whether the checks of a FeatureType name rules there are, with parameters they take."""

from __future__ import annotations

from collections.abc import Iterator

from twin.model import Check, FeatureType
from twin.rules.loader import load_rules
from twin.rules.parameters import fault_of
from twin.rules.rule import Parameter, ParameterValue, Rule


def check_faults(ft: FeatureType) -> Iterator[tuple[str, str]]:
    """Yield (place, reason) of every rule, parameter or severity among the checks that does not fit."""
    rules = load_rules()
    for number, check in enumerate(ft.checks):
        place = f"checks[{number}]"
        if check.rule not in rules:
            yield f"{place}.rule", f"there is no rule {check.rule!r}"
            continue
        rule = rules[check.rule]
        yield from _severity_faults(place, check, rule, ft)
        yield from _parameter_faults(place, check, rule, ft)


def _severity_faults(place: str, check: Check, rule: Rule, ft: FeatureType) -> Iterator[tuple[str, str]]:
    severity = check.parameters.get("severity")
    if severity is not None and severity != rule.severity.value and not rule.can_be_softened(ft.geometry_type):
        yield (
            f"{place}.severity",
            f"{rule.id!r} is always of severity {rule.severity.value!r}: what breaks it cannot be served",
        )
    if rule.run == "always" and check.parameters.keys() <= {"fields"}:
        yield place, f"rule {rule.id!r} holds for every type; name it to give a severity or a parameter"


def _parameter_faults(place: str, check: Check, rule: Rule, ft: FeatureType) -> Iterator[tuple[str, str]]:
    given = {name: value for name, value in check.parameters.items() if name != "severity"}
    for name, parameter in rule.parameters.items():
        if parameter.required and name not in given:
            yield place, f"lacks {name!r}"
    for name, value in given.items():
        if name not in rule.parameters:
            yield f"{place}.{name}", f"rule {rule.id!r} takes {_listed(rule)}"
            continue
        parameter = rule.parameters[name]
        fault = fault_of(parameter, value) or next(_unknown_fields(parameter, value, ft), None)
        if fault is not None:
            yield f"{place}.{name}", fault


def _unknown_fields(parameter: Parameter, value: ParameterValue, ft: FeatureType) -> Iterator[str]:
    if parameter.type not in ("field", "fields"):
        return
    for name in value if isinstance(value, tuple) else (value,):
        if name not in ft.field_names:
            yield f"there is no field {name!r}"


def _listed(rule: Rule) -> str:
    return ", ".join(["severity", *rule.parameters])
