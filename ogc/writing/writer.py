"""What the door needs of whoever publishes: it knows requests and features, not submissions, staging or rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from starlette.requests import HTTPConnection

from twin.crs import OutputCrs
from twin.errors import RejectedError, Text
from twin.query.collection import Collection


@dataclass(frozen=True, slots=True)
class WriteAction:
    """One feature that is to come, to be replaced or to go."""

    collection: Collection
    kind: Literal["insert", "replace", "update", "delete"]
    crs: OutputCrs
    """Of the positions of ``feature``; the same for all actions on one collection."""
    fid: int | None = None
    since: int | None = None
    """Commit that wrote the state of ``fid`` that the caller means."""
    feature: Mapping[str, Any] | None = None
    """GeoJSON Feature."""
    keeps_heights: bool = False
    """Whether its third coordinates are the heights the feature has, above the city's datum, although ``crs`` has none."""


@dataclass(frozen=True, slots=True)
class WrittenState:
    """The state a feature is in after a write; of a deleted one ``since`` is the commit that ended it."""

    fid: int
    since: int


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: ``commit`` is None when nothing differs from what stood."""

    commit: int | None
    states: tuple[WrittenState, ...]
    """In the order of the actions."""


@dataclass(frozen=True, slots=True)
class WriteFault:
    """Why one action cannot be taken."""

    action: int | None
    """Its place among the actions, from 0; None: all of them."""
    pointer: str
    """RFC 6901, within the feature: ``/properties/height_m``, ``/geometry``; empty: the feature."""
    code: str
    reason: Text
    value: str | None = None
    proposal: str | None = None


class WriteRefusedError(RejectedError):
    """At least one action cannot be taken, so none was; says why of each, with a pointer into the body of the request."""

    code = "rule-broken"

    def __init__(self, faults: Sequence[WriteFault]) -> None:
        self.faults = tuple(faults)
        first = self.faults[0].reason
        super().__init__(f"nothing was published: {first.en}", zh=f"未发布任何内容：{first.zh}")

    def pointing(self, prefixes: Sequence[str]) -> WriteRefusedError:
        """Return the error with its list in ``extra``; ``prefixes`` say where in the body each action's feature stands."""
        self.extra = {"errors": [_listed(fault, prefixes) for fault in self.faults]}
        return self


def _listed(fault: WriteFault, prefixes: Sequence[str]) -> dict[str, object]:
    place = "" if fault.action is None else prefixes[fault.action] + fault.pointer
    listed: dict[str, object] = {"pointer": place, "code": fault.code, "reason": fault.reason}
    more = {"value": fault.value, "proposal": fault.proposal}
    return listed | {name: value for name, value in more.items() if value is not None}


class FeatureWriter(Protocol):
    """Publishes what a caller writes, as one commit or not at all."""

    def actor_of(self, request: HTTPConnection) -> str:
        """Return the name of who writes; UnauthorizedError for a request without a token in force."""
        ...

    def write(self, actions: Sequence[WriteAction], actor: str, reason: str) -> Written:
        """Publish ``actions`` as one commit; blocks.

        Raises WriteRefusedError for what breaks a rule, NotFoundError and PreconditionFailedError for features that are gone or in
        another state than meant, ConflictError when somebody else published what stands in the way; then nothing has changed.
        """
        ...
