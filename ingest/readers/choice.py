"""Which reader serves a file: decided by its first bytes, never by its name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ingest.protocol import Limits, ReadRequest
from ingest.readers import raster, shapefile
from ingest.readers.archive import Archive, read_gzip
from ingest.readers.cityjson import CityJson, is_cityjson, mapped
from ingest.readers.epanet import Epanet, is_epanet
from ingest.readers.geojson import GeoJson
from ingest.readers.gpkg import GeoPackage
from ingest.readers.osm import OsmPbf, is_osm_pbf
from ingest.readers.source import Reader
from ingest.readers.survey import open_survey
from ingest.refusals import rejected, unsupported
from twin.errors import TwinError

_SQLITE, _GZIP, _ZIP = b"SQLite format 3\0", b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_SEARCHED_BYTES = 64 << 20
"""In how much of a text the sections of a model are looked for."""
_UTF8_BOM = b"\xef\xbb\xbf"
_LAS = b"LASF"


def choose_reader(request: ReadRequest) -> Reader:
    """Return the reader of the file of ``request``; UnsupportedMediaError when its content is of no known kind."""
    path, limits = request.path, request.limits
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise rejected("empty-file", "The file is empty.", "文件为空。")
    if head.startswith(_SQLITE):
        return GeoPackage(path, limits)
    if head.startswith(_GZIP):
        content = read_gzip(path, limits)
        if _is_json(content[:4096]):
            return _json(path.name.split(".")[0], content, limits)
        raise _unknown()
    if head.startswith(_ZIP):
        return _archived(Archive(path, limits), request)
    if head.startswith(shapefile.MAGIC):
        return shapefile.Shapefile(shapefile.loose_members(path), limits)
    if head.startswith(_LAS):
        return _point_cloud(path, limits)
    if is_osm_pbf(head):
        return OsmPbf(path, limits)
    if raster.is_tiff(head) or raster.is_hgt(path.name, path.stat().st_size):
        return raster.Raster(path.stem, path, limits)
    return _text(head, request)


def import_for(path: Path) -> None:
    """Import what only files like ``path`` need, before the doors close; what takes long is not imported for every file."""
    with path.open("rb") as file:
        if file.read(len(_LAS)) == _LAS:
            from ingest.readers import point_cloud  # noqa: F401, PLC0415


def _point_cloud(path: Path, limits: Limits) -> Reader:
    from ingest.readers.point_cloud import PointCloud  # noqa: PLC0415  # laspy takes a fifth of a second

    return PointCloud(path, limits)


def _text(head: bytes, request: ReadRequest) -> Reader:
    """Return the reader of a text: JSON, sections of a network model, or a table."""
    path, limits = request.path, request.limits
    if _is_json(head):
        return _json(path.stem, path, limits)
    if head.removeprefix(_UTF8_BOM).lstrip()[:1] in (b"[", b";") and is_epanet(path.read_bytes()[:_SEARCHED_BYTES]):
        return Epanet(path, limits)
    if _is_table(head):
        return open_survey("CSV", request)
    raise _unknown()


def _archived(archive: Archive, request: ReadRequest) -> Reader:
    """Return the reader of a ZIP: a workbook, Shapefiles, or one file of a kind that is read alone."""
    if "xl/workbook.xml" in archive.names:
        return open_survey("XLSX", request)
    limits = request.limits
    layers = shapefile.archived_members(archive)
    if layers:
        return shapefile.Shapefile(layers, limits)
    if len(archive.names) == 1:
        name = PurePosixPath(archive.names[0]).name
        content = archive.read(archive.names[0])
        if raster.is_tiff(content[:4]) or raster.is_hgt(name, len(content)):
            return raster.Raster(name, content, limits)
        if _is_json(content[:4096]):
            return _json(PurePosixPath(name).stem, content, limits)
    raise _unknown()


def _json(name: str, content: Path | bytes, limits: Limits) -> Reader:
    """Return the reader of a JSON text: CityJSON where it says so, else GeoJSON."""
    text = mapped(content) if isinstance(content, Path) else content
    return CityJson(text, limits) if is_cityjson(text) else GeoJson(name, content, limits)


def _is_table(head: bytes) -> bool:
    """Return whether a file begins with a line of text that has separators."""
    line = head.removeprefix(_UTF8_BOM).split(b"\n", 1)[0]
    return b"\0" not in head and not line.lstrip().startswith((b"<", b"{", b"[")) and sum(line.count(d) for d in (b",", b";", b"\t")) >= 2


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the files beside ``path`` that belong to it, should they exist."""
    with path.open("rb") as file:
        return shapefile.loose_sidecars(path) if file.read(4) == shapefile.MAGIC else ()


def _is_json(head: bytes) -> bool:
    return head.removeprefix(_UTF8_BOM).lstrip()[:1] == b"{"


def _unknown() -> TwinError:
    return unsupported("The file is of no kind that is read here.", "无法识别的文件类型。")
