"""Which reader serves a file: decided by its first bytes, never by its name."""

from __future__ import annotations

from pathlib import Path

from ingest.protocol import Limits
from ingest.readers.geojson import GeoJson
from ingest.readers.gpkg import GeoPackage
from ingest.readers.source import Reader
from ingest.refusals import rejected, unsupported
from ingest.readers.archive import read_gzip

_SQLITE = b"SQLite format 3\0"
_GZIP = b"\x1f\x8b"
_BOMS = (b"\xef\xbb\xbf",)


def choose_reader(path: Path, limits: Limits) -> Reader:
    """Return the reader of ``path``; UnsupportedMediaError when its content is of no known kind."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise rejected("empty-file", "The file is empty.", "文件为空。")
    if head.startswith(_SQLITE):
        return GeoPackage(path, limits)
    if head.startswith(_GZIP):
        content = read_gzip(path, limits)
        if _is_json(content[:4096]):
            return GeoJson(path.name.split(".")[0], content, limits)
    if _is_json(head):
        return GeoJson(path.stem, path, limits)
    raise unsupported("The file is of no kind that is read here.", "无法识别的文件类型。")


def _is_json(head: bytes) -> bool:
    for bom in _BOMS:
        head = head.removeprefix(bom)
    return head.lstrip()[:1] == b"{"


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the files beside ``path`` that belong to it."""
    return ()
