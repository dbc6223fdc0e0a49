"""Columns as the JSON of their values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.convert import plain_text

_SPACE, _QUOTE, _BACKSLASH = (ord(c) for c in ' "\\')
_UNICODE_ESCAPE = r"\u"
_WHOLE = r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
"""Backslashes that are written, and pairs of surrogates."""
_NO_CHARACTER = r"\\u(?:0000|[dD][89a-fA-F])"
_NUL_OR_BACKSLASH = r"(\\\\)|\\u0000"
"""Two backslashes are one that is written, and stay: what follows them is no escape."""


def json_texts(array: pa.Array) -> pa.StringArray:
    """Return the JSON of each value, null where there is none or no number that JSON has; texts without NUL."""
    kind = array.type
    if isinstance(kind, pa.JsonType):
        return without_nul(array.storage.cast(pa.string()))
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


def without_nul(texts: pa.StringArray) -> pa.StringArray:
    """Return JSON without the escape of NUL, which no text of PostgreSQL can have."""
    return pc.replace_substring_regex(texts, _NUL_OR_BACKSLASH, r"\1") if _has_unicode_escapes(texts) else texts


def are_texts_of_postgresql(texts: pa.StringArray) -> bool:
    """Tell whether no string in these JSON texts has an escape that is none of a character PostgreSQL has: NUL, half a surrogate pair.

    Type json takes both, and whoever asks into such a text is refused the whole row. That it is JSON at all PostgreSQL looks at itself:
    nothing is parsed here, which holds no more than a copy of the texts with such escapes, whatever they say.
    """
    if not _has_unicode_escapes(texts):
        return True
    doubtful = texts.filter(pc.match_substring(texts, _UNICODE_ESCAPE))
    others = pc.replace_substring_regex(doubtful, _WHOLE, " ")
    return not pc.any(pc.match_substring_regex(others, _NO_CHARACTER)).as_py()


def _has_unicode_escapes(texts: pa.StringArray) -> bool:
    content = texts.buffers()[2]
    if content is None or not (np.frombuffer(content, dtype=np.uint8) == _BACKSLASH).any():
        return False
    return bool(pc.any(pc.match_substring(texts, _UNICODE_ESCAPE)).as_py())


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

    So objects are written alike by every source, and by what kept them as jsonb before.
    """
    spelled = {name: name.replace("\0", "").encode() for name in names}
    return sorted(spelled, key=lambda name: (len(spelled[name]), spelled[name]))
