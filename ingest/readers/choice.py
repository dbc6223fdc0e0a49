"""Which reader serves a file: decided by its content, never by its name. A kind of file is a line of one of the two tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType

from ingest.protocol import ReadRequest
from ingest.readers import filegdb, mapinfo, mesh_model, osgb, raster, shapefile, tiles3d, workbook
from ingest.readers.archive import GZIP, ZIP, Archive, is_other_archive, nested_refusal, read_gzip
from ingest.readers.archived_tables import open_tables
from ingest.readers.beside import Beside
from ingest.readers.citygml_root import has_citygml, is_citygml
from ingest.readers.cityjson import CityJson, is_cityjson
from ingest.readers.compound_file import OLE_MAGIC
from ingest.readers.content import ArchiveKind, Content, Kind, declared_encoding, of_entry, of_path, of_unpacked
from ingest.readers.delimited import is_delimited
from ingest.readers.dxf_tags import is_dwg, is_dxf
from ingest.readers.epanet import is_epanet, open_epanet
from ingest.readers.geojson import GeoJson
from ingest.readers.geojson_seq import GeoJsonSeq, is_geojson_seq
from ingest.readers.geopackage import is_geopackage, open_geopackage
from ingest.readers.gml import is_gml, open_gml
from ingest.readers.ifc_head import is_ifc
from ingest.readers.mapped_text import mapped
from ingest.readers.mdb import is_access
from ingest.readers.model_archive import limits_of
from ingest.readers.obj_mesh import is_obj
from ingest.readers.office_document import document_refusal, is_office_document, is_page, page_refusal
from ingest.readers.ogr import open_alone
from ingest.readers.osgb_stream import is_osgb
from ingest.readers.osm import OsmPbf, is_osm_pbf
from ingest.readers.pictures import ArchivedPictures, FolderPictures, PictureFiles, picture_folders
from ingest.readers.source import Reader
from ingest.readers.survey import open_survey
from ingest.readers.swmm import is_swmm, open_swmm
from ingest.readers.unknown_files import dtd_forbidden, unknown_archive, unknown_file
from ingest.readers.unpacked import Scratch, Unpacked
from ingest.readers.vct import Vct, is_vct
from ingest.readers.xml_root import XmlRoot, has_dtd
from ingest.refusals import rejected, unsupported
from twin.errors import TwinError

_KMZ = "doc.kml"
_ENTRY_NAME_LENGTH_AT, _ENTRY_NAME_AT = 26, 30
"""In the header of a ZIP's entry."""
_DIRECTORY_BYTES = 1 << 16
_WORTH_COMPILED_BYTES = 2 << 20
"""A smaller file is read sooner than the compiled kernels are loaded."""
_MOST_CPU_S = 5.0
"""What took longer was compiled, and by every process anew where it cannot be kept: not by the template too, for which all files wait."""
_CITYGML, _CITYJSON = "ingest.readers.citygml", "ingest.readers.cityjson_document_reader"
_CALLED_CITY, _USUAL_RATIO = (".city.json", ".city.jsonl", ".cityjson", ".jsonl"), 6
_OTHER_MODELS = (b".gml", b"tileset.json")
"""Beside which JSON is none of CityJSON."""
_LAS, _FLATGEOBUF, _PARQUET = b"LASF", b"fgb\x03", b"PAR1"


def choose_reader(request: ReadRequest, scratch: Scratch | None = None) -> Reader:
    """Return the reader of the file of ``request``; UnsupportedMediaError when its content is of no known kind.

    What is large in an archive is unpacked into ``scratch``, into memory where there is none.
    """
    content = of_path(request)
    if not content.head.strip():
        raise rejected("empty-file", "The file is empty.", "文件为空。")
    if content.head.startswith(ZIP):
        return _archived(Archive(request.path, limits_of(request), scratch), request)
    if content.head.startswith(GZIP):
        content = of_unpacked(PurePosixPath(content.name).stem, read_gzip(request.path, request.limits, scratch), request)
    kind = _kind_of(content)
    if kind is None:
        raise unknown_file(content.name)
    return kind.open(content)


