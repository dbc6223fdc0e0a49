"""A dataset's vector tiles as a PMTiles file on the disk (``twin export --format pmtiles``)."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path

from ogc.tile_archive import DEEPEST, Written, write_archive
from twin.catalogue import Catalogue
from twin.errors import BadRequestError, NotFoundError
from twin.query.collection import collection_of
from twin.server.city import Progress
from twin.store import written_whole
from twin.tile_matrix_sets import WEB_MERCATOR_QUAD

__all__ = ["DEEPEST", "export_vector_tiles"]


def export_vector_tiles(
    catalogue: Catalogue, database_url: str, slug: str, as_of: int | dt.datetime | None, file: Path, deepest: int, progress: Progress
) -> Written:
    """Write the tiles of WebMercatorQuad of levels 0 to ``deepest`` to ``file``, as the door serves them, and return how many there are.

    Raises NotFoundError for a dataset that has no such tiles or revision. The file appears whole or not at all.
    """
    collection = collection_of(catalogue, catalogue.deployment, catalogue.dataset(slug))
    if collection is None or collection.is_coverage:
        raise NotFoundError(f"{slug} has no vector tiles", zh=f"{slug} 没有矢量瓦片")
    if deepest not in WEB_MERCATOR_QUAD.levels:
        raise BadRequestError(f"levels are 0 to {WEB_MERCATOR_QUAD.last}", zh=f"层级为 0 至 {WEB_MERCATOR_QUAD.last}")
    commit = collection.revision.commit if as_of is None else catalogue.commit_as_of(as_of)
    with written_whole(file) as written:
        return write_archive(database_url, collection, commit, written, deepest, partial(progress, "瓦片 · tiles"))
