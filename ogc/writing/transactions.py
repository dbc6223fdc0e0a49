"""``POST /transactions``: several inserts, replaces, updates and deletes over several collections as one commit, or none of them.

20-002 leaves transactions to a part of its own that has no draft yet; its README names the resource and the semantics (atomic).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers
from ogc.item_document import item_address, item_tag
from ogc.state import OgcContext, StateKeeper
from ogc.writing import bodies, preconditions
from ogc.writing.items import (
    is_writable,
    receivable,
    refusals,
    replacing,
    require_parameters,
    require_receivable,
)
from ogc.writing.preferences import checked_reason, preferences, reason_of
from ogc.writing.received import Receiver
from ogc.writing.standing import standing, with_heights
from ogc.writing.writer import WriteAction, WriteFault, WriteRefusedError, Written
from twin.crs import OutputCrs
from twin.errors import (
    BadRequestError,
    MethodNotAllowedError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
    Text,
    TwinError,
)
from twin.model import Principal
from twin.query.collection import Collection

MEDIA_TYPES = ("application/json",)
MOST_ACTIONS = 1000
_MEMBERS = frozenset({"reason", "actions"})
_OF_ACTION: Mapping[str, frozenset[str]] = {
    "insert": frozenset({"action", "collection", "feature"}),
    "replace": frozenset({"action", "collection", "id", "ifMatch", "feature"}),
    "update": frozenset({"action", "collection", "id", "ifMatch", "feature"}),
    "delete": frozenset({"action", "collection", "id", "ifMatch"}),
}
_STATUS: Mapping[str, int] = {"insert": 201, "replace": 200, "update": 200, "delete": 204}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One action as the body has it, its members of the right kinds."""

    action: str
    collection: str
    feature: bodies.Json
    id: str
    if_match: str | None


@dataclass(frozen=True, slots=True)
class _Meant:
    """An action whose collection is known and whose feature, if it brings one, is GeoJSON."""

    asked: _Asked
    collection: Collection
    fid: int | None
    feature: bodies.Json


class TransactionDoor:
    """Takes transactions."""

    def __init__(self, context: OgcContext, keeper: StateKeeper) -> None:
        self._context = context
        self._keeper = keeper

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/transactions", self.transact, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])]

    async def transact(self, request: Request) -> Response:
        """Publish the actions of the body as one commit and say what became of each; refused whole when one cannot be taken."""
        writer = self._context.writer
        allowed = ("OPTIONS", "POST") if writer is not None else ("OPTIONS",)
        if request.method == "OPTIONS":
            require_parameters(request)
            accepted = {"Accept-Post": ", ".join(MEDIA_TYPES)} if writer is not None else {}
            return Response(status_code=200, headers={"Allow": ", ".join(allowed)} | accepted)
        if writer is None or request.method != "POST":
            raise MethodNotAllowedError(allowed)
        require_parameters(request)
        principal = self._context.principal_of(request)
        actor = await self._keeper.in_thread(lambda: writer.actor_of(request))
        asked, reason = _asked(await bodies.json_body(request, MEDIA_TYPES), reason_of(request))
        prefixes, preferred = [f"/actions/{number}" for number in range(len(asked))], preferences(request)
        with refusals(prefixes, preferred):
            actions = await self._actions(request, principal, asked)
        with refusals([f"{prefix}/feature" for prefix in prefixes], preferred):
            written = await self._keeper.written(lambda: writer.write(actions, actor, reason))
        return Response(orjson.dumps(_document(request, asked, actions, written)), media_type=answers.JSON)

    async def _actions(self, request: Request, principal: Principal, asked: Sequence[_Asked]) -> list[WriteAction]:
        """Return what is to be published; raises one error that lists everything that stands in the way."""
        meant: dict[int, _Meant] = {}
        crs: dict[str, OutputCrs] = {}
        made: list[WriteAction] = []
        errors: list[tuple[int, TwinError]] = []
        receiver = Receiver(self._context.pool, request, principal)
        for number, one in enumerate(asked):
            try:
                meant[number] = await self._meant(receiver, one, crs)
            except TwinError as error:
                errors.append((number, error))
        seen: set[tuple[str, int | None]] = set()
        for number, each in meant.items():
            try:
                if each.fid is not None and (each.asked.collection, each.fid) in seen:
                    raise _bad("repeated", "an action before says what becomes of this feature", "前面的操作已涉及该要素")
                seen.add((each.asked.collection, each.fid))
                shared = crs.get(each.asked.collection) or bodies.content_crs(request, each.collection)
                made.append(await self._action(principal, each, shared))
            except TwinError as error:
                errors.append((number, error))
        if errors:
            raise _joined(sorted(errors, key=itemgetter(0)))
        return made

    async def _meant(self, receiver: Receiver, one: _Asked, crs: dict[str, OutputCrs]) -> _Meant:
        """Return what an action means; the CRS of its positions is to be that of all on its collection, kept in ``crs``."""
        collection = await self._keeper.collection(one.collection, receiver.principal)
        if not is_writable(collection):
            raise MethodNotAllowedError(("GET",))
        fid = None if one.action == "insert" else collection.fid(one.id)
        (feature,), stated = await receiver.received(
            collection, one.feature, [one.feature], fid=fid, is_patch=one.action in {"update", "delete"}
        )
        if stated is not None and crs.setdefault(one.collection, stated) != stated:
            raise _bad("crs-contradicts", "what is written to a collection has positions in one CRS", "同一集合的位置应为同一坐标参考系")
        return _Meant(one, collection, fid, feature)

    async def _action(self, principal: Principal, meant: _Meant, crs: OutputCrs) -> WriteAction:
        collection, feature, kind = meant.collection, meant.feature, meant.asked.action
        if meant.fid is None:
            feature = bodies.require_feature(feature)
            require_receivable([(collection, feature, {})])
            return WriteAction(collection, "insert", crs, feature=receivable(collection, feature))
        found, since = await standing(self._context.pool, collection, principal, crs, meant.fid)
        _require_state(meant.asked, meant.fid, since)
        if kind == "delete":
            return WriteAction(collection, "delete", crs, meant.fid, since)
        action = replacing(collection, crs, meant.fid, since, found, feature, is_patch=kind == "update")
        return await with_heights(self._context.pool, principal, action, found)


