"""The solids of features as JSON-FG has them: their faces from the database, their vertices moved by it."""

from __future__ import annotations

import numpy as np

from ogc.json_fg.geometry import Geometry, polyhedron
from twin.model import Principal
from twin.query.bodies import moved, moved_statement
from twin.query.execute import AsyncPool, fetch_row, fetch_rows
from twin.query.feature_query import FeatureQuery
from twin.query.positions import decimals
from twin.query.representations import representations_statement
from twin.representation import Faces, decode


async def solids_of(pool: AsyncPool, query: FeatureQuery, principal: Principal) -> dict[str, Geometry]:
    """Return the solids of the features that a query asks for, in its CRS, by their ids; those without any are not in it."""
    rows = await fetch_rows(pool, representations_statement(query, principal))
    faces: list[tuple[int, Faces]] = [(fid, decode(bytes(content))) for fid, _, content in rows]
    if not faces:
        return {}
    positions = np.concatenate([f.vertices for _, f in faces])
    places = moved(await fetch_row(pool, moved_statement(query.collection, query.crs, positions)))
    ends = np.cumsum([len(f.vertices) for _, f in faces])[:-1]
    found = {}
    for (fid, one), vertices in zip(faces, np.split(places, ends), strict=True):
        solid = polyhedron(one, vertices, decimals(query.crs))
        if solid is not None:
            found[f"{query.collection.oid_prefix}{fid}"] = solid
    return found
