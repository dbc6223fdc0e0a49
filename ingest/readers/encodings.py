"""In which encoding a DBF's text is: what the file declares (.cpg, then language driver), else what its bytes fit.

UTF-8 is recognised by being valid at all. GBK/GB 18030 and Big5 overlap, so between them the share of common
characters (the first level of GB 2312 and of Big5, and what surveys write) decides, as they occur or each counted
once: a material that stands in every row says no more than its first. Kana, which Chinese text has none of, tell Japanese.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.refusals import rejected

_LANGUAGE_DRIVERS: Mapping[int, str] = {
    0x03: "cp1252", 0x13: "cp932", 0x4D: "gb18030", 0x4E: "cp949", 0x4F: "cp950", 0x57: "cp1252", 0x58: "cp1252",
    0x59: "cp1252", 0x7A: "gb18030", 0x7B: "cp932", 0x78: "cp950", 0x79: "cp949", 0xC8: "cp1250", 0xC9: "cp1251",
}  # fmt: skip
_ANSI_DEFAULTS = frozenset({0x03, 0x57})
"""Drivers that software writes without looking at the text."""
_CHINESE_PAGES: Mapping[str, str] = {
    "936": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "54936": "gb18030",
    "950": "cp950",
    "big-?5": "cp950",
}
_SPELLINGS: Mapping[str, str] = {"koi8r": "koi8_r", "koi8u": "koi8_u", "utf16": "utf-16"}
SURVEY_CHARACTERS = frozenset("砼窨箅篦渎潴阱锢钣煨泠垭埕堽圩埭塬坨圳泾浜汊浔浠淝漕濠濮瀛衢岚岙岬崮嵊邳郫鄞闵甬ΦφФф㎡㎜㎝㎞")
"""What is written of pipes, manholes, gullies, places and sizes, and is not of GB 2312's first level."""
_REPLACEMENT = "\ufffd"
_FITTING = 0.9
_TELLING_CHARACTERS = 8
"""As many different ones are a header's; fewer may be pairs of Polish letters by chance."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name, and where the file declares it; None when it was told from the text itself."""

    codec: str
    declared_in: str | None


def dbf_encoding(cpg: bytes | None, language_driver: int, texts: Sequence[bytes]) -> Encoding:
    """Return the encoding of ``texts``.

    A declaration wins, unless its codec cannot decode them at all, or it is the ANSI default that software writes unseen.
    """
    codec = codec_of(cpg.decode("ascii", "ignore")) if cpg is not None else None
    driver = _LANGUAGE_DRIVERS.get(language_driver)
    stated = driver if language_driver not in _ANSI_DEFAULTS else None
    for declared, place in ((codec, ".cpg"), (stated, f"LDID 0x{language_driver:02X}")):
        if declared is not None and _share_decodable(texts, declared) > _FITTING:
            return Encoding(declared, place)
    return Encoding(detect(texts, driver or "cp1252"), None)


def declared_or_detected(codec: str | None, place: str, texts: Sequence[bytes]) -> Encoding:
    """Return the declared ``codec`` where it can decode ``texts``, else what they fit; ``place`` is where it is declared."""
    if codec is not None and _share_decodable(texts, codec) > _FITTING:
        return Encoding(codec, place)
    return Encoding(detect(texts), None)


_OF_DOMAIN_NAMES = frozenset({"idna", "punycode"})
"""Since Python 3.13 one of them replaces bytes, too."""


def codec_of(name: str) -> str | None:
    """Return Python's codec for what stands in a .cpg ("UTF-8", "GBK", "936", "ANSI 1252", "ISO 88591"); None when unknown.

    Codecs that cannot read any file as text ("hex", "zlib", "idna", "punycode") count as unknown.
    """
    plain = name.strip().strip("\0\ufeff").casefold()
    for key, codec in _CHINESE_PAGES.items():
        if re.fullmatch(rf"(?:cp|ansi|oem|windows-?)?\s*{key}", plain):
            return codec
    iso = re.fullmatch(r"(?:iso[\s_-]*)?8859[\s_-]?(\d{1,2})", plain)
    numbered = re.fullmatch(r"(?:ansi|oem|cp|windows-?)?\s*(\d{3,4})", plain)
    for candidate in (f"iso8859-{iso[1]}" if iso else "", f"cp{numbered[1]}" if numbered else "", _SPELLINGS.get(plain, plain)):
        try:
            if candidate:
                b"\x80".decode(candidate, "replace")  # fails where a codec gives no text, or replaces nothing
                codec = codecs.lookup(candidate).name
                return None if codec in _OF_DOMAIN_NAMES else codec
        except (LookupError, ValueError):
            continue
    return None


