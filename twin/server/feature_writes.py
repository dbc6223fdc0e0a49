"""Features written through the OGC door, published as edits: what the door calls a writer, in terms of ingest."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from ogc.writing.writer import WriteAction, WriteFault, WriteRefusedError, Written, WrittenState
from twin.crs.output import CRS84_URI, CRS84H_URI
from twin.model import Finding
from twin.server.access import writer_of
from twin.server.city import City
from twin.tokens import Tokens

if TYPE_CHECKING:
    from ingest.edits import Edit, EditsOfDataset


class FeatureWrites:
    """Publishes what is written through the door of one city."""

    def __init__(self, city: City, tokens: Tokens) -> None:
        self._city = city
        self._tokens = tokens

    def actor_of(self, request: HTTPConnection) -> str:
        """Return the name of the token a request carries; UnauthorizedError without one in force."""
        return writer_of(request, self._tokens)

    def write(self, actions: Sequence[WriteAction], actor: str, reason: str) -> Written:
        """Publish actions as one commit, as :class:`ogc.writing.writer.FeatureWriter` says."""
        # who only reads need not wait for all of ingest
        from ingest.edits import EditsRefusedError, edit  # noqa: PLC0415
        from twin.server.loading import workplace  # noqa: PLC0415

        try:
            edited = edit(workplace(self._city, lambda *_: None), _by_dataset(actions), actor, reason)
        except EditsRefusedError as error:
            raise WriteRefusedError([_fault(finding) for finding in error.findings]) from error
        if edited.commit is not None:
            threading.Thread(target=self._wake_worker, daemon=True).start()
        states = [edited.states[number] for number in range(1, len(actions) + 1)]
        return Written(edited.commit, tuple(WrittenState(state.fid, state.since) for state in states))

    def _wake_worker(self) -> None:
        """Have the worker build what the commit changed; it would find it within a minute anyway."""
        from twin.server.jobs import wake_worker  # noqa: PLC0415 - the queue takes a third of a second to import

        wake_worker(self._city)


def _by_dataset(actions: Sequence[WriteAction]) -> list[EditsOfDataset]:
    from ingest.edits import EditsOfDataset  # noqa: PLC0415

    edits: dict[str, dict[int, Edit]] = {}
    for number, action in enumerate(actions, start=1):
        edits.setdefault(action.collection.slug, {})[number] = _edit(action)
    first = {action.collection.slug: action for action in reversed(actions)}
    return [
        EditsOfDataset(a.collection.dataset, edits[slug], _source_crs(a.crs.uri, a.crs.srid), "xy" if a.crs.xy else "yx", a.crs.height)
        for slug, a in first.items()
    ]


def _edit(action: WriteAction) -> Edit:
    from ingest.edits import Edit  # noqa: PLC0415

    feature = action.feature or {}
    return Edit(action.kind, action.fid, action.since, feature.get("geometry"), feature.get("properties"), action.keeps_heights)


def _source_crs(uri: str, srid: int) -> str:
    return "OGC:CRS84" if uri in (CRS84_URI, CRS84H_URI) else f"EPSG:{srid}"


def _fault(finding: Finding) -> WriteFault:
    pointer = f"/properties/{finding.field}" if finding.field else "/geometry" if _is_of_geometry(finding.rule) else ""
    action = None if finding.row is None or finding.row < 1 else finding.row - 1
    return WriteFault(action, pointer, finding.rule, finding.message, finding.value, finding.proposal)


def _is_of_geometry(rule: str) -> bool:
    from twin.rules.loader import load_rules  # noqa: PLC0415

    known = load_rules().get(rule)
    return rule.startswith("geometry-") or (known is not None and known.family == "geometry")
