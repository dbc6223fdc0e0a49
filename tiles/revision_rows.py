"""The features of one revision in the database, as tile builds ask for them: all, some by fid, and which differ from another revision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tiles.columns import FeatureColumns
from tiles.read import read_drawn, stream_drawn
from twin.db import Pool, translated
from twin.model import Principal
from twin.query.changed import changed_statement
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery

_EVERYBODY = Principal.system()


@dataclass(frozen=True, slots=True)
class RevisionRows:
    """The features of ``collection`` at ``commit``, with what they are drawn by."""

    pool: Pool
    collection: Collection
    commit: int

    def at(self, commit: int) -> RevisionRows:
        """Return the features at another commit."""
        return replace(self, commit=commit)

    def batches(self) -> Iterator[FeatureColumns]:
        """Yield all features by fid, some megabytes at a time."""
        with translated(), self.pool.connection() as connection, self.pool.connection() as beside:
            yield from stream_drawn(connection, beside, self._query(), _EVERYBODY, self.collection.feature_type)

    def of(self, fids: NDArray[np.uint32]) -> FeatureColumns:
        """Return those of the features ``fids`` that there are, by fid."""
        query = replace(self._query(), fids=tuple(fids.tolist()))
        with translated(), self.pool.connection() as connection:
            return read_drawn(connection, query, _EVERYBODY, self.collection.feature_type)

    def changed(self, since: int, most: int) -> NDArray[np.uint32]:
        """Return the features that differ from those at the commit ``since``, by fid; no more than ``most`` of them."""
        statement = changed_statement(self._query(), _EVERYBODY, since)
        with translated(), self.pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(statement.text, statement.values)
            return np.unique(np.array([row[0] for row in cursor.fetchmany(most)], np.uint32))

    def _query(self) -> FeatureQuery:
        return FeatureQuery(self.collection, self.collection.crs[0], as_of=self.commit)
