"""The validated form of a CQL2 filter (OGC 21-065r2): names are known, types agree, sizes are bounded."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from shapely.geometry.base import BaseGeometry

ValueType = Literal["text", "number", "boolean", "date", "timestamp"]
ArrayRelation = Literal["equals", "contains", "containedby", "overlaps"]
ComparisonOperator = Literal["=", "<>", "<", ">", "<=", ">="]
ArithmeticOperator = Literal["+", "-", "*", "/", "%", "div", "^"]


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the feature, by the name of its column."""

    name: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Value:
    """A literal."""

    value: str | int | float | bool | dt.date | dt.datetime
    type: ValueType


@dataclass(frozen=True, slots=True)
class CaseInsensitive:
    """CASEI of a text."""

    of: Scalar
    type: ValueType = "text"


@dataclass(frozen=True, slots=True)
class AccentInsensitive:
    """ACCENTI of a text."""

    of: Scalar
    type: ValueType = "text"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of :mod:`twin.query.filter_functions`, its arguments checked."""

    name: str
    arguments: tuple[Scalar | Geometry, ...]
    type: ValueType


@dataclass(frozen=True, slots=True)
class Geometry:
    """The feature's geometry (None) or a literal one in the storage CRS."""

    literal: BaseGeometry | None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers joined by an operator."""

    operator: ArithmeticOperator
    left: Scalar
    right: Scalar
    type: ValueType = "number"


Scalar = Property | Value | CaseInsensitive | AccentInsensitive | Arithmetic | Call


@dataclass(frozen=True, slots=True)
class ArrayProperty:
    """A property that holds a list of texts, by the name of its column."""

    name: str


@dataclass(frozen=True, slots=True)
class Texts:
    """A literal list of texts."""

    of: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two scalars of one type, compared."""

    operator: ComparisonOperator
    left: Scalar
    right: Scalar


@dataclass(frozen=True, slots=True)
class Like:
    """A text against a pattern with ``%`` and ``_``, escaped by a backslash."""

    text: Scalar
    pattern: Scalar


@dataclass(frozen=True, slots=True)
class Between:
    """A number within two bounds, both included."""

    of: Scalar
    low: Scalar
    high: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """A scalar that equals one of several."""

    of: Scalar
    choices: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """An expression without a value."""

    of: Scalar | ArrayProperty | Geometry


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean property that is true."""

    of: Property


@dataclass(frozen=True, slots=True)
class Not:
    """The negation."""

    of: Predicate


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    of: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them at least."""

    of: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Spatial:
    """Two geometries under a relation of simple features."""

    relation: Literal["intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains"]
    left: Geometry
    right: Geometry


@dataclass(frozen=True, slots=True)
class Array:
    """Two lists, taken as sets, under a relation."""

    relation: ArrayRelation
    left: ArrayProperty | Texts
    right: ArrayProperty | Texts


@dataclass(frozen=True, slots=True)
class Span:
    """An instant (both ends equal) or an interval; an end None is open."""

    start: Scalar | None
    end: Scalar | None


@dataclass(frozen=True, slots=True)
class Temporal:
    """Two spans under one of the relations of Allen's algebra, by its CQL2 name in lower case without ``t_``."""

    relation: str
    left: Span
    right: Span


Predicate = Comparison | Like | Between | In | IsNull | Constant | Truth | Not | And | Or | Spatial | Temporal | Array
