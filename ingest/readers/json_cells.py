"""Cells of columns that a file calls JSON, which may hold anything: parsed and written anew, here, where a file can do no harm."""

from __future__ import annotations

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.readers.json_columns import is_too_deep, json_column
from ingest.refusals import rejected
from twin.exact_json import exact_json


def json_cells(array: pa.Array, longest: int) -> pa.Array:
    """Return a column of type JSON, of any storage, as one of texts that are JSON: what is none is a JSON text, null is None.

    Numbers that no reader takes are texts (`exact_json`). RejectedError ``text-too-long`` for a cell of more than ``longest`` bytes.
    """
    texts = array.storage.cast(pa.string())
    size = pc.max(pc.binary_length(texts)).as_py() or 0
    if size > longest:
        raise rejected("text-too-long", f"A JSON value of {size} bytes; at most {longest}.", f"有 JSON 值长 {size} 字节，上限 {longest}。")
    distinct = texts.dictionary_encode()
    written = pa.array([_written(text) for text in distinct.dictionary.to_pylist()], pa.string())
    return json_column(written.take(distinct.indices))


def _written(text: str) -> str | None:
    try:
        value = exact_json(text)
    except ValueError:
        value = text
    if value is None:
        return None
    return orjson.dumps(text if is_too_deep(value) else value).decode()
