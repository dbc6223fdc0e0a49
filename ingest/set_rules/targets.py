"""Values that name a feature which must be there (rules ``node-exists`` and ``reference``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from psycopg import sql

from ingest.checks.references import ReferenceCheck, referring_fields
from ingest.set_rules.codes import NONE
from ingest.set_rules.context import SetCheck, SetContext
from ingest.set_rules.places import that_stay
from ingest.set_rules.survey_columns import is_surveyed
from twin.errors import Text
from twin.model import FeatureType, Finding, Severity
from twin.tables import current_table


def missing_nodes(context: SetContext, check: SetCheck) -> Iterator[Finding]:
    """Yield values of the check's fields that no feature of its type has in its field."""
    reference = ReferenceCheck(check.rule.id, check.names("fields"), check.text("type"), check.text("field"), check.severity)
    ends = 0
    for found in missing_targets(context, reference, _not_staged(context, reference)):
        ends += found.row is not None
        yield found
    if ends and context.staging.edited is None and not any(s.feature_type.name == reference.target for s in context.staged):
        yield _without_nodes(context, reference, ends)


def _without_nodes(context: SetContext, check: ReferenceCheck, ends: int) -> Finding:
    """Return the one finding that says why so many ends are missing: the features they name were not handed in with them."""
    target = context.catalogue.feature_type(check.target).title
    zh = f"本次没有提交{target.zh}表：{ends} 个端点也不在已发布的{target.zh}中，请将点表与线表一起提交"
    en = f"no table of {target.en} was handed in: {ends} ends are not among the published either; hand points and lines in together"
    return Finding(rule=check.rule, severity=Severity.WARNING, row=None, message=Text(zh=zh, en=en))


def missing_references(context: SetContext, _check: SetCheck) -> Iterator[Finding]:
    """Yield values of the fields with ``references`` that name nothing."""
    for check in referring_fields(context.feature_type):
        yield from missing_targets(context, check)


def _not_staged(context: SetContext, check: ReferenceCheck) -> list[str] | None:
    """Return the values of a survey's lines that name no point of the same submission; None where lines or points are no survey."""
    survey = context.survey
    ends = {"start_node": survey.lines.start, "end_node": survey.lines.end}
    parts = [s.part for s in context.staged if s.feature_type.name == check.target and is_surveyed(s.feature_type)]
    if not parts or not is_surveyed(context.feature_type) or check.target_field != "node_id" or not ends.keys() >= set(check.fields):
        return None
    is_staged, is_named = np.zeros((2, survey.names.end + 1), dtype=bool)
    for own in (own for part in parts for own in survey.points.blocks(part)):
        is_staged[survey.points.node[own]] = True
    for own in survey.lines.blocks(context.staging.part):
        for name in check.fields:
            is_named[ends[name][own]] = True
    is_named[NONE] = False
    return [survey.names.at(code) for code in np.flatnonzero(is_named & ~is_staged).tolist()]


def missing_targets(context: SetContext, check: ReferenceCheck, suspects: Sequence[str] | None = None) -> Iterator[Finding]:
    """Yield values that name what will not be there once this submission is published; only ``suspects`` are looked at where given.

    Where no dataset of the target type is known at all the check cannot be made: one finding says so, and no value is judged.
    """
    if context.given is not None and not context.given & set(check.fields):
        return  # no row names anything
    staging, target = context.staging, context.catalogue.feature_type(check.target)
    targets = values_there_will_be(context, target, check.target_field)
    values = sql.SQL(", ").join([sql.SQL("({}, s.{}::text)").format(sql.Literal(name), sql.Identifier(name)) for name in check.fields])
    if not targets:
        yield from _unanswerable(context, check, target.title, values)
        return
    if suspects is not None and not suspects:
        return
    titles = {f.name: f.title for f in staging.feature_type.fields}
    query = staging.query("find_without_target", values=values, unanswered=unanswered(context, sql.SQL("e.value"), targets))
    asked = {"suspects": None if suspects is None else list(suspects)}
    for row, key, name, value, x, y in context.rows(query, asked):
        yield Finding(
            rule=check.rule,
            severity=check.severity,
            row=row,
            key=key,
            message=Text(
                zh=f"{titles[name].zh} {value} 不存在（或其所在行被拒收）",
                en=f"{titles[name].en} {value} does not exist (or its row is rejected)",
            ),
            place=(x, y),
            value=value,
            field=name,
        )


def values_there_will_be(context: SetContext, target: FeatureType, field: str) -> list[sql.Composed]:
    """Return a query of the values there will be in each dataset of the target type; the key's own column has an index."""
    column = sql.Identifier("natural_key" if target.natural_key == (field,) else field)
    select = sql.SQL("SELECT {}::text AS value FROM {}")
    queries = [select.format(column, s.table) for s in context.staged if s.feature_type.name == target.name]
    published = sql.SQL("SELECT c.{}::text AS value FROM {} AS c WHERE {}")
    queries += [
        published.format(column, current_table(dataset.feature_type, dataset.id), that_stay(context, dataset.id))
        for dataset in context.catalogue.datasets()
        if dataset.feature_type == target.name
    ]
    return queries


def unanswered(context: SetContext, value: sql.SQL, there: Sequence[sql.Composable]) -> sql.Composed:
    """Return the condition that ``value`` is none of the values that the queries ``there`` give.

    A file's values are joined with all there are; those of an edit are looked up one by one (OFFSET keeps it from being a join): it
    would have to wait for a hash of every key.
    """
    apart = sql.SQL("" if context.staging.edited is None else " OFFSET 0")
    queries = [sql.SQL(" UNION ALL ").join(there)] if context.staging.edited is None else there
    each = sql.SQL("NOT EXISTS (SELECT FROM ({}) AS t WHERE t.value = {}{})")
    return sql.SQL(" AND ").join([each.format(query, value, apart) for query in queries])


def _unanswerable(context: SetContext, check: ReferenceCheck, target: Text, values: sql.Composable) -> Iterator[Finding]:
    """Yield the one finding that a check had nothing to look at; none where no row names anything."""
    found = context.connection.execute(context.staging.query("names_any_target", values=values)).fetchone()
    if found is None or not found[0]:
        return
    titles = [context.feature_type.field(name).title for name in check.fields]
    zh, en = "、".join(t.zh for t in titles), ", ".join(t.en for t in titles)
    message = Text(zh=f"尚无{target.zh}数据集，未检查{zh}", en=f"there is no dataset of {target.en} to check {en} against")
    severity = Severity.WARNING if check.severity is Severity.ERROR else Severity.INFO
    yield Finding(rule=check.rule, severity=severity, row=None, message=message)
