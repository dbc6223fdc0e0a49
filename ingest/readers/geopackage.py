"""GeoPackages: SQLite databases, which may have been copied before all their rows were in them."""

from __future__ import annotations

from pathlib import Path

from ingest.protocol import Limits
from ingest.readers.ogr import OgrFile, open_alone
from ingest.readers.unpacked import Unpacked
from twin.errors import Text

_MAGIC = b"SQLite format 3\0"
_VERSIONS, _AHEAD = slice(18, 20), b"\2\2"
"""Where SQLite says which versions of its format it takes to write and read a file, and how it says that rows go to another first."""
_WRITTEN_AHEAD = Text(
    zh="该 GeoPackage 处于 SQLite 的 WAL 模式，可能是在程序打开时复制的；若有要素缺失，请关闭该程序后重新复制",
    en="the GeoPackage is in SQLite's WAL mode, perhaps copied while a program had it open: if features are missing, close it, copy again",
)


def is_geopackage(head: bytes) -> bool:
    """Return whether a file begins as a SQLite database does."""
    return head.startswith(_MAGIC)


def open_geopackage(name: str, head: bytes, content: Path | Unpacked, limits: Limits) -> OgrFile:
    """Return its layers; of one in write-ahead mode it is told that rows may lie in a file that was not handed in."""
    notes = (_WRITTEN_AHEAD,) if head[_VERSIONS] == _AHEAD else ()
    return open_alone("GeoPackage", "GPKG", name, content, limits, notes)
