"""Unmapped source columns as one JSON object per row, built column-wise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.convert import plain_text

_SPACE, _QUOTE, _BACKSLASH = (ord(c) for c in ' "\\')


def extra_column(columns: Mapping[str, pa.Array], length: int) -> pa.Array:
    """Return a string column with the non-null values of each row as a JSON object, null where all are null."""
    if not columns:
        return pa.nulls(length, pa.string())
    joined = pc.binary_join_element_wise(*(_members(name, array) for name, array in columns.items()), "")
    objects = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, start=1), "}", "")
    return pc.if_else(pc.equal(pc.binary_length(joined), 0), pa.scalar(None, pa.string()), objects)


def _members(name: str, array: pa.Array) -> pa.Array:
    """Return ``,"name":value`` for each value, empty for null (Arrow's join with ``skip`` loses rows when given one column)."""
    key = "," + orjson.dumps(name.replace("\0", "")).decode() + ":"
    return pc.fill_null(pc.binary_join_element_wise(key, _json_values(array), ""), "")


def _json_values(array: pa.Array) -> pa.Array:
    kind = array.type
    if isinstance(kind, pa.JsonType):
        return array.storage
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        return _numbers(array)
    texts = plain_text(array)
    if not _has_escapes(texts):
        return pc.binary_join_element_wise('"', texts, '"', "")
    distinct = texts.dictionary_encode()
    encoded = [orjson.dumps(text.replace("\0", "")).decode() for text in distinct.dictionary.to_pylist()]
    return pa.array(encoded, pa.string()).take(distinct.indices)


def _has_escapes(texts: pa.StringArray) -> bool:
    """Tell whether any byte is not written as it is (RFC 8259, 7); a NUL is left out."""
    if texts.buffers()[2] is None:
        return False
    content = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    return bool(((content < _SPACE) | (content == _QUOTE) | (content == _BACKSLASH)).any())


def _numbers(array: pa.Array) -> pa.Array:
    values = array.to_numpy(zero_copy_only=False).astype(np.float64)
    finite = np.isfinite(values)
    texts = orjson.dumps(np.where(finite, values, 0.0), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",") if len(values) else []
    if finite.all():
        return pa.array(texts, pa.binary()).cast(pa.string())
    return pa.array([t if f else None for t, f in zip(texts, finite, strict=True)], pa.binary()).cast(pa.string())
