"""The members of many objects as columns, as `json_columns.columns_of` makes them of parsed ones: no value becomes an object of Python."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from ingest.readers.json_columns import column_of
from ingest.readers.json_members import BEGIN, END, FALSE, FRACTION, INTEGER, KIND, NAME, NULL, TEXT, TRUE, Members
from twin.kernel import copy_bytes, kernel

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_ABSENT = -1
_MOST_BYTES = 2**31 - 1


def member_columns(found: Members, text: bytes, start: Ints, objects: Ints) -> dict[str, tuple[int, pa.Array]]:
    """Return a column of each name, by name, with the first row that has it, in the order in which the rows bring them.

    ``start`` (A + 1,) is where the members of each object begin, ``objects`` (R,) the object of each row, -1 for none. The text of all
    objects must be UTF-8.
    """
    names = int(found.members[: int(start[-1]), NAME].max(initial=_ABSENT)) + 1
    place = np.full((names, len(objects)), _ABSENT)
    first = np.full((len(place), 2), len(objects))
    _place_members(found.members, start, objects, place, first)
    data = np.frombuffer(text, dtype=np.uint8)
    made: dict[str, tuple[int, pa.Array]] = {}
    for name in sorted(np.flatnonzero(first[:, 0] < len(objects)).tolist(), key=lambda n: tuple(first[n])):
        begin, end = found.names[name, :2].tolist()
        made[text[begin:end].decode()] = (int(first[name, 0]), _column(found.members, place[name], data, text))
    return made


@kernel
def _place_members(members: Ints, start: Ints, objects: Ints, place: Ints, first: Ints) -> None:
    """Fill ``place`` (N, R) with the member of each name and row, and ``first`` (N, 2) with the first of each: row, number in it."""
    for row in range(len(objects)):
        if objects[row] < 0:
            continue
        begin = start[objects[row]]
        for m in range(begin, start[objects[row] + 1]):
            name = members[m, NAME]
            place[name, row] = m
            if row < first[name, 0]:
                first[name, 0], first[name, 1] = row, m - begin


def _column(members: Ints, place: Ints, data: Bytes, text: bytes) -> pa.Array:
    values = members[place]
    values[place < 0, KIND] = NULL
    kinds = values[:, KIND]
    there = kinds != NULL
    found = set(np.flatnonzero(np.bincount(kinds)).tolist()) - {NULL}
    if not found:
        return pa.nulls(len(place))
    if found <= {FALSE, TRUE}:
        return pa.array(kinds == TRUE, mask=~there)
    if found == {TEXT}:
        return _texts(values, there, data)
    if found == {INTEGER}:
        return _texts(values, there, data).cast(pa.int64())
    if found <= {INTEGER, FRACTION}:
        return _texts(values, there, data).cast(pa.float64())
    return column_of([_value(text, *v) for v in values[:, [KIND, BEGIN, END]].tolist()])


def _value(text: bytes, kind: int, begin: int, end: int) -> object:
    return None if kind == NULL else text[begin:end].decode() if kind == TEXT else orjson.loads(text[begin:end])


def _texts(values: Ints, there: Mask, data: Bytes) -> pa.StringArray:
    """Return the spelling of values, null where there is none."""
    ends = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(np.where(there, values[:, END] - values[:, BEGIN], 0), out=ends[1:])
    if ends[-1] > _MOST_BYTES:
        raise ValueError("more than 2 GB in a column of a batch")
    content = np.empty(int(ends[-1]), dtype=np.uint8)
    _gather(values, data, ends, content)
    valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(content), valid)


@kernel
def _gather(values: Ints, data: Bytes, ends: Ints, content: Bytes) -> None:
    for row in range(len(values)):
        copy_bytes(content, ends[row], data, values[row, BEGIN], ends[row + 1] - ends[row])
