"""Which files of a ZIP are Access databases, and the bytes of one: run as a confined program, for the parent looks into no archive.

``… ZIP`` prints where in the archive each database stands, a number a line; ``… ZIP NUMBER`` prints that database. An archive that cannot
be read has none here: its reader says what is wrong with it. Imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterator

_BEGINNINGS = (b"\0\1\0\0Standard Jet DB", b"\0\1\0\0Standard ACE DB")
_MOST_ENTRIES = 1000
_UNREADABLE = (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError)


def databases_in(archive: zipfile.ZipFile) -> Iterator[int]:
    """Yield the offsets of the entries that begin as Access databases."""
    for info in archive.infolist()[:_MOST_ENTRIES]:
        with contextlib.suppress(*_UNREADABLE), archive.open(info) as stream:
            if stream.read(len(_BEGINNINGS[0])).startswith(_BEGINNINGS):
                yield info.header_offset


def main(arguments: list[str]) -> int:
    """Print what is asked for; return 1 for a database that cannot be unpacked."""
    try:
        with zipfile.ZipFile(arguments[0]) as archive:
            if len(arguments) == 1:
                sys.stdout.write("\n".join(map(str, databases_in(archive))))
                return 0
            info = next(i for i in archive.infolist() if str(i.header_offset) == arguments[1])
            with archive.open(info) as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
    except _UNREADABLE:
        return 0 if len(arguments) == 1 else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