def import_for(path: Path) -> int | None:
    """Import what only files like ``path`` need, before the doors close; what takes long is not imported for every file.

    Return the number by which `import_kind` does so without a file, None where it took nothing that had not been there, or too long.
    """
    began = time.process_time()
    content = of_path(ReadRequest(path, (), storage_srid=0))
    if content.head.startswith((*ZIP, GZIP)):  # what is in it is looked at behind closed doors only
        wanted = _CITYJSON if _is_called_city(content) else _CITYGML if content.head.startswith(ZIP) else None
        number = next((n for n, kind in enumerate(FILES) if wanted in kind.modules), -1)
    else:
        number = next((n for n, kind in enumerate(FILES) if kind.modules and kind.fits(content)), -1)
    is_new = number >= 0 and import_kind(number)
    return number if is_new and time.process_time() - began < _MOST_CPU_S else None


def import_kind(number: int) -> bool:
    """Import what the kind of files at a place of `FILES` needs, and return True; False where there is nothing left to do."""
    if number in _imported or number >= len(FILES):
        return False
    for module in FILES[number].modules:
        import_module(module)
    FILES[number].ready()
    _imported.add(number)
    return True


_imported: set[int] = set()
"""Places in `FILES` of kinds for which everything is at hand."""


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the files beside ``path`` that belong to it, should they exist."""
    content = of_path(ReadRequest(path, (), storage_srid=0))
    return next((kind.beside(path) for kind in FILES if kind.beside is not None and kind.fits(content)), ())


def _kind_of(content: Content) -> Kind | None:
    return next((kind for kind in FILES if kind.fits(content)), None)


def _archived(archive: Archive, request: ReadRequest) -> Reader:
    """Return the reader of a ZIP: of files that make one source together, or of the one file in it that is of a known kind."""
    together = next((kind for kind in ARCHIVES if kind.fits(archive)), None)
    members = set(together.members(archive)) if together is not None else set()
    known, beside = _Known(), Beside()
    for name in archive.names:
        if name not in members:
            entry = of_entry(archive, name, request)
            kind = _kind_of(entry)
            if kind is None:
                beside.add(entry)
            else:
                known.add(kind, entry)
    if together is not None and not known.names:
        return beside.telling(together.open(archive, request))
    if together is None and not known.names and is_office_document(archive):
        raise document_refusal(request.path.name)
    if together is None and known.are_access and (tables := open_tables(archive, request)) is not None:
        return tables
    if together is not None or len(known.names) > 1:
        raise _several([*sorted(members)[:3], *known.names[:7]])
    if known.first is None:
        raise unknown_archive(archive.names) if beside.packed is None else _packed_refusal(beside.packed)
    kind, entry = known.first
    return beside.telling(kind.open(entry))


@dataclass(slots=True)
class _Known:
    """The files of known kinds in an archive; of no more than the first is its beginning kept, for there may be many."""

    first: tuple[Kind, Content] | None = None
    names: list[str] = field(default_factory=list)
    are_access: bool = True

    def add(self, kind: Kind, entry: Content) -> None:
        """Take the next."""
        self.first = self.first or (kind, entry)
        self.names.append(entry.name)
        self.are_access &= is_access(entry.head)


def _packed_refusal(entry: Content) -> TwinError:
    """Return the error of an archive in which there is nothing to read but another, or a document that is one by its bytes alone."""
    if entry.head.startswith(ZIP) and isinstance(entry.source, bytes):
        with suppress(TwinError):  # one that breaks a rule of archives is a nested one all the same
            if is_office_document(Archive(entry.source, entry.limits)):
                return document_refusal(entry.name)
    return nested_refusal(entry.name)


def _several(names: Sequence[str]) -> TwinError:
    listed = "、".join(names)
    en = f"The archive holds several files, hand them in one by one: {listed}."
    return rejected("archive-several", en, f"压缩包含多个文件，请分别提交：{listed}。")


def _path(content: Content) -> Path:
    """Return the path of a file whose reader reads no unpacked bytes."""
    if isinstance(content.source, bytes):
        raise rejected("archive-unread", f"{content.name} is not read out of an archive: unpack it.", f"{content.name} 请解压后提交。")
    return content.source


def _named(content: Content) -> Path | Unpacked:
    """Return a file for libraries that look at its name, which one that was unpacked has in GDAL's memory only."""
    placed = content.placed
    return memoryview(mapped(placed)) if content.place is not None and isinstance(placed, Path) else placed


