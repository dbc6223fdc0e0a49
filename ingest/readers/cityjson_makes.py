"""Lines of one make: alike but for the identifier in their names. What was found of the first is true of all, and they are not parsed.

Without places, attributes and extents the lines of a city differ in little: in how many geometries there are, and of what. The identifier
in a line is taken for any text (`_IDENTIFIER`); with NUL in its places lines are compared. That is sound where the text stands in names of
objects only, all of its places in the line are counted, and nothing is escaped: names are put together of it in the same way in all lines
of a make then, and are equal to each other in the same cases.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.readers.cityjson_frame import Json
from ingest.readers.cityjson_make_kernels import MOST_BYTES, tell_beyond_ascii, tell_makes, write_said
from ingest.readers.cityjson_plan import Plan, PlannedFeatures
from ingest.readers.json_arrays import CutLines
from ingest.readers.member_objects import strings

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_IDENTIFIER = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9_.:{}-]*[0-9][A-Za-z0-9_.:{}-]*)"')
"""Written in JSON as it is; with a digit, so that no word of CityJSON has it in it."""
_MOST = 1000
"""Makes that are kept: so few megabytes at most."""
_MOST_TOLD = 16
"""Those that most lines were of are told by a kernel."""
_HERE = "\0"
NOBODY = -1


class Make(NamedTuple):
    """What all lines of a make have in common."""

    plan: Plan
    attributes: int
    """The array in the line that is the attributes of its feature, -1 for none."""
    properties: Sequence[tuple[str, str]]
    """With NUL for the identifier."""

    def properties_of(self, identifier: str) -> Mapping[str, object]:
        """Return what is said of the feature of a line beside its attributes."""
        return {name: value.replace(_HERE, identifier) for name, value in self.properties}


class Seen(NamedTuple):
    """A line as it is compared."""

    key: bytes
    identifier: str


def seen(skeleton: bytes) -> Seen | None:
    """Return how a line is compared; None where it is parsed."""
    match = _IDENTIFIER.search(skeleton) if len(skeleton) <= MOST_BYTES else None
    if match is None or b"\0" in skeleton or b"\\" in skeleton:
        return None
    return Seen(skeleton.replace(match[1], b"\0"), match[1].decode())


@dataclass
class Told:
    """Which make each of the L lines of a block is of."""

    cut: CutLines
    keys: list[bytes]
    makes: list[Make]
    make: Ints
    """(L,) number among ``makes``, `NOBODY` where that is not known."""
    identifier: Ints
    """(L, 2) where it stands in the rest of the lines."""

    @property
    def attributes(self) -> Ints:
        """(L,) the array that is the attributes of each line, -1 where there is none or the make is not known."""
        own = np.array([m.attributes for m in self.makes] + [NOBODY], dtype=np.int64)[self.make]
        return np.where(own >= 0, self.cut.array_start[:-1] + own, NOBODY)

    @property
    def are_all(self) -> bool:
        """Whether every line is of a known make."""
        return bool((self.make != NOBODY).all())

    @property
    def features(self) -> PlannedFeatures:
        """The features of the lines, which all are of known makes, a row each."""
        return PlannedFeatures(np.arange(len(self.make)), self.cut.array_start[:-1], self.make, [m.plan for m in self.makes])

    @property
    def takes_more(self) -> bool:
        """Whether it is worth to look for the lines of one more make."""
        return len(self.makes) < _MOST_TOLD

    def next_open(self, line: int) -> int:
        """Return the first line from ``line`` on that is of no known make, -1 when there is none."""
        waiting = np.flatnonzero(self.make[line:] == NOBODY)
        return line + int(waiting[0]) if len(waiting) else -1

    def leave_out_broken_texts(self) -> None:
        """Have lines with attributes that are not UTF-8 be of no make."""
        arrays, doubtful = self.attributes, np.zeros(len(self.make), dtype=bool)
        tell_beyond_ascii(self.cut.text, self.cut.spans, arrays, doubtful)
        for line in np.flatnonzero(doubtful).tolist():
            try:
                self.cut.text_of(int(arrays[line])).decode()
            except ValueError:
                self.make[line] = NOBODY

    def identifier_of(self, line: int) -> str:
        """Return the identifier of a line of a known make."""
        begin, end = self.identifier[line].tolist()
        return self.cut.rest[begin:end].tobytes().decode()

    def again(self, keys: Sequence[bytes], makes: Sequence[Make]) -> None:
        """Tell the lines that are of no known make among more makes."""
        before = len(self.keys)
        self.keys += keys
        self.makes += makes
        found = np.full(len(self.make), NOBODY)
        found[self.make != NOBODY] = 0  # these are not looked at
        joined, ends = _joined(keys)
        is_open = self.make == NOBODY
        tell_makes(self.cut.rest, self.cut.rest_start, self.cut.rest_end, joined, ends, found, self.identifier)
        told = is_open & (found != NOBODY)
        self.make[told] = found[told] + before

    def properties(self) -> tuple[dict[str, pa.StringArray], dict[str, int]]:
        """Return what is said of lines of known makes beside their attributes, and by name the first line of which that is."""
        columns: dict[str, pa.StringArray] = {}
        first: dict[str, int] = {}
        numbers, lines = np.unique(self.make, return_index=True)
        for number, line in sorted(zip(numbers.tolist(), lines.tolist(), strict=True), key=lambda found: found[1]):
            for name, _ in self.makes[number].properties:
                if name not in columns:
                    columns[name], first[name] = self._said(name), line
        return columns, first

    def _said(self, name: str) -> pa.StringArray:
        said = [dict(m.properties).get(name) for m in self.makes]
        texts, ends = _joined([b"" if text is None else text.encode() for text in said])
        of_row = np.where([text is not None for text in said], np.arange(len(said)), NOBODY)[self.make]
        places = np.array([0 if text is None else text.count(_HERE) for text in said])
        identifiers = self.identifier[:, 1] - self.identifier[:, 0]
        size = int((np.diff(ends)[of_row] + places[of_row] * (identifiers - 1))[of_row != NOBODY].sum())
        out, row_ends = np.empty(size, dtype=np.uint8), np.zeros(len(self.make) + 1, dtype=np.int64)
        write_said(texts, ends, of_row, self.cut.rest, self.identifier, out, row_ends)
        return strings(row_ends, out, of_row != NOBODY)


def _joined(texts: Sequence[bytes]) -> tuple[Bytes, Ints]:
    ends = np.cumsum([0, *(len(t) for t in texts)], dtype=np.int64)
    return np.frombuffer(b"".join(texts), dtype=np.uint8), ends


class Makes:
    """Those of one layer."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[bytes, Make] = {}
        self._lines: Counter[bytes] = Counter()

    def told(self, cut: CutLines) -> Told:
        """Return the lines of a block that are of the makes that most lines before were of."""
        common = [key for key, _ in self._lines.most_common(_MOST_TOLD)]
        lines = len(cut.rest_end)
        told = Told(cut, [], [], np.full(lines, NOBODY), np.zeros((lines, 2), dtype=np.int64))
        if common:
            told.again(common, [self._known[key] for key in common])
        return told

    def count(self, told: Told) -> None:
        """Note of which makes lines were."""
        numbers, lines = np.unique(told.make[told.make != NOBODY], return_counts=True)
        self._lines.update({told.keys[n]: count for n, count in zip(numbers.tolist(), lines.tolist(), strict=True)})

    def of(self, line: Seen | None) -> Make | None:
        """Return the make of a line, if one like it was noted."""
        found = None if line is None else self._known.get(line.key)
        if line is not None and found is not None:
            self._lines[line.key] += 1
        return found

    def note(
        self, line: Seen | None, content: Json, plan: Plan, attributes: int, properties: Mapping[str, object]
    ) -> tuple[bytes, Make] | None:
        """Note what was found of a line whose only text that was not parsed are ``attributes``; not if its identifier is in other texts."""
        if line is None or len(self._known) >= _MOST or plan.says_more or not is_in_names_only(line, content):
            return None
        texts = [(name, value) for name, value in properties.items() if isinstance(value, str) and _HERE not in value]
        if len(texts) != len(properties):
            return None
        made = Make(plan, attributes, tuple((name, value.replace(line.identifier, _HERE)) for name, value in texts))
        self._known[line.key] = made
        return line.key, made


def is_in_names_only(line: Seen, content: Json) -> bool:
    """Tell whether the identifier of a line is nowhere in it but in the names of objects, wherever they are named."""
    names = [content.get("id")]
    for name, city_object in content["CityObjects"].items():
        others = [city_object.get(key) for key in ("children", "parents")]
        names += [name, *(n for some in others if isinstance(some, list) for n in some)]
    return line.key.count(b"\0") == sum(name.count(line.identifier) for name in names if isinstance(name, str))
