"""Findings beyond those that are kept row by row: packed, out of memory, to be had one after the other.

Nobody reads the ten thousand and first on a page, but whoever mends a file by its rows wants all of them in one table.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from ingest.work_files import append, unnamed_file
from twin.errors import Text
from twin.model import Finding, Severity

_PACKED_AT_BYTES = 256 << 10
"""As many of one rule are packed together: some 700."""
_ROOM_BYTES = 256 << 20
"""Packed findings of one submission: 7 to 80 million of them. They go into the database, where a file that is wrong in every cell
would take the room of everybody else."""


class PackedFindings(NamedTuple):
    """Some findings of one rule, in the order in which they were made."""

    rule: str
    content: bytes


_SHARE_OF_FREE = 16
"""They lie in a file first, then in the database and in its log: no more than this part of what is free there."""


@dataclass(slots=True)
class Room:
    """How many bytes of packed findings a submission may still keep, all its datasets together."""

    left: int = _ROOM_BYTES

    @classmethod
    def on(cls, work: Path | None, kept: int = 0) -> Room:
        """Return the room of a submission that keeps ``kept`` bytes already, where ``work`` is the folder of what is unpacked.

        The embedded database lies on the same disk; of a database elsewhere only its own bound is known.
        """
        there = next((folder for folder in (work, *work.parents) if folder.is_dir()), None) if work is not None else None
        free = shutil.disk_usage(there or tempfile.gettempdir()).free
        return cls(max(0, min(_ROOM_BYTES - kept, free // _SHARE_OF_FREE)))


class FurtherFindings:
    """Findings of one dataset in a file of their own; in memory are at most 256 KiB of each rule.

    Of a rule for which there is no more room the others are counted, and a last finding of it, an info without a row, says how many.
    """

    def __init__(self, work: Path | None, room: Room | None = None) -> None:
        """Keep them in ``work``; None: where the machine has temporary files. The file is made with the first of them."""
        self._work = work
        self._room = Room() if room is None else room
        self._open: dict[str, bytearray] = {}
        self._packs: list[tuple[str, int, int]] = []
        self._file: io.FileIO | None = None
        self._left_out: Counter[str] = Counter()

    def add(self, finding: Finding) -> None:
        """Keep one more, or count it where there is no room; StorageFullError where the disk is full."""
        if finding.rule in self._left_out:
            self._left_out[finding.rule] += 1
            return
        lines = self._open.setdefault(finding.rule, bytearray())
        lines += _line(finding)
        if len(lines) >= _PACKED_AT_BYTES:
            self._put_away(finding.rule)

    def packed(self) -> Iterator[PackedFindings]:
        """Yield all of them, packed; may be asked again."""
        for rule in tuple(self._open):
            self._put_away(rule)
        for rule, start, size in self._packs:
            yield PackedFindings(rule, self._content(start, size))
        for rule, count in self._left_out.items():
            yield PackedFindings(rule, zlib.compress(_line(_of_left_out(rule, count))))

    def __iter__(self) -> Iterator[Finding]:
        """Yield all of them, rule by rule in portions."""
        for pack in self.packed():
            yield from unpacked(pack.content)

    def _put_away(self, rule: str) -> None:
        lines = self._open.pop(rule)
        content = zlib.compress(lines, 3)
        if len(content) > self._room.left:
            self._left_out[rule] += lines.count(b"\n")
            return
        self._room.left -= len(content)
        if self._file is None:
            self._file = unnamed_file(self._work)
            weakref.finalize(self, self._file.close)
        self._packs.append((rule, append(self._file, content), len(content)))

    def _content(self, start: int, size: int) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(start)
        return self._file.read(size)


def unpacked(content: bytes) -> Iterator[Finding]:
    """Yield the findings of a pack."""
    for line in zlib.decompress(content).splitlines():
        rule, severity, file, layer, row, key, zh, en, value, proposal, waived, waived_by, place = orjson.loads(line)
        yield Finding(
            rule=rule,
            severity=Severity(severity),
            row=row,
            message=Text(zh=zh, en=en),
            layer=layer,
            key=key,
            place=None if place is None else (place[0], place[1]),
            value=value,
            proposal=proposal,
            file=file,
            waived=waived,
            waived_by=waived_by,
        )


def only_errors(content: bytes) -> bytes | None:
    """Return a pack with those alone of its findings that are errors, None where there are none."""
    lines = b"".join(_line(f) for f in unpacked(content) if f.severity is Severity.ERROR)
    return zlib.compress(lines, 3) if lines else None


def _of_left_out(rule: str, count: int) -> Finding:
    zh = f"该规则另有 {count} 条未列出：一次提交的问题过多，清单只保存到此为止"
    en = f"{count} more of this rule are not listed: one submission has more findings than are kept of it"
    return Finding(rule=rule, severity=Severity.INFO, row=None, message=Text(zh=zh, en=en))


def of_given_up(rule: str, count: int, days: int) -> bytes:
    """Return a pack whose one finding, an info without a row, says how many of a rule are not listed any more."""
    zh = f"该规则另有 {count} 条不再列出：被拒收或撤回的提交，完整清单只保存 {days} 天"
    en = f"{count} more of this rule are listed no longer: of a submission that was rejected or withdrawn they are kept for {days} days"
    return zlib.compress(_line(Finding(rule=rule, severity=Severity.INFO, row=None, message=Text(zh=zh, en=en))))


def _line(f: Finding) -> bytes:
    said = (f.rule, f.severity.value, f.file, f.layer, f.row, f.key, f.message.zh, f.message.en, f.value, f.proposal, f.waived, f.waived_by)
    return orjson.dumps((*said, f.place), option=orjson.OPT_APPEND_NEWLINE)
