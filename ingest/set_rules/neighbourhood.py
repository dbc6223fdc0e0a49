"""What of the published network lies at the features that are edited: the pipes that end where they end, and the points of all of these.

Rules over a network compare a point with the lines at it and a line with those at its ends, so nothing else decides on what is edited.
To read a city's whole network for one manhole would take longer than everything else about writing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from ingest.set_rules.context import SetContext
from ingest.set_rules.survey_columns import NODE, SEGMENT
from ingest.staging import Staging
from twin.db import load_queries
from twin.model import FeatureType
from twin.tables import current_table

_QUERIES = load_queries("ingest.set_rules", "neighbourhood.sql")
_FIELDS: Mapping[str, tuple[str, ...]] = {NODE: ("node_id",), SEGMENT: ("start_node", "end_node")}
"""Where a point has its number, and a line those of its ends."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Published points by their numbers, published lines by dataset and fid."""

    numbers: tuple[str, ...]
    lines: Mapping[int, tuple[int, ...]]

    def condition(self, feature_type: FeatureType, dataset: int) -> sql.Composable:
        """Return the condition on published rows ``c`` of a dataset under which they are near."""
        if feature_type.name == SEGMENT:
            return sql.SQL("c.fid = ANY ({}::bigint[])").format(sql.Literal(list(self.lines.get(dataset, ()))))
        return _numbered(feature_type, self.numbers)


def neighbourhood(context: SetContext) -> Neighbourhood:
    """Return what is near the staged rows, and near the published ones that they replace or delete."""
    numbers = {str(n) for staging in context.staged for n in _numbers(context, staging)}
    anchors = sql.SQL(" UNION ALL ").join([*_edited(context), *_named(context, tuple(numbers))])
    lines: dict[int, tuple[int, ...]] = {}
    for dataset in context.catalogue.datasets():
        if dataset.feature_type == SEGMENT and set(_FIELDS[SEGMENT]) <= set(context.catalogue.feature_type(SEGMENT).field_names):
            query = _QUERIES["lines_at"].format(current=current_table(SEGMENT, dataset.id), anchors=anchors)
            found = context.connection.execute(query).fetchall()
            lines[dataset.id] = tuple(int(fid) for fid, _, _ in found)
            numbers |= {str(n) for _, *ends in found for n in ends if n is not None}
    return Neighbourhood(tuple(sorted(numbers)), lines)


def _numbers(context: SetContext, staging: Staging) -> Iterator[str]:
    """Yield the numbers of points that staged rows, and the published ones they replace or delete, have or name."""
    for field in _FIELDS.get(staging.feature_type.name, ()):
        if field in staging.feature_type.field_names:
            query = _QUERIES["values_of"].format(
                field=sql.Identifier(field), staging=staging.table, current=staging.current, fids=_fids(staging)
            )
            yield from (value for (value,) in context.connection.execute(query))


def _edited(context: SetContext) -> Iterator[sql.Composed]:
    for staging in context.staged:
        yield _QUERIES["places_of"].format(staging=staging.table, current=staging.current, fids=_fids(staging))


def _named(context: SetContext, numbers: tuple[str, ...]) -> Iterator[sql.Composed]:
    nodes = context.catalogue.feature_type(NODE)
    for dataset in context.catalogue.datasets():
        if dataset.feature_type == NODE:
            yield sql.SQL("SELECT c.geom FROM {} AS c WHERE {}").format(current_table(NODE, dataset.id), _numbered(nodes, numbers))


def _numbered(nodes: FeatureType, numbers: tuple[str, ...]) -> sql.Composed:
    """Return the condition that a point has one of these numbers; the key's own column has an index."""
    column = sql.Identifier("natural_key" if nodes.natural_key == ("node_id",) else "node_id")
    return sql.SQL("c.{} = ANY ({}::text[])").format(column, sql.Literal(list(numbers)))


def _fids(staging: Staging) -> sql.Literal:
    return sql.Literal(list(staging.edited or ()))
