"""What a source says of single surfaces beyond their type, written for each body as `FacesBuilder` notes it: JSON, by numbers of faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from twin.json_values import write_integer
from twin.kernel import copy_bytes, kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_FACES = np.frombuffer(b'{"faces":[', dtype=np.uint8)
_COMMA, _OPEN, _CLOSE, _CLOSE_OBJECT = (ord(c) for c in ",[]}")
_DIGITS = 20
_MOST_BYTES = 2**31 - 1


def said_of(meanings: Ints, text: Bytes, of_face: Ints, starts: Ints) -> pa.StringArray:
    """Return for each body what is said of its faces, null where nothing is.

    ``meanings`` (M, 3) are semantic surfaces, with where in ``text`` their members begin and end, at one place where nothing is kept of
    them; ``of_face`` (F,) is that of each face, -1 for none, and ``starts`` (B + 1,) the first face of each body.
    """
    found = np.empty((len(meanings), 3), dtype=np.int64)
    found[:, 0] = -1
    noted = meanings[:, 2] > meanings[:, 1]
    room = (_DIGITS + 1) * len(of_face) + 2 * len(starts) + int((meanings[noted, 2] - meanings[noted, 1] + len(_FACES) + 4).sum())
    content, ends = np.empty(room, dtype=np.uint8), np.zeros(len(starts), dtype=np.int64)
    following = np.empty(len(of_face), dtype=np.int64)
    _write_said(meanings, text, of_face, starts, found, following, content, ends)
    if ends[-1] > _MOST_BYTES:
        raise ValueError("more than 2 GB are said of the surfaces of a batch")
    said = np.packbits(np.diff(ends) > 0, bitorder="little")
    buffers = (pa.py_buffer(b) for b in (ends.astype(np.int32), content[: ends[-1]], said))
    return pa.StringArray.from_buffers(len(starts) - 1, *buffers)


@kernel
def _write_said(
    meanings: Ints, text: Bytes, of_face: Ints, starts: Ints, found: Ints, following: Ints, content: Bytes, ends: Ints
) -> None:  # fmt: skip
    """Fill ``content``, and ``ends`` with where each body's ends in it.

    ``found`` are the first and the last face of each surface, and the surfaces of the body at hand; ``following`` the next face of one.
    """
    out = 0
    for body in range(len(starts) - 1):
        first, count = starts[body], 0
        for face in range(first, starts[body + 1]):
            m = of_face[face]
            if m < 0 or meanings[m, 2] <= meanings[m, 1]:
                continue
            if found[m, 0] < first:
                found[m, 0] = face
                found[count, 2] = m
                count += 1
            else:
                following[found[m, 1]] = face
            found[m, 1], following[face] = face, -1
        for k in range(count):
            m = found[k, 2]
            content[out] = _COMMA if k else _OPEN
            copy_bytes(content, out + 1, _FACES, 0, len(_FACES))
            out += 1 + len(_FACES)
            face = found[m, 0]
            while face >= 0:
                out = write_integer(content, out, face - first)
                content[out] = _COMMA
                out += 1
                face = following[face]
            content[out - 1], content[out] = _CLOSE, _COMMA
            copy_bytes(content, out + 1, text, meanings[m, 1], meanings[m, 2] - meanings[m, 1])
            out += 1 + meanings[m, 2] - meanings[m, 1]
            content[out] = _CLOSE_OBJECT
            out += 1
        if count:
            content[out] = _CLOSE
            out += 1
        ends[body + 1] = out
