"""Shapefiles, loose with their sidecars or in a ZIP: shapes through GDAL, attributes through `ingest.readers.dbf`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyogrio

from ingest.gdal_policy import MemoryFile
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.archive import Archive
from ingest.readers.arrow_columns import sound
from ingest.readers.dbf import Dbf, dbf_of_stream
from ingest.readers.encodings import Encoding, dbf_encoding, declared_codec
from ingest.readers.layers import choose_layer
from ingest.readers.ogr import FAILURES, known_crs
from ingest.readers.shapefile_pieces import Index, Member, drain
from ingest.readers.source import SourceBatch, SourceLayer
from ingest.readers.wkb import batch_of_wkb
from ingest.refusals import missing_member, rejected
from twin.errors import Text, TwinError

MEMBERS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MAGIC = b"\x00\x00\x27\x0a"
_HEAD_BYTES = 1 << 20
"""Of the shapes when they are counted: GDAL may look at the first."""

Members = Mapping[str, Member]
"""Extension → one file of a Shapefile."""


class Shapefile:
    """The Shapefiles of a ZIP, or one loose Shapefile, as layers."""

    format = "ESRI Shapefile"

    def __init__(self, layers: Mapping[str, Members], limits: Limits) -> None:
        self._limits = limits
        self._members = layers

    def inspect(self) -> FileInfo:
        """Return the layers with columns, encoding and CRS."""
        infos = []
        for name, members in self._members.items():
            source = ShapefileLayer(name, members, self._limits).source
            infos.append(LayerInfo(name, None, source.columns, source.crs, source.rows, encoding=source.encoding))
        return FileInfo(self.format, tuple(infos))

    def open(self, part: PartRequest, /) -> ShapefileLayer:
        """Return the Shapefile that ``part`` asks for."""
        name = choose_layer(part, tuple(self._members))
        return ShapefileLayer(name, self._members[name], self._limits, part.reading.encoding)


def loose_members(path: Path) -> dict[str, Members]:
    """Return the Shapefile at ``path`` with the sidecars that lie beside it, whatever the case of their extension."""
    found = {path.suffix.casefold(): Member.of_path(path)}
    for sidecar in loose_sidecars(path):
        if sidecar.exists():
            found.setdefault(sidecar.suffix.casefold(), Member.of_path(sidecar))
    return {path.stem: found}


def loose_sidecars(path: Path) -> tuple[Path, ...]:
    """Return the names under which sidecars of a loose Shapefile may lie."""
    return (*(path.with_suffix(s) for m in MEMBERS for s in (m, m.upper())), Path(f"{path}.cpg"))


def is_archived(archive: Archive) -> bool:
    """Return whether a ZIP holds a Shapefile."""
    return any(name.casefold().endswith(".shp") for name in archive.names)


def members_of(archive: Archive) -> list[str]:
    """Return the files that belong to Shapefiles."""
    return [name for name in archive.names if PurePosixPath(name).suffix.casefold() in MEMBERS]


def archived_members(archive: Archive) -> dict[str, Members]:
    """Return every Shapefile in a ZIP by the name of its .shp, with its folder where another has the same name."""
    names = {PurePosixPath(n.replace("\\", "/")): n for n in archive.names}
    layers: dict[str, Members] = {}
    places = [place for place in names if place.suffix.casefold() == ".shp"]
    stems = Counter(place.stem for place in places)
    for place in places:
        beside = {
            p.suffix.casefold(): n for p, n in names.items() if p.parent == place.parent and p.stem.casefold() == place.stem.casefold()
        }
        name = place.stem if stems[place.stem] == 1 else str(place.with_suffix(""))
        layers[name] = {ext: Member.of_entry(archive, n) for ext, n in beside.items() if ext in MEMBERS}
    return layers


@dataclass
class _Table:
    """The attribute table with its encoding."""

    dbf: Dbf
    encoding: Encoding
    names: tuple[str, ...]


class ShapefileLayer:
    """One Shapefile."""

    def __init__(self, name: str, members: Members, limits: Limits, encoding: str | None = None) -> None:
        """Open it, its texts in ``encoding`` where that is declared.

        RejectedError ``missing-member``, ``shapefile-broken`` or ``dbf-broken``.
        """
        self._limits = limits
        for needed in (".shp", ".shx", ".dbf"):
            if needed not in members:
                raise missing_member(f"{name}{needed}")
        self._members = members
        self._table = _table(members, encoding)
        shapes = self._count()
        if shapes != self._table.dbf.rows:
            raise _broken(f"{shapes} shapes, {self._table.dbf.rows} records", f"图形 {shapes} 个，记录 {self._table.dbf.rows} 条")
        self._index = Index(self._shx, shapes)
        self.source = SourceLayer(
            name, self._table.names, _prj(members), encoding=self._table.encoding.codec, rows=shapes, notes=self._notes()
        )

    def _notes(self) -> tuple[Text, ...]:
        encoding = self._table.encoding
        place = encoding.declared_in
        zh = f"由 {place} 声明" if place else "根据内容检测"
        en = f"declared by {place}" if place else "told from its bytes"
        return (Text(zh=f"文字编码 {encoding.codec}({zh})", en=f"text is {encoding.codec} ({en})"),)

    def _count(self) -> int:
        """Return how many shapes the index has."""
        self._shx = self._members[".shx"].read()
        with self._members[".shp"].opened() as shapes:
            files = [MemoryFile("index.shp", shapes.read(_HEAD_BYTES)), MemoryFile("index.shx", self._shx)]
        try:
            return int(pyogrio.read_info(files[0].path, force_feature_count=True)["features"])
        except Exception as error:
            raise _broken(str(error), str(error)) from error

    def _shapes(self) -> Iterator[pa.Array]:
        """Yield the shapes of so many records as WKB, as they stand in the file; null for those that GDAL cannot read."""
        size = self._limits.rows_per_batch
        for shp, shx in self._index.pieces(self._members[".shp"], size):
            files = [MemoryFile("layer.shp", shp), MemoryFile("layer.shx", shx)]
            try:
                with pyogrio.raw.open_arrow(files[0].path, columns=[], batch_size=size, use_pyarrow=True) as (meta, stream):
                    for batch in stream:
                        yield sound(batch)[0].column(meta["geometry_name"] or "wkb_geometry")
            except (*FAILURES, pa.ArrowException) as error:
                raise _broken(str(error), str(error)) from error

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the records that are not marked as deleted, numbered as they stand in the file."""
        table, first = self._table, 0
        with self._members[".dbf"].opened() as records:
            records.read(table.dbf.header_bytes)
            for shapes in self._shapes():
                last = first + len(shapes)
                if last > table.dbf.rows:
                    break
                dbf = table.dbf.with_records(records.read(len(shapes) * table.dbf.record_bytes))
                if dbf.rows != len(shapes):
                    raise _broken(f"{first + dbf.rows} records are there", f"只有 {first + dbf.rows} 条记录")
                chosen = pa.array(there := np.flatnonzero(~dbf.deleted))
                columns = {n: dbf.column(i, table.encoding.codec, 0, dbf.rows)[0].take(chosen) for i, n in enumerate(table.names)}
                yield batch_of_wkb(there.astype(np.int64) + first + 1, shapes.take(chosen), columns)
                first = last
            drain(records)
        if first != table.dbf.rows:
            raise _broken(f"{first} of {table.dbf.rows} shapes can be read", f"{table.dbf.rows} 个图形中只能读取 {first} 个")


def _broken(en: str, zh: str) -> TwinError:
    return rejected("shapefile-broken", f"The Shapefile cannot be read: {en[:300]}.", f"Shapefile 无法读取：{zh[:300]}。")


def _table(members: Members, declared: str | None) -> _Table:
    with members[".dbf"].opened() as stream:
        dbf = dbf_of_stream(stream, members[".dbf"].size)
    if declared is not None:
        codec = declared_codec(declared)
        return _Table(dbf, Encoding(codec, "the surveyor"), dbf.names(codec))
    encoding = dbf_encoding(members[".cpg"].read() if ".cpg" in members else None, dbf.language_driver, dbf.raw_texts())
    return _Table(dbf, encoding, dbf.names(encoding.codec))


def _prj(members: Members) -> str | None:
    content = members[".prj"].read() if ".prj" in members else b""
    return known_crs(content.decode("utf-8", "replace").strip("\0\ufeff \r\n\t"))
