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
        return json.loads(whole, parse_int=_integer, parse_float=_number, parse_constant=_no_number)
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
