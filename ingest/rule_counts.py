"""How often each rule was broken, and how gravely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from twin.model import Severity


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule was broken, and how gravely."""

    count: int
    waived: int
    """So many of them a reviewer let pass."""
    kept: int
    """So many of them are kept with the submission, to be looked at one by one."""
    severities: Mapping[Severity, int]
    """How many of each severity, the gravest first: one rule may reject some rows and only warn of others."""

    @property
    def severity(self) -> Severity:
        """The gravest there is."""
        return next(iter(self.severities))


def rule_counts(kinds: Iterable[tuple[str, Severity, int, int, int]]) -> Mapping[str, RuleCount]:
    """Return rule → how often it was broken, of (rule, severity, count, waived, kept); of one severity there may be several."""
    found: dict[str, list[tuple[Severity, int, int, int]]] = {}
    for rule, severity, count, waived, kept in kinds:
        found.setdefault(rule, []).append((severity, count, waived, kept))
    return {rule: _rule_count(counted) for rule, counted in found.items()}


def _rule_count(counted: Sequence[tuple[Severity, int, int, int]]) -> RuleCount:
    severities = {s: sum(count for of, count, _, _ in counted if of is s) for s in Severity if any(of is s for of, *_ in counted)}
    return RuleCount(sum(severities.values()), sum(c[2] for c in counted), sum(c[3] for c in counted), severities)
