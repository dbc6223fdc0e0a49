"""KML 2.2 and 2.3 (OGC 12-007): placemarks with their names, descriptions and extended data; folders are layers.

Not through GDAL's LIBKML: it replaces every letter of a data field's name that is not ASCII, so that 管径 and 备注 become one column.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from lxml import etree

from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.kml_geometry import geometry_of, local_name
from ingest.readers.layers import choose_layer
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text, TwinError

_CRS = "OGC:CRS84"
"""OGC 12-007r2 §6.2: longitude and latitude of WGS 84; heights above the EGM96 geoid."""
_CONTAINERS = ("Document", "Folder")
_NAME, _DESCRIPTION, _FOLDER, _ID = "name", "description", "folder", "kml_id"
_PLAIN = ("address", "phoneNumber", "snippet", "Snippet")
_MAX_DEPTH = 64
_CLAMPED = Text(
    zh="贴地（clampToGround）要素的高程按 KML 规定不计；absolute 为 EGM96 正高",
    en="heights of features clamped to the ground do not count, as KML rules; absolute ones are above EGM96",
)


@dataclass(frozen=True, slots=True)
class Placemark:
    """One feature as it stands in the file: the folders around it, what it says, its geometry element."""

    folders: tuple[str, ...]
    values: Mapping[str, str | None]
    element: etree._Element


class Kml:
    """The folders of a KML file that hold placemarks, as layers."""

    format = "KML"

    def __init__(self, name: str, content: Path | bytes, limits: Limits, beside: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Look through the file, and ``beside`` it those that lie with it in a KMZ, each as a folder.

        RejectedError ``kml-invalid`` or ``no-features``.
        """
        self._name, self._content, self._limits = name, content, limits
        self._beside = beside
        self._layers: dict[tuple[str, ...], _Seen] = {}
        for placemark in self.placemarks():
            self._layers.setdefault(placemark.folders, _Seen()).add(placemark, limits)
        if not self._layers:
            raise rejected(
                "no-features",
                "The KML file holds no placemark. Network links and overlays are not read: open what is linked and save it as KML.",
                "KML 文件中没有地标。网络链接和叠加层不予读取：请打开所链接的内容，把其中的地标另存为 KML 后提交。",
            )

    def inspect(self) -> FileInfo:
        """Return the folders with what their placemarks say."""
        infos = [LayerInfo(n, s.geometry, s.columns, _CRS, s.rows, crs_assumed=True, encoding="UTF-8") for n, s in self._named()]
        return FileInfo(self.format, tuple(infos))

    def open(self, part: PartRequest, /) -> KmlLayer:
        """Return the placemarks of the folder ``part`` names and of the folders in it; without a name the one that fits."""
        chosen = self._below(part.layer) if part.layer is not None else []
        if not chosen:
            name = choose_layer(part, [n for n, _ in self._named()])
            chosen = [folders for folders in self._layers if self._label(folders) == name]
        seen = [self._layers[folders] for folders in chosen]
        columns = tuple(dict.fromkeys(c for s in seen for c in s.columns))
        title = part.layer or self._label(chosen[0])
        source = SourceLayer(title, columns, _CRS, assumed=True, encoding="UTF-8", rows=sum(s.rows for s in seen), notes=(_CLAMPED,))
        return KmlLayer(self, frozenset(chosen), source, self._limits)

    def placemarks(self) -> Iterator[Placemark]:
        """Yield every placemark in file order."""
        yield from _parsed(io.BytesIO(self._content) if isinstance(self._content, bytes) else self._content.open("rb"))
        for folder, content in self._beside.items():
            for placemark in _parsed(io.BytesIO(content)):
                yield replace(placemark, folders=(folder, *placemark.folders))

    def _named(self) -> list[tuple[str, _Seen]]:
        return [(self._label(folders), seen) for folders, seen in self._layers.items()]

    def _label(self, folders: tuple[str, ...]) -> str:
        """Return a folder's own name, its whole path where another has the same."""
        own = [f[-1] if f else self._name for f in self._layers]
        name = folders[-1] if folders else self._name
        return name if own.count(name) == 1 else "/".join(folders) or self._name

    def _below(self, layer: str) -> list[tuple[str, ...]]:
        """Return the folders that are ``layer`` or lie in it."""
        wanted = normalised(layer)
        exact = [f for f in self._layers if normalised(self._label(f)) == wanted]
        inside = [f for f in self._layers if any(normalised(name) == wanted for name in f)]
        return list(dict.fromkeys([*exact, *inside]))


class _Seen:
    """What a first look at the placemarks of one folder told."""

    def __init__(self) -> None:
        self.rows = 0
        self._columns: dict[str, None] = {}
        self._kinds: dict[str, None] = {}

    def add(self, placemark: Placemark, limits: Limits) -> None:
        self.rows += 1
        if self.rows > limits.rows:
            raise rejected("too-many-rows", f"More than {limits.rows} rows.", f"行数超过 {limits.rows}。")
        self._columns |= dict.fromkeys(placemark.values)
        if len(self._columns) > limits.columns:
            raise rejected("too-many-columns", f"{len(self._columns)} columns.", f"列数 {len(self._columns)} 超过上限。")
        self._kinds |= dict.fromkeys(local_name(child) for child in placemark.element if local_name(child) in _SHAPES)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._columns)

    @property
    def geometry(self) -> str | None:
        return "/".join(sorted({_SHAPES[k] for k in self._kinds})) or None


