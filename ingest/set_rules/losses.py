"""Published features that would be left naming something that is deleted (rule ``reference-lost``)."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from ingest.checks.references import ReferenceCheck, referring_fields
from ingest.set_rules.context import SetCheck, SetContext, checks_of
from ingest.set_rules.places import QUERIES, that_stay
from ingest.set_rules.targets import unanswered, values_there_will_be
from twin.errors import Text
from twin.model import Dataset, FeatureType, Finding
from twin.tables import current_table


def lost_targets(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield what published features name that this part deletes and nothing else answers to; once for each that names it.

    What is staged beside it is judged by the rules of its own type (``node-exists``, ``reference``).
    """
    staging = context.staging
    if staging.first_load or not (staging.is_whole or staging.leaving) or not context.feature_type.natural_key:
        return
    by_field: dict[str, list[tuple[Dataset, ReferenceCheck]]] = {}
    for dataset in context.catalogue.datasets():
        for reference in _references(context.catalogue.feature_type(dataset.feature_type), context.feature_type.name):
            by_field.setdefault(reference.target_field, []).append((dataset, reference))
    for field, naming in by_field.items():
        lost = sql.Identifier("pg_temp", f"{staging.name}_lost_{field}"[:63])
        if _find_lost(context, field, lost):
            for dataset, reference in naming:
                yield from _named(context, check, reference, dataset, lost)


def _find_lost(context: SetContext, field: str, lost: sql.Identifier) -> int:
    """Fill the table ``lost`` with the values of a field that are deleted and return how many these are, mostly none."""
    query = QUERIES["find_lost"].format(
        lost=lost,
        gone=_gone(context, field),
        unanswered=unanswered(context, sql.SQL("gone.value"), values_there_will_be(context, context.feature_type, field)),
    )
    found = context.connection.execute(query).rowcount
    if found:
        context.connection.execute(sql.SQL("ANALYZE {}").format(lost))  # mostly so few that what names them is found by indexes
    return found


def _gone(context: SetContext, field: str) -> sql.Composable:
    """Return the source of the rows that are deleted: where a whole dataset is replaced a table of them.

    In one query PostgreSQL, which knows that keys all differ on both sides, expects one row without a staged key, and would look for the
    value of each through all staged rows: 3,000 buildings that a million others replaced took it 18 minutes.
    """
    staging = context.staging
    query = QUERIES["find_gone"].format(field=sql.Identifier(field), current=staging.current, goes=_goes(context))
    if not staging.is_whole:
        return sql.SQL("({})").format(query)
    gone = sql.Identifier("pg_temp", f"{staging.name}_gone_{field}"[:63])
    context.connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {}").format(gone, query))
    context.connection.execute(sql.SQL("ANALYZE {}").format(gone))
    return gone


def _references(referring: FeatureType, target: str) -> Iterator[ReferenceCheck]:
    yield from (r for r in referring_fields(referring) if r.target == target)
    for check in checks_of(referring, "node-exists"):
        if check.text("type") == target:
            yield ReferenceCheck(check.rule.id, check.names("fields"), target, check.text("field"), check.severity)


def _goes(context: SetContext) -> sql.Composable:
    staging = context.staging
    if not staging.is_whole:
        return sql.SQL("c.natural_key = ANY ({}::text[])").format(sql.Literal(list(staging.leaving)))
    kept = sql.Literal(list(context.kept.get(staging.dataset.id, ())))
    unstaged = "c.natural_key <> ALL ({}::text[]) AND NOT EXISTS (SELECT FROM {} AS s WHERE s.natural_key = c.natural_key)"
    return sql.SQL(unstaged).format(kept, staging.table)


def _named(context: SetContext, check: SetCheck, reference: ReferenceCheck, dataset: Dataset, lost: sql.Identifier) -> Iterator[Finding]:
    places = {"lost": lost, "published": current_table(dataset.feature_type, dataset.id), "stays": that_stay(context, dataset.id)}
    named = [QUERIES["named_though_lost"].format(name=sql.Literal(n), field=sql.Identifier(n), **places) for n in reference.fields]
    query = sql.SQL("{} ORDER BY value, who, field").format(sql.SQL(" UNION ALL ").join(named))
    titles = {f.name: f.title for f in context.catalogue.feature_type(dataset.feature_type).fields}
    for who, name, value, key, x, y in context.rows(query):
        zh = f"将被删除，但 {dataset.slug} 的 {who} 仍以它为{titles[name].zh}"
        en = f"will be deleted, but {who} of {dataset.slug} still has it as {titles[name].en}"
        row = context.staging.leaving.get(key) or None
        yield Finding(check.rule.id, check.severity, row, Text(zh=zh, en=en), key=key, place=(x, y), value=value)
