"""What stays of a checked submission until it is published or withdrawn: its staged rows, and here what they were checked against.

A part exists as long as its staging does. Whoever publishes, in whatever process and after whatever restart, reads the parts, proves
that the staged rows are still those that were checked (count and hash), and matches again where the dataset has moved on (DESIGN 13).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ingest import staging as staged
from ingest.publish import Part
from ingest.rounding import tolerance_m
from ingest.staging import Staging
from twin.catalogue import Catalogue
from twin.db import Connection, load_queries
from twin.errors import ConflictError

_QUERIES = load_queries("ingest", "kept_parts.sql")


def hold_datasets(connection: Connection, submission: uuid.UUID, stagings: Sequence[Staging]) -> None:
    """Say which datasets a submission is on its way into, so that nobody forgets one of them; ConflictError when somebody has."""
    try:
        for s in stagings:
            connection.execute(_QUERIES["hold_dataset"], {"submission": submission, "part": s.part, "dataset": s.dataset.id})
    except psycopg.errors.ForeignKeyViolation as error:
        raise ConflictError(
            "another submission has just given this dataset up; try again", zh="该数据集刚被其他提交放弃，请重试"
        ) from error


def keep(connection: Connection, submission: uuid.UUID, parts: Sequence[Part]) -> None:
    """Keep the parts of a submission that has been checked, inside the caller's transaction."""
    for p in parts:
        connection.execute(
            _QUERIES["keep_part"],
            {
                "submission": submission,
                "part": p.staging.part,
                "dataset": p.staging.dataset.id,
                "mode": p.mode,
                "first_load": p.staging.first_load,
                "base_commit": p.base_commit,
                "rows": p.count,
                "hash": p.hash,
                "counts": Jsonb(dict(p.counts)),
                "replaceable": p.replaceable,
                "inputs": Jsonb({str(k): v for k, v in p.inputs.items()}),
                "lineage": Jsonb(dict(p.lineage)),
                "kept_keys": list(p.kept_keys),
                "area": p.area_wkb,
            },
        )


def kept(connection: Connection, catalogue: Catalogue, submission: uuid.UUID) -> list[Part]:
    """Return the parts of a checked submission; none when it has not been checked or is published."""
    slugs = {row[0]: row[1] for row in connection.execute(_QUERIES["dataset_slugs"], {"submission": submission}).fetchall()}
    parts: list[Part] = []
    for row in connection.execute(_QUERIES["kept_parts"], {"submission": submission}).fetchall():
        number, dataset_id, mode, first_load, base_commit, rows, checksum, counts, replaceable, inputs, lineage, keys, area = row
        dataset = catalogue.dataset(slugs[dataset_id])
        staging = Staging(submission, number, dataset, catalogue.feature_type(dataset.feature_type), first_load, mode == "replace")
        parts.append(
            Part(
                staging=staging,
                mode=mode,
                count=rows,
                hash=checksum,
                lineage=lineage,
                tolerance_m=tolerance_m(dataset.tolerance_m, lineage["sources"]),
                kept_keys=tuple(keys),
                area_wkb=bytes(area) if area is not None else None,
                base_commit=base_commit,
                counts=counts,
                replaceable=replaceable,
                inputs={int(k): v for k, v in inputs.items()},
            )
        )
    return parts


def drop(connection: Connection, submission: uuid.UUID) -> None:
    """Forget the staged rows and the parts of a submission, inside the caller's transaction."""
    for name in staged.tables_of(connection, submission):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("staging", name)))
    connection.execute(staged.QUERIES["forget_parts"], {"submission": submission})


def datasets_of(connection: Connection, submission: uuid.UUID) -> list[str]:
    """Return the slugs of the datasets a submission is on its way into."""
    return [str(row[1]) for row in connection.execute(_QUERIES["dataset_slugs"], {"submission": submission}).fetchall()]
