"""A 3TZ file is a ZIP from which a tileset is read by its index alone, and the tileset in it is whole."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib

import numpy as np
import pytest

from tests.tile_features import BUILDING, buildings, to_geocentric
from tiles import archive as archives
from tiles.archive import TilesetArchive
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget

COUNT = 80
INDEX = "@3dtilesIndex1@"


def written(store: MemoryStore) -> tuple[bytes, int]:
    archive = TilesetArchive(store["tiles/b/open/r/3/tileset.json"], "3/tileset.json", "open", lambda path: store[f"tiles/b/open/{path}"])
    return b"".join(archive.pieces()), archive.files


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    objects = MemoryStore()
    target, options = TilesetTarget("b", 3, "open", "2.25.1.2.1."), BuildOptions(budget=Budget(260, 3_000))
    build_tileset([buildings(COUNT, spacing_m=100.0)], BUILDING, to_geocentric, target, objects, options=options)
    return objects


def by_index(archive: bytes, path: str) -> bytes:
    """What a reader of 3TZ gets: the index by binary search, then the local header; the central directory only for the index."""
    last = zipfile.ZipFile(io.BytesIO(archive)).infolist()[-1]
    assert (last.filename, last.compress_type) == (INDEX, zipfile.ZIP_STORED)
    hashes = np.frombuffer(archive[last.header_offset + 30 + len(INDEX) :][: last.file_size], "<u8").reshape(-1, 3)
    assert (np.lexsort((hashes[:, 1], hashes[:, 0])) == np.arange(len(hashes))).all()
    wanted = np.frombuffer(hashlib.md5(path.encode(), usedforsecurity=False).digest(), "<u8")
    place = int(np.searchsorted(hashes[:, 0], wanted[0]))
    if place == len(hashes) or (hashes[place, :2] != wanted).any():
        raise KeyError(path)
    offset = int(hashes[place, 2])
    magic, method, checksum, packed, size, name, extra = struct.unpack_from("<4s4xH4xIIIHH", archive, offset)
    start = offset + 30 + name + extra
    assert (magic, archive[offset + 30 :][:name]) == (b"PK\3\4", path.encode())
    body = archive[start : start + packed]
    content = zlib.decompress(body, -15) if method == zipfile.ZIP_DEFLATED else body
    assert (len(content), zlib.crc32(content)) == (size, checksum)
    return content


def test_the_tileset_in_an_archive_is_whole_and_read_by_its_index(store: MemoryStore) -> None:
    archive, count = written(store)
    assert check_tileset(lambda path: by_index(archive, path)) == []
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert len(names) == len(set(names)) == count + 1
    assert {f"tiles/b/open/{name}" for name in names if name.endswith(".glb")} == {key for key in store if key.endswith(".glb")}


def test_the_same_revision_gives_the_same_archive(store: MemoryStore) -> None:
    assert written(store) == written(store)


def test_an_archive_is_handed_on_piece_by_piece_and_the_pieces_are_the_archive(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, files = written(store)
    monkeypatch.setattr(archives, "_PIECE_BYTES", 1)
    archive = TilesetArchive(store["tiles/b/open/r/3/tileset.json"], "3/tileset.json", "open", lambda path: store[f"tiles/b/open/{path}"])
    pieces = list(archive.pieces())
    assert (b"".join(pieces), archive.files) == (whole, files)
    largest = max(len(content) for content in store.values())
    assert len(pieces) == files + 1
    assert max(len(piece) for piece in pieces[:-1]) < largest + 100