_SHAPES = {
    "Point": "Point", "LineString": "LineString", "LinearRing": "LineString", "Polygon": "Polygon",
    "MultiGeometry": "GeometryCollection", "Track": "LineString", "MultiTrack": "MultiLineString", "Model": "Point",
}  # fmt: skip


class KmlLayer:
    """The placemarks of some folders."""

    def __init__(self, file: Kml, folders: frozenset[tuple[str, ...]], source: SourceLayer, limits: Limits) -> None:
        self._file, self._folders, self._limits = file, folders, limits
        self.source = source

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the placemarks in file order, numbered from 1."""
        rows: list[Mapping[str, str | None]] = []
        shapes: list[object] = []
        faults: list[Fault] = []
        first = 1
        for placemark in self._file.placemarks():
            if placemark.folders not in self._folders:
                continue
            shape, problem = geometry_of(placemark.element)
            if problem is not None:
                faults.append(Fault(len(rows), "structure", problem))
            rows.append(placemark.values)
            shapes.append(shape)
            if len(rows) == self._limits.rows_per_batch:
                yield self._batch(first, rows, shapes, faults)
                first += len(rows)
                rows, shapes, faults = [], [], []
        if rows:
            yield self._batch(first, rows, shapes, faults)

    def _batch(
        self, first: int, rows: Sequence[Mapping[str, str | None]], shapes: Sequence[object], faults: Sequence[Fault]
    ) -> SourceBatch:
        geometry = np.empty(len(shapes), dtype=object)
        geometry[:] = shapes
        columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in self.source.columns}
        return SourceBatch(np.arange(first, first + len(rows), dtype=np.int64), geometry, columns, tuple(faults))


def _parsed(stream: BinaryIO) -> Iterator[Placemark]:
    with stream:
        try:
            yield from _placemarks(stream)
        except etree.XMLSyntaxError as error:
            raise _invalid(str(error)) from error


def _placemarks(stream: BinaryIO) -> Iterator[Placemark]:
    """Yield the placemarks of a stream; an element that was looked at is emptied, so that the size of the file does not matter."""
    folders: list[str] = []
    events = etree.iterparse(
        stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    for event, element in events:
        name = local_name(element)
        if event == "start" and name in _CONTAINERS:
            if len(folders) >= _MAX_DEPTH:
                raise _invalid("folders are nested too deeply")
            folders.append("")
        elif event == "end" and name in _CONTAINERS:
            folders.pop()
            _empty(element)
        elif event == "end" and name == "name" and folders and local_name(element.getparent()) in _CONTAINERS:
            folders[-1] = (element.text or "").strip()
        elif event == "end" and name == "Placemark":
            path = tuple(f for f in folders if f)
            yield Placemark(path, _values(element, path), element)
            _empty(element)


def _empty(element: etree._Element) -> None:
    element.clear(keep_tail=False)
    while element.getprevious() is not None:
        parent = element.getparent()
        if parent is None:
            return
        del parent[0]


def _values(placemark: etree._Element, folders: tuple[str, ...]) -> dict[str, str | None]:
    """Return what a placemark says: its id, name, description (HTML as it stands), data and schema data, and its folders."""
    values: dict[str, str | None] = {_FOLDER: "/".join(folders)} if folders else {}
    if placemark.get("id"):
        values[_ID] = placemark.get("id")
    for child in placemark:
        name = local_name(child)
        if name in (_NAME, _DESCRIPTION, *_PLAIN):
            values[name] = _text(child)
        elif name == "ExtendedData":
            values |= _extended(child)
        elif name == "TimeStamp":
            values["when"] = next((_text(w) for w in child if local_name(w) == "when"), None)
        elif name == "TimeSpan":
            values |= {local_name(w): _text(w) for w in child if local_name(w) in ("begin", "end")}
    return values


def _extended(extended: etree._Element) -> dict[str, str | None]:
    """Return ``Data`` and ``SchemaData`` by name; an element of neither kind by its own name."""
    values: dict[str, str | None] = {}
    for child in extended:
        kind = local_name(child)
        if kind == "Data":
            values[child.get("name") or ""] = next((_text(v) for v in child if local_name(v) == "value"), None)
        elif kind == "SchemaData":
            values |= {item.get("name") or "": _text(item) for item in child if local_name(item) == "SimpleData"}
        else:
            values[kind] = _text(child)
    return values


def _text(element: etree._Element) -> str:
    """Return the text of an element: "" is what an empty one says, None is left to those that are not there."""
    return "".join(str(part) for part in element.itertext())


def _invalid(reason: str) -> TwinError:
    return rejected("kml-invalid", f"The file is not KML: {reason[:200]}.", f"文件不是有效的 KML：{reason[:200]}。")
