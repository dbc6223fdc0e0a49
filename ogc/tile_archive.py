"""A dataset's vector tiles as one PMTiles file (version 3), which MapLibre reads from any server of files by ranges."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from psycopg_pool import AsyncConnectionPool

from ogc.formats import Export, Format
from ogc.tilesets import PMTILES, tilejson
from twin.db import Pool, connection_string, conninfo_of
from twin.errors import NotFoundError, Text
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import DOOR_SETTINGS, AsyncPool
from twin.query.feature_query import FeatureQuery
from twin.query.vector_tile import vector_tile
from twin.tile_cache import KeptTile
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD, TileAddress, bounds_in

DEEPEST = 14
"""Clients draw deeper levels from the tiles of this one, in which features are as they are."""
Progress = Callable[[int, int], None]
_AT_ONCE = 2
_TIMEOUT_S = 60.0


def archive_format(pool: Pool, commit: int) -> Format:
    """Return PMTiles as of a commit as a format of files that are kept; it is read through two connections like those of ``pool``."""

    def write(export: Export, path: Path) -> None:
        with path.open("wb") as file:
            write_archive(conninfo_of(pool), export.query.collection, commit, file, DEEPEST, lambda *_: None)

    return Format("pmtiles", PMTILES, "pmtiles", Text("PMTiles 矢量瓦片包", "PMTiles"), write, grows=False)


@dataclass(frozen=True, slots=True)
class Written:
    """How many tiles an archive has, and how many lack something, what could not be drawn at all among them."""

    tiles: int
    reduced: int


def write_archive(database_url: str, collection: Collection, commit: int, file: IO[bytes], deepest: int, progress: Progress) -> Written:
    """Write the tiles of WebMercatorQuad of levels 0 to ``deepest`` as of ``commit``, as the door serves them; return how many there are.

    What the door says of each in a header, what was left out, the metadata say of all: ``reduced_tiles``, how many for each reason.
    Blocks; ``progress`` is told how many tiles of how many are done. NotFoundError when nothing lies in any tile.
    """
    return asyncio.run(_written(database_url, collection, commit, file, deepest, progress))


async def _written(database_url: str, collection: Collection, commit: int, file: IO[bytes], deepest: int, progress: Progress) -> Written:
    conninfo = connection_string(database_url, application="twin-tile-archive", statement_timeout_s=_TIMEOUT_S, settings=DOOR_SETTINGS)
    writer: Any = Writer(file)  # type: ignore[no-untyped-call]  # pmtiles leaves it untyped
    addresses = sorted(_addresses(collection, deepest), key=_number)
    count, reduced, reasons = 0, 0, Counter[str]()
    async with AsyncConnectionPool(conninfo, min_size=1, max_size=_AT_ONCE, open=False, kwargs={"autocommit": True}) as pool:
        done = 0
        async for address, tile in _drawn(pool, collection, commit, addresses):
            done += 1
            progress(done, len(addresses))
            if tile.content:
                # As the door packs them, so that what is read of the file is what it serves.
                writer.write_tile(_number(address), tile.content)
                count += 1
            if tile.reduced is not None:
                reduced += 1
                reasons.update(tile.reduced.split(", "))
    if count == 0:
        raise NotFoundError(f"nothing of {collection.slug} lies in any tile", zh=f"{collection.slug} 没有可绘制的要素")
    writer.finalize(_header(collection, deepest), _metadata(collection, commit, deepest, reasons))
    return Written(count, reduced)


async def _drawn(
    pool: AsyncPool, collection: Collection, commit: int, addresses: list[TileAddress]
) -> AsyncIterator[tuple[TileAddress, KeptTile]]:
    query = FeatureQuery(collection, collection.crs[0])

    async def draw(address: TileAddress) -> tuple[TileAddress, KeptTile]:
        tile = await vector_tile(pool, query, commit, address, Principal.system())
        return address, KeptTile.of(tile.commit, tile.content, tile.reduced).packed()

    for first in range(0, len(addresses), _AT_ONCE):
        for drawn in await asyncio.gather(*map(draw, addresses[first : first + _AT_ONCE])):
            yield drawn


def _addresses(collection: Collection, deepest: int) -> Iterator[TileAddress]:
    extent = collection.revision.extent_deg
    for level in range(deepest + 1):
        limits = None if extent is None else WEB_MERCATOR_QUAD.limits(level, bounds_in(WEB_MERCATOR_QUAD, extent))
        if limits is None:
            continue
        for column in range(limits.min_column, limits.max_column + 1):
            for row in range(limits.min_row, limits.max_row + 1):
                yield TileAddress(WEB_MERCATOR_QUAD, level, column, row)


def _number(address: TileAddress) -> int:
    """Return the place of a tile in the file: by level, then along the Hilbert curve (PMTiles 3, 4.1)."""
    return int(zxy_to_tileid(address.z, address.x, address.y))


def _header(collection: Collection, deepest: int) -> dict[str, object]:
    west, south, east, north = collection.revision.extent_deg or (-180.0, -85.0, 180.0, 85.0)
    return {
        "version": 3,
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": round(west * 1e7),
        "min_lat_e7": round(south * 1e7),
        "max_lon_e7": round(east * 1e7),
        "max_lat_e7": round(north * 1e7),
        "center_zoom": min(12, deepest),
        "center_lon_e7": round((west + east) / 2 * 1e7),
        "center_lat_e7": round((south + north) / 2 * 1e7),
    }


def _metadata(collection: Collection, commit: int, deepest: int, reasons: Counter[str]) -> dict[str, object]:
    document = tilejson(collection.dataset.title.zh, "", [collection], "zh", commit)
    layers = document["vector_layers"]
    return {
        "name": document["name"],
        "version": str(commit),
        "attribution": collection.dataset.owner_department,
        "license": collection.dataset.licence,
        "reduced_tiles": dict(sorted(reasons.items())),
        "vector_layers": [layer | {"minzoom": 0, "maxzoom": deepest} for layer in layers] if isinstance(layers, list) else [],
    }
