"""OpenStreetMap PBF through GDAL's OSM driver: the objects that a FeatureType's tags choose, with the tags its fields know as columns.

GDAL puts ways and relations together to lines and areas. What it keeps meanwhile lies in memory, places of many nodes in a file
(`ingest.gdal_scratch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

from ingest.gdal_policy import MemoryFile
from ingest.gdal_scratch import NodesFile
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.layers import choose_layer
from ingest.readers.ogr import named_path, source_batch
from ingest.readers.osm_relations import tagged_relations
from ingest.readers.osm_room import Opened, Room, read_through, rooms
from ingest.readers.source import Remark, SourceBatch, SourceLayer
from ingest.readers.unpacked import Scratch
from ingest.refusals import rejected
from twin.errors import Text
from twin.model import FeatureType, GeometryType

_LAYERS: dict[GeometryType, str] = {"Point": "points", "LineString": "lines", "MultiPolygon": "multipolygons"}
_ID, _WAY_ID, _OTHER_TAGS = "osm_id", "osm_way_id", "other_tags"
_KIND = {"points": "n", "lines": "w", "multipolygons": "r"}
"""What an ``osm_id`` of a layer counts: nodes, ways, relations; numbers of the three overlap."""
_MOST_NAMED = 5
_LOST = Text(
    zh="{count} 个有这些标签的关系（{named} 等）在文件中成员不全或不闭合，不能成面，未读取",
    en="{count} relations with these tags ({named} …) lack members in this file or do not close: no areas, not read",
)
_CHOSEN = Text(zh="按标签 {tags} 选取", en="chosen by the tags {tags}")


def is_osm_pbf(head: bytes) -> bool:
    """Return whether a file begins as OSM PBF does: the length of a BlobHeader, then its type OSMHeader."""
    return head[4:15] == b"\x0a\x09OSMHeader"


class OsmPbf:
    """Points, lines and areas of an OSM extract; what belongs to a FeatureType is said by its ``osm`` tags."""

    format = "OSM PBF"

    def __init__(self, source: Path | bytes, limits: Limits) -> None:
        self._memory = MemoryFile("extract.osm.pbf", source) if isinstance(source, bytes) else None
        self._path = named_path(source) if isinstance(source, Path) else "/vsimem/extract.osm.pbf"
        self._source, self._limits = source, limits
        self._nodes: NodesFile | None = None

    def keep_nodes_in(self, scratch: Scratch) -> None:
        """Have places of nodes that are too many for the memory lie behind what was unpacked."""
        self._nodes = NodesFile(scratch)

    def inspect(self) -> FileInfo:
        """Return the three layers; how many objects each holds is only known when they are read."""
        return FileInfo(self.format, tuple(LayerInfo(name, kind, (), "EPSG:4326", None) for kind, name in _LAYERS.items()))

    def open(self, part: PartRequest, /) -> OsmLayer:
        """Return the objects of the part's FeatureType; RejectedError ``no-osm-tags`` when it says nothing of OpenStreetMap."""
        feature_type = part.feature_type
        if not feature_type.osm_tags:
            raise rejected(
                "no-osm-tags",
                f"FeatureType {feature_type.name} names no tags of OpenStreetMap (key osm).",
                f"要素类型“{feature_type.title.zh}”未声明 OpenStreetMap 标签（osm）。",
            )
        layer = _LAYERS[feature_type.geometry_type] if part.layer is None else choose_layer(part, tuple(_LAYERS.values()))
        return OsmLayer(self._path, self._source, layer, feature_type, self._limits, self._nodes)


