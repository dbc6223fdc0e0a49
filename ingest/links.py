"""Links between features of different departments: what a declared reference names, resolved at publish and versioned like the rows.

A link is held by its ends: a reference that nothing answers makes none, and one whose end goes is closed in the same commit, so no
link ever dangles. The value itself stays with the feature (a finding of rule ``reference`` says that nothing answers it).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from ingest.staging import Staging
from twin.catalogue import Catalogue
from twin.db import Connection, load_queries
from twin.model import Dataset, FeatureType, Reference
from twin.tables import current_table

_QUERIES = load_queries("ingest", "links.sql")


def linked_columns(feature_type: FeatureType, others: Iterable[FeatureType]) -> tuple[str, ...]:
    """Return the columns by which links of a type are found: what names other features, and the fields that references of ``others`` name.

    Names of nodes (rule ``node-exists``) make no links, but what would be left without its node is found by them.
    """
    own = [f.name for f in feature_type.fields if f.reference is not None]
    own += [name for check in feature_type.checks if check.rule == "node-exists" for name in _names(check.parameters["fields"])]
    named = [
        _answering_column(feature_type, f.reference)
        for other in others
        for f in other.fields
        if f.reference is not None and f.reference.type == feature_type.name
    ]
    return tuple(dict.fromkeys(c for c in (*own, *named) if c != "natural_key"))


def _names(fields: object) -> tuple[str, ...]:
    return tuple(map(str, fields)) if isinstance(fields, list | tuple) else (str(fields),)


def relink(connection: Connection, catalogue: Catalogue, changed: Sequence[Staging], commit: int) -> None:
    """Bring the links from and to the datasets in ``changed`` in step with their rows, as part of ``commit``.

    Runs in the transaction that publishes, after the rows are written and before the staged ones are dropped. Its cost goes with
    what changed, but for first loads.
    """
    datasets = {d.id: d for d in (*catalogue.datasets(), *(s.dataset for s in changed))}
    for source in datasets.values():
        feature_type = catalogue.feature_type(source.feature_type)
        for field in feature_type.fields:
            if field.reference is None:
                continue
            targets = [d for d in datasets.values() if d.feature_type == field.reference.type]
            touched = _touched(source, field.name, field.reference, targets, changed)
            if targets and touched is not None:
                answering = _answering_column(catalogue.feature_type(field.reference.type), field.reference)
                places = {
                    "touched": touched,
                    "source": current_table(feature_type.name, source.id),
                    "targets": _answers(targets, answering),
                    "field": sql.Identifier(field.name),
                }
                values = {"dataset": source.id, "field": field.name, "commit": commit}
                connection.execute(_QUERIES["relink"].format(**places), values)


def _touched(
    source: Dataset, field: str, reference: Reference, targets: Sequence[Dataset], changed: Sequence[Staging]
) -> sql.Composable | None:
    """Return the query of the features of ``source`` whose links through ``field`` may have changed; None when none have."""
    by_dataset = {s.dataset.id: s for s in changed}
    staged = by_dataset.get(source.id)
    moved = [by_dataset[d.id] for d in targets if d.id in by_dataset]
    if staged is None and not moved:
        return None
    table = current_table(source.feature_type, source.id)
    if any(s.first_load or (s.feature_type.natural_key == ()) for s in (*moved, *([staged] if staged else []))):
        return _QUERIES["all_sources"].format(source=table)
    queries = [] if staged is None else [_QUERIES["changed_sources"].format(staging=staged.table, source=table)]
    queries += [
        _QUERIES["sources_of_changed_targets"].format(
            staging=s.table,
            target_dataset=sql.Literal(s.dataset.id),
            source=table,
            field=sql.Identifier(field),
            target_field=sql.Identifier(_answering_column(s.feature_type, reference)),
        )
        for s in moved
    ]
    return sql.SQL(" UNION ").join(queries)


def _answers(targets: Sequence[Dataset], column: str) -> sql.Composable:
    """Return the query of what can answer a reference: dataset, fid and value of every feature of the target type."""
    each = sql.SQL("SELECT {}::integer AS to_dataset, fid AS to_fid, {} AS value FROM {}")
    return sql.SQL(" UNION ALL ").join(
        [each.format(sql.Literal(d.id), sql.Identifier(column), current_table(d.feature_type, d.id)) for d in targets]
    )


def _answering_column(target: FeatureType, reference: Reference) -> str:
    """Return the column of the target type that holds what references name: its key where that is it, which is indexed already."""
    is_text = target.field(reference.field).type in ("string", "code")
    return "natural_key" if is_text and target.natural_key == (reference.field,) else reference.field
