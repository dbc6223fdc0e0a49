"""The doors transform in PostGIS, tiles and ingest by `twin.crs`: both must put a thing at the same place."""

from __future__ import annotations

import numpy as np
import psycopg

from twin.crs import operation, output_crs_list, parse_crs, storage_crs

POINTS = {
    4549: (497_538.152, 3_520_895.434),
    4528: (40_497_538.152, 3_520_895.434),
    26913: (476_000.0, 4_428_000.0),  # Boulder
    26916: (447_000.0, 4_636_000.0),  # Chicago
    25833: (390_000.0, 5_819_000.0),  # Berlin
    28992: (92_000.0, 437_000.0),  # Rotterdam
    32650: (448_000.0, 4_417_000.0),  # Beijing
    32651: (354_000.0, 3_456_000.0),  # Shanghai
}


def test_postgis_and_the_strict_operations_agree(database_url: str) -> None:
    apart = {}
    with psycopg.connect(database_url) as connection:
        for srid, (x, y) in POINTS.items():
            storage = storage_crs(srid)
            for target in {c.srid for c in output_crs_list(storage, has_vertical=False)} - {srid}:
                row = connection.execute(
                    "SELECT postgis.ST_X(g), postgis.ST_Y(g)"
                    " FROM postgis.ST_Transform(postgis.ST_SetSRID(postgis.ST_MakePoint(%s, %s), %s), %s) AS g",
                    (x, y, srid, target),
                ).fetchone()
                assert row is not None
                ours = operation(storage.crs, parse_crs(target), storage.area_deg).transform(x, y)
                metres = 111_320 if parse_crs(target).is_geographic else 1
                apart[srid, target] = float(np.hypot(row[0] - ours[0], row[1] - ours[1])) * metres
    assert len(apart) > 20
    assert {pair: off for pair, off in apart.items() if not off < 0.001} == {}
