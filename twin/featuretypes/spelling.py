"""When two spellings are the same word: of a column, and of a code."""

from __future__ import annotations

import re
import unicodedata

_UNIT_AT_END = re.compile(r"[(\[{【][^()\[\]{}【】]*[)\]}】]\s*$")
_SEPARATORS = re.compile(r"[\s_\-:.·/\\*]+")


def code_spelling(text: str) -> str:
    """Return ``text`` without width, case and outer space: a code of one letter more is another code.

    >>> code_spelling(" Ｐｅ ") == code_spelling("PE")
    True
    """
    return unicodedata.normalize("NFKC", text).strip().casefold()


def column_spelling(text: str) -> str:
    """Return ``text`` also without separators and without a unit in brackets at its end.

    >>> column_spelling("地面高程（m）") == column_spelling("地面 高程"), column_spelling("S_Exp") == column_spelling("sexp")
    (True, True)
    """
    plain = code_spelling(text)
    return _SEPARATORS.sub("", _UNIT_AT_END.sub("", plain) or plain)
