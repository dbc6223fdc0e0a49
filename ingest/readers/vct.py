"""VCT 3.0, the exchange format of the land surveys (GB/T 17798-2007): a layer a table, with geometry and attributes joined by number.

No public standard text was at hand beyond its table of contents; the layout is that of programs that write and read such files
(docs/decisions/0033). The head says datum, central meridian and order of axes; whether eastings carry a zone number, the coordinates do.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.encodings import declared_codec
from ingest.readers.layers import choose_layer
from ingest.readers.mapped_text import mapped
from ingest.readers.source import Fault, Remark, SourceBatch, SourceLayer
from ingest.readers.vct_geometry import Record, Records
from ingest.readers.vct_text import Layer, VctText, broken, open_text
from ingest.refusals import rejected
from twin.errors import Text

_BEGIN = b"headbegin"
_ZONED = 1_000_000
_DEGREE_UNITS = frozenset({"D", "DEG", "DEGREE", "度"})
_METRE_UNITS = frozenset({"", "M", "METER", "METRE", "米"})
_NO_FIELD = "column"
_MOST_NAMED = 5
_ANNOTATIONS = Text(zh="注记（Annotation）不读取", en="annotations are not read")

# First codes of EPSG's Gauss-Krüger series by datum: 3° by central meridian (75°E…) and by zone (25…), 6° by meridian and by zone (13…).
_SERIES: Mapping[str, tuple[int, int, int | None, int | None]] = {
    "CGCS2000": (4534, 4513, 4502, 4491),
    "Xian 1980": (2370, 2349, 2338, 2327),
    "Beijing 1954": (2422, 2401, None, None),
}
_GEOGRAPHIC = {"WGS 84": "EPSG:4326", "CGCS2000": "EPSG:4490", "Xian 1980": "EPSG:4610", "Beijing 1954": "EPSG:4214"}
_NAMES = (
    ("WGS 84", re.compile(r"wgs[\s_-]*(19)?84", re.IGNORECASE)),
    ("CGCS2000", re.compile(r"cgcs|(?<![\d.])2000(?![\d.])", re.IGNORECASE)),
    ("Xian 1980", re.compile(r"iag|xi.?an|西安|(?<![\d.])1980(?![\d.])", re.IGNORECASE)),
    ("Beijing 1954", re.compile(r"kra[sz]|beijing|北京|克拉索夫斯基|(?<![\d.])1954(?![\d.])", re.IGNORECASE)),
)
_FIGURES = (
    (("WGS 84",), re.compile(r"298\.25722(356|4)")),
    (("CGCS2000",), re.compile(r"298\.257222")),
    (("CGCS2000", "WGS 84"), re.compile(r"6378137")),
    (("Xian 1980",), re.compile(r"6378140")),
    (("Beijing 1954",), re.compile(r"6378245")),
)
"""Flattenings and axes of the ellipsoids of datums; where two have it, the first is meant."""


def is_vct(text_head: bytes) -> bool:
    """Return whether a text begins as a VCT file does."""
    return text_head[: len(_BEGIN)].lower() == _BEGIN


class Vct:
    """The layers of a file."""

    format = "VCT"

    def __init__(self, source: Path | bytes, limits: Limits) -> None:
        """Open a file; RejectedError ``vct-version``, ``vct-unit`` or ``vct-broken``."""
        self._content = mapped(source) if isinstance(source, Path) else source
        self._limits = limits
        self._text = open_text(self._content)
        self._crs = _crs(self._text)
        self._told: set[str | None] = set()

    def inspect(self) -> FileInfo:
        """Return the layers that the file defines."""
        layers = self._text.layers
        names = [_name(layer, self._text) for layer in layers]
        infos = [
            LayerInfo(name, layer.geometry_type, _columns(layer), self._crs, None, encoding=self._text.encoding)
            for name, layer in zip(names, layers, strict=True)
        ]
        return FileInfo(self.format, tuple(infos))

    def open(self, part: PartRequest, /) -> VctLayer:
        """Return the layer called by its title or its table; RejectedError ``layer-missing``."""
        text = open_text(self._content, declared_codec(part.reading.encoding)) if part.reading.encoding else self._text
        names = {_name(layer, text): layer for layer in text.layers}
        by_table = [name for name, layer in names.items() if part.layer and normalised(layer.table) == normalised(part.layer)]
        name = by_table[0] if by_table else choose_layer(part, tuple(names))
        swapped = part.reading.axes == "yx" if part.reading.axes else text.head.get("xaxisdirection", "E").upper().startswith(("N", "北"))
        return VctLayer(name, names[name], text, self._crs, self._limits, self._told, swapped=swapped)


class VctLayer:
    """The features of one table, in the order of the file."""

    def __init__(
        self, name: str, layer: Layer, text: VctText, crs: str | None, limits: Limits, told: set[str | None], *, swapped: bool
    ) -> None:
        """Take a table of a file, and of which kinds of geometry it was ``told`` what no table of the file is for."""
        self._layer, self._text, self._limits, self._told, self._swapped = layer, text, limits, told, swapped
        axes = (Text(zh="X 为北坐标", en="X is northing"),) if swapped else ()
        left_out = () if next(text.section("Annotation"), None) is None else (_ANNOTATIONS,)
        notes = (*axes, *_contradictions(text), *left_out)
        self.source = SourceLayer(name, _columns(layer), crs, encoding=text.encoding, notes=notes, axes_in_order=True)

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the features, numbered from 1; one without a line of attributes has none."""
        attributes = self._text.attributes(self._layer.table)
        records = Records(self._text, swapped=self._swapped).of(self._layer.geometry_type)
        known = frozenset(code for layer in self._text.layers for code in layer.codes)
        unread: Counter[str] = Counter()
        columns = _columns(self._layer)
        first, waiting = 1, None
        for batch in itertools.batched(self._own(records, known, unread), self._limits.rows_per_batch):
            if waiting is not None:
                yield waiting
            rows = attributes.of([record.number for record in batch])
            values = {
                column: pa.array([row[i] or None if i < len(row) else None for row in rows], pa.string())
                for i, column in enumerate(columns)
            }
            geometry = np.empty(len(batch), dtype=object)
            geometry[:] = [record.geometry for record in batch]
            waiting = SourceBatch(np.arange(first, first + len(batch), dtype=np.int64), geometry, values, _faults(batch))
            first += len(batch)
        if self._layer.geometry_type in self._told:
            unread.clear()
        self._told.add(self._layer.geometry_type)
        if waiting is not None:
            yield replace(waiting, remarks=_remarks(unread, len(waiting.rows) - 1))
        elif unread:
            nothing = {column: pa.array([], pa.string()) for column in columns}
            yield SourceBatch(np.empty(0, np.int64), np.empty(0, object), nothing, remarks=_remarks(unread, None))

    def _own(self, records: Iterator[Record], known: frozenset[str], unread: Counter[str]) -> Iterator[Record]:
        """Yield the records of the layer; those whose code no layer has are counted: of lines it is of what polygons are made of."""
        for record in records:
            if record.code in self._layer.codes:
                yield record
            elif record.code not in known and self._layer.geometry_type != "LineString":
                unread[record.code] += 1


