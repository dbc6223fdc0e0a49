"""A subtree file taken apart without trusting it (3D Tiles 1.1 §7.1.6 to §7.1.8): availability, and metadata of tiles and contents."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.checker.problem import Problems
from tiles.checker.tile_checks import Json

_HEADER = struct.Struct("<4sIQQ")
_REGION, _NUMBER = 6, 1

type Places = NDArray[np.intp]
type Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SubtreeTiles:
    """What a subtree file says: available tiles and contents by their place in the bitstreams, and the child subtrees by Morton code.

    ``regions`` (n, 6), ``errors`` (n,) and ``content_regions`` (contents, 6) float64 are None where the file does not give them.
    """

    tiles: Places
    contents: Places
    children: Places
    regions: NDArray[np.float64] | None
    errors: NDArray[np.float64] | None
    content_regions: NDArray[np.float64] | None


def read_subtree_file(data: bytes, levels: int, schema: Json, problems: Problems) -> SubtreeTiles | None:
    """Return what the quadtree subtree ``data`` says; None after recording what keeps it from being read."""
    file = _SubtreeFile(data, schema, problems)
    try:
        return file.tiles(levels) if file.json else None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        problems.add("SUBTREE_STRUCTURE", "/", f"the file is not of the form of a subtree ({type(error).__name__}: {error})")
        return None


class _SubtreeFile:
    def __init__(self, data: bytes, schema: Json, problems: Problems) -> None:
        self.schema, self.problems = schema, problems
        self.json: Json = {}
        self.binary = b""
        self._read_chunks(data)

    def _read_chunks(self, data: bytes) -> None:
        unless = self.problems.unless
        if not unless(len(data) >= _HEADER.size and data[:4] == b"subt", "SUBTREE_MAGIC", "/", "not a subtree file"):
            return
        _, version, json_length, binary_length = _HEADER.unpack_from(data)
        unless(version == 1, "SUBTREE_VERSION", "/", f"version {version}")
        unless(json_length % 8 == binary_length % 8 == 0, "SUBTREE_ALIGNMENT", "/", "a chunk does not end on 8 bytes")
        whole = _HEADER.size + json_length + binary_length
        if not unless(whole == len(data), "SUBTREE_LENGTH", "/", f"header says {whole} bytes, the file has {len(data)}"):
            return
        try:
            document = orjson.loads(data[_HEADER.size : _HEADER.size + json_length])
        except orjson.JSONDecodeError as error:
            self.problems.add("SUBTREE_JSON", "/", str(error))
            return
        if unless(isinstance(document, dict), "SUBTREE_JSON", "/", "the document is not an object"):
            self.json, self.binary = document, data[_HEADER.size + json_length :]
        buffers = self.json.get("buffers", [])
        declared = buffers[0].get("byteLength") if buffers else 0
        fits = isinstance(declared, int) and declared <= binary_length < declared + 8
        unless(fits, "BUFFER_LENGTH", "/buffers/0", f"{declared} bytes declared")

    def tiles(self, levels: int) -> SubtreeTiles:
        count, below = (4**levels - 1) // 3, 4**levels
        tiles = self._available(self.json["tileAvailability"], count, "/tileAvailability")
        contents = np.zeros(count, np.bool_)
        for number, entry in enumerate(self.json.get("contentAvailability", [])):
            contents |= self._available(entry, count, f"/contentAvailability/{number}")
        children = self._available(self.json["childSubtreeAvailability"], below, "/childSubtreeAvailability")
        self._check_tree(tiles, contents, children, levels)
        regions, errors = self._metadata("tileMetadata", int(tiles.sum()), ("TILE_BOUNDING_REGION", "TILE_GEOMETRIC_ERROR"))
        (content_regions,) = self._metadata("contentMetadata", int(contents.sum()), ("CONTENT_BOUNDING_REGION",))
        return SubtreeTiles(
            np.flatnonzero(tiles),
            np.flatnonzero(contents),
            np.flatnonzero(children),
            regions,
            None if errors is None else errors.ravel(),
            content_regions,
        )

    def _available(self, entry: Json, count: int, where: str) -> Bits:
        unless = self.problems.unless
        if "bitstream" not in entry:
            unless(entry.get("constant") in (0, 1), "SUBTREE_AVAILABILITY", where, "neither constant nor bitstream")
            return np.full(count, entry.get("constant") == 1)
        stream = self._view(entry["bitstream"], where)
        wanted = -(-count // 8)
        if stream is None or not unless(len(stream) == wanted, "SUBTREE_BITSTREAM", where, f"not {wanted} bytes"):
            return np.zeros(count, np.bool_)
        bits = np.unpackbits(np.frombuffer(stream, np.uint8), bitorder="little").astype(np.bool_)
        unless(not bits[count:].any(), "SUBTREE_PADDING", where, "bits beyond the last element are set")
        said, found = entry.get("availableCount"), int(bits[:count].sum())
        unless(said in (None, found), "SUBTREE_AVAILABLE_COUNT", where, f"{said} said, {found} set")
        return bits[:count]

    def _check_tree(self, tiles: Bits, contents: Bits, children: Bits, levels: int) -> None:
        unless, code = self.problems.unless, "SUBTREE_AVAILABILITY_INCONSISTENT"
        unless(tiles[0], code, "/tileAvailability", "the root is not available")
        unless(not (contents & ~tiles).any(), code, "/contentAvailability", "a content without a tile")
        parents = (np.arange(1, len(tiles)) - 1) // 4
        unless(not (tiles[1:] & ~tiles[parents]).any(), code, "/tileAvailability", "a tile without a parent")
        last = tiles[(4 ** (levels - 1) - 1) // 3 :]
        unless(not (children & ~np.repeat(last, 4)).any(), code, "/childSubtreeAvailability", "a child subtree without a parent")

    def _metadata(self, member: str, count: int, semantics: tuple[str, ...]) -> list[NDArray[np.float64] | None]:
        """Return the columns of the property table of ``member`` that have these semantics (count, 1 or 6)."""
        index = self.json.get(member)
        index = index[0] if isinstance(index, list) and index else index
        if index is None:
            return [None] * len(semantics)
        where, tables = f"/propertyTables/{index}", self.json.get("propertyTables", [])
        if not self.problems.unless(isinstance(index, int) and 0 <= index < len(tables), "REFERENCE", f"/{member}", f"no table {index}"):
            return [None] * len(semantics)
        table = tables[index]
        known = self.schema.get("classes", {}).get(table.get("class"))
        if not self.problems.unless(isinstance(known, dict), "CLASS_UNKNOWN", where, f"no class {table.get('class')}"):
            return [None] * len(semantics)
        self.problems.unless(table.get("count") == count, "SUBTREE_METADATA_COUNT", where, f"{table.get('count')} rows, {count} available")
        properties = known.get("properties", {})
        for name, prop in properties.items():
            present = name in table.get("properties", {}) or not prop.get("required")
            self.problems.unless(present, "REQUIRED_PROPERTY_MISSING", where, f"{name} is required")
        by_semantic = {properties[name].get("semantic"): name for name in table.get("properties", {}) if name in properties}
        columns = [(by_semantic.get(s), _REGION if s.endswith("REGION") else _NUMBER) for s in semantics]
        return [
            None if name is None else self._column(table["properties"][name], count, width, f"{where}/{name}") for name, width in columns
        ]

    def _column(self, entry: Json, count: int, width: int, where: str) -> NDArray[np.float64] | None:
        content = self._view(entry.get("values"), where)
        wanted = 8 * width * count
        if content is None or not self.problems.unless(len(content) == wanted, "METADATA_LENGTH", where, f"not {wanted} bytes"):
            return None
        values = np.frombuffer(content, "<f8").reshape(count, width).astype(np.float64)
        return values if self.problems.unless(np.isfinite(values).all(), "VALUE_NOT_FINITE", where, "a value is NaN or infinite") else None

    def _view(self, index: object, where: str) -> bytes | None:
        views = self.json.get("bufferViews", [])
        if not self.problems.unless(isinstance(index, int) and 0 <= index < len(views), "REFERENCE", where, f"no bufferViews[{index}]"):
            return None
        view = views[index]
        offset, length = view.get("byteOffset", -1), view.get("byteLength", -1)
        inside = isinstance(offset, int) and isinstance(length, int) and offset >= 0 < length and offset + length <= len(self.binary)
        if not self.problems.unless(inside, "BUFFER_VIEW_RANGE", where, f"{length} bytes at {offset} do not lie in the binary chunk"):
            return None
        self.problems.unless(offset % 8 == 0, "METADATA_ALIGNMENT", where, f"the view begins at {offset}, not on 8 bytes")
        return self.binary[offset : offset + length]
