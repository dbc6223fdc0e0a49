"""Lines of a model by section, and what is said under a name, are those of lists and dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.protocol import Limits
from ingest.readers import section_lines
from ingest.readers.inp import read_sections
from ingest.readers.model_sections import NamedNumbers, NamedRows
from ingest.readers.section_lines import ModelText

_NAMES = st.lists(st.sampled_from(["J1", "J2", "J10", "j1", "节点"]), max_size=12)
_NUMBER = st.one_of(st.none(), st.floats(-1e6, 1e6))


_SAID = st.lists(st.sampled_from(["[A]", "[b] x", "[B]", "p 1 ;2", "q", "", ";; c", "[A", " r  节点 "]), max_size=40)


@given(
    said=_SAID, piece=st.sampled_from([1, 9, 30, 1 << 17]), end=st.sampled_from(["\n", "\r\n"]),
    first=st.integers(-5, 40), length=st.integers(0, 40),
)  # fmt: skip
def test_lines_of_sections_are_those_of_lists(said: list[str], piece: int, end: str, first: int, length: int) -> None:
    expected: dict[str, list[tuple[str, int, list[str]]]] = {}
    section = None
    for number, line in enumerate(said, 1):
        words = line.split(";")[0].split()
        if words and words[0].startswith("["):
            section = words[0].strip("[]").upper()
        elif words and section:
            expected.setdefault(section, []).append((section, number, words))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(section_lines, "_PIECE_BYTES", piece)
        model = read_sections(end.join(said).encode(), Limits())
        a, b = expected.get("A", []), expected.get("B", [])
        rows, of_a = model.rows(("B", "none", "A")), model.rows(("A",))
        assert (len(rows), [*rows]) == (len(a + b), b + a)
        assert rows[first : first + length] == (b + a)[first : first + length]
        assert rows[::-2] == (b + a)[::-2]
        places = [k for pair in zip(range(len(a))[::-1], range(len(a)), strict=True) for k in pair]
        assert of_a.at([*places, -1]) == [*(a[k] for k in places), ("A" if "A" in model.lines else "", 0, [])]


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
    every = [[[np.nan if n is None else n for n in given] for listed, given in pairs if listed == name] for name in called]
    for found, wanted in zip(numbers.all_of(called), every, strict=True):
        assert np.array_equal(found, np.array(wanted).reshape(-1, 2), equal_nan=True)


@given(listed=_NAMES, others=_NAMES)
def test_numbers_beside_others_are_those_alone(listed: list[str], others: list[str]) -> None:
    first = NamedNumbers(((name, (k,)) for k, name in enumerate(listed)), 1)
    for names in (listed, others, listed[::-1]):
        beside, alone = (NamedNumbers([(name, (k, -k)) for k, name in enumerate(names)], 2, beside=one) for one in (first, None))
        assert np.array_equal(beside.of([*listed, *others, None]), alone.of([*listed, *others, None]), equal_nan=True)


@pytest.mark.parametrize("piece", [1, 3, 8, 1 << 20])
def test_lines_are_those_of_the_whole_text(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(section_lines, "_PIECE_BYTES", piece)
    whole = "[A]\r\n一 1\n\n二\u2028三\x0c4\r5\nend"
    for encoding in ("utf-8", "gb18030"):
        text = ModelText(whole.encode(encoding), encoding)
        assert [line for place in text.pieces() for line in text.lines(*place)] == whole.splitlines()
    assert [*ModelText(b"", "utf-8").pieces()] == []


def test_a_section_goes_on_where_its_name_comes_again() -> None:
    model = read_sections(
        b"[PIPES]\nP1 a b ;x\n[OPTIONS]\nUnits LPS\nUNITS GPM\n;\n[pipes]\nP2 b c\n[COORDINATES]\na 1 2\na 3 4\nb x 1\n", Limits()
    )
    assert [*model.rows(("PIPES", "PUMPS"))] == [("PIPES", 2, ["P1", "a", "b"]), ("PIPES", 8, ["P2", "b", "c"])]
    assert model.option("UNITS", "CFS") == "GPM"
    assert model.places.of(["a", "b"]).tolist()[0] == [3.0, 4.0]
    assert np.isnan(model.places.of(["b"])).all()
