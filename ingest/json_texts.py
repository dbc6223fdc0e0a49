"""Columns as the JSON of their values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.convert import plain_text

_SPACE, _QUOTE, _BACKSLASH = (ord(c) for c in ' "\\')


def json_texts(array: pa.Array) -> pa.StringArray:
    """Return the JSON of each value, null where there is none or no number that JSON has; texts without NUL."""
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


def in_jsonb_order(names: Iterable[str]) -> list[str]:
    """Return names in the order in which PostgreSQL keeps keys of jsonb: by length in UTF-8, then by bytes.

    Objects that are written so are not sorted, each of them, when they are stored.
    """
    spelled = {name: name.replace("\0", "").encode() for name in names}
    return sorted(spelled, key=lambda name: (len(spelled[name]), spelled[name]))
