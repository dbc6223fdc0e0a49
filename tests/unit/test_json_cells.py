"""Columns that a file calls JSON: whatever their cells hold, a row's own JSON is one object of which each cell is one member."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw
import pytest
import shapely

from ingest.extra import extra_column
from ingest.json_texts import are_texts_of_postgresql
from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers.json_cells import json_cells
from tests.reading import read_file
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types

BUILDING = load_feature_types()["building"]
Written = Callable[[Path, list[str], pa.DataType], Path]
POLYGON = shapely.box(116.30, 39.90, 116.3002, 39.9002)
CELLS = (
    ('1,"op":"delete"', '1,"op":"delete"'), ("hello", "hello"), ('{"a":1}', {"a": 1}), ('["\\u0041",1e400]', ["A", "1e400"]),
    (r'"x \ud800"', "x \ufffd"), (r'"x \u0000 \\u0000"', r"x  \u0000"), ("1e200000", "1e200000"), ("null", None), ("NaN", "NaN"), ("", ""),
    ("12345678901234567890123", "12345678901234567890123"), ("[" * 300 + "]" * 300, "[" * 300 + "]" * 300), ("0.5", 0.5), ("true", True),
)  # fmt: skip


def _extras(path: Path) -> list[str | None]:
    request = ReadRequest(path, (PartRequest(None, BUILDING, "d"),), storage_srid=32650)
    return [t for m in read_file(request) if isinstance(m, PartBatch) for t in m.table.column("extra").to_pylist()]


def _geoparquet(folder: Path, cells: list[str], kind: pa.DataType, name: str = "note") -> Path:
    column = pa.ExtensionArray.from_storage(pa.json_(kind), pa.array(cells, kind))
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}}}
    table = pa.table({"geometry": [POLYGON.wkb] * len(cells), name: column}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


def _geopackage(folder: Path, cells: list[str], _: pa.DataType) -> Path:
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(cells, pa.string()))
    table = pa.table({"geom": [POLYGON.wkb] * len(cells), "note": column})
    pyogrio.raw.write_arrow(
        table, folder / "a.gpkg", driver="GPKG", layer="a", geometry_name="geom", geometry_type="Polygon", crs="EPSG:4326"
    )
    return folder / "a.gpkg"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_a_cell_is_one_member_whatever_it_holds(kind: pa.DataType) -> None:
    array = pa.ExtensionArray.from_storage(pa.json_(kind), pa.array([None, *(written for written, _ in CELLS)], kind))
    extras = extra_column({"note": json_cells(array, 1000), "always": pa.array([1] * len(array))}, len(array))
    assert are_texts_of_postgresql(extras)
    read = [json.loads(text) for text in extras.to_pylist()]
    assert read == [{"always": 1}, *({"always": 1} | ({} if value is None else {"note": value}) for _, value in CELLS)]
    assert [orjson.loads(text) for text in extras.to_pylist()] == read


@pytest.mark.parametrize("written", [_geoparquet, _geopackage])
def test_json_of_a_file_writes_no_member_but_its_own(written: Written, tmp_path: Path) -> None:
    extras = _extras(written(tmp_path, [cell for cell, _ in CELLS], pa.string_view() if written is _geoparquet else pa.string()))
    assert [json.loads(text or "{}").get("note") for text in extras] == [value for _, value in CELLS]
    assert all(set(json.loads(text or "{}")) <= {"note", "fid"} for text in extras)


@pytest.mark.parametrize("written", [_geoparquet, _geopackage])
def test_a_cell_beyond_the_length_of_texts_is_refused(written: Written, tmp_path: Path) -> None:
    with pytest.raises(RejectedError) as refusal:
        _extras(written(tmp_path, ["1", json.dumps("x" * Limits().text_length)], pa.string()))
    assert refusal.value.code == "text-too-long"


def test_a_text_in_a_column_of_json_goes_into_a_field_without_its_quotes(tmp_path: Path) -> None:
    path = _geoparquet(tmp_path, ["甲楼", '"乙楼"'], pa.string(), "name")
    request = ReadRequest(path, (PartRequest(None, BUILDING, "d"),), storage_srid=32650)
    names = [n for m in read_file(request) if isinstance(m, PartBatch) for n in m.table.column("name").to_pylist()]
    assert names == ["甲楼", "乙楼"]


def test_to_look_at_a_text_makes_no_objects_of_it() -> None:
    text = '{"a":"\\u0041","b":[' + "{}," * 200_000 + "{}]}"
    texts = pa.array([text])
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    assert are_texts_of_postgresql(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text)
    assert pa.total_allocated_bytes() == before
