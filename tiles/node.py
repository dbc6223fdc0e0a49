"""The record of one node of a tile tree: all that its parent, an edit, a subtree file or a legend needs to know of what lies below it.

Records form a Merkle tree: one is named by the hash of its bytes, an inner one holds the names of its children. So a revision is the name
of its root, and two revisions share whatever did not change between them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.bounds import Region
from tiles.mesh.batch import LeftOut
from tiles.statistics import NumberStatistics, Statistics, merge
from tiles.tileset import ContentRef, Tile, content_uris
from tiles.tiling import Cell, Weight
from twin.errors import TwinError

_MAGIC = b"TWN1"


class NodeError(TwinError):
    """What lies under the name of a node is none."""

    code = "tile-node"


@dataclass(frozen=True, slots=True)
class Summary:
    """What is drawn below a node, and what is not; merged from leaves upwards in the order of the tree."""

    statistics: Statistics
    lods: Mapping[int, int]
    """Drawn features by level of detail in tenths."""
    surfaces: frozenset[int]
    """Which SurfaceType occur."""
    left_out: Mapping[int, int]
    """How many features are not drawn, by LeftOut."""
    unrepresentable: Mapping[str, int]
    """Values by property that its type cannot hold and that became noData."""
    faces_left_out: int
    accuracy: Mapping[str, float]
    """The largest errors in metres, by name."""
    contents: int
    content_bytes: int
    """Of leaves."""
    far_contents: int = 0
    far_bytes: int = 0
    """Of inner nodes."""
    textured: int = 0
    """Drawn features that show a picture."""


def merged(parts: Sequence[Summary]) -> Summary:
    """Return the summary of all ``parts`` together."""
    return Summary(
        merge([p.statistics for p in parts]),
        _added([p.lods for p in parts]),
        frozenset[int]().union(*(p.surfaces for p in parts)),
        _added([p.left_out for p in parts]),
        _added([p.unrepresentable for p in parts]),
        sum(p.faces_left_out for p in parts),
        {name: max(p.accuracy.get(name, 0.0) for p in parts) for name in sorted({name for p in parts for name in p.accuracy})},
        sum(p.contents for p in parts),
        sum(p.content_bytes for p in parts),
        sum(p.far_contents for p in parts),
        sum(p.far_bytes for p in parts),
        sum(p.textured for p in parts),
    )


def _added[K: (int, str)](parts: Sequence[Mapping[K, int]]) -> Mapping[K, int]:
    return {key: sum(p.get(key, 0) for p in parts) for key in sorted({key for p in parts for key in p})}


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``fids`` (n,) of a leaf are its members in building order, those left out too; an inner node has ``children`` instead.

    ``region`` encloses all that is drawn below and is None when that is nothing; then ``tile`` is None, too. ``far`` is what the parent's
    far form is made from. ``name`` is the hash of the record.
    """

    name: str
    cell: Cell
    weight: Weight
    summary: Summary
    content: ContentRef | None
    tile: Tile | None
    far: bytes
    fids: NDArray[np.uint32]
    left_out: tuple[tuple[int, LeftOut], ...]
    levels: int = 1
    """How many levels of the tree it spans with all below it."""
    children: tuple[tuple[int, str], ...] = field(default=())
    """(quarter, name)."""

    @property
    def is_leaf(self) -> bool:
        """Return whether the features below are drawn by this node's own content."""
        return not self.children

    @property
    def region(self) -> Region | None:
        """Return the region of all that is drawn below."""
        return None if self.tile is None else self.tile.region


def to_bytes(node: Node) -> bytes:
    """Return the record of ``node``, all but its name."""
    head = orjson.dumps(
        {
            "cell": (node.cell.level, node.cell.column, node.cell.row),
            "weight": node.weight.as_tuple,
            "summary": _summary_json(node.summary),
            "content": None if node.content is None else _content_json(node.content),
            "tile": None if node.tile is None else _tile_json(node.tile),
            "left_out": node.left_out,
            "levels": node.levels,
            "children": node.children,
        }
    )
    fids = node.fids.astype("<u4").tobytes()
    return b"".join([_MAGIC, struct.pack("<III", len(head), len(fids), len(node.far)), head, fids, node.far])


def from_bytes(name: str, record: bytes) -> Node:
    """Return the node ``name`` from its record; NodeError when it is none."""
    if record[:4] != _MAGIC or len(record) < 16 or len(record) != 16 + sum(struct.unpack_from("<III", record, 4)):
        raise NodeError(f"{name} is no node of a tile tree")
    head_size, fid_size, _ = struct.unpack_from("<III", record, 4)
    head = orjson.loads(record[16 : 16 + head_size])
    fids = np.frombuffer(record, "<u4", fid_size // 4, 16 + head_size).astype(np.uint32)
    content, tile = head["content"], head["tile"]
    return Node(
        name,
        Cell(*head["cell"]),
        Weight(*head["weight"]),
        _summary(head["summary"]),
        None if content is None else ContentRef(content["hash"], Region(*content["region"]), content["size"]),
        None if tile is None else Tile(Region(*tile["region"]), tile["error_m"], tile["json"], tile["size"]),
        record[16 + head_size + fid_size :],
        fids,
        tuple((fid, LeftOut(reason)) for fid, reason in head["left_out"]),
        head["levels"],
        tuple((quarter, child) for quarter, child in head["children"]),
    )


def files_of(node: Node) -> Iterator[str]:
    """Yield the places of the tileset files that the tile of ``node`` refers to, below the variant."""
    return (uri for uri in ([] if node.tile is None else content_uris(node.tile.json)) if uri.startswith("t/"))


def _content_json(content: ContentRef) -> dict[str, object]:
    return {"hash": content.hash, "region": content.region.as_list(), "size": content.size}


def _tile_json(tile: Tile) -> dict[str, object]:
    return {"region": tile.region.as_list(), "error_m": tile.geometric_error_m, "json": tile.json, "size": tile.size}


def _summary_json(summary: Summary) -> dict[str, object]:
    numbers = {key: [n.count, n.minimum, n.maximum, n.total] for key, n in summary.statistics.numbers.items()}
    return {
        "count": summary.statistics.count,
        "numbers": numbers,
        "occurrences": summary.statistics.occurrences,
        "lods": sorted(summary.lods.items()),
        "surfaces": sorted(summary.surfaces),
        "left_out": sorted(summary.left_out.items()),
        "unrepresentable": summary.unrepresentable,
        "faces_left_out": summary.faces_left_out,
        "accuracy": summary.accuracy,
        "contents": [summary.contents, summary.content_bytes, summary.far_contents, summary.far_bytes],
        **({"textured": summary.textured} if summary.textured else {}),
    }


def _summary(head: dict[str, Any]) -> Summary:
    statistics = Statistics(
        head["count"],
        {key: NumberStatistics(*values) for key, values in head["numbers"].items()},
        head["occurrences"],
    )
    return Summary(
        statistics,
        dict(head["lods"]),
        frozenset(head["surfaces"]),
        dict(head["left_out"]),
        head["unrepresentable"],
        head["faces_left_out"],
        head["accuracy"],
        *_four(head["contents"]),
        head.get("textured", 0),
    )


def _four(numbers: list[int]) -> tuple[int, int, int, int]:
    first, second, third, fourth = numbers
    return first, second, third, fourth
