"""Which reader serves a file: decided by its first bytes, never by its name."""

from __future__ import annotations

from pathlib import Path

from ingest.protocol import Limits
from ingest.readers import shapefile
from ingest.readers.archive import Archive, read_gzip
from ingest.readers.geojson import GeoJson
from ingest.readers.gpkg import GeoPackage
from ingest.readers.source import Reader
from ingest.refusals import rejected, unsupported
from twin.errors import TwinError

_SQLITE, _GZIP, _ZIP = b"SQLite format 3\0", b"\x1f\x8b", b"PK\x03\x04"
_UTF8_BOM = b"\xef\xbb\xbf"


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
        raise _unknown()
    if head.startswith(_ZIP) or head.startswith(b"PK\x05\x06"):
        return _archived(Archive(path, limits), path, limits)
    if head.startswith(shapefile.MAGIC):
        return shapefile.Shapefile(shapefile.loose_members(path), limits)
    if _is_json(head):
        return GeoJson(path.stem, path, limits)
    raise _unknown()


def _archived(archive: Archive, path: Path, limits: Limits) -> Reader:
    layers = shapefile.archived_members(archive)
    if layers:
        return shapefile.Shapefile(layers, limits)
    raise _unknown()


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the files beside ``path`` that belong to it, should they exist."""
    with path.open("rb") as file:
        return shapefile.loose_sidecars(path) if file.read(4) == shapefile.MAGIC else ()


def _is_json(head: bytes) -> bool:
    return head.removeprefix(_UTF8_BOM).lstrip()[:1] == b"{"


def _unknown() -> TwinError:
    return unsupported("The file is of no kind that is read here.", "无法识别的文件类型。")