def _point_cloud(content: Content) -> Reader:
    from ingest.readers.point_cloud import PointCloud  # noqa: PLC0415  # laspy takes a fifth of a second

    return PointCloud(content.name, content.placed, content.limits, is_unpacked=content.unpack is not None)


def _raster(content: Content) -> Reader:
    name = content.stem if content.unpack is None else content.name
    source = content.source if raster.is_hgt(content.name, content.size) else content.placed  # its driver looks at the name
    return raster.Raster(name, source, content.limits)


def _json(content: Content) -> Reader:
    """Return the reader of a JSON text: CityJSON where it says so, else GeoJSON or a sequence of its features."""
    text = mapped(content.placed) if isinstance(content.placed, Path) else content.placed
    if is_geojson_seq(text):
        return GeoJsonSeq(content.stem, text, content.limits)
    if not is_cityjson(text):
        return GeoJson(content.stem, content.placed, content.limits)
    return CityJson(text, content.limits, _pictures_of(content), content.folder)


def _pictures_of(content: Content) -> PictureFiles:
    """Return where the pictures of a city model are: in its archive, or in folders beside it."""
    return FolderPictures(content.request.path.parent) if content.archive is None else ArchivedPictures.of(content.archive)


def _is_called_city(content: Content) -> bool:
    """Tell whether kernels are worth loading for an archive: a large one with a file, or a gzip, that is called a model.

    In a larger one without GML any JSON may be: the kernels take a quarter of a second, a model without them three milliseconds a building.
    """
    if content.size < _WORTH_COMPILED_BYTES // _USUAL_RATIO:
        return False
    if not content.head.startswith(ZIP):
        return content.stem.lower().endswith(_CALLED_CITY)
    names = _names_about(content)
    may_be = content.size >= _WORTH_COMPILED_BYTES and b".json" in names and not any(other in names for other in _OTHER_MODELS)
    return may_be or any(called.encode() in names for called in _CALLED_CITY)


def _names_about(content: Content) -> bytes:
    """Return bytes of a ZIP among which names of its files are, in lower case: of its first entry and its directory's end, not parsed."""
    length = int.from_bytes(content.head[_ENTRY_NAME_LENGTH_AT : _ENTRY_NAME_LENGTH_AT + 2], "little")
    with content.request.path.open("rb") as file:
        file.seek(max(0, content.size - _DIRECTORY_BYTES))
        return (content.head[_ENTRY_NAME_AT : _ENTRY_NAME_AT + length] + b"\n" + file.read(_DIRECTORY_BYTES)).lower()


def _is_large_cityjson(content: Content) -> bool:
    """Tell by the head; of a file out of an archive only where all that its reader needs is at hand."""
    is_large = content.size >= _WORTH_COMPILED_BYTES and content.text_head[:1] == b"{" and is_cityjson(content.head)
    return is_large and (content.unpack is None or _CITYJSON in sys.modules)


def _large_cityjson(content: Content) -> Reader:
    """Return the compiled reader if its kernels could be made ready before the doors closed, else the one that needs none."""
    from ingest.readers.cityjson_document_reader import LargeCityJson, stands_ready  # noqa: PLC0415  # numba takes half a second

    text = mapped(content.placed) if isinstance(content.placed, Path) else content.placed
    return (LargeCityJson if stands_ready() else CityJson)(text, content.limits, _pictures_of(content), content.folder)


def _ready_kernels() -> None:
    from ingest.readers.cityjson_document_reader import stand_ready  # noqa: PLC0415  # as above

    stand_ready()


