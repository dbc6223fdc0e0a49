"""Lines of a model by section, and what is said under a name, are those of lists and dictionaries."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.protocol import Limits
from ingest.readers import model_sections
from ingest.readers.inp import read_sections
from ingest.readers.model_sections import NamedNumbers, NamedRows, Row, SectionRows, text_lines
from ingest.readers.packed_rows import Packing

_NAMES = st.lists(st.sampled_from(["J1", "J2", "J10", "j1", "节点"]), max_size=12)
_NUMBER = st.one_of(st.none(), st.floats(-1e6, 1e6))


def packed(section: str, count: int) -> tuple[list[Row], Packing]:
    rows: list[Row] = [(section, k, [f"{section}{k}", str(k)][: 1 + k % 2]) for k in range(count)]
    packing = Packing()
    for _, number, words in rows:
        packing.add((number, *words))
    return rows, packing


@given(
    counts=st.lists(st.sampled_from([0, 1, 2_499, 2_500, 2_501]), max_size=3), first=st.integers(-3, 7_600), length=st.integers(0, 5_100)
)
def test_sections_follow_each_other(counts: list[int], first: int, length: int) -> None:
    parts = [packed("ABC"[k], count) for k, count in enumerate(counts)]
    rows = [*chain.from_iterable(rows for rows, _ in parts)]
    found = SectionRows([("ABC"[k], packing.rows()) for k, (_, packing) in enumerate(parts)])
    assert len(found) == len(rows)
    assert [*found] == rows
    assert found[first : first + length] == rows[first : first + length]
    if rows:
        assert (found[-1], found[0]) == (rows[-1], rows[0])
    if len(parts) == 1 and rows:
        places = [len(rows) - 1, -1, 0]
        assert found.at(places) == [rows[-1], ("A", 0, []), rows[0]]


@given(listed=_NAMES, called=_NAMES)
def test_the_last_of_a_name_counts(listed: list[str], called: list[str]) -> None:
    last = {name: k for k, name in enumerate(listed)}
    assert NamedRows(iter(listed)).places(called).tolist() == [last.get(name, -1) for name in called]


@given(pairs=st.lists(st.tuples(st.sampled_from(["J1", "J2", "J3"]), st.tuples(_NUMBER, _NUMBER)), max_size=8), called=_NAMES)
def test_numbers_by_name(pairs: list[tuple[str, tuple[float | None, float | None]]], called: list[str]) -> None:
    numbers, last = NamedNumbers(iter(pairs), 2), dict(pairs)
    assert len(numbers) == len(pairs)
    expected = [[np.nan if n is None else n for n in last.get(name, (None, None))] for name in called]
    assert np.array_equal(numbers.of(called), np.array(expected).reshape(-1, 2), equal_nan=True)


@pytest.mark.parametrize("piece", [1, 3, 8, 1 << 20])
def test_lines_are_those_of_the_whole_text(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(model_sections, "_PIECE_BYTES", piece)
    text = "[A]\r\n一 1\n\n二\u2028三\x0c4\r5\nend"
    for encoding in ("utf-8", "gb18030"):
        assert [*text_lines(text.encode(encoding), encoding)] == text.splitlines()
    assert [*text_lines(b"", "utf-8")] == []


def test_a_section_goes_on_where_its_name_comes_again() -> None:
    model = read_sections(
        b"[PIPES]\nP1 a b ;x\n[OPTIONS]\nUnits LPS\nUNITS GPM\n;\n[pipes]\nP2 b c\n[COORDINATES]\na 1 2\na 3 4\nb x 1\n", Limits()
    )
    assert [*model.rows(("PIPES", "PUMPS"))] == [("PIPES", 2, ["P1", "a", "b"]), ("PIPES", 8, ["P2", "b", "c"])]
    assert model.option("UNITS", "CFS") == "GPM"
    assert model.places.of(["a", "b"]).tolist()[0] == [3.0, 4.0]
    assert np.isnan(model.places.of(["b"])).all()
