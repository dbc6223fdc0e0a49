"""Waivers: what a reviewer let pass of a submission, and which findings that holds for.

A waived finding stays, says why and by whom it was let pass, and rejects nothing. What could not be stored or served is never waived:
the rules say so themselves (`twin.rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from twin.model import FeatureType, Finding, Severity
from twin.rules.loader import load_rules

_LOSE_THE_KEY = frozenset({"required", "type", "code"})
"""Rules of values: where one of them is broken in a field of the natural key, the row has no key."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A rule that is let pass for one feature (by its key, or by its file, layer and row), or for all of them."""

    rule: str
    reason: str
    reviewer: str
    dataset: str | None = None
    """None: whichever of the submission."""
    key: str | None = None
    file: str | None = None
    layer: str | None = None
    row: int | None = None
    number: int = 0
    """By which the register knows it."""

    def fits(self, finding: Finding) -> bool:
        """Return whether it lets a finding of its rule pass; a finding that does not know its file is of the file being read."""
        if self.key is not None:
            return finding.key == self.key
        if self.row is not None:
            of_file = finding.file == "" or self.file in (None, finding.file)
            return of_file and finding.row == self.row and self.layer in (None, finding.layer)
        return True


@dataclass(frozen=True, slots=True)
class Waivers:
    """The waivers that hold for one part of a submission, found by rule."""

    by_rule: Mapping[str, tuple[Waiver, ...]]
    needs_key: bool = False
    """Whether the type requires a field of its natural key: what has none could not be found again in the next delivery."""

    @staticmethod
    def of_part(given: Iterable[Waiver], feature_type: FeatureType, dataset: str, file: str | None = None) -> Waivers:
        """Return those that hold for the rows of a dataset (out of one file); of rules that cannot be waived for the type none do."""
        found: dict[str, tuple[Waiver, ...]] = {}
        for w in given:
            here = w.dataset in (None, dataset) and (file is None or w.file in (None, file))
            if here and can_be_waived(w.rule, feature_type):
                found[w.rule] = (*found.get(w.rule, ()), w)
        return Waivers(found, needs_key=_needs_key(feature_type))

    def all(self) -> tuple[Waiver, ...]:
        """Return the waivers."""
        return tuple(w for waivers in self.by_rule.values() for w in waivers)

    def waiver_of(self, finding: Finding) -> Waiver | None:
        """Return what lets a finding pass, None when nothing does; what rejects a whole file nothing does, nor a key that is missing."""
        is_keyless = self.needs_key and finding.key is None and finding.rule in _LOSE_THE_KEY
        if finding.severity is Severity.BLOCKING or is_keyless:
            return None
        return next((w for w in self.by_rule.get(finding.rule, ()) if w.fits(finding)), None)

    def applied(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Return the findings, those that are let pass saying so."""
        return tuple(self._applied(f) for f in findings) if self.by_rule else tuple(findings)

    def _applied(self, finding: Finding) -> Finding:
        waiver = self.waiver_of(finding)
        return finding if waiver is None else replace(finding, waived=waiver.reason, waived_by=waiver.reviewer)


def can_be_waived(rule: str, feature_type: FeatureType) -> bool:
    """Return whether a row of this type that breaks a rule can be stored and served all the same."""
    known = load_rules().get(rule)
    return known is not None and known.can_be_waived(feature_type.geometry_type)


def loses_the_key(rule: str, feature_type: FeatureType) -> bool:
    """Return whether a row without key that breaks a rule is never let pass: the next delivery could not find it again."""
    return rule in _LOSE_THE_KEY and _needs_key(feature_type)


def _needs_key(feature_type: FeatureType) -> bool:
    fields = {f.name: f for f in feature_type.fields}
    return any(fields[name].required for name in feature_type.natural_key)


def waiver_record(waiver: Waiver, findings: int) -> Mapping[str, object]:
    """Return what a revision's lineage keeps of a waiver, with how many findings it let pass."""
    what = {"key": waiver.key, "file": waiver.file, "layer": waiver.layer, "row": waiver.row}
    said = {name: value for name, value in what.items() if value is not None}
    return {"rule": waiver.rule, "reason": waiver.reason, "reviewer": waiver.reviewer, **said, "findings": findings}
