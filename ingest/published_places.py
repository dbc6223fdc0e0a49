"""Where published features are, for telling whether what comes in lies on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from psycopg import sql

from ingest.understanding.obfuscation import Coinciding, Hypotheses
from twin.catalogue import Catalogue
from twin.crs import FloatArray, Operation
from twin.db import load_queries, translated
from twin.model import FeatureType
from twin.tables import current_table

WITHIN_M = 5.0
"""Two surveys of one thing agree better than that in the middle of it; a building's neighbour is farther away."""
_QUERIES = load_queries("ingest", "published_places.sql")
_MIDDLES: Mapping[str, sql.SQL] = {
    "Point": sql.SQL("f.geom"),
    "LineString": sql.SQL("postgis.st_lineinterpolatepoint(postgis.st_force2d(f.geom), 0.5)"),
    "MultiPolygon": sql.SQL("postgis.st_centroid(f.geom)"),
}


def coinciding_with(catalogue: Catalogue, to_degrees: Operation, feature_type: FeatureType) -> Coinciding:
    """Return what counts how much of each set of positions lies on the published features of a type, its datasets taken together.

    ``to_degrees`` is the operation from the storage CRS. Nothing is counted where the type has no published dataset.
    """

    def coinciding(tried: Hypotheses) -> Mapping[str, float]:
        shares: dict[str, float] = {}
        for dataset in catalogue.datasets():
            if dataset.feature_type == feature_type.name and catalogue.current_revision(dataset.slug) is not None:
                for name, share in _shares(catalogue, dataset.id, feature_type, _in_storage(tried, to_degrees)).items():
                    shares[name] = max(share, shares.get(name, 0.0))
        return shares

    return coinciding


def _in_storage(tried: Hypotheses, to_degrees: Operation) -> dict[str, FloatArray]:
    return {name: np.column_stack(to_degrees.inverse(lonlat[:, 0], lonlat[:, 1])) for name, lonlat in tried.items()}


def _shares(catalogue: Catalogue, dataset: int, feature_type: FeatureType, places: Mapping[str, FloatArray]) -> Mapping[str, float]:
    query = _QUERIES["coinciding"].format(table=current_table(feature_type.name, dataset), middle=_MIDDLES[feature_type.geometry_type])
    points = np.concatenate(list(places.values()))
    values = {
        "names": [name for name, there in places.items() for _ in there],
        "x": points[:, 0].tolist(),
        "y": points[:, 1].tolist(),
        "srid": catalogue.deployment.storage_srid,
        "within_m": WITHIN_M,
    }
    with translated(), catalogue.pool.connection() as connection:
        return {str(name): float(share) for name, share in connection.execute(query, values).fetchall()}
