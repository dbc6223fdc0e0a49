"""What a tileset is packed from as one 3TZ file: that of a revision, and that of some of its features."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tiles.archive import ARCHIVE_VERSION, TilesetArchive
from tiles.node_store import content_hash
from twin.catalogue import asset_kind
from twin.errors import BadRequestError
from twin.model import Dataset, FeatureType, Principal, Revision
from twin.server.filtered_tiles import FilteredTiles
from twin.server.scene import VARIANT
from twin.store import Store

_TOUCHED_S = 60.0
"""How often it is noted, while a filter's archive is taken, that somebody asks for the filter."""


def require_archivable(dataset: Dataset, feature_type: FeatureType) -> None:
    """Raise BadRequestError ``no-archive`` for what has no tileset of our own contents: terrain, images, finished models."""
    if asset_kind(feature_type) != "tileset" or feature_type.recipe == "model":
        raise BadRequestError(f"{dataset.slug} has no tileset of its own", zh=f"{dataset.slug} 没有自建的瓦片集").with_code("no-archive")


def archive_of(store: Store, dataset: Dataset, revision: int) -> tuple[TilesetArchive, str]:
    """Return the archive of a built revision and its name: all in it is named by hashes in the tileset, so that stands for the whole."""
    place = f"tiles/{dataset.slug}/{VARIANT}"
    tileset = store.get(f"{place}/r/{revision}/tileset.json")
    archive = TilesetArchive(tileset, f"{revision}/tileset.json", VARIANT, lambda path: store.get(f"{place}/{path}"))
    return archive, _named(tileset)


def filtered_archive(
    store: Store, tiles: FilteredTiles, dataset: Dataset, revision: Revision, given: Mapping[str, str], principal: Principal
) -> tuple[TilesetArchive, str]:
    """Return the archive of the features that match at a built revision and its name; contents are drawn as it is read.

    While it is read the filter counts as asked for, so that others asked for meanwhile do not take its place. Errors as of
    `FilteredTiles.tileset`.
    """
    place, name = f"tiles/{dataset.slug}/{VARIANT}", tiles.tileset(dataset, revision, given, principal)
    entry = f"{place}/f/{name}/tileset.json"
    tileset, touched_s = store.get(entry), time.monotonic()

    def read(path: str) -> bytes:
        nonlocal touched_s
        if time.monotonic() - touched_s >= _TOUCHED_S:
            touched_s = time.monotonic()
            store.touch(entry)
        folder, _, file = path.rpartition("/")
        is_drawn = folder == f"f/{name}" and file.endswith(".glb")
        return store.get(tiles.content(dataset, name, file.removesuffix(".glb")) if is_drawn else f"{place}/{path}")

    return TilesetArchive(tileset, f"{VARIANT}/f/{name}/tileset.json", VARIANT, read), _named(tileset + name.encode())


def _named(tileset: bytes) -> str:
    return content_hash(b"%d %s" % (ARCHIVE_VERSION, tileset))
