"""An array of integers, however deep, read by one pass over its bytes into flat arrays; what is not as plain is told to be so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.readers.json_bytes import digits_at
from twin.kernel import bare_kernel, little_uint64

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

NULL = -(2**62)
"""Stands for null."""
_DIGITS = 15
"""Longer integers are not read here."""
_COMMA, _MINUS, _ZERO, _N, _OPEN, _CLOSE = (ord(c) for c in ",-0n[]")
_SPACE, _TAB, _LINE, _RETURN = (ord(c) for c in " \t\n\r")
_THREE_BYTES, _FIVE_BYTES = np.uint64(2**24 - 1), np.uint64(2**40 - 1)
_NEXT_RING, _NEXT_FACE = (np.uint64(int.from_bytes(between, "little")) for between in (b"],[", b"]],[["))


@bare_kernel
def read_array(text: Bytes, at: int, end: int, numbers: Ints, rings: Ints, faces: Ints, shells: Ints, size: Ints) -> tuple[int, int]:
    """Return where an array ends and how deep its numbers stand, all equally deep and no array empty; else −1.

    ``numbers``, and the ends of the arrays around them, are filled from ``size`` on, which counts them; they have room for the text.
    """
    depth = 0
    while at < end and (text[at] == _OPEN or text[at] == _SPACE):
        depth += text[at] == _OPEN
        at += 1
    at, n, r, f, s = _read_at(text, at, end, depth, numbers, rings, faces, shells, size[0], size[1], size[2], size[3])
    size[0], size[1], size[2], size[3] = n, r, f, s
    return at, depth


@bare_kernel
def _number_at(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where a number of 15 digits at most or a null ends, and which it is; −1 where none begins."""
    c = text[at]
    if c == _MINUS:  # not joined with the other way: where digits begin would wait for this
        digits, value = digits_at(text, at + 1)
        is_number = 0 < digits <= _DIGITS and not (digits > 1 and text[at + 1] == _ZERO)
        return (at + 1 + digits if is_number else -1), -value
    if c == _N:
        is_null = end - at > 4 and text[at + 1] == ord("u") and text[at + 2] == ord("l") and text[at + 3] == ord("l")
        return (at + 4 if is_null else -1), NULL
    digits, value = digits_at(text, at)
    return (at + digits if 0 < digits <= _DIGITS and not (digits > 1 and c == _ZERO) else -1), value


@bare_kernel
def _read_at(  # noqa: C901, PLR0912  # one loop: a call for every number takes twice the time
    text: Bytes, at: int, end: int, depth: int, numbers: Ints, rings: Ints, faces: Ints, shells: Ints, n: int, r: int, f: int, s: int
) -> tuple[int, int, int, int, int]:
    """Read the rest of an array behind its first brackets, with so many of each there already; return where it ends, and how many then.

    Nine of ten bytes of a file pass here, so no count is kept in an array.
    """
    level = depth
    while at < end:
        after, value = _number_at(text, at, end)
        if after < 0:
            if text[at] not in (_SPACE, _TAB, _LINE, _RETURN):
                break
            at += 1
            continue
        numbers[n] = value
        at = after
        n += 1
        if text[at] == _COMMA:
            at += 1
            continue
        between = little_uint64(text, at)
        is_face = between & _FIVE_BYTES == _NEXT_FACE and depth > 2
        if (is_face or (between & _THREE_BYTES == _NEXT_RING and depth > 1)) and at + 5 < end:
            rings[r] = n
            r += 1
            if is_face:
                faces[f] = r
                f += 1
            at += 5 if is_face else 3
            continue
        while at < end:  # until the next number
            c = text[at]
            at += 1
            if c == _COMMA:
                break
            if c == _CLOSE:
                out = depth - level
                if out == 0:
                    rings[r] = n
                    r += 1
                elif out == 1:
                    faces[f] = r
                    f += 1
                elif out == 2:
                    shells[s] = f
                    s += 1
                level -= 1
                if level == 0:
                    return at, n, r, f, s
            elif c not in (_SPACE, _TAB, _LINE, _RETURN):
                return -1, n, r, f, s
        while level < depth and at < end:
            c = text[at]
            at += 1
            if c == _OPEN:
                level += 1
            elif c not in (_SPACE, _TAB, _LINE, _RETURN):
                return -1, n, r, f, s
    return -1, n, r, f, s
