"""Vector files that GDAL reads well, through its Arrow stream: one driver is named and no other is asked."""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyogrio
import pyproj
from pyogrio.util import vsi_path

from ingest.gdal_policy import MemoryFile, only
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.arrow_columns import sound
from ingest.readers.curves import TOLERANCE_DEG, TOLERANCE_M
from ingest.readers.json_cells import json_cells
from ingest.readers.json_columns import json_column
from ingest.readers.layer_info import MEASURES_LEFT_OUT, layer_info, no_word_of_measures
from ingest.readers.layers import choose_layer
from ingest.readers.source import SourceBatch, SourceLayer
from ingest.readers.unpacked import Unpacked
from ingest.readers.wkb import batch_of_wkb
from ingest.refusals import rejected
from twin.errors import Text, TwinError

_NO_CRS = ("undefined", "unknown", "engcrs", "local_cs")
_COUNTED = frozenset({"FlatGeobuf"})
_BY_FEATURE = "OGR_FLATGEOBUF_STREAM_BASE_IMPL"
"""GDAL's option by which it makes Arrow batches of a FlatGeobuf from its features, not from the bytes."""
FAILURES = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, IndexError, UnicodeDecodeError)
"""What pyogrio raises about a file that it cannot open or not read to its end."""


@dataclass(frozen=True, slots=True)
class OgrSource:
    """One data source of GDAL."""

    driver: str
    path: str
    memory: tuple[MemoryFile, ...] = ()
    """What ``path`` is made of when it lies in GDAL's memory."""
    name: str = ""
    """Tells its layers from equally named ones of another source of the same file."""
    options: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    """Columns that the driver makes up or that say nothing of a feature."""
    encoding: str = "UTF-8"
    notes: tuple[Text, ...] = ()
    lists_are_repeats: bool = False
    """True when a list of one is that value: the driver makes lists of what a feature says once."""
    is_counted: bool = False
    """True when the number of rows in its header can be relied upon: fewer mean that the file is damaged."""
    crs: str | None = None
    """Replaces what GDAL makes of the file's CRS."""

    def give_back(self) -> None:
        """Have pages of mapped files that were looked at count as ours no longer."""
        for mapping in {file.mapping for file in self.memory}:
            if mapping is not None:
                mapping.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class _Layer:
    source: OgrSource
    own_name: str


class OgrFile:
    """The layers with geometry of one or several data sources."""

    def __init__(self, file_format: str, sources: Sequence[OgrSource], limits: Limits) -> None:
        """Open them; RejectedError ``unreadable`` when GDAL cannot, ``no-features`` when no layer has geometry."""
        self.format = file_format
        self._limits, self._notes = limits, dict[str, tuple[Text, ...]]()
        try:
            self._layers = _named([_Layer(s, name) for s in sources for name in _names(s)])
        except FAILURES as error:
            raise _unreadable(file_format, error) from error

    def inspect(self) -> FileInfo:
        """Return the layers with their columns and CRS."""
        return FileInfo(self.format, tuple(self._info(name) for name in self._layers))

    def open(self, part: PartRequest, /) -> OgrLayer:
        """Return the layer that ``part`` asks for; RejectedError ``no-features`` when no layer has geometry."""
        if not self._layers:
            raise rejected(
                "no-features", f"The {self.format} file holds no layer with geometry.", f"{self.format} 文件中没有带几何的图层。"
            )
        name = choose_layer(part, tuple(self._layers))
        info = self._info(name)
        return OgrLayer(self.format, self._layers[name], info, self._limits, self._notes[name])

    def _info(self, name: str) -> LayerInfo:
        source, own_name = self._layers[name].source, self._layers[name].own_name
        try:
            with only(source.driver):
                info = layer_info(source.path, own_name, source.options)
        except FAILURES as error:
            raise _unreadable(self.format, error) from error
        source.give_back()
        columns = tuple(c for c in info.columns if c not in source.without)
        if len(columns) > self._limits.columns:
            raise rejected("too-many-columns", f"{name}: {len(columns)} columns.", f"{name}：列数 {len(columns)} 超过上限。")
        crs = source.crs or known_crs(info.crs)
        self._notes[name] = (*source.notes, MEASURES_LEFT_OUT) if info.has_measures else source.notes
        return LayerInfo(name, info.geometry_type, columns, crs, info.rows if info.rows >= 0 else None, encoding=source.encoding)


class OgrLayer:
    """One layer."""

    def __init__(self, file_format: str, layer: _Layer, info: LayerInfo, limits: Limits, notes: tuple[Text, ...]) -> None:
        self._format, self._layer, self._limits = file_format, layer, limits
        self.source = SourceLayer(info.name, info.columns, info.crs, encoding=info.encoding, rows=info.rows, notes=notes)

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows as GDAL reads them, numbered from 1; RejectedError ``unreadable`` when the file breaks off."""
        source, tolerance, first = self._layer.source, _tolerance(self.source.crs), 1
        try:
            with only(source.driver):
                for geometry_name, batch in self._arrow_batches():
                    source.give_back()
                    yield source_batch(
                        batch,
                        geometry_name,
                        first,
                        tolerance,
                        source.without,
                        lists_are_repeats=source.lists_are_repeats,
                        longest_json=self._limits.text_length,
                    )
                    first += batch.num_rows
        except (*FAILURES, pa.ArrowException) as error:
            raise _unreadable(self._format, error) from error
        if source.is_counted and self.source.rows is not None and first <= self.source.rows:
            raise _unreadable(self._format, f"{first - 1} of {self.source.rows} features could be read")

    def _arrow_batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the name of the geometry and a batch; from the first on that is wrong in itself, as GDAL has them feature by feature."""
        done = 0
        with self._stream() as (meta, stream):
            name = meta["geometry_name"] or "wkb_geometry"
            for batch in stream:
                if self._layer.source.driver == "FlatGeobuf" and not _are_in_order(batch.column(name)):
                    break
                yield name, batch
                done += batch.num_rows
            else:
                return
        pyogrio.set_gdal_config_options({_BY_FEATURE: True})
        try:
            with self._stream(skip_features=done) as (_, stream):
                for batch in stream:
                    yield name, batch
        finally:
            pyogrio.set_gdal_config_options({_BY_FEATURE: None})

    @contextmanager
    def _stream(self, **options: int) -> Iterator[tuple[Mapping[str, str], Iterator[pa.RecordBatch]]]:
        source, size = self._layer.source, self._limits.rows_per_batch
        with no_word_of_measures(), ExitStack() as stack:
            opened: tuple[Mapping[str, str], Iterator[pa.RecordBatch]] = stack.enter_context(
                pyogrio.raw.open_arrow(
                    source.path, layer=self._layer.own_name, batch_size=size, use_pyarrow=True, **source.options, **options
                )
            )
            kept = stack.pop_all()
        with kept:
            yield opened


