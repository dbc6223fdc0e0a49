"""JSON texts of others → values that are written again as JSON without loss: a number that has no room is a text."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import orjson

_DIGITS_OF_64_BITS = re.compile(rb"[0-9]{19}")
_SURROGATES = re.compile(rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""Two backslashes are one that is written, and stay as whole pairs do; what is left is half a pair."""
_LEAST, _MOST = -(2**63), 2**64 - 1
_LONGEST_INTEGER = len(str(_LEAST))
_INFINITE = float("inf")
_LONG_INTEGER = re.compile(rb"(?<![0-9.\"])[0-9]{19,}(?![0-9.eE])")
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS = b"0" * 19
_LOOKED_AT_BYTES, _OVERLAP_BYTES = 1 << 20, 32


class SpelledInteger(str):
    """An integer of more than 64 bits with the digits that it came with: a text for who knows no such numbers, a number `as_spelled`."""

    __slots__ = ()


def json_value(text: bytes | memoryview) -> Any:  # noqa: ANN401  # JSON may be anything
    """Return the value of a JSON text as orjson reads it, but integers beyond 64 bits as `SpelledInteger` (orjson's would be doubles).

    ValueError for what orjson takes for no JSON.
    """
    if not _has_long_integer(text):
        return orjson.loads(text)
    orjson.loads(text)  # what is taken does not depend on how long a number is
    return json.loads(bytes(text).decode(), parse_int=_spelled)


def as_spelled(value: object, option: int = 0) -> bytes:
    """Return a value of `json_value` as JSON, its long integers as numbers again; ``option`` as orjson has it."""
    return orjson.dumps(value, option=option | orjson.OPT_PASSTHROUGH_SUBCLASS, default=_number_of)


def lenient_json(text: bytes) -> Any:  # noqa: ANN401  # JSON may be anything
    """Return the same of a text with NaN, infinity and numbers beyond a double, which are infinite, too; ValueError for no JSON else."""
    if any(found[1] is None for found in _SURROGATES.finditer(text)):
        raise ValueError("half a surrogate pair")
    return json.loads(text.decode(), parse_int=_spelled)


def _has_long_integer(text: bytes | memoryview) -> bool:
    """Tell whether an integer has 19 digits or more, perhaps amid a text; a tenth of what parsing takes."""
    for at in range(0, len(text), _LOOKED_AT_BYTES):
        piece = bytes(text[at : at + _LOOKED_AT_BYTES + _OVERLAP_BYTES])
        if _MANY_DIGITS in piece.translate(_DIGITS_ALIKE) and _LONG_INTEGER.search(piece):
            return True
    return False


def _spelled(text: str) -> int | SpelledInteger:
    found = _integer(text)
    return SpelledInteger(found) if isinstance(found, str) else found


def _number_of(value: object) -> orjson.Fragment:
    if isinstance(value, SpelledInteger):
        return orjson.Fragment(value.encode())
    raise TypeError(type(value).__name__)


def exact_json(text: str | bytes) -> Any:  # noqa: ANN401  # JSON may be anything
    """Return the value of a JSON text, which orjson can write: integers beyond 64 bits and numbers beyond a double are texts as spelled.

    Half a surrogate pair is U+FFFD. ValueError for what is no JSON, NaN and infinity among it, or nested deeper than can be read.
    """
    written = text.encode() if isinstance(text, str) else text
    if not _DIGITS_OF_64_BITS.search(written):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(written)
    whole = _SURROGATES.sub(lambda found: found[1] or rb"\ufffd", written)
    try:
        return json.loads(whole.decode(), parse_int=_integer, parse_float=_number, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _integer(text: str) -> int | str:
    if len(text) > _LONGEST_INTEGER:
        return text
    value = int(text)
    return value if _LEAST <= value <= _MOST else text


def _number(text: str) -> float | str:
    value = float(text)
    return text if abs(value) == _INFINITE else value


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
