"""What a door asks of the query core, and what it gets back to execute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from twin.crs import OutputCrs
from twin.query.area import Area
from twin.query.collection import Collection
from twin.query.filter_ast import Predicate


@dataclass(frozen=True, slots=True)
class Validity:
    """Days, both included, on one of which a feature has to be valid; None is open."""

    first: dt.date | None
    last: dt.date | None


@dataclass(frozen=True, slots=True)
class FeatureQuery:
    """Features of one collection, in ascending fid."""

    collection: Collection
    crs: OutputCrs
    as_of: int | None = None
    """Commit whose recorded state is asked for; None reads the current rows."""
    fid: int | None = None
    fids: tuple[int, ...] | None = None
    """Only these features."""
    after_fid: int | None = None
    """Keyset: only features after this one."""
    area: Area | None = None
    validity: Validity | None = None
    filter: Predicate | None = None
    properties: tuple[str, ...] | None = None
    """The properties wanted; None for all."""
    with_geometry: bool = True
    limit: int = 100

    @property
    def wanted_properties(self) -> tuple[str, ...]:
        """The properties that the answer carries, in the collection's order."""
        known = self.collection.properties
        return known if self.properties is None else tuple(p for p in known if p in self.properties)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its bound values; ``text`` is complete, no value is in it."""

    text: sql.Composed
    values: Mapping[str, object] = field(default_factory=dict)
