"""What is built from a revision: its tileset or its terrain, from the query core into the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tiles.build import TilesetTarget, build_tileset
from tiles.read import read_drawn
from tiles.terrain import build_terrain
from twin.db import translated
from twin.errors import NotFoundError
from twin.model import Dataset, FeatureType, Principal, Revision
from twin.query.collection import Collection, collection_of
from twin.query.feature_query import FeatureQuery
from twin.server.city import City, Progress
from twin.server.model_builds import build_dataset_models
from twin.server.scene import VARIANT


def build_dataset_tileset(
    city: City, dataset: Dataset, feature_type: FeatureType, revision: Revision, progress: Progress
) -> Mapping[str, object]:
    """Build the tileset of one revision into the store and return what the asset records of it."""
    if feature_type.recipe == "model":
        return build_dataset_models(city, dataset, revision, _put_new(city), {"certificate": _certificate(city)}, progress)
    collection = _collection(city, dataset)
    query = FeatureQuery(collection, collection.crs[0], as_of=revision.commit)
    target = TilesetTarget(
        dataset=dataset.slug,
        revision=revision.commit,
        variant=VARIANT,
        oid_prefix=collection.oid_prefix,
        extras={"certificate": _certificate(city)},
    )
    with translated(), city.pool.connection() as connection:
        features = read_drawn(connection, query, Principal.system(), feature_type)
    summary = build_tileset(
        [features], feature_type, city.frame, target, _put_new(city), lambda done, total: progress(dataset.slug, done, total)
    )
    return {
        "features": summary.features,
        "drawn": summary.drawn,
        "left_out": {reason.name.lower(): sum(1 for _, r in summary.left_out if r is reason) for _, reason in summary.left_out},
        "lod": summary.lods,
        "surfaces": [kind.name.lower() for kind in summary.surfaces],
        "faces_left_out": summary.faces_left_out,
        "contents": summary.contents,
        "content_bytes": summary.content_bytes,
        "projection_residual_m": summary.projection_residual_m,
        "position_error_m": summary.position_error_m,
        "chord_error_m": summary.chord_error_m,
    }


def build_dataset_terrain(city: City, dataset: Dataset, _: FeatureType, revision: Revision, progress: Progress) -> Mapping[str, object]:
    """Build the terrain of one revision into the store and return what the asset records of it."""
    ground = city.ground_of_revision(dataset.slug, revision.commit)
    if ground is None or revision.extent_deg is None:
        raise NotFoundError(f"{dataset.slug} has no raster", zh=f"{dataset.slug} 没有栅格")
    summary = build_terrain(
        ground,
        city.frame,
        revision.extent_deg,
        city.store.put,
        f"terrain/{dataset.slug}/{revision.commit}",
        lambda done, total: progress(dataset.slug, done, total),
    )
    return summary.as_dict()


def _collection(city: City, dataset: Dataset) -> Collection:
    collection = collection_of(city.catalogue, city.deployment, dataset)
    if collection is None:
        raise NotFoundError(f"{dataset.slug} has no revision", zh=f"{dataset.slug} 没有版本")
    return collection


def _put_new(city: City) -> Callable[[str, bytes], None]:
    """Return a put that leaves what is there: an object named by its hash has those bytes already."""

    def put(key: str, content: bytes) -> None:
        if "/r/" in key or not city.store.exists(key):
            city.store.put(key, content)

    return put


def _certificate(city: City) -> dict[str, object]:
    """What is known of where these vertices are: fidelity of the pipeline and absolute uncertainty stand apart (DESIGN 10)."""
    d = city.deployment
    return {
        "storage_crs": f"EPSG:{d.storage_srid}",
        "operation": d.geocentric_operation,
        "pipeline": d.geocentric_pipeline,
        "absolute_accuracy_m": d.geocentric_accuracy_m,
        "vertical": d.vertical,
    }
