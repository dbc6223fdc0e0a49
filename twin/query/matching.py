"""Which features a query means: their fids alone."""

from __future__ import annotations

from psycopg import sql

from twin.model import Principal
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.query.rows import selected_rows


def matching_statement(query: FeatureQuery, principal: Principal) -> Statement:
    """Return the statement of (fid bigint) of all rows a query means, in no particular order; ``query.limit`` does not apply.

    Raises NotFoundError for hidden collections.
    """
    parameters = Parameters()
    rows = selected_rows(query, principal, sql.Identifier("fid"), parameters)
    return Statement(rows, parameters.values)
