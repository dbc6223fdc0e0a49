"""What a department confirmed, by publishing, of how files of one shape are to be read; proposed to it the next time such a file comes.

The department is the name of its token. The shape of a file is its format, what it was read as, and the names of its columns in any
order and spelling that `ingest.names.normalised` takes for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from ingest.names import normalised
from ingest.proposals import Memory, Remembered
from twin.db import Pool, load_queries, translated

_QUERIES = load_queries("ingest", "confirmed_reading.sql")


def shape_of(file_format: str, feature_type: str, columns: Sequence[str]) -> str:
    """Return the hash by which layers of one shape are known."""
    text = "\n".join([file_format, feature_type, *sorted({normalised(c) for c in columns})])
    return hashlib.sha256(text.encode()).hexdigest()


def remember(
    pool: Pool,
    department: str,
    file_format: str,
    feature_type: str,
    *,
    mapping: Mapping[str, str],
    unmapped: Sequence[str],
    units: Mapping[str, str],
) -> None:
    """Keep how a layer was read: ``mapping`` column → field, the columns left out, and the units that were given."""
    kept = {normalised(c): f for c, f in mapping.items()} | {normalised(c): "" for c in unmapped}
    values = {
        "department": department,
        "shape": shape_of(file_format, feature_type, [*mapping, *unmapped]),
        "feature_type": feature_type,
        "mapping": Jsonb(kept),
        "units": Jsonb({normalised(c): u for c, u in units.items()}),
    }
    with translated(), pool.connection() as connection:
        connection.execute(_QUERIES["remember"], values)


def memory_of(pool: Pool, department: str) -> Memory:
    """Return what asks for the confirmed readings of a department."""

    def recall(file_format: str, columns: Sequence[str], feature_type: str) -> Remembered | None:
        values = {"department": department, "shape": shape_of(file_format, feature_type, columns)}
        with translated(), pool.connection() as connection:
            row = connection.execute(_QUERIES["recall"], values).fetchone()
        if row is None:
            return None
        mapping, units = ({c: str(kept[normalised(c)]) for c in columns if normalised(c) in kept} for kept in row[:2])
        return Remembered(mapping, units, row[2])

    return recall
