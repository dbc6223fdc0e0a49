"""What a content of a tileset is, by its first bytes: what it holds and which files it needs (OGC 22-025r4 §9; glTF 2.0 §4.4)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.readers.tileset_document import Json, invalid, parsed
from ingest.refusals import rejected
from twin.errors import TwinError

_GLB_HEAD, _CHUNK_HEAD = struct.Struct("<4sII"), struct.Struct("<I4s")
_B3DM, _I3DM, _PNTS, _CMPT = struct.Struct("<4s6I"), struct.Struct("<4s7I"), struct.Struct("<4s6I"), struct.Struct("<4s3I")
_GZIP = b"\x1f\x8b"
_TRIANGLES = 4
_DEEPEST = 4
_MOST_UNPACKED = 1 << 30


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in a content."""

    vertices: int = 0
    triangles: int = 0
    textured: bool = False
    needs: tuple[str, ...] = ()
    """URIs of files it needs."""
    tileset: Json | None = field(default=None)
    """Set when it is a tileset of its own."""

    def plus(self, other: Look) -> Look:
        """Return both together."""
        return Look(
            self.vertices + other.vertices, self.triangles + other.triangles, self.textured or other.textured, self.needs + other.needs
        )


def plain(content: bytes) -> bytes:
    """Return ``content`` as a browser sees it: many writers gzip single tiles."""
    if not content.startswith(_GZIP):
        return content
    unpacking = zlib.decompressobj(wbits=31)
    try:
        out = unpacking.decompress(content, min(_MOST_UNPACKED, 100 * len(content) + (10 << 20)))
    except zlib.error as error:
        raise rejected("archive-broken", f"A gzipped tile cannot be read: {error}", f"瓦片 gzip 内容损坏：{error}") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise rejected("gzip-bomb", "A gzipped tile unpacks to more than is allowed.", "瓦片解压后超过上限。")
    return out


def look_at(content: bytes, where: str, depth: int = 0) -> Look:
    """Return what ``content`` (not gzipped) is; RejectedError ``tile-content-unknown`` or ``tile-content-broken``."""
    magic = content[:4]
    try:
        if magic == b"glTF":
            return look_at_gltf(glb_json(content, where), where)
        if magic == b"b3dm":
            head = _B3DM.unpack_from(content)
            return look_at(_body(content, head, _B3DM.size), where, depth)
        if magic == b"i3dm":
            head = _I3DM.unpack_from(content)
            body = _body(content, head[:7], _I3DM.size)
            return look_at(body, where, depth) if head[7] == 1 else Look(needs=(body.rstrip(b"\0 ").decode("utf-8", "replace"),))
        if magic == b"pnts":
            return _points(content, where)
        if magic == b"cmpt" and depth < _DEEPEST:
            return _composite(content, where, depth)
    except struct.error as error:
        raise _broken(where) from error
    if content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        document = parsed(content, where)
        return Look(tileset=document) if "root" in document or "geometricError" in document else look_at_gltf(document, where)
    raise rejected(
        "tile-content-unknown",
        f"{where} is no content of 3D Tiles (glTF, b3dm, i3dm, pnts, cmpt or a tileset).",
        f"{where} 不是 3D Tiles 的瓦片内容。",
    )


def glb_json(content: bytes, where: str) -> Json:
    """Return the JSON of a GLB whose lengths agree; RejectedError ``tile-content-broken``."""
    if len(content) < _GLB_HEAD.size + _CHUNK_HEAD.size:
        raise _broken(where)
    _, version, length = _GLB_HEAD.unpack_from(content)
    if version != 2:
        raise rejected("gltf-version", f"{where} is glTF {version}, not 2.0.", f"{where} 为 glTF {version}，应为 2.0。")
    size, kind = _CHUNK_HEAD.unpack_from(content, _GLB_HEAD.size)
    start = _GLB_HEAD.size + _CHUNK_HEAD.size
    if length > len(content) or kind != b"JSON" or start + size > length:
        raise _broken(where)
    return parsed(content[start : start + size], where)


def look_at_gltf(document: Json, where: str) -> Look:
    """Return what a glTF holds and needs, as its JSON says."""
    needs = [u for key in ("buffers", "images") for item in _items(document, key) if (u := item.get("uri")) is not None]
    named = tuple(str(u) for u in needs if not str(u).startswith("data:"))
    accessors = _items(document, "accessors")
    vertices = triangles = 0
    for mesh in _items(document, "meshes"):
        for primitive in _items(mesh, "primitives"):
            count = _count(accessors, (primitive.get("attributes") or {}).get("POSITION"), where)
            corners = count if primitive.get("indices") is None else _count(accessors, primitive["indices"], where)
            vertices += count
            triangles += corners // 3 if primitive.get("mode", _TRIANGLES) == _TRIANGLES else 0
    return Look(vertices, triangles, bool(_items(document, "textures")), named)


def _count(accessors: Sequence[Mapping[str, Any]], index: object, where: str) -> int:
    if not isinstance(index, int) or not 0 <= index < len(accessors) or not isinstance(count := accessors[index].get("count"), int):
        raise invalid(where, "an accessor is missing", "缺少 accessor")
    return max(0, count)


def _items(document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    value = document.get(key)
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _body(content: bytes, head: Sequence[Any], size: int) -> bytes:
    """Return what follows the tables of a b3dm or i3dm."""
    start = size + sum(head[3:7])
    if head[1] != 1 or head[2] > len(content) or start >= head[2]:
        raise struct.error
    return content[start : head[2]]


def _points(content: bytes, where: str) -> Look:
    head = _PNTS.unpack_from(content)
    if head[1] != 1 or head[2] > len(content) or _PNTS.size + sum(head[3:7]) > head[2]:
        raise struct.error
    table = parsed(content[_PNTS.size : _PNTS.size + head[3]], where)
    count = table.get("POINTS_LENGTH")
    return Look(vertices=count if isinstance(count, int) and count > 0 else 0)


def _composite(content: bytes, where: str, depth: int) -> Look:
    _, _, length, tiles = _CMPT.unpack_from(content)
    if length > len(content) or tiles > length:
        raise struct.error
    seen, at = Look(), _CMPT.size
    for _ in range(tiles):
        (size,) = struct.unpack_from("<I", content, at + 8)
        if size < _GLB_HEAD.size or at + size > length:
            raise struct.error
        seen = seen.plus(look_at(content[at : at + size], where, depth + 1))
        at += size
    return seen


def _broken(where: str) -> TwinError:
    return rejected("tile-content-broken", f"{where} ends before what its header says.", f"{where} 内容不完整，与其头不符。")