class OsmLayer:
    """The objects of one layer that have one of the tags."""

    def __init__(
        self, path: str, source: Path | bytes, layer: str, feature_type: FeatureType, limits: Limits, nodes: NodesFile | None = None
    ) -> None:
        self._path, self._source, self._layer, self._limits, self._nodes = path, source, layer, limits, nodes
        self._tags = feature_type.osm_tags
        self._keys = _columns(feature_type)
        note = Text(*(t.format(tags=", ".join(self._tags)) for t in (_CHOSEN.zh, _CHOSEN.en)))
        columns = (_ID, *self._keys, _OTHER_TAGS)
        self.source = SourceLayer(layer, columns, "EPSG:4326", assumed=True, encoding="UTF-8", notes=(note,))

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the objects in the order in which GDAL completes them, numbered from 1; errors as `read_through`."""
        configuration = MemoryFile("osmconf.ini", _configuration(self._layer, self._keys).encode())
        first, areas = 1, set[str]()
        waiting: SourceBatch | None = None

        def opened(room: Room) -> Opened:
            return pyogrio.raw.open_arrow(
                self._path,
                layer=self._layer,
                where=_condition(self._tags),
                batch_size=self._limits.rows_per_batch,
                use_pyarrow=True,
                CONFIG_FILE=configuration.path,
                MAX_TMPFILE_SIZE=str(room.mb),
                USE_CUSTOM_INDEXING="YES" if room.is_sorted else "NO",
                TAGS_FORMAT="JSON",
            )

        for meta, batch in read_through(opened, rooms(self._length, self._limits.memory_bytes), self._nodes):
            made = source_batch(batch, meta["geometry_name"] or "wkb_geometry", first).with_geometries()
            if waiting is not None:
                yield waiting
            columns = _identified(dict(made.columns), self._layer)
            areas.update(name for name in columns[_ID].to_pylist() if name and name[0] == _KIND["multipolygons"])
            waiting = SourceBatch(made.rows, made.geometry, columns, made.faults)
            first += batch.num_rows
        if waiting is not None:
            yield replace(waiting, remarks=self._remarks(areas, len(waiting.rows) - 1 if len(waiting.rows) else None))
        elif remarks := self._remarks(areas, None):
            nothing = {column: pa.array([], pa.string()) for column in self.source.columns}
            yield SourceBatch(np.empty(0, np.int64), np.empty(0, object), nothing, remarks=remarks)

    @property
    def _length(self) -> int:
        return len(self._source) if isinstance(self._source, bytes) else self._source.stat().st_size

    def _remarks(self, areas: set[str], index: int | None) -> tuple[Remark, ...]:
        """Return what is to be said of relations with the tags of which no area came."""
        if self._layer != _LAYERS["MultiPolygon"]:
            return ()
        lost = sorted(n for n in tagged_relations(self._source, self._tags) if f"{_KIND[self._layer]}{n}" not in areas)
        if not lost:
            return ()
        named = ", ".join(f"{_KIND[self._layer]}{n}" for n in lost[:_MOST_NAMED])
        return (Remark(index, "reading", Text(*(t.format(count=len(lost), named=named) for t in (_LOST.zh, _LOST.en)))),)


def _columns(feature_type: FeatureType) -> tuple[str, ...]:
    """Return the keys of tags that become columns: those that choose, and every spelling of a field that could be a key."""
    spellings = [s for f in feature_type.fields for s in (f.name, *f.aliases)]
    keys = [s for s in spellings if s.isascii() and s == s.lower() and s.replace(":", "").replace("_", "").isalnum()]
    chosen = [tag.split("=")[0] for tag in feature_type.osm_tags]
    return tuple(dict.fromkeys(k for k in (*chosen, *keys) if k not in (_ID, _WAY_ID)))


def _condition(tags: tuple[str, ...]) -> str:
    """Return the OGR SQL condition; tags are of the FeatureType's schema (letters, digits, ``_`` and ``:``), never from the file."""
    pairs = (tag.partition("=") for tag in tags)
    return " OR ".join(f"\"{key}\" = '{value}'" if value else f'"{key}" IS NOT NULL' for key, _, value in pairs)


def _configuration(layer: str, keys: tuple[str, ...]) -> str:
    areas = "building,landuse,natural,leisure,amenity,area,water,waterway,boundary,place,shop,tourism,man_made,aeroway,military,historic"
    return "\n".join(
        [
            f"closed_ways_are_polygons={areas}",
            "attribute_name_laundering=no",
            f"[{layer}]",
            f"{_ID}=yes",
            f"attributes={','.join(keys)}",
            f"{_OTHER_TAGS}=yes",
            "",
        ]
    )


def _identified(columns: dict[str, pa.Array], layer: str) -> dict[str, pa.Array]:
    """Return the columns with ``osm_id`` saying what its number counts: ``n``, ``w`` or ``r`` before it."""
    own = pc.binary_join_element_wise(_KIND[layer], columns[_ID].cast(pa.string()), "")
    way = columns.pop(_WAY_ID, None)
    if way is not None:
        own = pc.coalesce(own, pc.binary_join_element_wise("w", way.cast(pa.string()), ""))
    columns[_ID] = own
    columns[_OTHER_TAGS] = pa.ExtensionArray.from_storage(pa.json_(), columns[_OTHER_TAGS].cast(pa.string()))
    return {name: column for name, column in columns.items() if np.any(column.is_valid()) or name == _ID}
