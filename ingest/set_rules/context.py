"""What a rule over all rows is asked about, and by which parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from psycopg import sql

from ingest.set_rules.network import NetworkOnce
from ingest.set_rules.survey import Survey
from ingest.staging import Staging
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.model import FeatureType, Severity
from twin.rules.loader import load_rules
from twin.rules.rule import ParameterValue, Rule

_ROWS_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class SetContext:
    """One part of a submission, staged, with everything it may be compared with."""

    connection: Connection
    staging: Staging
    staged: Sequence[Staging]
    """All parts of the submission, this one among them."""
    kept: Mapping[int, Sequence[str]]
    """Per dataset the keys whose rows were rejected: what is published under them stays (DESIGN 14)."""
    catalogue: Catalogue
    survey: Survey
    """The points and lines of the submission."""
    distinct: frozenset[str] = frozenset()
    """Columns of which it is known already that no two staged rows have the same value."""
    given: frozenset[str] | None = None
    """Columns in which any staged row has a value; None: not known."""
    network: NetworkOnce = field(default_factory=NetworkOnce)
    """The network that the survey makes with what is published; all parts of a submission share it."""

    @property
    def feature_type(self) -> FeatureType:
        """FeatureType of the part."""
        return self.staging.feature_type

    def rows(self, query: sql.SQL | sql.Composed, values: Mapping[str, object] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query a thousand at a time: of ten million repeated keys no list is made.

        The connection answers nothing else until the last of them was taken.
        """
        with self.connection.cursor() as cursor:
            yield from cursor.stream(query, values, size=_ROWS_AT_A_TIME)

    def has_any(self, feature_type: str) -> bool:
        """Return whether features of a FeatureType are staged or published, be it in whichever dataset."""
        published = (d.feature_type for d in self.catalogue.datasets())
        return feature_type in {*(s.feature_type.name for s in self.staged), *published}


@dataclass(frozen=True, slots=True)
class SetCheck:
    """One rule as one FeatureType wants it: how grave a hit is, and its parameters, defaults filled in."""

    rule: Rule
    severity: Severity
    parameters: Mapping[str, ParameterValue]

    def number(self, name: str) -> float:
        """Return a parameter that is a number."""
        return float(cast("float", self.parameters[name]))

    def text(self, name: str) -> str:
        """Return a parameter that is a text."""
        return str(self.parameters[name])

    def names(self, name: str) -> tuple[str, ...]:
        """Return a parameter that is a list of texts, empty where none is given."""
        return tuple(map(str, cast("tuple[str, ...]", self.parameters[name] or ())))

    def table(self, name: str) -> tuple[tuple[float | str | None, ...], ...]:
        """Return a parameter that is a table."""
        return cast("tuple[tuple[float | str | None, ...], ...]", self.parameters[name] or ())


def checks_of(feature_type: FeatureType, rule: str) -> Iterator[SetCheck]:
    """Yield how a FeatureType wants a rule asked: as often as its checks name it; once where it is asked of every type.

    That once is with the parameters of the checks that name no fields of their own. The natural key is unique whatever they say.
    """
    known = load_rules()[rule]
    listed = [check.parameters for check in feature_type.checks if check.rule == rule]
    if rule == "unique" and feature_type.natural_key:
        listed = [{"fields": feature_type.natural_key}, *(g for g in listed if g.get("fields") != feature_type.natural_key)]
    if known.run == "always":
        listed = [{name: value for given in listed if given.get("fields") is None for name, value in given.items()}]
    for given in listed:
        values = known.defaults() | {name: value for name, value in given.items() if name in known.parameters}
        wanted = given.get("severity")
        severity = known.grade(None if wanted is None else Severity(str(wanted)), feature_type.geometry_type)
        yield SetCheck(known, severity, values)
