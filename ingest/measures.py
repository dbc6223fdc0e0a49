"""What a survey measures: features, length and area by kind, of the rows that were right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from ingest.staging import Staging
from twin.db import Connection
from twin.model import FeatureType, GeometryType


@dataclass(frozen=True, slots=True)
class Measure:
    """Features of one kind: how many, and what they measure in plan on the grid of the storage CRS."""

    code: str | None
    """Of the field they are told apart by; None where that has no value."""
    count: int
    length_m: float
    area_m2: float


def kind_field(feature_type: FeatureType) -> str | None:
    """Return the code field by which features of a type are told apart: the one it is coloured by, else its first; None without any."""
    codes = [f.name for f in feature_type.fields if f.type == "code"]
    coloured = feature_type.style.color_by
    return coloured if coloured in codes else next(iter(codes), None)


_NOTHING, _LENGTH, _AREA = sql.SQL("0"), sql.SQL("coalesce(sum(ST_Length(geom)), 0)"), sql.SQL("coalesce(sum(ST_Area(geom)), 0)")
_MEASURED: Mapping[GeometryType, Mapping[str, sql.SQL]] = {
    "Point": {"length": _NOTHING, "area": _NOTHING},
    "LineString": {"length": _LENGTH, "area": _NOTHING},
    "MultiPolygon": {"length": _NOTHING, "area": _AREA},
}
"""What there is to measure: to add up noughts a million places would be read."""


def measured(connection: Connection, staging: Staging) -> tuple[Measure, ...]:
    """Return the measures of staged rows by kind, in the order of codes; nothing for coverages."""
    if staging.feature_type.geometry_type == "coverage":
        return ()
    name = kind_field(staging.feature_type)
    kind = sql.Identifier(name) if name else sql.SQL("NULL::text")
    rows = connection.execute(staging.query("measure_by_kind", kind=kind, **_MEASURED[staging.feature_type.geometry_type])).fetchall()
    return tuple(Measure(code, int(count), float(length), float(area)) for code, count, length, area in rows)
