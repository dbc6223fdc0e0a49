"""Staged rows that say by number which published feature they replace or delete: states are proved, nothing is guessed (mode edit)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ingest import representations
from ingest.protocol import KEY_SEPARATOR
from ingest.staging import Staging, columns
from twin.db import Connection
from twin.errors import ConflictError, NotFoundError, PreconditionFailedError, Text
from twin.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class Addressed:
    """What is said of published features, by the row that says it."""

    replaced: Mapping[int, int]
    """Row → fid."""
    deleted: Mapping[int, int]
    """Row → fid; these rows bring no feature."""
    states: Mapping[int, int]
    """fid → commit that wrote the state that is meant."""

    @property
    def fids(self) -> tuple[int, ...]:
        """The published features that will not stay as they are."""
        return (*self.replaced.values(), *self.deleted.values())


def addressing(connection: Connection, staging: Staging, addressed: Addressed) -> Staging:
    """Return the staging that leaves those features out of what stays, so that rules see the dataset as it will be.

    Raises NotFoundError for a feature that is not there, PreconditionFailedError for one in another state.
    """
    keys = _standing(connection, staging, addressed.states)
    rows = {fid: row for row, fid in (*addressed.replaced.items(), *addressed.deleted.items())}
    leaving = {key: rows[fid] for fid, key in keys.items() if key is not None}
    return replace(staging, leaving=leaving, edited=addressed.fids)


def assign_addressed(connection: Connection, staging: Staging, addressed: Addressed, tolerance_m: float) -> tuple[Finding, ...]:
    """Give every staged row its feature and its action, and return the errors of rows whose key another feature has."""
    replaced = {"rows": list(addressed.replaced), "fids": list(addressed.replaced.values())}
    connection.execute(staging.query("address_rows"), replaced)
    attributes = {"staged_attributes": columns(staging.attributes, "s"), "current_attributes": columns(staging.attributes, "c")}
    connection.execute(staging.query("classify", **attributes), {"tolerance_m": tolerance_m})
    representations.classify(connection, staging, tolerance_m)
    connection.execute(staging.query("number_new"))
    deleted = {"rows": list(addressed.deleted), "fids": list(addressed.deleted.values())}
    connection.execute(staging.query("mark_addressed_deletes"), deleted)
    return tuple(_taken_keys(connection, staging))


def require_standing(connection: Connection, staging: Staging, states: Mapping[int, int]) -> None:
    """Raise unless every feature that is said by number stands as it was meant, and no key has been taken meanwhile.

    NotFoundError and PreconditionFailedError, and ConflictError ``key-taken``.
    """
    _standing(connection, staging, states)
    for finding in _taken_keys(connection, staging):
        raise ConflictError(finding.message.en, zh=finding.message.zh).with_code("key-taken")


def _standing(connection: Connection, staging: Staging, states: Mapping[int, int]) -> dict[int, str | None]:
    """Return fid → natural key of the features of ``states``."""
    rows = connection.execute(staging.query("states_of"), {"fids": list(states)}).fetchall()
    found = {int(fid): (int(since), key) for fid, since, key in rows}
    for fid, since in states.items():
        if fid not in found:
            raise NotFoundError("there is no such feature", zh="没有该要素")
        if found[fid][0] != since:
            raise PreconditionFailedError(
                "the feature has been changed since it was read; read it again", zh="该要素在读取之后已被修改，请重新读取"
            )
    return {fid: key for fid, (_, key) in found.items()}


def _taken_keys(connection: Connection, staging: Staging) -> Iterator[Finding]:
    for row, key in connection.execute(staging.query("keys_taken"), {"fids": list(staging.edited or ())}).fetchall():
        shown = str(key).replace(KEY_SEPARATOR, " / ")
        message = Text(zh=f"编号 {shown} 已属于另一要素", en=f"another feature has the key {shown}")
        field = staging.feature_type.natural_key[0]
        yield Finding("unique", Severity.ERROR, int(row), message, key=str(key), value=shown, field=field)
