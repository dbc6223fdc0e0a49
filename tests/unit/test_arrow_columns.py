"""Columns made of a file's own bytes: texts that are no UTF-8 are faults of their rows, what points outside of its column is refused."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from ingest.readers.arrow_columns import sound
from tests.vector_layers import Layer, refusal

GBK = "建筑".encode("gbk")
NAMES = [b"one", None, GBK, b""]
TEXTS = (pa.string(), pa.large_string(), pa.string_view())
BINARY = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}
SQUARES = [shapely.box(500000 + i, 3520000, 500001 + i, 3520001) for i in range(4)]


def texts(kind: pa.DataType) -> pa.Array:
    return pa.array(NAMES, BINARY[kind]).view(kind)


@pytest.mark.parametrize("is_dictionary", [False, True])
@pytest.mark.parametrize("kind", TEXTS, ids=str)
def test_a_text_that_is_no_utf8_is_none_and_a_fault(kind: pa.DataType, is_dictionary: bool) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3], pa.int8()), texts(kind)) if is_dictionary else texts(kind)
    batch, faults = sound(pa.record_batch({"n": pa.array(range(4)), "名称": column}))
    assert batch.to_pydict() == {"n": [0, 1, 2, 3], "名称": ["one", None, None, ""]}
    assert [(f.index, f.rule, "名称" in f.message.zh, "UTF-8" in f.message.en) for f in faults] == [(2, "structure", True, True)]


def test_json_that_is_no_utf8_is_none_and_a_fault() -> None:
    written = pa.array([b'{"a": 1}', GBK, None], pa.binary()).view(pa.string())
    batch, faults = sound(pa.RecordBatch.from_arrays([pa.ExtensionArray.from_storage(pa.json_(pa.string()), written)], names=["属性"]))
    assert (batch.column(0).to_pylist(), [f.index for f in faults]) == (['{"a": 1}', None, None], [1])


def test_columns_of_one_name_are_looked_at_each() -> None:
    columns = [pa.array([1, 2, 3, 4]), texts(pa.string())]
    batch, faults = sound(pa.RecordBatch.from_arrays(columns, names=["用途", "用途"]))
    assert [c.to_pylist() for c in batch.columns] == [[1, 2, 3, 4], ["one", None, None, ""]]
    assert [f.index for f in faults] == [2]


def test_what_is_sound_stays_as_it_is() -> None:
    batch = pa.record_batch({"a": pa.array(["x", None]), "d": pa.array(["x", "y"]).dictionary_encode(), "l": pa.array([[1], None])})
    assert sound(batch) == (batch, ())
    part = batch.slice(1)
    assert sound(part) == (part, ())


def test_only_the_rows_of_a_slice_are_faults() -> None:
    batch = pa.record_batch({"名称": texts(pa.string())})
    assert [f.index for f in sound(batch.slice(2))[1]] == [0]
    assert sound(batch.slice(3))[1] == ()


def numbers(*values: int) -> pa.Buffer:
    return pa.py_buffer(np.array(values, np.int32))


def keys(*values: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), pa.array(["a", "b", "c"]), safe=False)


HOSTILE = {
    "key beyond": keys(0, 3, 1),
    "key below": keys(0, -1, 1),
    "key beyond words that are no UTF-8": pa.DictionaryArray.from_arrays(pa.array([0, 9]), texts(pa.string()), safe=False),
    "list beyond": pa.Array.from_buffers(pa.list_(pa.int64()), 2, [None, numbers(0, 1000, 2)], children=[pa.array([1, 2])]),
    "list backwards": pa.Array.from_buffers(pa.list_(pa.int64()), 3, [None, numbers(0, 2, 1, 2)], children=[pa.array([1, 2])]),
    "text in a list that is no UTF-8": pa.ListArray.from_arrays(pa.array([0, 4], pa.int32()), texts(pa.string())),
    "text in a structure that is no UTF-8": pa.StructArray.from_arrays([texts(pa.string())], names=["a"]),
    "text beyond": pa.Array.from_buffers(pa.string(), 2, [None, numbers(0, 1 << 30, 3), pa.py_buffer(b"abc")]),
    "view beyond": pa.Array.from_buffers(pa.string_view(), 1, [None, numbers(100, 0x61616161, 0, 4), pa.py_buffer(b"a" * 20)]),
    "runs backwards": pa.Array.from_buffers(
        pa.run_end_encoded(pa.int32(), pa.int64()), 9, [None], children=[pa.array([5, -2, 9], pa.int32()), pa.array([5, 6, 7])]
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_points_outside_of_its_column_is_refused_by_name(name: str) -> None:
    column = HOSTILE[name]
    batch = pa.RecordBatch.from_arrays([column], names=["用途"])
    with pytest.raises(pa.ArrowInvalid, match="用途"):
        sound(batch)


def parquet(path: Path, names: pa.Array) -> bytes:
    geo = {"version": "1.0.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB", "geometry_types": []}}}
    table = pa.table({"g": pa.array(shapely.to_wkb(SQUARES), pa.binary()), "名称": names})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path, compression="none")
    return path.read_bytes()


def test_geoparquet_with_a_text_that_is_no_utf8_loses_only_its_row(tmp_path: Path) -> None:
    parquet(tmp_path / "a", texts(pa.string()))
    layer = Layer(tmp_path / "a")
    assert layer.columns["名称"] == ["one", None, None, ""]
    assert [(f.index, f.rule) for f in layer.faults] == [(2, "structure")]


def test_geoparquet_whose_keys_lie_beyond_their_dictionary_is_refused(tmp_path: Path) -> None:
    """The bytes of the keys are found by trying: pyarrow reads such a file and says nothing."""
    whole = parquet(tmp_path / "a", pa.array(["a", "b", "c", "a"]).dictionary_encode())
    pages = pq.ParquetFile(tmp_path / "a").metadata.row_group(0).column(1)
    hostile = []
    for at in range(pages.data_page_offset, pages.dictionary_page_offset + pages.total_compressed_size):
        changed = whole[:at] + b"\xff" + whole[at + 1 :]
        try:
            names = pq.ParquetFile(io.BytesIO(changed)).read(use_threads=False)["名称"].chunk(0)
        except (pa.ArrowException, OSError):
            continue
        if len(names) == 4 and any(k is not None and k > 2 for k in names.indices.to_pylist()):
            hostile.append(changed)
    assert hostile
    for content in hostile:
        (tmp_path / "b").write_bytes(content)
        assert refusal(tmp_path / "b") == "unreadable"


def test_a_geopackage_with_a_text_in_gbk_loses_only_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    fields = [np.array(["one", "two", "three", "four"], object)]
    pyogrio.raw.write(
        path, np.array(shapely.to_wkb(SQUARES), object), fields, ["名称"], geometry_type="Polygon", crs="EPSG:4549", layer="t"
    )
    with sqlite3.connect(path) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute(f"UPDATE t SET 名称 = CAST(X'{GBK.hex()}' AS TEXT) WHERE rowid = 3")
    database.close()
    layer = Layer(path)
    assert layer.columns["名称"] == ["one", "two", None, "four"]
    assert [(f.index, f.rule) for f in layer.faults] == [(2, "structure")]
