"""In which encoding a layer's texts are, held against how they read: mojibake decodes to letters that nobody writes side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.readers.encodings import SURVEY_CHARACTERS
from ingest.understanding.evidence import Evidence
from ingest.understanding.sample import LayerSample
from twin.errors import Text

TRIED = ("gb18030", "cp950", "utf-8")
"""What Chinese files are in; between them the texts decide."""
_REPLACEMENT = "\ufffd"
_CLEARLY_BETTER = 0.3
_MOST_BROKEN = 0.3
"""A text that a field's width cuts ends in half a character; one that is whole in another encoding has more that are none."""
_WHOLE_BEFORE_CUT = 2
"""After so many whole characters half a one at the end is what a width cut; after one it may be the third byte of another encoding's."""
_TOLD, _BY_RULE, _ASCII = 0.9, 0.99, 0.99
_IN_A_WORD = re.compile(r"(?<=[A-Za-z])[À-ÖØ-öø-ž](?![^\x00-\x7f])|(?<![^\x00-\x7f])[À-ÖØ-öø-ž](?=[a-z])")
"""What is garbled has two such letters or signs side by side for one character."""
_FIXED = frozenset({"utf-8", "utf8", "utf-8-sig"})


def encoding_evidence(encoding: str | None, sample: LayerSample, *, by_format: bool) -> Evidence | None:
    """Return the encoding of a layer with how well its texts read; None for a format that has none.

    ``by_format``: the format itself prescribes it (JSON, GeoPackage), so another is never proposed.
    """
    if encoding is None:
        return None
    texts = [v for c in sample.columns for v in (c.name, *c.filled) if isinstance(v, str) and not v.isascii()]
    if by_format:
        return Evidence("encoding", encoding, _BY_RULE, Text("格式规定", "the format's rule"), stated=encoding)
    if not texts:
        return Evidence("encoding", encoding, _ASCII, Text("抽样中只有 ASCII 字符", "the sample holds ASCII only"))
    read = legibility(texts)
    better = [(legibility(again), codec) for codec in TRIED if codec != encoding and (again := _read_again(texts, encoding, codec))]
    best, codec = max(better, default=(0.0, ""))
    if best > read + _CLEARLY_BETTER:
        shown = _read_again(texts[:1], encoding, codec)[0][:20]
        zh, en = (
            f"按 {encoding} 读出乱码，按 {codec} 读出“{shown}”",
            f"read as {encoding} the texts are garbled, as {codec} one says “{shown}”",
        )
        return Evidence("encoding", codec, round(_TOLD * best, 2), Text(zh, en), stated=encoding)
    example = max(texts, key=legibility_of)[:20]
    text = Text(
        f"{read:.0%} 的非 ASCII 字符为常用字，如“{example}”", f"{read:.0%} of the other characters are common ones, as in “{example}”"
    )
    return Evidence("encoding", encoding, round(max(0.2, _TOLD * read), 2), text)


def legibility(texts: Sequence[str]) -> float:
    """Return the part of the non-ASCII characters that are in common use; 1 without any.

    Those are the first level of GB 2312 or of Big5, and letters with an accent in a word of letters without (Chênes).
    """
    characters = [c for t in texts for c in t if c > "\x7f"]
    accents = sum(len(_IN_A_WORD.findall(t)) for t in texts)
    return (sum(_is_common(c) for c in characters) + accents) / len(characters) if characters else 1.0


def legibility_of(text: str) -> float:
    """Return the legibility of one text, those with Chinese first."""
    return legibility([text]) if not text.isascii() else 0.0


def _read_again(texts: Sequence[str], encoding: str, codec: str) -> list[str]:
    """Return texts as they read in another encoding; empty where their bytes cannot be had back, or are none of it."""
    try:
        again = [t.encode(encoding).decode(codec, "replace") for t in texts if _REPLACEMENT not in t]
    except (UnicodeError, LookupError):
        return []
    others = [c for text in again for c in _uncut(text)]
    return again if others.count(_REPLACEMENT) <= _MOST_BROKEN * len(others) else []


def _uncut(text: str) -> str:
    """Return the non-ASCII characters of a text without the half one at which a field's width cuts it."""
    others = "".join(c for c in text if c > "\x7f")
    return others[:-1] if text.endswith(_REPLACEMENT) and len(others) > _WHOLE_BEFORE_CUT else others


def _is_common(character: str) -> bool:
    if character == _REPLACEMENT:
        return False
    if character in SURVEY_CHARACTERS:
        return True
    for codec, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        try:
            lead = character.encode(codec)[0]
        except UnicodeEncodeError:
            continue
        if first <= lead <= last or 0xA1 <= lead <= 0xA3:
            return True
    return False
