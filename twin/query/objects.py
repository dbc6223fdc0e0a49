"""A feature found by its OID alone, in whichever dataset it stands or stood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from twin.db import Pool, load_queries, translated
from twin.errors import GoneError, NotFoundError
from twin.model import Principal
from twin.query.collection import Collection, may_see
from twin.tables import current_table, history_table

_QUERIES = load_queries("twin.query", "objects.sql")
_SEQUENCE = re.compile(r"^[1-9][0-9]{0,17}$")


@dataclass(frozen=True, slots=True)
class RecordedState:
    """One recorded state of a feature: it holds from ``commit_from`` up to but not including ``commit_to`` (None: it stands)."""

    collection: Collection
    fid: int
    key: str | None
    commit_from: int
    commit_to: int | None

    def holds(self, as_of: int | None) -> bool:
        """Tell whether this is the state at commit ``as_of``; None asks for the standing one."""
        if as_of is None:
            return self.commit_to is None
        return self.commit_from <= as_of and (self.commit_to is None or as_of < self.commit_to)


def find_object(pool: Pool, collections: Sequence[Collection], oid: str, principal: Principal, as_of: int | None = None) -> RecordedState:
    """Return the state of the feature ``oid``: the standing one, or that of commit ``as_of``.

    Raises NotFoundError when no feature that the caller may see had this OID by then, GoneError when one had it and no state of it
    holds any more; the error carries the commits between which it was last recorded.
    """
    states: list[RecordedState] = []
    with translated(), pool.connection() as connection:
        for collection in collections:
            sequence = oid.removeprefix(collection.oid_prefix)
            if not oid.startswith(collection.oid_prefix) or not _SEQUENCE.match(sequence) or not may_see(collection, principal):
                continue
            name, dataset = collection.feature_type.name, collection.dataset.id
            places = {"current": current_table(name, dataset), "history": history_table(name, dataset), "dataset": sql.Literal(dataset)}
            values = {"fid": int(sequence)}
            for key, commit_from in connection.execute(_QUERIES["standing"].format(**places), values):
                states.append(RecordedState(collection, int(sequence), key, commit_from, None))
            for key, commit_from, commit_to in connection.execute(_QUERIES["past"].format(**places), values):
                states.append(RecordedState(collection, int(sequence), key, commit_from, commit_to))
    return _state_at(states, as_of)


def _state_at(states: Sequence[RecordedState], as_of: int | None) -> RecordedState:
    for state in states:
        if state.holds(as_of):
            return state
    known = [state for state in states if as_of is None or state.commit_from <= as_of]
    if not known:
        raise NotFoundError("there is no such object", zh="没有该对象")
    last = max(known, key=lambda state: state.commit_from)
    extra = {"dataset": last.collection.slug, "key": last.key, "commit_from": last.commit_from, "commit_to": last.commit_to}
    at = "" if as_of is None else f" at commit {as_of}"
    raise GoneError(f"the object is recorded, but not{at or ' any more'}", zh="该对象已不存在，历史中有记录", extra=extra)