def declared_codec(name: str) -> str:
    """Return Python's codec for an encoding that a surveyor names; RejectedError ``encoding`` when there is none."""
    codec = codec_of(name)
    if codec is None:
        raise rejected("encoding", f"There is no encoding {name[:40]!r}.", f"没有编码“{name[:40]}”。")
    return codec


def detect(texts: Sequence[bytes], western: str = "cp1252") -> str:
    """Return the encoding that fits ``texts`` best: ASCII counts as UTF-8, ``western`` when neither Chinese nor Japanese fits."""
    sample = [t.rstrip(b" \0") for t in texts if any(b >= 0x80 for b in t)]
    if not sample or (_share_decodable(sample, "utf-8") > 0.98 and not _is_chinese_throughout(sample)):
        return "utf-8"
    japanese = next((codec for codec in ("cp932", "euc_jp") if _kana(sample, codec) > 0.2), None)
    if japanese is not None:
        return japanese
    scores = {codec: _commonness(sample, codec) for codec in ("gb18030", "cp950")}
    best = max(scores, key=lambda c: scores[c])
    return best if scores[best] > 0.5 else western


def without_padding(text: bytes, codec: str) -> bytes:
    """Return a field's bytes without the spaces and zeros behind them; the last character of UTF-16 has its own zero."""
    return text + b"\0" * (len(text) % 2) if codec == "utf-16" else text.rstrip(b" \0")


def _share_decodable(sample: Sequence[bytes], codec: str) -> float:
    if not sample:
        return 1.0
    good = 0
    for text in sample:
        try:
            without_padding(text, codec).decode(codec)
            good += 1
        except UnicodeDecodeError as error:
            good += error.start > 0 and error.end >= len(text)  # cut by the field's width
    return good / len(sample)


def _kana(sample: Sequence[bytes], codec: str) -> float:
    """Return the share of hiragana and full-width katakana among the non-ASCII characters; 0 where not all can be decoded."""
    try:
        characters = [c for text in sample for c in text.decode(codec) if c >= "\x80"]
    except UnicodeDecodeError:
        return 0.0
    return sum("\u3041" <= c <= "\u30fa" for c in characters) / max(len(characters), 1)


def _is_chinese_throughout(sample: Sequence[bytes]) -> bool:
    """Return whether all text may be GBK, and what is not UTF-8 must be: 铜, 水, 圆 and 未 are both, so a header alone may show it."""
    if _share_decodable(sample, "gb18030") < 1:
        return False
    telling = [text for text in sample if not _share_decodable([text], "utf-8")]
    return bool(telling) and _commonness(telling, "gb18030") > _FITTING


def _commonness(sample: Sequence[bytes], codec: str) -> float:
    """Return the share of non-ASCII characters in everyday use under ``codec``: as they occur or, in valid text, each counted once."""
    counts = Counter(character for text in sample for character in text.decode(codec, "replace") if character >= "\x80")
    common = {character for character in counts if character != _REPLACEMENT and _is_common(character, codec)}
    occurring = sum(counts[character] for character in common) / max(counts.total(), 1)
    if counts[_REPLACEMENT] > 0.02 * counts.total():  # Latin and Cyrillic letters are no pairs: a rest stands alone
        return occurring
    if len(counts) < _TELLING_CHARACTERS:
        return occurring
    return max(occurring, len(common) / len(counts))


def _is_common(character: str, codec: str) -> bool:
    """First-level characters: GB 2312 rows 16–55, Big5 A440–C67E; both sets' punctuation, and what surveys write in GBK."""
    if codec == "gb18030" and character in SURVEY_CHARACTERS:
        return True
    try:
        raw = character.encode("gb2312" if codec == "gb18030" else "big5")
    except UnicodeEncodeError:
        return False
    lead = raw[0]
    return (0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3) if codec == "gb18030" else (0xA4 <= lead <= 0xC6 or 0xA1 <= lead <= 0xA3)
