"""What a child sends of a batch: documents of kept rows, columns of features that differ, buffers as Arrow itself writes them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ingest.documents import compressed, documents_table
from ingest.frames import Beside, decode_batch, encode_message
from ingest.protocol import DOCUMENTS, PartBatch, batch_schema
from ingest.readers.json_columns import columns_of, json_column
from twin.featuretypes.loader import load_feature_types

ROWS = np.array([3, 4, 5, 8])
TEXTS = [b'{"a":1}', None, b'{"b":2}' * 1000, b""]


@pytest.mark.parametrize("kept", [[True] * 4, [False, True, True, False], [True, False, False, True]])
def test_documents_of_the_rows_that_are_kept(kept: list[bool]) -> None:
    table = documents_table(compressed(TEXTS), ROWS, np.array(kept))
    assert table is not None
    assert table.schema == DOCUMENTS
    expected = [(int(row), text) for row, text, keep in zip(ROWS, TEXTS, kept, strict=True) if keep and text is not None]
    codec = pa.Codec("zstd")
    stored = [d.as_py() for d in table.column("document")]
    got = [codec.decompress(d, len(text), asbytes=True) for d, (_, text) in zip(stored, expected, strict=True)]
    assert list(zip(table.column("row").to_pylist(), got, strict=True)) == expected


def test_a_document_is_stored_alike_whatever_was_compressed_before_it() -> None:
    texts = [b'{"a":1}' * 500, None, b'{"a":2}' * 500, b"", bytes(1 << 20), b'{"a":1}' * 500]
    together = compressed(texts).to_pylist()
    assert together == [compressed([text])[0].as_py() for text in texts]
    assert together[0] == together[-1] == pa.Codec("zstd").compress(texts[0], asbytes=True)


def test_no_document_is_no_table() -> None:
    assert documents_table(compressed(TEXTS), ROWS, np.array([False, True, False, False])) is None


def test_frames_of_a_batch_are_what_arrow_writes() -> None:
    building = load_feature_types()["building"]
    schema = batch_schema(building)
    rows = pa.RecordBatch.from_pylist([{"row": k, "natural_key": f"k{k}", "geom": b"g" * k} for k in range(300)], schema=schema)
    documents = documents_table(compressed(TEXTS), ROWS, np.ones(4, dtype=bool))
    message = PartBatch("d", rows.slice(17, 200), (), None, documents)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(message.table)
    stream = b"".join(bytes(buffer) for buffer in encode_message(message))
    assert stream.endswith(sink.getvalue().to_pybytes())
    found = decode_batch(Beside(findings=b'["d",[]]'), sink.getvalue().to_pybytes(), {"d": schema})
    assert found.table.equals(message.table)


def test_columns_of_features_that_do_not_say_the_same() -> None:
    rows = [{"a": 1, "b": "x"}, {}, {"c": 2.5, "a": 3}]
    assert {name: column.to_pylist() for name, column in columns_of(rows).items()} == {
        "a": [1, None, 3],
        "b": ["x", None, None],
        "c": [None, None, 2.5],
    }
    assert columns_of([]) == columns_of([{}, {}]) == {}


def test_a_json_column_of_texts_that_are_a_column_already() -> None:
    texts = ['{"a":1}', None]
    assert json_column(pa.array(texts, pa.string())).equals(json_column(texts))
