"""The form in which two names of one column, field, sheet or code are equal."""

from __future__ import annotations

import re
import unicodedata

_UNIT = re.compile(r"[(\[{（【][^()\[\]{}（）【】]*[)\]}）】]\s*$")
_IGNORED = re.compile(r"[\s_\-:：.·/\\*]+")


def normalised(name: str) -> str:
    """Return ``name`` without case, width, spaces, separators and a unit in brackets at its end.

    >>> normalised("地面高程（m）") == normalised("地面高程"), normalised("S_Exp") == normalised("s exp")
    (True, True)
    """
    text = unicodedata.normalize("NFKC", name).strip()
    bare = _UNIT.sub("", text)
    return _IGNORED.sub("", bare or text).casefold()


def spelled(value: str) -> str:
    """Return the form in which two spellings of one code are equal: without width, case and outer space."""
    return unicodedata.normalize("NFKC", value).strip().casefold()
