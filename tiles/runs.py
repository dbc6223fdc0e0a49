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

from tiles.columns import Bytes, Offsets
from tiles.kernel import kernel
from tiles.mesh.pipe_section import LONGEST_PIPE_M
from tiles.mesh.profile import BOX, EGG, ROUND
from tiles.mesh.tube import divided_line, line_room
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

    ``form`` of tiles.mesh.profile.Shape (what has corners is a box from afar, all else round), size across and upright in metres, way of
    the axis above the line.
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


def runs_of(
    fid: NDArray[np.uint32], geometries: Geometries, rows: Integers, sections: Sections, code: Integers
) -> tuple[Runs, NDArray[np.bool_]]:
    """Return the runs between the points of the lines ``rows`` of ``geometries``, and which rows have any; none without a section has.

    No run is of a line that `line_room` refuses. ``fid`` and ``sections`` are of all ``geometries``, ``code`` (n,) of ``rows``.
    """
    g, s = geometries, sections
    has_any = np.zeros(len(rows), np.bool_)
    offsets = g.ring_offsets, g.part_offsets, g.feature_offsets
    columns = np.empty((_COLUMNS, _most_runs(rows, g.coordinates, *offsets)), np.int64)
    count = _write_lines(rows, fid, g.coordinates, *offsets, s.form, s.width_m, s.height_m, s.shift_m, code, columns, has_any)
    columns = columns[:, :count]
    return Runs(columns[:, _order(columns)]), has_any


@kernel
def _most_runs(
    rows: Integers, coordinates: NDArray[np.float64], ring_offsets: Offsets, part_offsets: Offsets, feature_offsets: Offsets
) -> int:
    """Return how many runs the lines have at most."""
    most = 0
    for row in rows:
        for ring in range(part_offsets[feature_offsets[row]], part_offsets[feature_offsets[row + 1]]):
            first, end = ring_offsets[ring], ring_offsets[ring + 1]
            most += max(line_room(coordinates[first:end], LONGEST_PIPE_M), 0)
    return most


@kernel
def _write_lines(
    rows: Integers,
    fid: NDArray[np.uint32],
    coordinates: NDArray[np.float64],
    ring_offsets: Offsets,
    part_offsets: Offsets,
    feature_offsets: Offsets,
    form: Integers,
    width_m: NDArray[np.float64],
    height_m: NDArray[np.float64],
    shift_m: NDArray[np.float64],
    code: Integers,
    columns: Integers,
    has_any: NDArray[np.bool_],
) -> int:
    """Write the runs of all lines; return how many those are."""
    count, points = 0, np.empty((16, 3))
    for i in range(len(rows)):
        f, part = rows[i], 0
        if not (width_m[f] > 0 and height_m[f] > 0):
            continue
        for ring in range(part_offsets[feature_offsets[f]], part_offsets[feature_offsets[f + 1]]):
            line = coordinates[ring_offsets[ring] : ring_offsets[ring + 1]]
            room = line_room(line, LONGEST_PIPE_M)
            if room < 0:  # no pipe is drawn of such a line
                continue
            if room > len(points):
                points = np.empty((room, 3))
            for k in range(1, divided_line(line, shift_m[f], LONGEST_PIPE_M, points)):
                if _write_run(points[k - 1], points[k], width_m[f], height_m[f], columns, count):
                    columns[0, count], columns[1, count] = fid[f], part
                    columns[10, count], columns[11, count] = _from_afar(form[f]), code[i]
                    has_any[i] = True
                    count += 1
                part += 1
    return count


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
        if not _write_run(start_m[i], end_m[i], width_m[f], height_m[f], columns, count):
            continue
        columns[0, count], columns[1, count] = fid[f], part
        columns[10, count], columns[11, count] = _from_afar(form[f]), code[f]
        has_any[f] = True
        count += 1
    return count


@kernel
def _from_afar(form: int) -> int:
    return ROUND if form in (ROUND, EGG) else BOX


@kernel
def _write_run(
    start_m: NDArray[np.float64], end_m: NDArray[np.float64], width_m: float, height_m: float, columns: Integers, at: int
) -> bool:
    """Write ends and size of a run; return False for one that is shorter than a centimetre or of no finite size."""
    squared = np.int64(0)
    for k in range(3):
        start, end = np.int64(np.rint(100 * start_m[k])), np.int64(np.rint(100 * end_m[k]))
        columns[2 + k, at], columns[5 + k, at] = start, end
        squared += (end - start) * (end - start)
    if squared == 0 or not np.isfinite(width_m + height_m):
        return False
    columns[8, at] = np.int64(max(np.rint(1000 * width_m), 1.0))
    columns[9, at] = np.int64(max(np.rint(1000 * height_m), 1.0))
    return True


def gather(children: Sequence[Runs]) -> Runs:
    """Return all runs of ``children``: what their parent draws."""
    columns = np.concatenate([child.columns for child in children], axis=1)
    return Runs(columns[:, _order(columns)], max(child.hidden_cm for child in children))


def summary(runs: Runs) -> Runs:
    """Return the weightiest of ``runs``: what a node keeps for its parent."""
    return Runs(runs.columns[:, :STORED_RUNS], max(runs.hidden_cm, int(_longest_cm(runs.columns[:, STORED_RUNS:]))))


def _order(columns: Integers) -> Integers:
    lightness = np.empty(columns.shape[1], np.int64)
    _lightness(columns, lightness)
    return np.lexsort((columns[1], columns[0], lightness))


@kernel
def _lightness(columns: Integers, out: Integers) -> None:
    """Write minus the side faces."""
    for i in range(len(out)):
        out[i] = -_run_length_cm(columns, i) * max(columns[8, i], columns[9, i])


@kernel
def _longest_cm(columns: Integers) -> int:
    """Return the length of the longest run, 0 of none."""
    longest = 0
    for i in range(columns.shape[1]):
        longest = max(longest, _run_length_cm(columns, i))
    return longest


@kernel
def _run_length_cm(columns: Integers, i: int) -> int:
    x, y, z = columns[5, i] - columns[2, i], columns[6, i] - columns[3, i], columns[7, i] - columns[4, i]
    return int(np.floor(np.sqrt(float(x) * float(x) + float(y) * float(y) + float(z) * float(z))))


def to_bytes(runs: Runs) -> bytes:
    """Return ``runs`` as bytes, the same for the same value: a header, then every column in the narrowest integers that hold it."""
    header = _HEADER.pack(_MAGIC, len(runs), runs.hidden_cm)
    if len(runs) == 0:
        return header
    out = np.empty(_COLUMNS * (9 + 8 * len(runs)), np.uint8)
    return header + out[: _write_packed(runs.columns, out)].tobytes()


@kernel
def _write_packed(columns: Integers, out: Bytes) -> int:
    """Write each column as its least value, the bytes of a number (1, 2, 4 or 8) and its numbers above the least; return the length."""
    at = 0
    for column in columns:
        least, greatest = column.min(), column.max()
        beyond = np.uint64(greatest - least)
        width = 1 if beyond < 1 << 8 else 2 if beyond < 1 << 16 else 4 if beyond < 1 << 32 else 8
        for byte in range(8):
            out[at + byte] = np.uint8((least >> (8 * byte)) & 255)
        out[at + 8] = width
        at += 9
        for value in column:
            above = np.uint64(value - least)
            for byte in range(width):
                out[at + byte] = np.uint8((above >> np.uint64(8 * byte)) & np.uint64(255))
            at += width
    return at


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
