"""Tables as text: comma, semicolon or tab between cells; UTF-8, UTF-16 with its mark, GB 18030 or Big5."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ingest.names import normalised
from ingest.protocol import Limits
from ingest.readers.encodings import detect
from ingest.readers.packed_rows import PackedRows
from ingest.readers.sheets import Sheet, find_table, numbered
from ingest.refusals import rejected

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UNMARKED = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}
"""Codecs whose streams have to begin with a mark, and what is meant by them without one."""
_BEGIN_MARKED = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_SAMPLED_BYTES = 1 << 20
_DELIMITERS = ",;\t"
_HEAD_CHARACTERS = 1 << 14
_SEARCHED_LINES = 8
"""Titles and notes of a table stand above its header."""


def is_delimited(head: bytes) -> bool:
    """Return whether a file begins with lines of text of which one has separators: the first, or one below titles and the line below it."""
    text = head[: len(head) & ~1].decode(codec, "ignore") if (codec := marked(head)) else head.decode("latin-1")
    lines = text.lstrip("\ufeff").split("\n")
    if "\0" in text or lines[0].lstrip().startswith(("<", "{", "[")):
        return False
    are_parted = [sum(map(line.count, _DELIMITERS)) >= 2 for line in lines[: _SEARCHED_LINES + 1] if line.strip()]
    return are_parted[:1] == [True] or any(map(all, itertools.pairwise(are_parted)))


def _delimiter(text: str, known: frozenset[str]) -> str:
    """Return what parts the cells: what makes most names of a header of one of the first lines, else of which one of them has most."""
    lines = text.split("\n", _SEARCHED_LINES)[:_SEARCHED_LINES]

    def names(line: str, delimiter: str) -> int:
        return len(known.intersection(normalised(cell.strip('"\r ')) for cell in line.split(delimiter)))

    return max(_DELIMITERS, key=lambda d: (max(names(line, d) for line in lines), max(line.count(d) for line in lines)))


def marked(content: bytes) -> str | None:
    """Return the codec that a byte order mark names, None without one."""
    return next((codec for mark, codec in _MARKS if content.startswith(mark)), None)


def _of_stream(codec: str, content: bytes) -> str:
    """Return the codec for a stream of ``content``: UTF-16 and UTF-32 without a mark are little-endian."""
    return codec if content.startswith(_BEGIN_MARKED) else _UNMARKED.get(codec, codec)


def read_delimited(source: Path | bytes, limits: Limits, known: frozenset[str], name: str, encoding: str | None = None) -> list[Sheet]:
    """Return a file as one sheet, called ``name``, in the ``encoding`` that is known or detected; nothing without a header.

    Rows are numbered as records, so a cell of several lines counts once, as spreadsheets show it; they are packed as they are read.
    RejectedError ``csv-broken``, ``too-many-rows`` or ``too-many-columns``.
    """
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        sample = file.read(_SAMPLED_BYTES)
        encoding = encoding or marked(sample) or detect(sample.split(b"\n"))
        delimiter = _delimiter(sample.decode(encoding, "replace")[:_HEAD_CHARACTERS], known)
        file.seek(0)
        csv.field_size_limit(limits.text_length)
        numbers = array("q")
        text = io.TextIOWrapper(file, _of_stream(encoding, sample), "replace", newline="")
        try:
            rows = PackedRows.of(_counted(numbered(csv.reader(text, delimiter=delimiter), limits), numbers))
        except csv.Error as error:
            raise rejected("csv-broken", f"The CSV cannot be read: {error}", f"CSV 无法读取：{error}") from error
    sheet = find_table(name, rows, numbers, known)
    return [] if sheet is None else [replace(sheet, encoding=encoding)]


def _counted(rows: Iterable[tuple[int, list[str]]], numbers: array[int]) -> Iterator[list[str]]:
    """Yield rows and leave their numbers in ``numbers``."""
    for number, row in rows:
        numbers.append(number)
        yield row
