"""Rules from the YAML files of this package, by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, cast

import yaml

from twin.errors import Text, TwinError
from twin.model import GeometryType, Severity
from twin.rules.parameters import fault_of, frozen
from twin.rules.rule import OWN, Confidence, Parameter, ParameterType, Rule, Run

Document = Mapping[str, Any]

_KEYS = frozenset(
    {
        "id",
        "title",
        "advice",
        "severity",
        "needs",
        "parameters",
        "clause",
        "edition",
        "source_zh",
        "confidence",
        "waivable",
        "soft",
        "hard_for",
        "run",
        "aliases",
    }
)
_PARAMETER_KEYS = frozenset({"type", "title", "default", "unit", "minimum", "maximum", "choices", "required"})


class RuleFileError(TwinError):
    """A file of rules does not describe rules."""

    code, status, exit_code = "rules-invalid", 500, 2

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}", zh=f"检查规则定义有误：{place}：{reason}")


@cache
def load_rules() -> Mapping[str, Rule]:
    """Return every rule by id, in the order of the files and in them; they are part of the program and do not change while it runs.

    Raises RuleFileError when two rules have one id, or a rule is not whole.
    """
    rules: dict[str, Rule] = {}
    for rule in _packaged():
        if rule.id in rules:
            raise RuleFileError(rule.family, f"rule {rule.id!r} is given twice")
        rules[rule.id] = rule
    return MappingProxyType(rules)


def rule_called(name: str) -> Rule | None:
    """Return the rule with an id or alias, None when there is none."""
    rules = load_rules()
    return rules.get(name) or next((rule for rule in rules.values() if name in rule.aliases), None)


def title_of(rule: str) -> Text:
    """Return the title of a rule, its id where nobody knows it (any more)."""
    known = load_rules().get(rule)
    return Text(rule, rule) if known is None else known.title


def rules_of(family: str, documents: object) -> Iterator[Rule]:
    """Yield the rules a file's document describes; RuleFileError with the place at the first that is not whole."""
    if not isinstance(documents, list):
        raise RuleFileError(family, "is no list of rules")
    for number, document in enumerate(documents):
        yield _rule(family, f"{family}[{number}]", document)


def _packaged() -> Iterator[Rule]:
    for file in sorted(resources.files("twin.rules").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            # part of the program: none of the limits for what a deployment writes
            yield from rules_of(file.name.removesuffix(".yaml"), yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader))


def _rule(family: str, place: str, doc: Document) -> Rule:
    if not isinstance(doc, dict) or not doc.keys() <= _KEYS or not isinstance(doc.get("id"), str):
        raise RuleFileError(place, f"a rule has an id and, of these, what it needs: {', '.join(sorted(_KEYS))}")
    place = f"{family}: {doc['id']}"
    try:
        rule = Rule(
            id=doc["id"],
            family=family,
            title=_text(doc["title"]),
            advice=_text(doc["advice"]),
            severity=Severity(doc["severity"]),
            needs=tuple(doc.get("needs", ())),
            parameters={name: _parameter(f"{place}: {name}", p) for name, p in doc.get("parameters", {}).items()},
            clause=doc["clause"],
            edition=str(doc.get("edition", "")),
            source=_source(doc),
            confidence=_confidence(doc.get("confidence", "high")),
            waivable=bool(doc.get("waivable", True)),
            soft=bool(doc.get("soft", doc.get("waivable", True))),
            hard_for=cast("tuple[GeometryType, ...]", tuple(doc.get("hard_for", ()))),
            run=_run(doc.get("run", "always")),
            aliases=tuple(doc.get("aliases", ())),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RuleFileError(place, f"{type(error).__name__}: {error}") from error
    if rule.confidence == "low" and rule.severity in (Severity.ERROR, Severity.BLOCKING):
        raise RuleFileError(place, "a rule of low confidence is no error")
    if not rule.clause or bool(rule.edition) == rule.is_own:
        raise RuleFileError(place, f"a rule names the clause and edition it comes from, or says {OWN!r} and why, with no edition")
    return rule


def _parameter(place: str, doc: Document) -> Parameter:
    if not doc.keys() <= _PARAMETER_KEYS:
        raise RuleFileError(place, f"a parameter has {', '.join(sorted(_PARAMETER_KEYS))} and nothing else")
    default = frozen(doc.get("default"))
    parameter = Parameter(
        type=doc.get("type") or _type_of(default),
        title=_text(doc["title"]) if "title" in doc else None,
        default=default,
        unit=doc.get("unit"),
        minimum=doc.get("minimum"),
        maximum=doc.get("maximum"),
        choices=tuple(doc.get("choices", ())),
        required=bool(doc.get("required", False)),
    )
    fault = None if default is None else fault_of(parameter, default)
    if fault is not None:
        raise RuleFileError(place, fault)
    return parameter


def _type_of(default: object) -> ParameterType:
    """Return the type a default speaks for: that of a parameter which does not name it."""
    if isinstance(default, bool):
        return "boolean"
    if isinstance(default, int | float):
        return "number"
    if isinstance(default, str):
        return "text"
    if isinstance(default, tuple) and default:
        first = default[0]
        return "table" if isinstance(first, tuple) else "texts" if isinstance(first, str) else "numbers"
    raise ValueError("a parameter has a type or a default")


def _text(doc: Document) -> Text:
    return Text(zh=doc["zh"], en=doc["en"])


def _source(doc: Document) -> Text:
    """Return clause and edition in both languages; a clause that is only a number is the same in both."""
    clause, edition = doc["clause"], str(doc.get("edition", ""))
    en, zh = (f"{clause} ({edition})", f"{clause}（{edition}）") if edition else (clause, clause)
    return Text(zh=doc.get("source_zh", zh), en=en)


def _confidence(value: str) -> Confidence:
    if value not in ("high", "low"):
        raise ValueError(f"{value!r} is no confidence")
    return "high" if value == "high" else "low"


def _run(value: str) -> Run:
    if value not in ("always", "listed"):
        raise ValueError(f"{value!r} is neither 'always' nor 'listed'")
    return "always" if value == "always" else "listed"
