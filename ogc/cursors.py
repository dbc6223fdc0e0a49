"""Cursors: the commit a page belongs to and the feature beside which it begins, as a text that links carry.

``{commit}.{fid}`` goes on after a feature, ``{commit}.-{fid}`` back from it; pages in the order of properties have their values of
that feature behind it. Every page of a walk is thus of one recorded state, whatever is published meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import re

import orjson

from twin.errors import BadRequestError
from twin.query.feature_query import Boundary, SortKey
from twin.query.filter_build import literal

_CURSOR = re.compile(r"([0-9]{1,18})\.(-?)([0-9]{1,18})(?:\.([A-Za-z0-9_-]{1,24000}))?")


def written(commit: int, boundary: Boundary, *, back: bool) -> str:
    """Return the cursor of the page beside ``boundary``, going back or on."""
    place = f"{commit}.{'-' if back else ''}{boundary.fid}"
    if not boundary.values:
        return place
    return f"{place}.{base64.urlsafe_b64encode(orjson.dumps(boundary.values)).rstrip(b'=').decode()}"


def read(text: str, order: tuple[SortKey, ...]) -> tuple[int, Boundary]:
    """Return the commit and the boundary of a cursor made for pages in ``order``; BadRequestError for any other text."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise bad_cursor()
    return int(match[1]), Boundary(int(match[3]), _values(match[4], order), back=match[2] == "-")


def _values(text: str | None, order: tuple[SortKey, ...]) -> tuple[str | None, ...]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")) if text else []
    except (binascii.Error, orjson.JSONDecodeError):
        raise bad_cursor() from None
    if not isinstance(values, list) or len(values) != len(order):
        raise bad_cursor()
    for value, key in zip(values, order, strict=True):
        if value is not None and not _is_value(value, key):
            raise bad_cursor()
    return tuple(values)


def _is_value(value: object, key: SortKey) -> bool:
    if not isinstance(value, str) or "\x00" in value:
        return False
    try:
        literal(value, key.type)
    except BadRequestError:
        return False
    return True


def bad_cursor() -> BadRequestError:
    """Return the error of a text that is no cursor, or stands where none can."""
    en = "cursor comes from a next or prev link of the same request, and already says as of when"
    return BadRequestError(en, zh="cursor 取自同一请求的 next 或 prev 链接，已含时间点").with_code("bad-cursor")
