"""The rule over the soil that lies on pipes, asked once the terrain has told how much it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from ingest.pipe_levels import cover_field
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.findings import finding, has_fields
from ingest.set_rules.places import features_of
from ingest.set_rules.survey_columns import NODE
from twin.errors import Text
from twin.model import Finding

_PLACE_IN_LEAST = {"footway": 2, "carriageway": 3}
_ENDS = ("start_node", "end_node")
_SAME_POINT_M = 1.0
"""Another survey may have used the same numbers: a line comes out of the ground only where such a point is."""
_SHALLOW = sql.SQL("""
    SELECT s.row, s.natural_key, ST_X(ST_StartPoint(s.geom)), ST_Y(ST_StartPoint(s.geom)), s.top_below_m, l.least_m
    FROM (SELECT *, {cover} AS top_below_m FROM {staging}
          WHERE {cover} < %(most_m)s AND action IS DISTINCT FROM 'delete') AS s
    LEFT JOIN LATERAL (
        SELECT t.least_m FROM unnest(%(kinds)s::text[], %(embeddings)s::text[], %(least_m)s::double precision[])
            WITH ORDINALITY AS t (kind, embedding, least_m, place)
        WHERE s.kind = t.kind AND (t.embedding IS NULL OR t.embedding = s.embedding) ORDER BY place LIMIT 1
    ) AS l ON true
    WHERE s.top_below_m < coalesce(l.least_m, 0) - %(tolerance_m)s AND NOT coalesce(s.embedding = ANY (%(not_buried)s), false)
        AND {stays_below}
    ORDER BY s.row
""")
_ENDS_ELSEWHERE = sql.SQL("""NOT EXISTS (
    SELECT FROM ({nodes}) AS n WHERE n.node_id = s.{end} AND n.feature = ANY (%(upright)s::text[])
        AND ST_DWithin(n.geom, s.geom, %(same_point_m)s))
""")


def pipes_too_shallow(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield pipes that lie bare, or under less soil than their medium wants (``cover``), by more than ``tolerance_m``.

    ``least`` are rows (class or kind of pipe, embedding or null for any, metres under footways, metres under carriageways), the first
    that fits counts; ``under`` says which of both is held against, for a survey does not tell what goes on above. A pipe that ends at a
    point whose feature is among ``upright`` comes out of the ground there: nothing is said of it.
    """
    cover = cover_field(context.feature_type)
    if cover is None or not has_fields(context, "kind", "embedding"):
        return
    if context.given is not None and cover not in context.given:
        return  # nothing told how much soil there is
    column = _PLACE_IN_LEAST[check.text("under")]
    least = [(kind, row[1], float(row[column] or 0)) for row in check.table("least") for kind in _kinds_of(context, str(row[0]))]
    values = {
        "kinds": [kind for kind, _, _ in least],
        "embeddings": [embedding for _, embedding, _ in least],
        "least_m": [metres for _, _, metres in least],
        "most_m": max((metres for _, _, metres in least), default=0.0),
        "tolerance_m": check.number("tolerance_m"),
        "not_buried": list(check.names("not_buried")),
    }
    stays_below, of_ends = _stays_below(context, check.names("upright"))
    query = _SHALLOW.format(cover=sql.Identifier(cover), staging=context.staging.table, stays_below=stays_below)
    for row in context.rows(query, values | of_ends):
        cover_m, least_m = row[4:]
        yield finding(check, row, _message(cover_m, least_m), f"{cover_m:z.2f}")


def _stays_below(context: SetContext, upright: Sequence[str]) -> tuple[sql.Composable, dict[str, object]]:
    """Return the condition, and its values, on a pipe ``s`` that it comes out of the ground at neither end."""
    known = context.catalogue.feature_types()
    if not has_fields(context, *_ENDS) or NODE not in known or not {"node_id", "feature"} <= set(known[NODE].field_names):
        return sql.SQL("true"), {}
    if not context.has_any(NODE):
        return sql.SQL("true"), {}
    nodes = features_of(context, NODE, ("node_id", "feature", "geom"))
    both = sql.SQL(" AND ").join([_ENDS_ELSEWHERE.format(nodes=nodes, end=sql.Identifier(end)) for end in _ENDS])
    return both, {"upright": list(upright), "same_point_m": _SAME_POINT_M}


def _message(cover_m: float, least_m: float | None) -> Text:
    if cover_m < 0:
        return Text(zh=f"管顶高出地面 {-cover_m:.2f} m", en=f"its top is {-cover_m:.2f} m above the ground")
    return Text(zh=f"覆土 {cover_m:z.2f} m，一般不小于 {least_m:g} m", en=f"{cover_m:z.2f} m of soil over it; {least_m:g} m is usual")


def _kinds_of(context: SetContext, code: str) -> list[str]:
    """Return a class of pipe_kind and the kinds in it."""
    codelist = context.feature_type.field("kind").codelist
    below = [] if codelist is None else [c.code for c in codelist.codes if c.parent == code]
    return [code, *below]
