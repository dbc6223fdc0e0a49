"""Arrow columns that a library made of a file's own bytes, held to what their types say before anything relies on it.

A library takes keys of a dictionary and the bytes of a text as the file has them: a key beyond the dictionary would read other memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ingest.readers.source import Fault
from twin.errors import Text

_STRUCTURE = "structure"
_UNSOUND = (pa.ArrowInvalid, pa.lib.ArrowIndexError)
"""What validation raises: not all that Arrow raises, which may be for want of memory, too."""


def sound(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, tuple[Fault, ...]]:
    """Return a batch in which nothing points outside of its column; a text that is no UTF-8 is None, and a fault of its row.

    ArrowInvalid, with the name of the column, for what else is not as its type says: keys, offsets, ends of runs, texts within lists,
    structures and runs.
    """
    try:
        batch.validate(full=True)
    except _UNSOUND:
        columns, faults = list[pa.Array](), list[Fault]()
        for number, name in enumerate(batch.schema.names):  # two columns may have one name
            column, wrong = _sound_column(name, batch.column(number))
            columns.append(column)
            faults += [Fault(index, _STRUCTURE, _not_utf8(name)) for index in wrong]
        return pa.record_batch(columns, names=batch.schema.names), tuple(faults)
    return batch, ()


def _sound_column(name: str, array: pa.Array) -> tuple[pa.Array, Sequence[int]]:
    """Return a column that is as its type says, and where it had texts that are none."""
    try:
        try:
            array.validate(full=True)
        except _UNSOUND:
            written = _as_bytes(array)
            if written is None:
                raise
            texts = [None if value is None else _decoded(value) for value in written.to_pylist()]
            there = written.is_valid().to_pylist()
            return pa.array(texts, pa.string()), [i for i, text in enumerate(texts) if text is None and there[i]]
    except _UNSOUND as error:
        raise pa.ArrowInvalid(f"column {name!r}: {error}") from error
    return array, ()


def _as_bytes(array: pa.Array) -> pa.Array | None:
    """Return a column of texts as one of bytes that is sound, None for any other; ArrowInvalid where it is not sound as bytes either."""
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    words = array.dictionary if pa.types.is_dictionary(array.type) else array
    plain = next((binary for is_text, binary in _BINARY_OF if is_text(words.type)), None)
    if plain is None:
        return None
    written = words.view(plain)
    written.validate(full=True)
    if words is array:
        return written
    keyed = pa.DictionaryArray.from_arrays(array.indices, written.cast(pa.large_binary()), safe=False)
    keyed.validate(full=True)
    return keyed.dictionary_decode()


_BINARY_OF = (
    (pa.types.is_string, pa.binary()),
    (pa.types.is_large_string, pa.large_binary()),
    (pa.types.is_string_view, pa.binary_view()),
)


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _not_utf8(column: str) -> Text:
    return Text(zh=f"“{column}”的文字不是 UTF-8 编码", en=f"the text of {column} is not UTF-8")
