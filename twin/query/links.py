"""Links of a feature in both directions, at any commit: which features of other departments it refers to, and which refer to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from twin.db import Connection, Pool, load_queries, translated
from twin.model import Principal, Reference
from twin.query.collection import Collection, may_see, require_visible
from twin.tables import current_table, history_table

_QUERIES = load_queries("twin.query", "links.sql")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a feature, and the feature at its other end."""

    direction: Literal["out", "in"]
    """``out``: the feature refers to the other one; ``in``: the other one refers to it."""
    collection: Collection
    """Of the other feature."""
    fid: int
    key: str | None
    """Natural key of the other feature, as its department writes it."""
    reference: Reference

    @property
    def oid(self) -> str:
        """OID of the other feature."""
        return f"{self.collection.oid_prefix}{self.fid}"


@dataclass(frozen=True, slots=True)
class ReferenceCount:
    """How the values of one reference of one dataset are answered; ``dangling`` links lead nowhere, and there are none."""

    collection: Collection
    field: str
    reference: Reference
    values: int
    linked: int
    dangling: int


def count_references(pool: Pool, collections: Sequence[Collection], principal: Principal) -> tuple[ReferenceCount, ...]:
    """Return, for every reference of every dataset the caller may see, how many features have a value and how many are linked by it."""
    visible = [c for c in collections if may_see(c, principal)]
    found: list[ReferenceCount] = []
    with translated(), pool.connection() as connection:
        for collection in visible:
            for field in collection.feature_type.fields:
                if field.reference is not None:
                    targets = [c for c in collections if c.feature_type.name == field.reference.type]
                    row = connection.execute(_reference_counts(collection, field.name, targets)).fetchone() or (0, 0, 0)
                    found.append(ReferenceCount(collection, field.name, field.reference, *map(int, row)))
    return tuple(found)


def _reference_counts(collection: Collection, field: str, targets: Sequence[Collection]) -> sql.Composed:
    each: list[sql.Composable] = [
        sql.SQL("SELECT {}::integer AS dataset, fid FROM {}").format(
            sql.Literal(t.dataset.id), current_table(t.feature_type.name, t.dataset.id)
        )
        for t in targets
    ]
    return _QUERIES["reference_counts"].format(
        field=sql.Identifier(field),
        name=sql.Literal(field),
        dataset=sql.Literal(collection.dataset.id),
        current=current_table(collection.feature_type.name, collection.dataset.id),
        targets=sql.SQL(" UNION ALL ").join(each or [sql.SQL("SELECT NULL::integer AS dataset, NULL::bigint AS fid WHERE false")]),
    )


def links_of(
    pool: Pool,
    feature: Collection,
    fid: int,
    collections: Sequence[Collection],
    principal: Principal,
    as_of: int | None = None,
    limit: int = 1000,
) -> tuple[Link, ...]:
    """Return at most ``limit`` links of one feature, those to others first, as they stand or stood at commit ``as_of``.

    A link shows only when the caller may see both ends. Raises NotFoundError when the feature's own collection is hidden.
    """
    require_visible(feature, principal)
    visible = {c.dataset.id: c for c in collections if may_see(c, principal)}
    values = {"dataset": feature.dataset.id, "fid": fid, "visible": list(visible), "as_of": as_of, "limit": limit}
    with translated(), pool.connection() as connection:
        rows = connection.execute(_QUERIES["links_now" if as_of is None else "links_as_of"], values).fetchall()
        keys = {i: _keys(connection, visible[i], [r[2] for r in rows if r[1] == i], as_of) for i in {r[1] for r in rows}}
    made = (_link(row, visible, keys[row[1]]) for row in rows)
    return tuple(link for link in made if link is not None)


def _link(row: tuple[Any, ...], visible: Mapping[int, Collection], keys: Mapping[int, str]) -> Link | None:
    direction, other, fid, source, field = row
    fields = {f.name: f for f in visible[source].feature_type.fields}
    reference = fields[field].reference if field in fields else None
    # a reference that the FeatureType declares no more says nothing, until the next publish closes its links
    return None if reference is None else Link(direction, visible[other], fid, keys.get(fid), reference)


def _keys(connection: Connection, collection: Collection, fids: Sequence[int], as_of: int | None) -> Mapping[int, str]:
    name, dataset = collection.feature_type.name, collection.dataset.id
    places = {"current": current_table(name, dataset), "history": history_table(name, dataset)}
    query = _QUERIES["keys_now" if as_of is None else "keys_as_of"].format(**places)
    return dict(connection.execute(query, {"fids": list(fids), "as_of": as_of}).fetchall())
