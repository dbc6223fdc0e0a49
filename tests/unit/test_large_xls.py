"""A large XLS is read piece by piece as it is read whole; what is built otherwise is read whole, and nothing of it ends a reader."""

from __future__ import annotations

import struct
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.readers import xls_pieces
from ingest.readers.compound_file import CompoundFile, with_stream
from ingest.readers.element_pieces import IrregularError
from ingest.readers.xls_pieces import XlsPieces
from tests.large_workbooks import tables_of

MERGED = Path(__file__).parents[1] / "data" / "merged.xls"


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have every workbook count as large, and a piece be a row; the list has the length of each."""
    lengths = list[int]()
    as_it_was = XlsPieces._book

    def counted(self: XlsPieces, number: int, rows: bytes) -> BytesIO:
        lengths.append(len(rows))
        return as_it_was(self, number, rows)

    monkeypatch.setattr(XlsPieces, "_book", counted)
    monkeypatch.setattr(xls_pieces, "_LARGE_BYTES", -1)
    monkeypatch.setattr(xls_pieces, "PIECE_BYTES", 1)
    return lengths


def test_pieces_say_what_the_whole_says(monkeypatch: pytest.MonkeyPatch, pieces: list[int]) -> None:
    in_pieces = tables_of(MERGED)
    assert len(pieces) > 6
    monkeypatch.setattr(xls_pieces, "_LARGE_BYTES", 1 << 30)
    assert in_pieces == tables_of(MERGED)
    ((name, numbers, _, _),) = in_pieces
    assert (name, len(numbers)) == ("管线点", 3)  # type: ignore[arg-type]


def cells(row: int, first: str) -> bytes:
    """Records of a row: a serial number as ``first`` is written, and X, Y as numbers."""
    serial = {
        "formula": struct.pack("<HHHHHdHIHBH", 0x0006, 25, row, 0, 15, float(row), 0, 0, 3, 0x1E, row),
        "blank": struct.pack("<HHHHH", 0x0201, 6, row, 0, 15),
        "number": struct.pack("<HHHHHd", 0x0203, 14, row, 0, 15, float(row)),
    }[first]
    return serial + b"".join(struct.pack("<HHHHHd", 0x0203, 14, row, k, 15, 1000.0 * k + row) for k in (1, 2))


@pytest.mark.parametrize("first", ["formula", "blank", "number"])
def test_rows_that_begin_with_a_formula_are_cut_between_rows(monkeypatch: pytest.MonkeyPatch, pieces: list[int], first: str) -> None:
    names = b"".join(
        struct.pack("<HHHHHHB", 0x0204, 9 + 2 * len(name), 0, k, 15, len(name), 1) + name.encode("utf-16le")
        for k, name in enumerate(("点号", "X", "Y"))
    )
    rows = names + b"".join(cells(row, first) for row in range(1, 51))
    content = XlsPieces(BytesIO(MERGED.read_bytes()))._book(0, rows).getvalue()
    pieces.clear()
    in_pieces = tables_of(content)
    assert len(pieces) >= 50, "a piece a row, and none read whole for its places"
    monkeypatch.setattr(xls_pieces, "_LARGE_BYTES", 1 << 30)
    assert in_pieces == tables_of(content)
    assert len(in_pieces[0][1]) == 50  # type: ignore[arg-type]


@given(at=st.lists(st.integers(0, 60_000), max_size=20), value=st.integers(0, 255), end=st.integers(0))
def test_damaged_ones_are_cut_or_irregular(at: list[int], value: int, end: int) -> None:
    """The library is not asked here: it ends the process where it is told of more cells than there is memory for."""
    content = bytearray(MERGED.read_bytes())
    for each in at:
        content[each % len(content)] = value
    for damaged in (bytes(content), bytes(content[: end % len(content)])):
        with suppress(IrregularError):
            pieces = [piece.getbuffer().nbytes for piece in XlsPieces(BytesIO(damaged)).sheet(0)]
            assert sum(pieces) < 100 * len(content)


@pytest.mark.parametrize("length", [4096, 4097, 200_000, 5 << 20])
def test_a_stream_comes_back(length: int) -> None:
    content = bytes(k % 251 for k in range(length))
    assert b"".join(CompoundFile(BytesIO(with_stream("Workbook", content))).stream("Workbook")) == content
    with pytest.raises(IrregularError):
        next(CompoundFile(BytesIO(with_stream("Book", content))).stream("Workbook"))
