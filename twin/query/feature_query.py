"""What a door asks of the query core, and what it gets back to execute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from twin.crs import OutputCrs
from twin.query.area import Area
from twin.query.collection import Collection
from twin.query.filter_ast import Predicate, ValueType


@dataclass(frozen=True, slots=True)
class Validity:
    """Days, both included, on one of which a feature has to be valid; None is open."""

    first: dt.date | None
    last: dt.date | None


@dataclass(frozen=True, slots=True)
class SortKey:
    """A property by which features are ordered; those without a value come last, or first where it descends."""

    name: str
    type: ValueType
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Boundary:
    """A feature beside which a page begins: after it in the order of the query or, going ``back``, before it."""

    fid: int
    values: tuple[str | None, ...] = ()
    """Its values of the sort keys, as PostgreSQL writes them."""
    back: bool = False


@dataclass(frozen=True, slots=True)
class FeatureQuery:
    """Features of one collection, by ``order`` and then ascending fid."""

    collection: Collection
    crs: OutputCrs
    as_of: int | None = None
    """Commit whose recorded state is asked for; None reads the current rows."""
    fid: int | None = None
    fids: tuple[int, ...] | None = None
    """Only these features."""
    order: tuple[SortKey, ...] = ()
    descending_fid: bool = False
    """Whether features that ``order`` holds equal (all, without any) come by descending fid."""
    boundary: Boundary | None = None
    """Keyset: only features beyond this one."""
    area: Area | None = None
    validity: Validity | None = None
    filter: Predicate | None = None
    properties: tuple[str, ...] | None = None
    """The properties wanted; None for all."""
    with_geometry: bool = True
    with_collection: bool = False
    """Whether each feature says which collection it is of, in its member ``collection``."""
    limit: int = 100

    @property
    def is_whole(self) -> bool:
        """True when it means every feature of the collection, wherever the page begins."""
        return self.fid is None and self.fids is None and self.area is None and self.validity is None and self.filter is None

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
