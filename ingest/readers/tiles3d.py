"""3D Tiles in a ZIP or .3tz: every tile, link and content looked at, then handed on byte for byte.

A delivery is one folder with a tileset.json and all it refers to; what nothing refers to stays behind. Source: OGC 22-025r4; 3TZ 1.3.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from ingest.georeference import georeference
from ingest.protocol import FileChunk, FileInfo, LayerInfo, Limits, ModelFile, ModelHeader, PartRequest, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.image import day_in_name
from ingest.readers.model_outline import GEODETIC, FloatArray, geodetic, outline_of, place_all
from ingest.readers.subtree import implicit_contents, scheme_of
from ingest.readers.tile_content import Look, look_at, plain
from ingest.readers.tileset_document import Json, Tile, check_head, invalid, resolved, tiles_of
from ingest.refusals import rejected
from twin.model import Recipe

ROOT = "tileset.json"
_SENT_BYTES = 16 << 20
_MOST_TILES = 2_000_000
_DEEPEST = 32
_ROOT_BYTES = 256 << 20
"""So much of a root is looked at before it is known to be one; far more than any is long."""
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"


def has_root(file: zipfile.ZipFile) -> bool:
    """Return whether what would be the root of a tileset is one by its words; whether it is a right one shows when it is read."""
    root = _root(tuple(file.namelist()))
    if root is None:
        return False
    with file.open(root) as stream:
        text = plain(stream.read(_ROOT_BYTES))
    return text.lstrip(_BEFORE_JSON).startswith(b"{") and b'"asset"' in text and b'"root"' in text


def is_tileset(archive: Archive) -> bool:
    """Return whether one folder of the archive, not below another such, holds a tileset.json."""
    return _root(archive.names) is not None


def members_of(archive: Archive) -> tuple[str, ...]:
    """Return what belongs to the tileset: all in and below its folder."""
    top = posixpath.dirname(_root(archive.names) or ROOT)
    return tuple(name for name in archive.names if name.startswith(f"{top}/" if top else ""))


def _root(names: tuple[str, ...]) -> str | None:
    """Return the tileset.json nearest to the top, None where there is none or several stand side by side."""
    found = sorted((n for n in names if PurePosixPath(n).name == ROOT), key=lambda n: (n.count("/"), n))
    alone = len(found) == 1 or (len(found) > 1 and found[0].count("/") < found[1].count("/"))
    return found[0] if alone else None


class Tileset3D:
    """One tileset in an archive."""

    format: str = "3D Tiles"
    recipes: frozenset[Recipe] = frozenset({"model"})

    def __init__(self, archive: Archive, request: ReadRequest) -> None:
        """Look for its root; nothing is checked yet."""
        self._archive = archive
        self._name = PurePosixPath(request.path.name).stem
        self._limits = request.limits
        self._names = frozenset(archive.names)
        self._top = posixpath.dirname(_root(archive.names) or ROOT)

    def inspect(self) -> FileInfo:
        """Return the tileset as one layer."""
        return FileInfo(self.format, (LayerInfo(self._name, "coverage", (), GEODETIC, None),))

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[ModelHeader | ModelFile | FileChunk]:
        """Yield what describes the tileset, then its files.

        RejectedError ``tileset-invalid``, ``tileset-extension``, ``model-uri-outside``, ``model-content-missing``, ``model-unplaced``,
        ``area-of-use``, ``tile-content-…``, ``model-too-large``.
        """
        placing = georeference(replace(request, crs=None, vertical=None), self._name, GEODETIC, assumed=False)
        walk = _Walk(self._archive, self._names, self._top)
        walk.tileset(self._in_top(ROOT), np.eye(4))
        outline = outline_of(place_all(placing, geodetic(walk.reach)), placing.storage.srid)
        place_all(placing, geodetic(np.array(walk.middles)))
        files = sorted(walk.used)
        total = sum(self._archive.size(name) for name in files)
        _check_size(total, self._limits)
        yield ModelHeader(
            dataset=part.dataset,
            format="3D Tiles",
            source_crs=GEODETIC,
            assumed=False,
            acquired_on=day_in_name(self._name),
            vertices=walk.seen.vertices,
            triangles=walk.seen.triangles,
            textured=walk.seen.textured,
            minimum_m=outline.minimum_m,
            maximum_m=outline.maximum_m,
            footprint=outline.footprint,
            files=len(files),
            total_bytes=total,
        )
        for name in files:
            yield ModelFile(part.dataset, posixpath.relpath(name, self._top or "."), self._archive.size(name))
            with self._archive.stream(name) as stream:
                while content := stream.read(_SENT_BYTES):
                    yield FileChunk(part.dataset, content)

    def _in_top(self, name: str) -> str:
        return posixpath.join(self._top, name)


class _Walk:
    """A walk from the root through all that it refers to."""

    def __init__(self, archive: Archive, names: frozenset[str], top: str) -> None:
        self._archive, self._names, self._top = archive, names, top
        self._tiles = 0
        self._above: list[str] = []
        self.used: set[str] = set()
        self.seen = Look()
        self.reach: FloatArray = np.empty((0, 3))
        """Points of the volume of the root."""
        self.middles: list[FloatArray] = []

    def tileset(self, name: str, transform: FloatArray, document: Json | None = None) -> None:
        """Check a tileset and all below it."""
        if name in self._above or len(self._above) >= _DEEPEST:
            raise invalid(name, "tilesets refer to each other in a circle", "瓦片集循环引用")
        self._above.append(name)
        document = document if document is not None else look_at(self._content(name), name).tileset
        if document is None:
            raise invalid(name, "no tileset", "不是瓦片集")
        check_head(document, name)
        for tile in tiles_of(document, name, transform, self._count):
            if not len(self.reach):
                self.reach = tile.points
            self.middles.append(tile.points.mean(axis=0))
            self._contents(tile, posixpath.dirname(name))
        self._above.pop()

    def _contents(self, tile: Tile, folder: str) -> None:
        if tile.implicit is None:
            for uri in tile.contents:
                self._look(self._resolved(folder, uri, tile.where), tile)
            return
        scheme = scheme_of(tile.implicit, tile.where)

        def read(uri: str) -> bytes:
            return self._content(self._resolved(folder, uri, tile.where))

        for uri, is_subtree in implicit_contents(scheme, tile.contents, read, tile.where):
            self._count()
            if not is_subtree:
                self._look(self._resolved(folder, uri, tile.where), tile)

    def _look(self, name: str, tile: Tile) -> None:
        """Look at a content; one that several tiles show is looked at once."""
        if name in self.used and name not in self._above:
            return
        look = look_at(self._content(name), name)
        if look.tileset is not None:
            self.tileset(name, tile.transform, look.tileset)
            return
        self.seen = self.seen.plus(replace(look, needs=()))
        for uri in look.needs:
            needed = self._resolved(posixpath.dirname(name), uri, name)
            if needed not in self.used:
                content = self._content(needed)
                if content[:4] == b"glTF":
                    self.seen = self.seen.plus(replace(look_at(content, needed), needs=()))

    def _resolved(self, folder: str, uri: str, where: str) -> str:
        return resolved(folder, uri, where, self._top)

    def _content(self, name: str) -> bytes:
        if name not in self._names or not name.startswith(f"{self._top}/" if self._top else ""):
            raise rejected("model-content-missing", f"{name} is referred to, but is not in the archive.", f"缺少被引用的文件 {name}。")
        self.used.add(name)
        return plain(self._archive.read(name))

    def _count(self) -> None:
        self._tiles += 1
        if self._tiles > _MOST_TILES:
            raise rejected("model-too-large", f"More than {_MOST_TILES} tiles.", f"瓦片数超过 {_MOST_TILES}。")


def _check_size(total: int, limits: Limits) -> None:
    if total > limits.model_bytes:
        raise rejected("model-too-large", f"The model unpacks to {total} bytes.", f"模型解压后有 {total} 字节，超过上限。")
