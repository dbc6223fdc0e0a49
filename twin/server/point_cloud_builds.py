"""The tileset of a dataset of point clouds: rows of the revision, the points kept of each, into the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from psycopg import sql

from tiles.glb import Encoding
from tiles.point_clouds import Cloud, CloudsTarget, build_point_clouds
from twin.db import translated
from twin.model import Dataset, Revision
from twin.server.city import City, Progress
from twin.server.scene import VARIANT
from twin.tables import current_table, history_table

_HELD = sql.SQL(
    "SELECT fid, name, kept_as FROM ("
    "SELECT fid, name, kept_as FROM {} WHERE commit_from <= %(commit)s UNION ALL"
    " SELECT fid, name, kept_as FROM {} WHERE commit_from <= %(commit)s AND %(commit)s < commit_to) AS held"
    " WHERE kept_as IS NOT NULL ORDER BY fid"
)


def build_dataset_clouds(
    city: City, dataset: Dataset, revision: Revision, put: Callable[[str, bytes], None], extras: Mapping[str, object], progress: Progress
) -> Mapping[str, object]:
    """Build the tileset of one revision into the store and return what the asset records of it.

    Clouds that came in before their points were kept are not drawn until they are loaded again.
    """
    query = _HELD.format(current_table(dataset.feature_type, dataset.id), history_table(dataset.feature_type, dataset.id))
    with translated(), city.pool.connection() as connection:
        rows = connection.execute(query, {"commit": revision.commit}).fetchall()
    clouds = [Cloud(int(fid), str(name), city.store.file(f"points/{kept_as}.twp", unchanging=True)) for fid, name, kept_as in rows]
    city.settings.work_folder.mkdir(parents=True, exist_ok=True)
    encoding = Encoding(meshopt=city.settings.tile_compression)
    target = CloudsTarget(dataset.slug, revision.commit, VARIANT, dict(extras), city.settings.work_folder, encoding)
    summary = build_point_clouds(clouds, city.frame, target, put, lambda done, total: progress(dataset.slug, done, total))
    return {"clouds": len(clouds), **asdict(summary)}