def _geoparquet(content: Content) -> Reader:
    from ingest.readers.geoparquet import GeoParquet  # noqa: PLC0415  # only files of its kind need it

    return GeoParquet(content.stem, content.placed, content.limits)


def _is_kml(root: XmlRoot | None) -> bool:
    return root is not None and root.name == "kml"


def _kml(content: Content) -> Reader:
    from ingest.readers.kml import Kml  # noqa: PLC0415  # lxml, which only XML needs

    return Kml(content.stem, content.source, content.limits)


def _kmz(archive: Archive, request: ReadRequest) -> Reader:
    """Return the reader of a KMZ: its document, and the others in it, to which that one often does no more than refer."""
    from ingest.readers.kml import Kml  # noqa: PLC0415

    others = [of_entry(archive, name, request) for name in archive.names if name != _KMZ]
    beside = {other.stem: other.source for other in others if _is_kml(other.root) and isinstance(other.source, bytes)}
    document = of_entry(archive, _KMZ, request)
    return Kml(document.stem, document.source, document.limits, beside)


def _is_kmz(content: Content) -> bool:
    """Return whether a file out of an archive is a KMZ: what stands first in it is the document."""
    name = content.head[_ENTRY_NAME_AT:]
    return content.unpack is not None and content.head.startswith(ZIP) and name.startswith(_KMZ.encode())


def _citygml() -> ModuleType:
    return import_module(_CITYGML)


def _dxf(content: Content) -> Reader:
    from ingest.readers.dxf import Dxf  # noqa: PLC0415  # ezdxf takes a third of a second

    return Dxf(content.placed, content.limits, declared_encoding(content.request))


def _ifc(content: Content) -> Reader:
    from ingest.readers.ifc import Ifc  # noqa: PLC0415  # IfcOpenShell takes half a second

    return Ifc(content.source, content.request)


def _refuse_dwg(_content: Content) -> Reader:
    raise unsupported(
        "A DWG drawing is not read: in the CAD program save it as DXF (ASCII, 2000 or later) and hand that in.",
        "不支持 DWG 图形：请在 CAD 软件中另存为 DXF（ASCII，2000 及以上版本）后提交。",
        "dwg-unsupported",
    )


def _refuse_archive(_content: Content) -> Reader:
    raise unsupported(
        "RAR, 7z and tar archives are not read: unpack this one and hand its files in as a ZIP.",
        "不支持 RAR、7z、tar 压缩包：请解压后压缩为 ZIP 再提交。",
        "archive-unsupported",
    )


def _refuse_page(_content: Content) -> Reader:
    raise page_refusal()


def _refuse_dtd(_content: Content) -> Reader:
    raise dtd_forbidden()


def _alone(file_format: str, driver: str) -> Callable[[Content], Reader]:
    return lambda c: open_alone(file_format, driver, c.name, _named(c), c.limits)


def _is_table(content: Content) -> bool:
    """Return whether a file begins with a line of text that has separators; in an archive it is rather a note to the reader."""
    return content.unpack is None and is_delimited(content.head)


