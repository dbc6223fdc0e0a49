"""Whether the database's PROJ has the geoid grid: without it heights would be wrong or every request fail."""

from __future__ import annotations

import psycopg
from psycopg import sql

from twin.db import Pool, translated
from twin.errors import UnavailableError
from twin.query.positions import ORTHOMETRIC_SRID

_PLACE_DEG = (119.974, 31.811)
_SEPARATION_M = 5.118
"""EGM96 there, by the vector test of issue 2; the grid is global, so one place tells."""
_TOLERANCE_M = 0.005


def require_geoid(pool: Pool) -> None:
    """Raise UnavailableError (code ``geoid-grid-missing``) unless the database adds the EGM96 separation to heights."""
    statement = sql.SQL("SELECT ST_Z(ST_Transform(ST_SetSRID(ST_MakePoint(%s, %s, 0), {}), 4979))").format(sql.Literal(ORTHOMETRIC_SRID))
    try:
        with translated(), pool.connection() as connection:
            row = connection.execute(statement, _PLACE_DEG).fetchone()
    except psycopg.errors.InternalError_:  # what PROJ 9.1 makes of it; others say nothing
        row = None
    if row is None or row[0] is None or abs(row[0] - _SEPARATION_M) > _TOLERANCE_M:
        raise UnavailableError(
            "the database server has no EGM96 grid (egm96_15.gtx): install proj-data there",
            zh="数据库服务器缺少 EGM96 格网（egm96_15.gtx）：请在该服务器安装 proj-data",
        ).with_code("geoid-grid-missing")
