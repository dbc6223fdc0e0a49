"""What is built from a revision: its tileset, from the query core into the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset, is_made_alike, update_tileset
from tiles.glb import Encoding
from tiles.node import NodeError
from tiles.node_store import NodeStore, Objects
from tiles.revision_rows import RevisionRows
from twin.catalogue import has_tree
from twin.errors import NotFoundError
from twin.model import Dataset, FeatureType, Revision
from twin.query.collection import Collection, collection_of
from twin.server.certificate import certificate
from twin.server.city import City, Progress
from twin.server.model_builds import build_dataset_models
from twin.server.point_cloud_builds import build_dataset_clouds
from twin.server.scene import VARIANT
from twin.server.settled import settled
from twin.server.tile_workers import tile_workers

MOST_CHANGED = 5_000
"""Features that may differ for a tileset to be made from the one before: all of them are in memory at once, with their neighbours."""
_LOG = logging.getLogger("twin.builds")


def build_dataset_tileset(
    city: City, dataset: Dataset, feature_type: FeatureType, revision: Revision, progress: Progress, *, anew: bool = False
) -> Mapping[str, object]:
    """Build the tileset of one revision into the store and return what the asset records of it.

    From that of the nearest earlier revision and what changed since, where there is one and little changed; else, or when it is asked for
    ``anew``, from all features. The caller holds `tile_lock.building` until the asset is registered.
    """
    if not has_tree(feature_type):
        build = build_dataset_models if feature_type.recipe == "model" else build_dataset_clouds
        extras = {"certificate": certificate(city, revision.extent_deg)}
        with settled(city.store) as objects:
            return build(city, dataset, revision, _put_new(objects, anew=anew), extras, progress)
    source = RevisionRows(city.pool, _collection(city, dataset), revision.commit)
    target = TilesetTarget(
        dataset=dataset.slug,
        revision=revision.commit,
        variant=VARIANT,
        oid_prefix=source.collection.oid_prefix,
        extras={"certificate": certificate(city, revision.extent_deg)},
        pipeline=_pipeline(city),
    )
    city.settings.work_folder.mkdir(parents=True, exist_ok=True)
    options = _options(city, anew=anew)

    def told(done: int, total: int) -> None:
        progress(dataset.slug, done, max(total, revision.count))

    with settled(city.store) as objects:
        summary = None if anew else _updated(city, source, target, objects, options)
        if summary is None:
            with tile_workers(city, revision.count) as workers:
                summary = build_tileset(source.batches(), feature_type, city.frame, target, objects, told, options, workers)
    return _detail(summary)


def is_taken_up(city: City, dataset: Dataset, feature_type: FeatureType, commit: int) -> bool:
    """Return whether the tileset of a revision is made from one before: there is one of the same engine, type and encoding."""
    base, store = _base(city, dataset, commit), NodeStore(city.store, dataset.slug, VARIANT)
    return base is not None and is_made_alike(base[1], feature_type, _pipeline(city), store, _options(city, anew=False))


def _options(city: City, *, anew: bool) -> BuildOptions:
    encoding = Encoding(meshopt=city.settings.tile_compression, outlines=city.settings.tile_outlines)
    return BuildOptions(encoding=encoding, folder=city.settings.work_folder, anew=anew)


def _updated(city: City, source: RevisionRows, target: TilesetTarget, objects: Objects, options: BuildOptions) -> TilesetSummary | None:
    """Return the tileset made from an earlier one; None where there is none, too much changed, or it was made in another way."""
    base = _base(city, source.collection.dataset, target.revision)
    if base is None:
        return None
    commit, tree = base
    changed = source.changed(commit, MOST_CHANGED + 1)
    if len(changed) > MOST_CHANGED:
        return None
    before, after = source.at(commit).of(changed), source.of(changed)
    try:
        return update_tileset(tree, before, after, source.of, source.collection.feature_type, city.frame, target, objects, options)
    except (NodeError, NotFoundError) as error:
        _LOG.warning("%s at %s is built from all features: %s", target.dataset, target.revision, error)
        return None


def _base(city: City, dataset: Dataset, revision: int) -> tuple[int, str] | None:
    """Return the nearest earlier revision whose tileset is ready, and its tree."""
    ready = city.catalogue.assets.ready_before(dataset.id, revision, "tileset", VARIANT)
    tree = None if ready is None else ready.detail.get("tree")
    return None if ready is None or not isinstance(tree, str) else (ready.revision, tree)


def _detail(summary: TilesetSummary) -> Mapping[str, object]:
    return {
        "features": summary.features,
        "drawn": summary.drawn,
        "textured": summary.textured,
        "left_out": {reason.name.lower(): count for reason, count in summary.left_out.items()},
        "lod": summary.lods,
        "surfaces": [kind.name.lower() for kind in summary.surfaces],
        "faces_left_out": summary.faces_left_out,
        "contents": summary.contents,
        "content_bytes": summary.content_bytes,
        "far_contents": summary.far_contents,
        "far_bytes": summary.far_bytes,
        **summary.accuracy,
        "tree": summary.tree,
    }


def _collection(city: City, dataset: Dataset) -> Collection:
    collection = collection_of(city.catalogue, city.deployment, dataset)
    if collection is None:
        raise NotFoundError(f"{dataset.slug} has no revision", zh=f"{dataset.slug} 没有版本")
    return collection


def _put_new(objects: Objects, *, anew: bool) -> Callable[[str, bytes], None]:
    """Return a put that leaves what is there, unless it is cut off or all is made ``anew``: what is named by its hash has those bytes."""

    def put(key: str, content: bytes) -> None:
        if "/r/" in key:
            objects.put(key, content)
        else:
            objects.put_once(key, content, anew=anew)

    return put


def _pipeline(city: City) -> str:
    """Return the name of the way from the storage CRS to geocentric positions."""
    d = city.deployment
    return f"EPSG:{d.storage_srid} {d.geocentric_pipeline} {d.vertical}"