FILES: tuple[Kind, ...] = (
    Kind(lambda c: is_geopackage(c.head), lambda c: open_geopackage(c.name, c.head, _named(c), c.limits)),
    Kind(lambda c: c.head.startswith(_FLATGEOBUF), _alone("FlatGeobuf", "FlatGeobuf")),
    Kind(lambda c: c.head.startswith(_PARQUET), _geoparquet, modules=("ingest.readers.geoparquet",)),
    Kind(
        lambda c: c.head.startswith(shapefile.MAGIC),
        lambda c: shapefile.Shapefile(shapefile.loose_members(_path(c)), c.limits),
        beside=shapefile.loose_sidecars,
    ),
    Kind(lambda c: c.head.startswith(_LAS), _point_cloud, modules=("ingest.readers.point_cloud",)),
    Kind(lambda c: mesh_model.is_glb(c.head), lambda c: mesh_model.open_mesh("glTF", c)),
    Kind(lambda c: is_osgb(c.head), osgb.open_alone),
    Kind(lambda c: is_osm_pbf(c.head), lambda c: OsmPbf(c.placed, c.limits)),
    Kind(lambda c: raster.is_tiff(c.head) or raster.is_hgt(c.name, c.size), _raster),
    Kind(
        _is_large_cityjson,
        _large_cityjson,
        modules=(_CITYJSON,),
        ready=_ready_kernels,
        beside=picture_folders,
    ),
    Kind(lambda c: c.text_head[:1] in (b"{", b"\x1e"), _json, beside=picture_folders),
    Kind(lambda c: is_ifc(c.head), _ifc, modules=("ingest.readers.ifc",)),
    Kind(lambda c: is_dwg(c.head), _refuse_dwg),
    Kind(lambda c: c.archive is None and is_other_archive(c.head), _refuse_archive),
    Kind(lambda c: is_dxf(c.head), _dxf, modules=("ingest.readers.dxf",)),
    Kind(lambda c: c.unpack is None and is_page(c.text_head), _refuse_page),
    Kind(lambda c: has_dtd(c.head), _refuse_dtd),
    Kind(lambda c: _is_kml(c.root), _kml, modules=("ingest.readers.kml",)),
    Kind(_is_kmz, lambda c: _kmz(Archive(c.source, c.limits), c.request)),
    Kind(
        lambda c: is_citygml(c.root),
        lambda c: _citygml().open_citygml(c.stem, c.placed, c.request, _pictures_of(c)),
        modules=(_CITYGML,),
        beside=picture_folders,
    ),
    Kind(lambda c: is_gml(c.root), lambda c: open_gml(c.stem, c.placed, c.request)),
    Kind(lambda c: mapinfo.is_mapinfo(c.text_head), lambda c: mapinfo.open_loose(c.request), beside=mapinfo.loose_sidecars),
    Kind(lambda c: c.text_head[:1] in (b"[", b";") and is_epanet(c.searched()), lambda c: open_epanet(c.source, c.limits)),
    Kind(lambda c: c.text_head[:1] in (b"[", b";") and is_swmm(c.searched()), lambda c: open_swmm(c.source, c.limits)),
    Kind(lambda c: is_obj(c.head), lambda c: mesh_model.open_mesh("OBJ", c)),
    Kind(lambda c: is_vct(c.text_head), lambda c: Vct(c.placed, c.limits)),
    Kind(lambda c: is_access(c.head), lambda c: open_survey("MDB", c.request)),
    Kind(lambda c: c.unpack is None and c.head.startswith(OLE_MAGIC), lambda c: open_survey("XLS", c.request)),
    Kind(_is_table, lambda c: open_survey("CSV", c.request)),
)
"""Files by their content; the first that fits serves. What only a look at all of the text tells stands last."""

ARCHIVES: tuple[ArchiveKind, ...] = (
    ArchiveKind(tiles3d.is_tileset, tiles3d.Tileset3D, tiles3d.members_of),
    ArchiveKind(workbook.in_archive, lambda a, request: open_survey("XLSX" if workbook.OFFICE_BOOK in a.names else "ODS", request)),
    ArchiveKind(filegdb.is_archived, lambda a, request: filegdb.open_archived(a, request.limits), filegdb.members_of),
    ArchiveKind(
        shapefile.is_archived, lambda a, request: shapefile.Shapefile(shapefile.archived_members(a), request.limits), shapefile.members_of
    ),
    ArchiveKind(has_citygml, lambda a, request: _citygml().open_archived(a, request)),
    ArchiveKind(mapinfo.is_archived, mapinfo.open_archived, mapinfo.members_of),
    ArchiveKind(lambda a: _KMZ in a.names, _kmz),
    ArchiveKind(osgb.has_osgb, osgb.open_archived, osgb.members_of),
    ArchiveKind(mesh_model.has_meshes, mesh_model.open_meshes, mesh_model.members_of),
)
"""Files that belong together in a ZIP; one that holds none of these gives the one file in it that is of a kind above."""