def _remarks(unread: Counter[str], index: int | None) -> tuple[Remark, ...]:
    if not unread:
        return ()
    codes = ", ".join(sorted(unread)[:_MOST_NAMED])
    zh = f"{unread.total()} 个要素的代码（{codes}）不属于任何要素表，未读取"
    en = f"{unread.total()} features of codes that no table is for ({codes}) are not read"
    return (Remark(index, "reading", Text(zh, en)),)


def _faults(batch: tuple[Record, ...]) -> tuple[Fault, ...]:
    return tuple(Fault(i, "geometry-empty", record.fault) for i, record in enumerate(batch) if record.fault)


def _columns(layer: Layer) -> tuple[str, ...]:
    names: list[str] = []
    for index, field in enumerate(layer.fields):
        plain = field or f"{_NO_FIELD}_{index + 1}"
        names.append(plain if plain not in names else f"{plain}_{index + 1}")
    return tuple(names)


def _name(layer: Layer, text: VctText) -> str:
    """Return the title of a layer, with its table where two are called the same."""
    alike = [other for other in text.layers if other.title == layer.title]
    return layer.title if layer.title and len(alike) == 1 else f"{layer.title} {layer.table} {layer.geometry_type}".strip()


def _crs(text: VctText) -> str | None:
    """Return the CRS that the head names; None when it is not one of the national ones."""
    unit = text.head.get("xyunit", "").strip().upper()
    is_geographic = unit in _DEGREE_UNITS
    if not is_geographic and unit not in _METRE_UNITS:
        raise rejected("vct-unit", f"Coordinates in {unit} are not read.", f"不支持以 {unit} 为单位的坐标。")
    datum = _named(text) or next(iter(_figured(text)), None)
    if datum is None:
        return None
    if is_geographic:
        return _GEOGRAPHIC[datum]
    return _gauss_kruger(datum, text)


def _stated(text: VctText) -> str:
    return f"{text.head.get('spheroid', '')} {text.head.get('projection', '')}"


def _named(text: VctText) -> str | None:
    """Return the datum that the head calls by a name, which counts for more than figures: programs write those from tables of their own."""
    return next((datum for datum, pattern in _NAMES if pattern.search(_stated(text))), None)


def _figured(text: VctText) -> tuple[str, ...]:
    """Return the datums that have the ellipsoid of the head's figures; none where those are nobody's."""
    return next((datums for datums, pattern in _FIGURES if pattern.search(_stated(text))), ())


def _contradictions(text: VctText) -> tuple[Text, ...]:
    named, figured = _named(text), _figured(text)
    if named is None or not figured or named in figured:
        return ()
    other = figured[0]
    return (Text(zh=f"名称为 {named}，椭球参数为 {other}，按名称", en=f"called {named} with the ellipsoid of {other}: the name counts"),)


def _gauss_kruger(datum: str, text: VctText) -> str | None:
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text.head.get("parameters", ""))]
    meridian = next((n for n in numbers if 72 < n < 138 and n % 3 == 0), None)
    series = _SERIES.get(datum)
    if meridian is None or series is None:
        return None
    is_six = 6.0 in numbers and 3.0 not in numbers
    by_meridian_3, by_zone_3, by_meridian_6, by_zone_6 = series
    zoned = _first_easting(text) >= _ZONED
    if is_six and by_meridian_6 is not None and by_zone_6 is not None:
        return f"EPSG:{by_zone_6 + round((meridian - 75) / 6)}" if zoned else f"EPSG:{by_meridian_6 + round((meridian - 75) / 6)}"
    step = round((meridian - 75) / 3)
    return f"EPSG:{by_zone_3 + step}" if zoned else f"EPSG:{by_meridian_3 + step}"


def _first_easting(text: VctText) -> float:
    """Return the easting of the first vertex of the file; 0 when there is none."""
    for section in ("Point", "Line", "Polygon"):
        for line in itertools.islice(text.section(section), 100):
            if text.separator in line:
                try:
                    x, y = (float(v) for v in line.split(text.separator)[:2])
                except ValueError as error:
                    raise broken(f"{line[:60]!r} is no coordinate") from error
                return y if text.head.get("xaxisdirection", "E").upper().startswith(("N", "北")) else x
    return 0.0
