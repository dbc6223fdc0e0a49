"""A tileset with all it leads to as one file: 3D Tiles Archive Format 1.3 (3TZ), a ZIP whose last entry is an index by MD5 of paths."""

from __future__ import annotations

import hashlib
import posixpath
import struct
import zipfile
from collections.abc import Callable
from typing import BinaryIO

import orjson

from tiles.tileset import content_uris, relocated_tileset

_INDEX = "@3dtilesIndex1@"
_ENTRY = "tileset.json"
_WHEN = (1980, 1, 1, 0, 0, 0)
"""No time of writing: the same revision gives the same bytes."""


def write_archive(tileset: bytes, variant: str, read: Callable[[str], bytes], file: BinaryIO) -> int:
    """Write the tileset of a revision (`tiles.tileset.revision_tileset`) to ``file``, which can seek, and return how many files it has.

    ``read`` gives what lies below the variant: ``c/{hash}.glb``, ``t/{hash}.json``. GLBs are stored, JSON is deflated. Terrain and images
    are no part of a tileset.
    """
    entry = relocated_tileset(tileset, lambda uri: uri.removeprefix(f"../{variant}/"))
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        waiting, known = [_ENTRY], {_ENTRY}
        while waiting:
            path = waiting.pop()
            content = entry if path == _ENTRY else read(path)
            archive.writestr(_information(path), content)
            if path.endswith(".json"):
                for uri in content_uris(orjson.loads(content)["root"]):
                    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), uri))
                    if target not in known:
                        known.add(target)
                        waiting.append(target)
        archive.writestr(_information(_INDEX), _index(archive.infolist()))
    return len(known)


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
