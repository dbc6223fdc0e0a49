"""Finished vector tiles, kept in memory and, for all processes of a machine together, in a folder.

A key names everything a tile depends on, the commit among it, so nothing here is ever out of date: what nobody asks for any more goes
first when room is needed. A tile that several ask for at once is drawn once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

_SMALLEST_PACKED = 1400
_MEMORY_SHARE = 16
"""One part in so many of what the folder may hold is held in memory, by each process."""
_SWEPT_SHARE = 16
_KEPT_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class KeptTile:
    """A tile as it was first sent: ``content`` is gzip where ``is_packed``, empty where nothing lies in the tile."""

    commit: int
    content: bytes
    is_packed: bool
    reduced: str | None

    @classmethod
    def of(cls, commit: int, content: bytes, reduced: str | None) -> KeptTile:
        """Return a tile as it was drawn."""
        return cls(commit, content, is_packed=False, reduced=reduced)

    @property
    def pays_to_pack(self) -> bool:
        """True when a caller who takes gzip gets it sooner so."""
        return not self.is_packed and len(self.content) >= _SMALLEST_PACKED

    def packed(self) -> KeptTile:
        """Return the same tile as gzip."""
        if self.is_packed or not self.content:
            return self
        packer = zlib.compressobj(level=4, wbits=31)
        return replace(self, content=packer.compress(self.content) + packer.flush(), is_packed=True)

    def unpacked(self) -> bytes:
        """Return the bytes of the tile itself."""
        return zlib.decompress(self.content, wbits=31) if self.is_packed else self.content


class TileCache:
    """At most ``most_bytes`` of tiles in ``folder`` (about: it is swept now and then), the last asked for in memory."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._held: OrderedDict[str, KeptTile] = OrderedDict()
        self._held_bytes = 0
        self._under_way: dict[str, asyncio.Future[KeptTile]] = {}
        self._written = 0

    def held(self, key: str) -> KeptTile | None:
        """Return a tile that is in memory."""
        tile = self._held.get(key)
        if tile is not None:
            self._held.move_to_end(key)
        return tile

    def keep_instead(self, key: str, tile: KeptTile) -> None:
        """Hold another form of a tile in memory."""
        gone = self._held.pop(key, None)
        if gone is not None:
            self._held_bytes -= len(gone.content) + 200
        self._hold(key, tile)

    async def tile(self, key: str, draw: Callable[[], Awaitable[tuple[str | None, KeptTile]]]) -> KeptTile:
        """Return the tile of ``key``: held, kept in the folder, or what ``draw`` gives with the key to keep it under (None: it is not).

        Who asks while it is drawn waits for it; an error reaches all of them and is not kept. Where the one for whom it is drawn goes
        away, one of those who wait draws it.
        """
        while (under_way := self._under_way.get(key)) is not None:
            await asyncio.wait([under_way])
            if not under_way.cancelled():
                return under_way.result()
        promised: asyncio.Future[KeptTile] = asyncio.get_running_loop().create_future()
        self._under_way[key] = promised
        try:
            tile = await self._found_or_drawn(key, draw)
        except asyncio.CancelledError:
            promised.cancel()
            raise
        except BaseException as error:
            promised.set_exception(error)
            promised.exception()  # nobody may be waiting
            raise
        finally:
            del self._under_way[key]
        promised.set_result(tile)
        return tile

    async def _found_or_drawn(self, key: str, draw: Callable[[], Awaitable[tuple[str | None, KeptTile]]]) -> KeptTile:
        kept = await asyncio.to_thread(self._read, key)
        if kept is not None:
            self._hold(key, kept)
            return kept
        own_key, tile = await draw()
        if own_key is None:
            return tile
        self._hold(own_key, tile)
        await asyncio.to_thread(self._write, own_key, tile)
        return tile

    def _hold(self, key: str, tile: KeptTile) -> None:
        if key in self._held:
            return
        self._held[key] = tile
        self._held_bytes += len(tile.content) + 200
        while self._held_bytes > self._most_bytes // _MEMORY_SHARE and self._held:
            _, gone = self._held.popitem(last=False)
            self._held_bytes -= len(gone.content) + 200

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]

    def _read(self, key: str) -> KeptTile | None:
        try:
            head, _, content = self._path(key).read_bytes().partition(b"\n")
            commit, is_packed, reduced, size = orjson.loads(head)
        except (OSError, ValueError):
            return None
        if len(content) != size:
            return None
        with contextlib.suppress(OSError):
            os.utime(self._path(key))
        return KeptTile(int(commit), content, bool(is_packed), reduced)

    def _write(self, key: str, tile: KeptTile) -> None:
        path = self._path(key)
        head = orjson.dumps([tile.commit, tile.is_packed, tile.reduced, len(tile.content)])
        # A full disk costs the next caller time, and nobody an answer.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file, _gone_unless_placed(Path(file.name)):
                file.write(head + b"\n" + tile.content)
                file.flush()
                Path(file.name).replace(path)
        self._written += len(tile.content) + 4096
        if self._written > self._most_bytes // _SWEPT_SHARE:
            self._written = 0
            self._sweep()

    def _sweep(self) -> None:
        """Delete what was not asked for longest until a fifth of the room is free."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self._most_bytes:
            return
        for _, size, path in sorted(found):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
            if total <= self._most_bytes * _KEPT_SHARE:
                return


@contextlib.contextmanager
def _gone_unless_placed(part: Path) -> Iterator[None]:
    """Remove what was begun when it cannot be ended: on a full disk every byte of it would be kept for nothing."""
    try:
        yield
    except OSError:
        part.unlink(missing_ok=True)
        raise
