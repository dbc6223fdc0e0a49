"""What the rules over areas and over other datasets share: their queries, and all features of a type there will be."""

from __future__ import annotations

from psycopg import sql

from ingest.set_rules.context import SetContext
from ingest.staging import columns
from twin.db import load_queries
from twin.tables import current_table

QUERIES = load_queries("ingest.set_rules", "places.sql")


def that_stay(context: SetContext, dataset: int) -> sql.Composable:
    """Return the condition on published rows ``c`` of a dataset under which the submission leaves them as they are.

    Those that are neither staged nor deleted; where the whole dataset is replaced, those whose new rows were rejected.
    """
    own = next((s for s in context.staged if s.dataset.id == dataset), None)
    if own is None:
        return sql.SQL("true")
    if own.is_whole:
        return sql.SQL("c.natural_key = ANY ({}::text[])").format(sql.Literal(list(context.kept.get(dataset, ()))))
    return own.stays()


def features_of(context: SetContext, name: str, wanted: tuple[str, ...]) -> sql.Composed:
    """Return a query of the ``wanted`` columns of all features of a type that there will be once the submission is published."""
    names = columns(wanted)
    staged = {s.dataset.id: s for s in context.staged if s.feature_type.name == name}
    queries = [sql.SQL("SELECT {} FROM ({}) AS f").format(names, s.future_rows()) for s in staged.values()]
    queries += [
        sql.SQL("SELECT {} FROM {}").format(names, current_table(name, dataset.id))
        for dataset in context.catalogue.datasets()
        if dataset.feature_type == name and dataset.id not in staged
    ]
    return sql.SQL(" UNION ALL ").join(queries)
