"""Shapes and records of a Shapefile are read some at a time, and stay beside each other."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from ingest.protocol import Limits
from ingest.readers.shapefile import ShapefileLayer, loose_members
from twin.errors import RejectedError

_ROWS, _AT_A_TIME = 10, 3
_SHP_HEADER_BYTES, _RECORD_HEADER_BYTES, _PARTS_AT = 100, 8, 36
"""Of a file, of a record in either file; where a polygon says how many parts it has."""


def areas() -> list[shapely.Geometry | None]:
    """Return squares, every fourth of two parts, one that is none."""
    squares = [shapely.box(k, 0, k + 0.5, 0.5) for k in range(_ROWS)]
    shapes: list[shapely.Geometry | None] = [
        s if k % 4 else shapely.MultiPolygon([s, shapely.box(k, 1, k + 0.5, 1.5)]) for k, s in enumerate(squares)
    ]
    shapes[5] = None
    return shapes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a.shp"
    names = np.array([f"n{k}" for k in range(_ROWS)], dtype=object)
    pyogrio.raw.write(
        found, shapely.to_wkb(np.array(areas(), dtype=object)), [names], ["name"], geometry_type="Polygon", crs="EPSG:4549",
        driver="ESRI Shapefile", encoding="UTF-8",
    )  # fmt: skip
    return found


def read(path: Path) -> list[tuple[int, str, shapely.Geometry | None]]:
    rows = list[tuple[int, str, shapely.Geometry | None]]()
    layer = ShapefileLayer("a", loose_members(path)["a"], Limits(rows_per_batch=_AT_A_TIME))
    assert layer.source.rows == _ROWS
    for batch in layer.batches():
        assert len(batch.rows) <= _AT_A_TIME
        whole = batch.with_geometries(np.zeros(len(batch.rows), dtype=bool))
        rows += zip(batch.rows.tolist(), batch.columns["name"].to_pylist(), whole.geometry.tolist(), strict=True)
    return rows


def test_every_record_has_its_shape_whatever_batch_it_is_in(path: Path) -> None:
    rows = read(path)
    assert [(row, name) for row, name, _ in rows] == [(k + 1, f"n{k}") for k in range(_ROWS)]
    for (_, _, got), wanted in zip(rows, areas(), strict=True):
        assert (got is None) if wanted is None else shapely.equals(got, wanted)


def test_a_deleted_record_takes_its_shape_along_and_moves_no_number(path: Path) -> None:
    dbf = path.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    header_bytes, record_bytes = struct.unpack_from("<HH", content, 8)
    for deleted in (2, 3):
        content[header_bytes + deleted * record_bytes] = ord("*")
    dbf.write_bytes(content)
    rows = read(path)
    assert [row for row, _, _ in rows] == [1, 2, 5, 6, 7, 8, 9, 10]
    assert all(name == f"n{row - 1}" for row, name, _ in rows)
    assert shapely.equals(rows[2][2], areas()[4])


def test_a_file_with_more_records_than_shapes_is_refused(path: Path) -> None:
    shx = path.with_suffix(".shx")
    content = bytearray(shx.read_bytes()[:-8])
    struct.pack_into(">i", content, 24, len(content) // 2)
    shx.write_bytes(content)
    with pytest.raises(RejectedError, match="9 shapes, 10 records") as refused:
        read(path)
    assert refused.value.code == "shapefile-broken"


def test_a_shape_that_cannot_be_read_is_none_and_moves_no_other(path: Path) -> None:
    shx = path.with_suffix(".shx").read_bytes()
    (offset_words,) = struct.unpack_from(">i", shx, _SHP_HEADER_BYTES + 4 * _RECORD_HEADER_BYTES)
    content = bytearray(path.read_bytes())
    struct.pack_into("<i", content, 2 * offset_words + _RECORD_HEADER_BYTES + _PARTS_AT, 1 << 30)
    path.write_bytes(content)
    rows = read(path)
    assert [(row, name) for row, name, _ in rows] == [(k + 1, f"n{k}") for k in range(_ROWS)]
    assert [k for k, (_, _, shape) in enumerate(rows) if shape is None] == [4, 5]
    assert shapely.equals(rows[6][2], areas()[6])
