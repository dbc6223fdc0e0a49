"""One rule as its file describes it; what it does with rows stands where it runs (ingest)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from twin.errors import Text
from twin.model import GeometryType, Severity

ParameterType = Literal["number", "integer", "text", "boolean", "field", "fields", "texts", "numbers", "table"]
"""``field`` and ``fields`` name fields of the FeatureType; a ``table`` is a list of rows of numbers, texts or nothing (null)."""
ParameterValue = object
"""A number, text or boolean, or a tuple of them; a tuple of tuples for a table."""
Confidence = Literal["high", "low"]
Run = Literal["always", "listed"]
OWN = "own: "
"""Begins the clause of a rule that no standard gives: the reason why there is one follows."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a rule: its kind, its unit (UCUM) and what it is where a FeatureType does not say."""

    type: ParameterType
    title: Text | None = None
    default: ParameterValue = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    """The texts it can be; empty: any."""
    required: bool = False
    """A FeatureType that names the rule must give it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by which rows are checked, and everything a person may want to know about it."""

    id: str
    family: str
    """Name of the file that describes it."""
    title: Text
    advice: Text
    """What is wrong and what to do about it."""
    severity: Severity
    """How grave a hit is unless a FeatureType says otherwise."""
    needs: tuple[str, ...]
    """What must be at hand for it to be answered: FeatureTypes, ``geometry``, ``3d``, ``published``, ``terrain``."""
    parameters: Mapping[str, Parameter]
    clause: str
    """Where it comes from, never empty; of a rule that is ours `OWN` and the reason."""
    edition: str
    """Which edition, and whether it was compared with the book; empty for a rule that is ours."""
    source: Text
    """Clause and edition as a person reads them."""
    confidence: Confidence
    """``low``: nobody compared it with its source, or it errs at times: a hit is a matter for a person, never an error."""
    waivable: bool
    """Whether a reviewer may let single rows pass: not where what breaks it cannot be stored, matched or served."""
    soft: bool = True
    """Whether a FeatureType may want less of it: of some rules every row that breaks them is lost."""
    hard_for: tuple[GeometryType, ...] = ()
    """Kinds of geometry for which it is neither, although it is for others."""
    run: Run = "always"
    """``listed``: only for FeatureTypes whose ``checks`` name it."""
    aliases: tuple[str, ...] = ()
    """Codes by which others know it, such as surveyors."""

    @property
    def is_own(self) -> bool:
        """Whether no standard gives it."""
        return self.clause.startswith(OWN)

    def can_be_waived(self, geometry_type: GeometryType) -> bool:
        """Return whether a reviewer may waive it for features of this kind of geometry."""
        return self.waivable and geometry_type not in self.hard_for

    def can_be_softened(self, geometry_type: GeometryType) -> bool:
        """Return whether a FeatureType of this kind of geometry may give it another severity."""
        return self.soft and geometry_type not in self.hard_for

    def grade(self, wanted: Severity | None, geometry_type: GeometryType) -> Severity:
        """Return how grave a hit is where a FeatureType wants ``wanted`` (None: it says nothing).

        What cannot be softened keeps its own severity; what is not certain is a matter for a person, whoever wants it to be an error.
        """
        severity = self.severity if wanted is None or not self.can_be_softened(geometry_type) else wanted
        uncertain = self.confidence == "low" and severity in (Severity.ERROR, Severity.BLOCKING)
        return Severity.REVIEW if uncertain else severity

    def defaults(self) -> dict[str, ParameterValue]:
        """Return the parameters as they are where a FeatureType says nothing; those without a default are None."""
        return {name: parameter.default for name, parameter in self.parameters.items()}
