"""Which code may be meant by a value that is none: the nearest thing we can say to a surveyor about a wrong cell."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache

from twin.featuretypes.spelling import code_spelling
from twin.model import Code, CodeList

_LEAST_LIKENESS = 0.6
"""Ratio of difflib: of two texts of three characters two are the same."""
_LEAST_CONTAINED = 2
"""A single character inside a text says nothing."""


def proposer(code_list: CodeList) -> Callable[[str], Code | None]:
    """Return a function from a value to the code it may mean, None where nothing is like it.

    A code's spelling inside the value goes before a code of digits that the value begins with (a finer level we do not have), and
    that before the spelling most like it; of two numbers none is like the other.
    """
    by_code = code_list.by_code()
    spellings = {code_spelling(text): code for text, code in code_list.resolve().items()}
    longest_first = sorted((text for text in spellings if len(text) >= _LEAST_CONTAINED), key=len, reverse=True)

    @cache
    def propose(value: str) -> Code | None:
        text = code_spelling(value)
        contained = next((s for s in longest_first if not s.isascii() and s in text), None)
        begun = next((s for s in longest_first if s.isdigit() and text.isdigit() and text.startswith(s)), None)
        alike = None if text.isdigit() else next(iter(get_close_matches(text, spellings, n=1, cutoff=_LEAST_LIKENESS)), None)
        found = contained or begun or alike
        return None if found is None else by_code[spellings[found]]

    return propose
