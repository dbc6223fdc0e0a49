"""The terrain of an elevation dataset's revision: the mosaic of all elevation datasets as of its commit, into the store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from tiles.terrain import TerrainTarget, build_terrain
from tiles.terrain_index import TerrainIndex, read_index
from twin.catalogue import asset_kind
from twin.errors import NotFoundError
from twin.model import Dataset, Revision
from twin.server.city import City, Progress
from twin.server.scene import VARIANT
from twin.server.settled import settled


def terrain_place(slug: str, commit: int) -> str:
    """Return the folder in which the terrain of a revision lies, but for its tiles."""
    return f"terrain/{slug}/{commit}"


def terrain_target(city: City, slug: str, commit: int) -> TerrainTarget:
    """Return what the terrain of a revision is called, and the way its heights become ellipsoidal."""
    d = city.deployment
    return TerrainTarget(terrain_place(slug, commit), f"EPSG:{d.storage_srid} {d.geocentric_pipeline} {d.vertical}")


def build_dataset_terrain(
    city: City, dataset: Dataset, revision: Revision, progress: Progress, *, anew: bool = False
) -> Mapping[str, object]:
    """Build the terrain of one revision into the store and return what the asset records of it.

    Tiles whose sheets have not changed are those of the newest terrain built before, unless it is asked for ``anew``.
    """
    ground = city.ground_as_of(revision.commit, dataset.sharing)
    if ground is None:
        raise NotFoundError(f"{dataset.slug} has no raster", zh=f"{dataset.slug} 没有栅格")
    target = terrain_target(city, dataset.slug, revision.commit)
    earlier = [] if anew else list(_earlier(city, target))
    with settled(city.store) as objects:
        summary = build_terrain(ground, city.frame, objects, target, earlier, lambda done, total: progress(dataset.slug, done, total))
    return summary.as_dict()


def _earlier(city: City, target: TerrainTarget) -> Iterator[TerrainIndex]:
    """Yield the index of the newest terrain that is ready, of whichever dataset, and of this one as far as it came."""
    ready = [
        (asset.revision, dataset.slug)
        for dataset in city.catalogue.datasets()
        if asset_kind(city.catalogue.feature_type(dataset.feature_type)) == "terrain"
        for asset in city.catalogue.assets.ready(dataset.id, "terrain", VARIANT)[:1]
    ]
    newest = [terrain_target(city, slug, commit).index for commit, slug in sorted(ready)[-1:]]
    for key in (*newest, target.notes):
        with contextlib.suppress(NotFoundError, ValueError):
            yield read_index(city.store.get(key))
