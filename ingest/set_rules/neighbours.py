"""Rules over what other datasets of the type have published: the same thing twice, and surveys that do not meet at their edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import sql

from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding
from ingest.set_rules.places import QUERIES
from twin.errors import Text
from twin.model import Dataset, Finding
from twin.tables import current_table


def published_elsewhere(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield features that another dataset of the type has published at the same place, within ``tolerance_m`` (``published-duplicate``)."""
    for dataset, places, extent in _others(context):
        query = QUERIES["same_place_elsewhere"].format(**places)
        for row in context.connection.execute(query, {"tolerance_m": check.number("tolerance_m"), "extent": extent}):
            other = row[4] or row[5]
            zh, en = f"与数据集 {dataset.slug} 的 {other} 位置相同", f"is where {other} of dataset {dataset.slug} is"
            yield finding(check, row, Text(zh=zh, en=en), other)


def edges_that_do_not_match(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield lines that end near a line end of another dataset without meeting it, or that change where they do (``edge-match``).

    Near is within ``reach_m``, for ends that no other line of the part shares. Ends meet within ``tolerance_m``, in space where the type
    has heights. Only lines that agree in the fields ``same`` are compared, and where they meet, the fields ``fields`` have to agree too.
    """
    names = set(context.feature_type.field_names)
    same = [name for name in check.names("same") if name in names]
    equal = [name for name in check.names("fields") if name in names]
    places: dict[str, sql.Composable] = {
        "same": _all(sql.SQL("c.{0} IS NOT DISTINCT FROM s.{0}").format(sql.Identifier(name)) for name in same),
        "unlike": sql.SQL("num_nonnulls({})").format(_differing("c", equal)) if equal else sql.SQL("0"),
        "differs": sql.SQL("num_nonnulls({}) > 0").format(_differing("n", equal)) if equal else sql.SQL("false"),
        "differing": sql.SQL("jsonb_build_array({})").format(_differing("n", equal)) if equal else sql.SQL("NULL"),
        "has_z": sql.Literal(context.feature_type.has_z),
    }
    reach = {"reach_m": check.number("reach_m"), "tolerance_m": check.number("tolerance_m")}
    for dataset, tables, extent in _others(context):
        for row in context.connection.execute(QUERIES["ends_at_a_neighbour"].format(**tables, **places), {"extent": extent, **reach}):
            yield finding(check, row, _mismatch(context, dataset, row, reach["tolerance_m"]), f"{row[5]:.3f}")


def _mismatch(context: SetContext, dataset: Dataset, row: tuple[Any, ...], tolerance_m: float) -> Text:
    if row[5] > tolerance_m:
        place = f"({', '.join(f'{v:.3f}' for v in row[7:10] if v is not None)})"
        zh, en = (
            f"端点距 {dataset.slug} 的 {row[4]} {row[5]:.3f} m，未接边；对方端点在 {place}",
            f"ends {row[5]:.3f} m from {row[4]} of {dataset.slug} and does not meet it: that ends at {place}",
        )
        return Text(zh=zh, en=en)
    differing = [(context.feature_type.field(name).title, own, theirs) for name, own, theirs in filter(None, row[6])]
    zh = "、".join(f"{title.zh}不同（本文件 {own}，对方 {theirs}）" for title, own, theirs in differing)
    en = ", ".join(f"{title.en} changes (here {own}, there {theirs})" for title, own, theirs in differing)
    return Text(zh=f"与 {dataset.slug} 的 {row[4]} 接边处{zh}", en=f"{en} where it meets {row[4]} of {dataset.slug}")


def _others(context: SetContext) -> Iterator[tuple[Dataset, dict[str, sql.Composable], str]]:
    """Yield the datasets of the type that this submission leaves alone: (dataset, names of the tables, extent in EWKB); empty ones not."""
    own = {s.dataset.id for s in context.staged}
    srid = sql.Literal(context.catalogue.deployment.storage_srid)
    for dataset in context.catalogue.datasets():
        if dataset.feature_type != context.feature_type.name or dataset.id in own:
            continue
        places: dict[str, sql.Composable] = {
            "staging": context.staging.table,
            "current": current_table(dataset.feature_type, dataset.id),
        }
        found = context.connection.execute(QUERIES["published_extent"].format(srid=srid, current=places["current"])).fetchone()
        if found is not None and found[0] is not None:
            yield dataset, places, found[0]


def _differing(other: str, names: list[str]) -> sql.Composed:
    """Return expressions that are [name, own value, the other's] of a field where both lines have it and it differs, else NULL."""
    one = "CASE WHEN {0} <> {1} THEN jsonb_build_array({2}, {1}, {0}) END"
    fields = [(sql.Identifier(other, name), sql.Identifier("s", name), sql.Literal(name)) for name in names]
    return sql.SQL(", ").join(sql.SQL(one).format(*field) for field in fields)


def _all(conditions: Iterator[sql.Composed]) -> sql.Composable:
    found = list(conditions)
    return sql.SQL(" AND ").join(found) if found else sql.SQL("true")
