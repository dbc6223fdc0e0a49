"""What the readers of filters have to know of the rows that a filter is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from twin.crs import OutputCrs
from twin.errors import NotFoundError
from twin.query.filter_ast import ValueType


class FilterTarget(Protocol):
    """Features of a collection, or rows that are asked for like them."""

    @property
    def value_types(self) -> Mapping[str, ValueType]:
        """The properties a filter may name and the types of their values."""

    @property
    def crs(self) -> tuple[OutputCrs, ...]:
        """CRSs that positions in a filter may be in."""

    @property
    def storage_srid(self) -> int:
        """The CRS that their own positions are in."""

    @property
    def oid_prefix(self) -> str:
        """What their ids begin with; empty: they have none that is resolved, and ``id`` is a property or nothing."""

    def fid(self, identifier: str) -> int:
        """Return the number an id means; NotFoundError when none of them can have it."""


@dataclass(frozen=True, slots=True)
class PlainTarget:
    """Rows that are no dataset's: findings, records."""

    value_types: Mapping[str, ValueType]
    crs: tuple[OutputCrs, ...]
    storage_srid: int
    oid_prefix: str = ""

    def fid(self, identifier: str) -> int:
        """Raise NotFoundError: no id here is an OID."""
        raise NotFoundError(f"{identifier[:40]!r} is no OID of these", zh=f"{identifier[:40]!r} 不是此处的 OID")
