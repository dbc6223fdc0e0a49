"""What a new terrain, new boundaries or new pipes change in datasets already published: revisions of the same commit (DESIGN 10)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from psycopg import sql

from ingest import staging as staged
from ingest.derive import GroundOf, derive_again
from ingest.publish import Part
from ingest.staging import Staging, columns
from ingest.wells import bottoms_depend_on
from twin.catalogue import Catalogue
from twin.db import Connection


def has_dependants(catalogue: Catalogue, loaded: Sequence[Staging]) -> bool:
    """Tell whether what is being loaded can change derived values of other datasets."""
    own = {s.dataset.id for s in loaded}
    others = [catalogue.feature_type(d.feature_type) for d in catalogue.datasets() if d.id not in own]
    everybody = any(s.feature_type.recipe == "terrain" or s.feature_type.name == "admin_unit" for s in loaded)
    return bool(others) and (everybody or any(bottoms_depend_on(feature_type, loaded) for feature_type in others))


def stage_dependants(
    connection: Connection,
    loaded: Sequence[Staging],
    *,
    catalogue: Catalogue,
    submission: uuid.UUID,
    ground: GroundOf,
) -> list[Part]:
    """Return a part for every published dataset whose derived values change because of what is being loaded."""
    new_ground = any(s.feature_type.recipe == "terrain" for s in loaded)
    new_boundaries = any(s.feature_type.name == "admin_unit" for s in loaded)
    own = {s.dataset.id for s in loaded}
    parts: list[Part] = []
    for dataset in catalogue.datasets():
        feature_type = catalogue.feature_type(dataset.feature_type)
        new_bottoms = bottoms_depend_on(feature_type, loaded)
        if dataset.id in own or feature_type.geometry_type == "coverage" or not (new_ground or new_boundaries or new_bottoms):
            continue
        number = max(s.part for s in loaded) + 1 + len(parts)
        staging = Staging(submission, number, dataset, feature_type, first_load=False)
        staged.create(connection, staging, catalogue.deployment.storage_srid)
        connection.execute(
            sql.SQL("INSERT INTO {} (row, fid, {content}) SELECT fid, fid, {content} FROM {}").format(
                staging.table, staging.current, content=columns(staging.content)
            )
        )
        derive_again(connection, staging, ground, catalogue, loaded, heights=new_ground, boundaries=new_boundaries, bottoms=new_bottoms)
        compared = {"staged_attributes": columns(staging.attributes, "s"), "current_attributes": columns(staging.attributes, "c")}
        connection.execute(staging.query("drop_same", **compared))
        connection.execute(staging.query("mark_changed"))
        count, checksum = staged.count_and_hash(connection, staging)
        if count == 0:
            staged.drop(connection, staging)
            continue
        parts.append(
            Part(
                staging,
                "derive",
                count,
                checksum,
                {"submission": str(submission), "derived_from": [s.dataset.slug for s in loaded]},
                actions_set=True,
            )
        )
    return parts
