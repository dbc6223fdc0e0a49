"""The form in which two names of one column, field, sheet or code are equal."""

from __future__ import annotations

import re
import unicodedata

_UNIT = re.compile(r"[(\[{（【][^()\[\]{}（）【】]*[)\]}）】]\s*$")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_IGNORED = re.compile(r"[\s_\-:：.·/\\*]+")


def normalised(name: str) -> str:
    """Return ``name`` without case, width, spaces, separators and a unit in brackets at its end.

    >>> normalised("地面高程（m）") == normalised("地面高程"), normalised("S_Exp") == normalised("s exp")
    (True, True)
    """
    text = unicodedata.normalize("NFKC", name).strip()
    bare = _UNIT.sub("", text)
    return _IGNORED.sub("", bare or text).casefold()


def parted_unit(name: str) -> tuple[str, str]:
    """Return a name without the unit in brackets at its end, and that unit as it stands there.

    >>> parted_unit("平面坐标（m）"), parted_unit("管径")
    (('平面坐标', '（m）'), ('管径', ''))
    """
    found = _UNIT.search(name)
    bare = name if found is None else name[: found.start()].rstrip()
    return (bare, name[len(bare) :].strip()) if bare else (name, "")


def spelled(value: str) -> str:
    """Return the form in which two spellings of one code are equal: without width, case and outer space."""
    return unicodedata.normalize("NFKC", value).strip().casefold()


def loosely_spelled(name: str) -> str:
    """Return the form in which two numbers of one point are likely alike: without case, width, separators and leading zeros.

    >>> loosely_spelled("ＷＳ－００１") == loosely_spelled("ws1"), loosely_spelled("001") == loosely_spelled("1")
    (True, True)
    """
    bare = _IGNORED.sub("", unicodedata.normalize("NFKC", name)).strip("'\"").casefold()
    return _LEADING_ZEROS.sub("", bare)
