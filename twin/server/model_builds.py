"""The tileset of a dataset of finished 3D models: rows of the revision, what is kept of each, into the store."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson
from psycopg import sql

from tiles.models import Model, ModelsTarget, build_models
from twin.db import translated
from twin.mesh_levels import LEVELS, decode_levels
from twin.model import Dataset, Revision
from twin.placed_mesh import PlacedMesh, decode_mesh
from twin.server.city import City, Progress
from twin.server.scene import VARIANT
from twin.tables import current_table, history_table

TILESET = "tileset.json"
"""The root of what is kept of a delivered tileset."""
_GZIP = b"\x1f\x8b"
_HELD = sql.SQL(
    "SELECT fid, name, kept_as, st_xmin(geom), st_ymin(geom), minimum_m, st_xmax(geom), st_ymax(geom), maximum_m FROM ("
    "SELECT fid, name, kept_as, geom, minimum_m, maximum_m FROM {} WHERE commit_from <= %(commit)s UNION ALL"
    " SELECT fid, name, kept_as, geom, minimum_m, maximum_m FROM {} WHERE commit_from <= %(commit)s AND %(commit)s < commit_to) AS held"
    " ORDER BY fid"
)


def build_dataset_models(
    city: City, dataset: Dataset, revision: Revision, put: Callable[[str, bytes], None], extras: Mapping[str, object], progress: Progress
) -> Mapping[str, object]:
    """Build the tileset of one revision into the store and return what the asset records of it."""
    query = _HELD.format(current_table(dataset.feature_type, dataset.id), history_table(dataset.feature_type, dataset.id))
    with translated(), city.pool.connection() as connection:
        rows = connection.execute(query, {"commit": revision.commit}).fetchall()
    models = [
        _kept(city, Model(int(fid), str(name), (float(w), float(s), float(low), float(e), float(n), float(high)), str(kept)))
        for fid, name, kept, w, s, low, e, n, high in rows
    ]

    def mesh_of(model: Model, file: str) -> PlacedMesh:
        return decode_mesh(city.store.get(f"model/{model.kept_as}/{file}"))

    target = ModelsTarget(dataset.slug, revision.commit, VARIANT, dict(extras))
    summary = build_models(models, mesh_of, city.frame, target, put, lambda done, total: progress(dataset.slug, done, total))
    return {
        "models": summary.models,
        "contents": summary.contents,
        "content_bytes": summary.content_bytes,
        "projection_residual_m": summary.projection_residual_m,
    }


def _kept(city: City, model: Model) -> Model:
    """Return the model with what is kept of it: a tileset, levels of meshes, or else one mesh."""
    if (error_m := _error_m(city, model.kept_as)) is not None:
        return replace(model, geometric_error_m=error_m)
    key = f"model/{model.kept_as}/{LEVELS}"
    return replace(model, levels=decode_levels(city.store.get(key))) if city.store.exists(key) else model


def _error_m(city: City, kept_as: str) -> float | None:
    """Return the geometric error of the root of a delivered tileset; None where a mesh is kept."""
    key = f"model/{kept_as}/{TILESET}"
    if not city.store.exists(key):
        return None
    content = city.store.get(key)
    plain = gzip.decompress(content) if content.startswith(_GZIP) else content
    return float(orjson.loads(plain.removeprefix(b"\xef\xbb\xbf"))["root"]["geometricError"])
