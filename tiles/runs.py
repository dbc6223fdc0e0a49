"""The straight runs that are left of a network far away: those of the largest side face, in integers, picked from what nodes below kept.

A node keeps the weightiest of what its children kept, in one order for all: so what it keeps is a function of the feature set alone,
however the tree came about, and merging is exact.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.mesh.batch import LeftOut
from tiles.mesh.tube import centre_lines
from tiles.wkb import Geometries

type Integers = NDArray[np.int64]

STORED_RUNS = 512
"""How many a node keeps for its parent, which so draws up to four times as many."""
_COLUMNS = 12
_MAGIC = b"TWR1"
_HEADER = struct.Struct("<4sIq")


@dataclass(frozen=True, slots=True)
class Sections:
    """What a run of lines (n,) is swept by.

    ``form`` ROUND or BOX of tiles.mesh.profile, size across and upright in metres, way of the axis above the line.
    """

    form: Integers
    width_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    shift_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Straight runs, weightiest first, as the rows of ``columns`` (12, n) int64.

    ``hidden_cm``: how long the longest feature or run is that belongs here and was dropped, 0 where none was.
    """

    columns: Integers
    hidden_cm: int = 0

    def __len__(self) -> int:
        return self.columns.shape[1]

    @property
    def fid(self) -> Integers:
        """Return the features (n,) that runs are parts of."""
        return self.columns[0]

    @property
    def ends_m(self) -> NDArray[np.float64]:
        """Return where the axes begin and end (n, 2, 3), E, N, H to a centimetre."""
        return self.columns[2:8].T.reshape(-1, 2, 3) / 100

    @property
    def size_m(self) -> NDArray[np.float64]:
        """Return width and height (n, 2) to a millimetre."""
        return self.columns[8:10].T / 1000

    @property
    def form(self) -> Integers:
        """Return ROUND or BOX (n,)."""
        return self.columns[10]

    @property
    def code(self) -> Integers:
        """Return the values (n,) of the style's colour field."""
        return self.columns[11]


def runs_of(fid: NDArray[np.uint32], geometries: Geometries, sections: Sections, code: Integers) -> tuple[Runs, NDArray[np.bool_]]:
    """Return the runs between the points of the lines of features (n,), and which features have any; those without a section have none."""
    unmade = np.zeros(len(fid), np.uint8)
    unmade[~((sections.width_m > 0) & (sections.height_m > 0))] = LeftOut.SIZE_MISSING
    points, offsets, feature = centre_lines(geometries, sections.shift_m, unmade)
    begins = np.ones(len(points), np.bool_)
    begins[offsets[1:] - 1] = False
    first = np.flatnonzero(begins)
    owner = np.repeat(feature, np.diff(offsets) - 1)
    return straight_runs(fid, owner, points[first], points[first + 1], sections, code)


def straight_runs(
    fid: NDArray[np.uint32],
    owner: Integers,
    start_m: NDArray[np.float64],
    end_m: NDArray[np.float64],
    sections: Sections,
    code: Integers,
) -> tuple[Runs, NDArray[np.bool_]]:
    """Return the runs from ``start_m`` to ``end_m`` (k, 3) and which features have any; those of one ``owner`` stand together."""
    columns, has_any = np.empty((_COLUMNS, len(owner)), np.int64), np.zeros(len(fid), np.bool_)
    s = sections
    count = _write_columns(fid, owner, start_m, end_m, s.form, s.width_m, s.height_m, code, columns, has_any)
    columns = columns[:, :count]
    return Runs(columns[:, _order(columns)]), has_any


@kernel
def _write_columns(
    fid: NDArray[np.uint32],
    owner: Integers,
    start_m: NDArray[np.float64],
    end_m: NDArray[np.float64],
    form: Integers,
    width_m: NDArray[np.float64],
    height_m: NDArray[np.float64],
    code: Integers,
    columns: Integers,
    has_any: NDArray[np.bool_],
) -> int:
    """Write the runs of a centimetre and more of a finite section; return how many those are."""
    count, part = 0, 0
    for i in range(len(owner)):
        f = owner[i]
        part = part + 1 if i > 0 and owner[i - 1] == f else 0
        squared = np.int64(0)
        for k in range(3):
            start, end = np.int64(np.rint(100 * start_m[i, k])), np.int64(np.rint(100 * end_m[i, k]))
            columns[2 + k, count], columns[5 + k, count] = start, end
            squared += (end - start) * (end - start)
        if squared == 0 or not np.isfinite(width_m[f] + height_m[f]):
            continue
        columns[0, count], columns[1, count] = fid[f], part
        columns[8, count] = np.int64(max(np.rint(1000 * width_m[f]), 1.0))
        columns[9, count] = np.int64(max(np.rint(1000 * height_m[f]), 1.0))
        columns[10, count], columns[11, count] = form[f], code[f]
        has_any[f] = True
        count += 1
    return count


def gather(children: Sequence[Runs]) -> Runs:
    """Return all runs of ``children``: what their parent draws."""
    columns = np.concatenate([child.columns for child in children], axis=1)
    return Runs(columns[:, _order(columns)], max(child.hidden_cm for child in children))


def summary(runs: Runs) -> Runs:
    """Return the weightiest of ``runs``: what a node keeps for its parent."""
    dropped = _length_cm(runs.columns[:, STORED_RUNS:])
    return Runs(runs.columns[:, :STORED_RUNS], max(runs.hidden_cm, int(dropped.max(initial=0))))


def _order(columns: Integers) -> Integers:
    weight = _length_cm(columns) * np.maximum(columns[8], columns[9])
    return np.lexsort((columns[1], columns[0], -weight))


def _length_cm(columns: Integers) -> Integers:
    way = (columns[5:8] - columns[2:5]).astype(np.float64)
    return np.floor(np.sqrt((way * way).sum(axis=0))).astype(np.int64)


def to_bytes(runs: Runs) -> bytes:
    """Return ``runs`` as bytes, the same for the same value: a header, then every column in the narrowest integers that hold it."""
    parts = [_HEADER.pack(_MAGIC, len(runs), runs.hidden_cm)]
    ends = zip(runs.columns.min(axis=1).tolist(), runs.columns.max(axis=1).tolist(), strict=True) if len(runs) else ()
    for column, (least, greatest) in zip(runs.columns, ends, strict=False):
        width = next(w for w in (1, 2, 4, 8) if greatest - least < 1 << (8 * w))
        parts += [struct.pack("<qB", least, width), (column - least).astype(f"<u{width}").tobytes()]
    return b"".join(parts)


def from_bytes(content: bytes) -> Runs:
    """Return the runs that ``to_bytes`` wrote; ValueError when they are none."""
    if len(content) < _HEADER.size or content[:4] != _MAGIC:
        raise ValueError("no runs")
    _, count, hidden = _HEADER.unpack_from(content)
    columns, at = np.zeros((_COLUMNS, count), np.int64), _HEADER.size
    for row in columns if count else ():
        least, width = struct.unpack_from("<qB", content, at)
        row[:] = np.frombuffer(content, f"<u{width}", count, at + 9).astype(np.int64) + least
        at += 9 + width * count
    return Runs(columns, hidden)
