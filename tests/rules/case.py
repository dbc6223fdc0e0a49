"""A rule's positive and negative case. How families of cases are written is told here.

One file a family: ``cases_NAME.py`` in this folder, found by its name (`test_rules.py`). It holds

``CASES``
    a tuple of `Case`: for every rule of the family at least one. ``found`` is the smallest input in which the rule finds something,
    ``clean`` the nearest to it in which it finds nothing. What an input is, is the family's own matter.

``findings(rule, given, city)``
    asks ``rule`` about one input and returns what is found. ``city`` is a function that returns a `rules.staged.City` (a database):
    call it only where rows have to be staged, then ``city().ask(rule, given)`` is all there is to do, with inputs
    {dataset: (FeatureType, rows)} made of `integration.surveys.Row` and, as ``published``, what is in the city before.

A rule without a case fails `test_every_rule_has_cases`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One rule with an input that breaks it and one that does not; ``name`` tells several cases of a rule apart."""

    rule: str
    found: object
    clean: object
    name: str = ""

    def __str__(self) -> str:
        return f"{self.rule}-{self.name}" if self.name else self.rule
