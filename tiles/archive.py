"""A tileset with all it leads to as one file: 3D Tiles Archive Format 1.3 (3TZ), a ZIP whose last entry is an index by MD5 of paths."""

from __future__ import annotations

import hashlib
import io
import posixpath
import struct
import zipfile
from collections.abc import Callable, Iterator

import orjson

from tiles.tileset import content_uris, relocated_tileset

MEDIA_TYPE = "application/vnd.maxar.archive.3tz+zip"
ARCHIVE_VERSION = 1
"""Raise it when the same tileset gives another file."""
_INDEX = "@3dtilesIndex1@"
_ENTRY = "tileset.json"
_WHEN = (1980, 1, 1, 0, 0, 0)
"""No time of writing: the same revision gives the same bytes."""
_PIECE_BYTES = 1 << 18


class TilesetArchive:
    """The tileset ``tileset``, served at ``address`` below its dataset (``7/tileset.json``), as the pieces of one file, in order.

    ``read`` gives what lies below the variant: ``c/{hash}.glb``, ``t/{hash}.json``. GLBs are stored, JSON is deflated. Terrain and images
    are no part of a tileset. At most one content is in memory at a time, beside 1 kB for every file written; ``files`` says how many
    those are.
    """

    def __init__(self, tileset: bytes, address: str, variant: str, read: Callable[[str], bytes]) -> None:
        self._tileset, self._place, self._variant, self._read = tileset, posixpath.dirname(address), variant, read
        self.files = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the file from its first byte to its last; NotFoundError when something in it is gone."""
        written = _Unsent()
        with zipfile.ZipFile(written, "w", allowZip64=True) as archive:
            for path, content in self._entries():
                archive.writestr(_information(path), content)
                self.files += 1
                if written.held >= _PIECE_BYTES:
                    yield written.take()
            archive.writestr(_information(_INDEX), _index(archive.infolist()))
        yield written.take()

    def _entries(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file with its path below the variant, each once, what leads to it before it."""
        waiting, known = [_ENTRY], {_ENTRY}
        while waiting:
            path = waiting.pop()
            content = relocated_tileset(self._tileset, self._below_variant) if path == _ENTRY else self._read(path)
            yield path, content
            if path.endswith(".json"):
                for uri in content_uris(orjson.loads(content)["root"]):
                    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), uri))
                    if target not in known:
                        known.add(target)
                        waiting.append(target)

    def _below_variant(self, uri: str) -> str:
        return posixpath.normpath(posixpath.join(self._place, uri)).removeprefix(f"{self._variant}/")


class _Unsent(io.BytesIO):
    """A file of which only the end is held: what was taken cannot be gone back to, which a ZIP does within its last entry only."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0

    @property
    def held(self) -> int:
        """How many bytes wait to be taken."""
        return len(self.getbuffer())

    def take(self) -> bytes:
        """Return what has come since, and hold it no more."""
        content = self.getvalue()
        self._taken += len(content)
        super().seek(0)
        self.truncate()
        return content

    def tell(self) -> int:
        """Return the place in the whole file."""
        return self._taken + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the whole file."""
        return self._taken + super().seek(offset - self._taken if whence == io.SEEK_SET else offset, whence)


def _information(path: str) -> zipfile.ZipInfo:
    information = zipfile.ZipInfo(path, _WHEN)
    information.compress_type = zipfile.ZIP_DEFLATED if path.endswith(".json") else zipfile.ZIP_STORED
    return information


def _index(entries: list[zipfile.ZipInfo]) -> bytes:
    """Return (MD5 of the path, offset of the local header) of all entries, in the order of the hashes as two little-endian uint64."""
    found = [(struct.unpack("<QQ", _md5(entry.filename)), entry.header_offset) for entry in entries]
    return b"".join(struct.pack("<QQQ", *name, offset) for name, offset in sorted(found))


def _md5(path: str) -> bytes:
    return hashlib.md5(path.encode(), usedforsecurity=False).digest()