def _asked(body: bodies.Json, said: str) -> tuple[list[_Asked], str]:
    """Return the actions of a body, and why; BadRequestError for what has not the form of a transaction."""
    actions, reason = body.get("actions"), body.get("reason", said)
    if set(body) - _MEMBERS or not isinstance(actions, list) or not isinstance(reason, str):
        raise _bad("bad-transaction", "a transaction has the members actions (a list) and reason", "事务只含成员 actions（数组）和 reason")
    if not 1 <= len(actions) <= MOST_ACTIONS:
        raise _bad("bad-transaction", f"a transaction has 1 to {MOST_ACTIONS} actions", f"事务应含 1 至 {MOST_ACTIONS} 个操作")
    return [_one_asked(number, action) for number, action in enumerate(actions)], checked_reason(reason)


def _one_asked(number: int, given: object) -> _Asked:
    action = given.get("action") if isinstance(given, dict) else None
    members = _OF_ACTION.get(action) if isinstance(action, str) else None
    needed = None if members is None else members - {"ifMatch"}
    if not isinstance(given, dict) or members is None or needed is None or not needed <= set(given) <= members:
        listed = "; ".join(f"{name}: {', '.join(sorted(of))}" for name, of in _OF_ACTION.items())
        raise _bad(
            "bad-transaction",
            f"/actions/{number}: an action has the members of its kind ({listed})",
            f"/actions/{number}：操作的成员应为（{listed}）",
        )
    texts = [given[name] for name in ("collection", "id", "ifMatch") if name in given]
    if not all(isinstance(text, str) for text in texts) or not isinstance(given.get("feature", {}), dict):
        raise _bad("bad-transaction", f"/actions/{number}: a member is of the wrong type", f"/actions/{number}：成员类型有误")
    return _Asked(str(action), given["collection"], given.get("feature", {}), given.get("id", ""), given.get("ifMatch"))


def _require_state(one: _Asked, fid: int, since: int) -> None:
    if one.if_match is None:
        raise PreconditionRequiredError(
            "say in ifMatch which state you have seen: its ETag, or * for any", zh="请用 ifMatch 给出所依据状态的 ETag（* 表示任意状态）"
        )
    preconditions.require_seen(one.if_match, fid, since)


def _joined(errors: Sequence[tuple[int, TwinError]]) -> TwinError:
    """Return one error that lists all, with the status that all of them have, else 422."""
    faults: list[WriteFault] = []
    for number, error in errors:
        if isinstance(error, WriteRefusedError):
            faults += [WriteFault(number, f"/feature{f.pointer}", f.code, f.reason, f.value, f.proposal) for f in error.faults]
        else:
            faults.append(WriteFault(number, "", error.code, Text(error.text.zh, error.text.en)))
    joined = WriteRefusedError(faults)
    kinds = {(error.status, error.code) for _, error in errors}
    if len(kinds) == 1 and isinstance(errors[0][1], BadRequestError | NotFoundError | PreconditionFailedError | PreconditionRequiredError):
        joined.status, joined.code = kinds.pop()
    return joined


def _document(request: Request, asked: Sequence[_Asked], actions: Sequence[WriteAction], written: Written) -> dict[str, Any]:
    results = []
    for one, action, state in zip(asked, actions, written.states, strict=True):
        result: dict[str, Any] = {
            "action": one.action,
            "status": _STATUS[one.action],
            "collection": one.collection,
            "id": f"{action.collection.oid_prefix}{state.fid}",
        }
        if one.action != "delete":
            result |= {
                "href": item_address(request, action.collection, state.fid),
                "etag": item_tag(request, action.collection, state.fid, state.since),
            }
        results.append(result)
    return {"commit": written.commit, "results": results}


def _bad(code: str, en: str, zh: str) -> TwinError:
    return BadRequestError(en, zh=zh).with_code(code)
