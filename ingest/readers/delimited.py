"""Tables as text: comma, semicolon or tab between cells; UTF-8, UTF-16 with its mark, GB 18030 or Big5."""

from __future__ import annotations

import codecs
import csv
import io

from ingest.protocol import Limits
from ingest.readers.encodings import detect
from ingest.readers.sheets import Sheet, find_table, numbered
from ingest.refusals import rejected

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLED_BYTES = 1 << 20
_DELIMITERS = ",;\t"


def is_delimited(head: bytes) -> bool:
    """Return whether a file begins with a line of text that has separators."""
    text = head[: len(head) & ~1].decode(codec, "ignore") if (codec := marked(head)) else head.decode("latin-1")
    line = text.lstrip("\ufeff").split("\n", 1)[0]
    return "\0" not in text and not line.lstrip().startswith(("<", "{", "[")) and sum(line.count(d) for d in _DELIMITERS) >= 2


def marked(content: bytes) -> str | None:
    """Return the codec that a byte order mark names, None without one."""
    return next((codec for mark, codec in _MARKS if content.startswith(mark)), None)


def read_delimited(content: bytes, limits: Limits, known: frozenset[str], name: str, encoding: str | None = None) -> list[Sheet]:
    """Return a file as one sheet, called ``name``, in the ``encoding`` that is known or detected; nothing without a header.

    Rows are numbered as records, so a cell of several lines counts once, as spreadsheets show it. RejectedError ``csv-broken``,
    ``too-many-rows`` or ``too-many-columns``.
    """
    encoding = encoding or marked(content) or detect(content[:_SAMPLED_BYTES].split(b"\n"))
    text = content.decode(encoding, "replace")
    delimiter = max(_DELIMITERS, key=text[:4096].split("\n", 1)[0].count)
    csv.field_size_limit(limits.text_length)
    try:
        rows, numbers = numbered(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), limits)
    except csv.Error as error:
        raise rejected("csv-broken", f"The CSV cannot be read: {error}", f"CSV 无法读取：{error}") from error
    sheet = find_table(name, rows, numbers, known)
    return [] if sheet is None else [Sheet(sheet.name, sheet.columns, sheet.rows, sheet.numbers, encoding)]
