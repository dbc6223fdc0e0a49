"""Building what a revision lacks: tilesets and terrain, under a lease, registered last (DESIGN 12, 15)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from tiles.build import TilesetTarget, build_tileset
from tiles.read import read_features
from tiles.terrain import build_terrain
from twin.catalogue import asset_kind
from twin.db import translated
from twin.errors import NotFoundError, UnavailableError
from twin.model import Dataset, FeatureType, Principal, Revision
from twin.query.collection import Collection, collection_of
from twin.query.feature_query import FeatureQuery
from twin.server.city import City, Progress
from twin.server.scene import VARIANT

LEASE_S = 60.0
_POLL_S = 0.2
_LOG = logging.getLogger("twin.assets")


def build_asset(city: City, slug: str, commit: int, progress: Progress) -> bool:
    """Build the tileset or terrain of one revision; False when it is ready already or somebody else builds it.

    The last act is to register it, and only who still holds the lease may: a half-built tileset is never seen.
    """
    dataset = city.catalogue.dataset(slug)
    feature_type = city.catalogue.feature_type(dataset.feature_type)
    kind = asset_kind(feature_type)
    revision = city.catalogue.revision_as_of(slug, commit)
    if kind is None or revision is None or revision.commit != commit:
        raise NotFoundError(f"there is nothing to build for {slug} at {commit}", zh=f"{slug} 在 {commit} 没有可构建的内容")
    fencing = city.catalogue.claim_asset(dataset.id, commit, kind, VARIANT, LEASE_S)
    if fencing is None:
        return False
    keep = _lease_keeper(city, dataset, commit, kind, fencing, progress)
    try:
        build = _build_terrain if kind == "terrain" else _build_tileset
        detail = build(city, dataset, feature_type, revision, keep)
    except BaseException as error:
        city.catalogue.finish_asset(dataset.id, commit, kind, VARIANT, fencing, "failed", {"error": str(error)[:500]})
        raise
    return city.catalogue.finish_asset(dataset.id, commit, kind, VARIANT, fencing, "ready", detail)


def build_missing(city: City, progress: Progress) -> None:
    """Build all that current revisions lack and wait for what others are building; returns when nothing is left to do.

    Raises UnavailableError naming what could not be built.
    """
    for slug, revision in city.catalogue.missing_assets():
        try:
            build_asset(city, slug, revision, progress)
        except Exception:  # noqa: BLE001 - one build that fails must not keep the others from being built
            _LOG.exception("building %s at %s failed", slug, revision)
    deadline = time.monotonic() + 2 * LEASE_S
    while waiting := [(slug, revision) for slug, revision in city.catalogue.missing_assets() if _is_building(city, slug, revision)]:
        if time.monotonic() > deadline:
            break
        progress(waiting[0][0], 0, None)
        time.sleep(_POLL_S)
    failed = [slug for slug, _ in city.catalogue.missing_assets()]
    if failed:
        raise UnavailableError(
            f"published, but not built in 3D: {', '.join(failed)}", zh=f"已发布，但三维构建失败：{', '.join(failed)}"
        ).with_code("build-failed")


def _lease_keeper(city: City, dataset: Dataset, commit: int, kind: str, fencing: int, progress: Progress) -> Progress:
    """Return a progress callable that also prolongs the lease, now and then."""
    last = time.monotonic()

    def keep(what: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last > LEASE_S / 4:
            last = time.monotonic()
            city.catalogue.extend_lease(dataset.id, commit, kind, VARIANT, fencing, LEASE_S)
        progress(what, done, total)

    return keep


def _build_tileset(city: City, dataset: Dataset, feature_type: FeatureType, revision: Revision, progress: Progress) -> Mapping[str, object]:
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
        columns = list(read_features(connection, query, Principal.system(), feature_type))
    summary = build_tileset(
        columns, feature_type, city.frame, target, _put_new(city), lambda done, total: progress(dataset.slug, done, total)
    )
    return {
        "features": summary.features,
        "drawn": summary.drawn,
        "left_out": {reason.name.lower(): sum(1 for _, r in summary.left_out if r is reason) for _, reason in summary.left_out},
        "contents": summary.contents,
        "content_bytes": summary.content_bytes,
        "projection_residual_m": summary.projection_residual_m,
        "position_error_m": summary.position_error_m,
        "chord_error_m": summary.chord_error_m,
    }


def _build_terrain(city: City, dataset: Dataset, _: FeatureType, revision: Revision, progress: Progress) -> Mapping[str, object]:
    ground = city.ground()
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


def _is_building(city: City, slug: str, revision: int) -> bool:
    dataset = city.catalogue.dataset(slug)
    kind = asset_kind(city.catalogue.feature_type(dataset.feature_type))
    asset = city.catalogue.asset(dataset.id, revision, kind or "", VARIANT)
    return asset is not None and asset.state == "building"