def open_alone(file_format: str, driver: str, name: str, content: Path | Unpacked, limits: Limits, notes: tuple[Text, ...] = ()) -> OgrFile:
    """Return a format of one file, by path or out of an archive."""
    is_counted = driver in _COUNTED
    if isinstance(content, Path):
        return OgrFile(file_format, [OgrSource(driver, named_path(content), name=name, is_counted=is_counted, notes=notes)], limits)
    memory = MemoryFile(f"alone/{name}", content)
    return OgrFile(file_format, [OgrSource(driver, memory.path, (memory,), name, is_counted=is_counted, notes=notes)], limits)


def named_path(path: Path) -> str:
    """Return the name by which pyogrio opens a file itself: it takes ``a.zip`` for an archive, ``a!b`` and ``a;b`` for other paths."""
    plain = str(path)
    return plain if vsi_path(plain) == plain else f"/vsisubfile/0,{plain}"


def source_batch(
    batch: pa.RecordBatch,
    geometry_name: str,
    first_row: int,
    tolerance: float = TOLERANCE_M,
    without: frozenset[str] = frozenset(),
    *,
    lists_are_repeats: bool = False,
    longest_json: int = Limits().text_length,
) -> SourceBatch:
    """Return an Arrow batch of GDAL as rows from ``first_row`` on, plain shapes as arrays; WKB that cannot be read becomes None.

    A text that is no UTF-8 is a fault of its row. ArrowException for a batch that is not as its types say,
    RejectedError ``text-too-long`` for a cell of JSON of more than ``longest_json`` bytes.
    """
    batch, faults = sound(batch)
    columns = {
        n: _column(batch.column(n), longest_json, lists_are_repeats=lists_are_repeats)
        for n in batch.schema.names
        if n != geometry_name and n not in without
    }
    rows = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
    return replace(batch_of_wkb(rows, batch.column(geometry_name), columns, tolerance), faults=faults)


def _are_in_order(wkb: pa.Array) -> bool:
    """Return whether each geometry begins where the one before ends.

    After a feature without geometry GDAL's FlatGeobuf (3.12.4) begins again at the front of what it has written: others get wrong shapes.
    """
    starts = np.frombuffer(wkb.buffers()[1], np.dtype("i8" if pa.types.is_large_binary(wkb.type) else "i4"))
    starts = starts[wkb.offset : wkb.offset + len(wkb) + 1]
    return bool((starts[1:] >= starts[:-1]).all())


def known_crs(text: str | None) -> str | None:
    """Return the CRS as GDAL names it, None for the ways it has of saying that there is none."""
    if not text or any(word in text[:60].casefold() for word in _NO_CRS):
        return None
    return text


def _names(source: OgrSource) -> list[str]:
    with only(source.driver), no_word_of_measures():
        layers = pyogrio.list_layers(source.path)
    if source.is_counted and len(layers) == 0:
        raise pyogrio.errors.DataSourceError("no layer can be read")
    return [str(name) for name, geometry in layers if geometry is not None]


def _named(layers: Sequence[_Layer]) -> dict[str, _Layer]:
    """Return the layers by name, those whose own name is there twice with their source's before it."""
    counts = Counter(layer.own_name for layer in layers)
    return {la.own_name if counts[la.own_name] == 1 else f"{la.source.name}/{la.own_name}": la for la in layers}


def _column(array: pa.Array, longest_json: int, *, lists_are_repeats: bool) -> pa.Array:
    """Return a column; lists become their JSON, where they are repeats a list of one text that text and an empty one None."""
    if isinstance(array.type, pa.JsonType):
        return json_cells(array, longest_json)
    if not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        return array
    if lists_are_repeats and pa.types.is_string(array.type.value_type):
        texts = [None if not v else v[0] if len(v) == 1 else orjson.dumps(v).decode() for v in array.to_pylist()]
        return pa.array(texts, pa.string())
    return json_column([None if v is None else orjson.dumps(v).decode() for v in array.to_pylist()])


def _tolerance(crs: str | None) -> float:
    """Return the tolerance of arcs in units of the CRS."""
    try:
        return TOLERANCE_DEG if crs is not None and pyproj.CRS(crs).is_geographic else TOLERANCE_M
    except pyproj.exceptions.CRSError:
        return TOLERANCE_M


def _unreadable(file_format: str, reason: object) -> TwinError:
    text = str(reason)[:300]
    return rejected("unreadable", f"The {file_format} file cannot be read: {text}", f"{file_format} 文件无法读取：{text}")
