"""Explicit tileset.json trees, cut into content-addressed files: a changed tile rewrites only its path to the root (3D Tiles 1.1 §6.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from tiles.bounds import Region, union

LARGEST_INLINE_BYTES = 40_000
"""A subtree larger than this becomes a file of its own; with four children a file stays under about 200 kB."""

type Json = dict[str, object]
type PutTree = Callable[[bytes], str]
"""Store one tileset file and return its hash."""


@dataclass(frozen=True, slots=True)
class ContentRef:
    """One stored content: its hash, the region of its vertices and its size in bytes; it lies in ``folder`` below the variant."""

    hash: str
    region: Region
    size: int = 0
    folder: str = "c"


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile as its ancestors see it: region of all below it, geometric error, and its JSON with hash-only URIs."""

    region: Region
    geometric_error_m: float
    json: Json
    size: int


_NOTHING = Tile(Region(0, 0, 0, 0, 0, 0), 0.0, {"boundingVolume": {"region": [0, 0, 0, 0, 0, 0]}, "geometricError": 0}, 0)


def tile(content: ContentRef | None, children: list[Tile], error_m: float | None, put_tree: PutTree, folder: str = "t") -> Tile:
    """Return the tile that shows ``content`` until its ``children`` replace it (at least one of either).

    ``error_m`` is how far the content is from the truth; None above an inner tile without content, whose error is half the diagonal of
    what would be missing, so that it never vanishes. An error is never below those of the children, which are stored first, in ``folder``
    below the variant, and referred to when too large for this file.
    """
    region = union([*([content.region] if content else []), *(c.region for c in children)])
    own = region.diagonal_m / 2 if error_m is None else error_m
    error = max([own, *(c.geometric_error_m for c in children)])
    body: Json = {"boundingVolume": {"region": region.as_list()}, "geometricError": error}
    if content is not None:
        body["content"] = _content(content, region)
    inline = [external(c, put_tree, folder) if c.size > LARGEST_INLINE_BYTES else c for c in children]
    if inline:
        body["children"] = [c.json for c in inline]
    own_size = len(orjson.dumps({**body, "children": []}))
    return Tile(region, error, body, own_size + sum(c.size for c in inline))


def _content(content: ContentRef, region: Region) -> Json:
    entry: Json = {"uri": f"{content.folder}/{content.hash}.glb"}
    if content.region != region:
        entry["boundingVolume"] = {"region": content.region.as_list()}
    return entry


def external(child: Tile, put_tree: PutTree, folder: str = "t") -> Tile:
    """Return a reference to ``child``, which ``put_tree`` stores in ``folder`` as a tileset file of its own."""
    name = put_tree(_file(child, {}, lambda uri: _seen_from(folder, uri)))
    body: Json = {
        "boundingVolume": {"region": child.region.as_list()},
        "geometricError": child.geometric_error_m,
        "content": {"uri": f"{folder}/{name}.json"},
    }
    return Tile(child.region, child.geometric_error_m, body, len(orjson.dumps(body)))


def revision_tileset(root: Tile | None, variant: str, extras: Json) -> bytes:
    """Return the tileset.json of a revision, to be served at ``/tiles/{dataset}/{revision}/tileset.json``.

    ``extras`` (schema, metadata, statistics…) become its top-level members. Without ``root`` the tileset is valid and shows nothing.
    """
    return _file(root or _NOTHING, extras, lambda uri: f"../{variant}/{uri}")


def filtered_tileset(root: Tile | None, folder: str, extras: Json) -> bytes:
    """Return the tileset.json of some features of a revision, to be served in ``folder`` below the variant, as `revision_tileset`."""
    return _file(root or _NOTHING, extras, lambda uri: _seen_from(folder, uri))


def pointing_tileset(target: bytes, uri: str) -> bytes:
    """Return a tiny tileset whose root content is the tileset ``target``, which is served at ``uri``."""
    tileset = orjson.loads(target)
    root = {
        "boundingVolume": tileset["root"]["boundingVolume"],
        "geometricError": tileset["root"]["geometricError"],
        "refine": "ADD",
        "content": {"uri": uri},
    }
    return orjson.dumps({"asset": {"version": "1.1"}, "geometricError": tileset["geometricError"], "root": root})


def relocated_tileset(tileset: bytes, relative: Callable[[str], str]) -> bytes:
    """Return a tileset file with its URIs as ``relative`` gives them."""
    body = orjson.loads(tileset)
    return orjson.dumps({**body, "root": _relocated(body["root"], relative)})


def content_uris(root: object) -> Iterator[str]:
    """Yield the URIs of all contents from the tile ``root`` downwards."""
    waiting = [root]
    while waiting:
        tile_json = waiting.pop()
        if isinstance(tile_json, dict):
            shown = (
                [tile_json["content"]] if "content" in tile_json else tile_json.get("contents", [])
            )  # earlier engines had several a tile
            yield from (str(content["uri"]) for content in shown)
            waiting += tile_json.get("children", [])


def _file(root: Tile, extras: Json, relative: Callable[[str], str]) -> bytes:
    """Return a tileset file; its own error is that of showing nothing: the diagonal."""
    error = max(root.region.diagonal_m, root.geometric_error_m)
    tile_json = {**_relocated(root.json, relative), "refine": "REPLACE"}
    return orjson.dumps({"asset": {"version": "1.1"}, **extras, "geometricError": error, "root": tile_json})


def _seen_from(folder: str, uri: str) -> str:
    """Return ``uri`` (``c/…`` or ``t/…`` below the variant) as seen from a file in ``folder``."""
    return uri.removeprefix(f"{folder}/") if uri.startswith(f"{folder}/") else "../" * (folder.count("/") + 1) + uri


def _relocated(body: Json, relative: Callable[[str], str]) -> Json:
    out = dict(body)
    content, children = body.get("content"), body.get("children")
    if isinstance(content, dict):
        out["content"] = {**content, "uri": relative(str(content["uri"]))}
    if isinstance(children, list):
        out["children"] = [_relocated(c, relative) for c in children]
    return out
