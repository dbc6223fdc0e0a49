"""What a check reads of other datasets: terrain, boundaries, nodes, pipes. Where one of them moves on, derived values may hold no more."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.checks.references import needed_types
from ingest.staging import QUERIES, Staging
from ingest.wells import bottoms_come_from
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.model import FeatureType


def inputs_of(connection: Connection, catalogue: Catalogue, staging: Staging, loaded: Sequence[Staging]) -> dict[int, int]:
    """Return dataset id → current commit of every published dataset, those of the same submission too, that staged rows depend on."""
    types = {d.id: catalogue.feature_type(d.feature_type) for d in catalogue.datasets()}
    types |= {s.dataset.id: s.feature_type for s in loaded}
    read = [i for i, t in types.items() if i != staging.dataset.id and _depends(staging.feature_type, t)]
    rows = connection.execute(QUERIES["current_commits"], {"datasets": read}).fetchall()
    return {int(dataset): int(commit) for dataset, commit in rows}


def _depends(feature_type: FeatureType, other: FeatureType) -> bool:
    if other.recipe == "terrain":
        return any(f.derived in ("ground_height", "cover") for f in feature_type.fields)
    if other.name == "admin_unit":
        return feature_type.name != "admin_unit" and feature_type.geometry_type != "coverage"
    return other.name in needed_types(feature_type) or bottoms_come_from(feature_type, other)
