"""Which code may be meant by a value that is none: the nearest thing we can say to a surveyor about a wrong cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache

from twin.featuretypes.spelling import code_spelling
from twin.model import Code, CodeList, Crosswalk

_LEAST_LIKENESS = 0.6
"""Ratio of difflib: of two texts of three characters two are the same."""
_LEAST_CONTAINED = 2
"""A single character inside a text says nothing."""
_LETTERED = re.compile(r"(\d{3,})[a-z]")


def proposer(code_list: CodeList, crosswalks: Sequence[Crosswalk] = ()) -> Callable[[str], Code | None]:
    """Return a function from a value to the code it may mean, None where nothing is like it.

    ``crosswalks``: the classifications that the codes of the column are of; numbers are held against theirs alone, where there are any.

    A code's spelling inside the value goes before a code of digits that the value begins with (a finer level we do not have), and
    that before the spelling most like it; of two numbers none is like the other, nor of those with a letter behind them (1104A): such a
    one is what another classification has under it, else what the number is.
    """
    by_code = code_list.by_code()
    spellings = {code_spelling(text): code for text, code in code_list.resolve().items()}
    theirs = {code_spelling(c.code): c.to for crosswalk in crosswalks for c in crosswalk.codes}
    lettered = {code_spelling(c.code): c.to for crosswalk in code_list.crosswalks for c in crosswalk.codes}
    numbered = theirs or spellings
    longest_first = sorted((text for text in spellings if len(text) >= _LEAST_CONTAINED), key=len, reverse=True)
    longest_numbers = sorted((s for s in numbered if len(s) >= _LEAST_CONTAINED and s.isdigit()), key=len, reverse=True)

    @cache
    def propose(value: str) -> Code | None:
        text = code_spelling(value)
        contained = next((s for s in longest_first if not s.isascii() and s in text), None)
        if contained is None and (number := _LETTERED.fullmatch(text)) is not None:
            lettered_code = lettered.get(text) or numbered.get(number[1])
            return None if lettered_code is None else by_code[lettered_code]
        begun = next((s for s in longest_numbers if text.isdigit() and text.startswith(s)), None)
        if contained is None and begun is not None:
            return by_code[numbered[begun]]
        alike = None if text.isdigit() else next(iter(get_close_matches(text, spellings, n=1, cutoff=_LEAST_LIKENESS)), None)
        found = contained or alike
        return None if found is None else by_code[spellings[found]]

    return propose
