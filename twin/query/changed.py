"""Which features of a dataset another commit has: what an update of their tiles begins with."""

from __future__ import annotations

from psycopg import sql

from twin.model import Principal
from twin.query.collection import require_visible
from twin.query.feature_query import FeatureQuery, Statement
from twin.query.parameters import Parameters
from twin.tables import current_table, history_table


def changed_statement(query: FeatureQuery, principal: Principal, since: int) -> Statement:
    """Return the statement of (fid bigint) of the features whose state at ``query.as_of`` is not that at the commit ``since`` before it.

    Those that came and went in between may be among them. Every other representation of a feature is another state of it. Raises
    NotFoundError for hidden collections, ValueError for a query of the current rows.
    """
    if query.as_of is None:
        raise ValueError("a change is between two commits")
    require_visible(query.collection, principal)
    parameters = Parameters()
    name, dataset = query.collection.feature_type.name, query.collection.dataset.id
    # Either a state began after `since` and by `as_of`, or one ended so; a state that began so may have ended again.
    text = sql.SQL(
        "SELECT fid FROM {current} WHERE commit_from > {since} AND commit_from <= {until}"
        " UNION SELECT fid FROM {history} WHERE commit_to > {since} AND commit_to <= {until}"
        " UNION SELECT fid FROM {history} WHERE commit_to > {until} AND commit_from > {since} AND commit_from <= {until}"
    ).format(
        current=current_table(name, dataset),
        history=history_table(name, dataset),
        since=parameters.add(since),
        until=parameters.add(query.as_of),
    )
    return Statement(text, parameters.values)
