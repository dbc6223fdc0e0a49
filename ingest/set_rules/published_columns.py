"""The columns of a pipe survey that rules compare, of what is published and stays, read by COPY."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from ingest.set_rules.context import SetContext
from ingest.set_rules.neighbourhood import Neighbourhood
from ingest.set_rules.places import that_stay
from ingest.set_rules.survey_columns import NUMBERS, TEXTS, WORDS, survey_columns
from twin.db import Connection
from twin.model import FeatureType
from twin.tables import current_table

_BLOCK_BYTES = 1 << 24


def published_batches(context: SetContext, name: str, near: Neighbourhood | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the columns (`survey_columns`) of all features of a type that are published and will be there once the submission is.

    Only those ``near``, where that is given. They have no number of a row and no key: nothing is found about them.
    """
    feature_type = context.catalogue.feature_type(name)
    kind = feature_type.geometry_type
    texts = [c for c in (*TEXTS[kind], *WORDS[kind]) if c in feature_type.field_names]
    numbers = [c for c in NUMBERS[kind] if c in feature_type.field_names]
    select = sql.SQL("SELECT {} FROM {} AS c WHERE {}")
    names = sql.SQL(", ").join([sql.SQL("c.{}").format(sql.Identifier(column)) for column in (*texts, *numbers, "geom")])
    types = dict.fromkeys(texts, pa.string()) | dict.fromkeys(numbers, pa.float64()) | {"geom": pa.binary()}
    queries = [
        select.format(names, current_table(name, dataset.id), _wanted(context, feature_type, dataset.id, near))
        for dataset in context.catalogue.datasets()
        if dataset.feature_type == name
    ]
    for query in queries:
        for batch in _copied(context.connection, query, types):
            yield survey_columns(batch, kind)


def _wanted(context: SetContext, feature_type: FeatureType, dataset: int, near: Neighbourhood | None) -> sql.Composable:
    stays = that_stay(context, dataset)
    return stays if near is None else sql.SQL("{} AND {}").format(near.condition(feature_type, dataset), stays)


def _copied(connection: Connection, query: sql.Composed, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a query in blocks, as they come; CSV tells NULL (nothing) from a text without a character (quotes)."""
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)) as copy:
        for block in _blocks(bytes(row) for row in copy):
            table = pa.csv.read_csv(
                io.BytesIO(block),
                pa.csv.ReadOptions(column_names=list(types), use_threads=False),
                pa.csv.ParseOptions(newlines_in_values=True),
                pa.csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False),
            )
            for batch in table.to_batches():
                rows = pa.array(np.zeros(batch.num_rows, np.int64))
                place = batch.schema.get_field_index("geom")
                yield batch.set_column(place, "geom", _unhexed(batch.column(place))).append_column("row", rows)


def _blocks(rows: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row)
        if size >= _BLOCK_BYTES:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def _unhexed(column: pa.BinaryArray) -> pa.BinaryArray:
    offsets = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, column.offset * 4)
    content = bytes.fromhex(column.buffers()[2].to_pybytes()[offsets[0] : offsets[-1]].decode("ascii"))
    places = pa.py_buffer(((offsets - offsets[0]) // 2).astype(np.int32))
    return pa.Array.from_buffers(pa.binary(), len(column), [None, places, pa.py_buffer(content)])
