"""Where the tiles of a revision's terrain lie, by its index."""

from __future__ import annotations

from functools import lru_cache

from tiles.terrain import CONTENTS
from tiles.terrain_index import TerrainIndex, read_index
from twin.errors import NotFoundError
from twin.server.terrain_builds import terrain_place
from twin.store import Store

_OPEN_INDEXES = 8
"""A city of 40,000 tiles has one of 2.4 MB."""


class TerrainTiles:
    """Finds terrain tiles; keeps the indexes last used. Blocking for a look into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = lru_cache(maxsize=_OPEN_INDEXES)(self._read)

    def key(self, slug: str, revision: int, level: int, x: int, y: int) -> str:
        """Return the key of a tile; NotFoundError when there is none. What an earlier engine built lies by level, x and y."""
        place = terrain_place(slug, revision)
        held = self._store.held(f"{place}/tiles.index")
        if held is None:
            return f"{place}/{level}/{x}/{y}.terrain"
        name = self._index(held.key, held.modified_ns).hash_of(level, x, y)
        if name is None:
            raise NotFoundError("there is no such tile", zh="没有此瓦片")
        return f"{CONTENTS}/{name}.terrain"

    def _read(self, key: str, _: int) -> TerrainIndex:
        return read_index(self._store.get(key))
