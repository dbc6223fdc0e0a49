"""Features as they stand, which writing starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from ogc.json_fg.geometry import flat
from ogc.writing.writer import WriteAction
from twin.crs import OutputCrs
from twin.errors import NotFoundError
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.execute import AsyncPool, fetch_pinned
from twin.query.feature_query import FeatureQuery
from twin.query.items import Item, item, item_statement


async def standing(pool: AsyncPool, collection: Collection, principal: Principal, crs: OutputCrs, fid: int) -> tuple[dict[str, Any], int]:
    """Return a feature as it stands, and the commit that wrote that state; NotFoundError when it does not stand."""
    found = await read_item(pool, collection, principal, crs, fid)
    if found.feature is None or found.since is None:
        raise NotFoundError("there is no such feature", zh="没有该要素")
    return dict(orjson.loads(found.feature)), found.since


async def read_item(pool: AsyncPool, collection: Collection, principal: Principal, crs: OutputCrs, fid: int, at: int | None = None) -> Item:
    """Return a feature as of commit ``at``, as it stands without one."""
    query = FeatureQuery(collection, crs, fid=fid)
    return item(await fetch_pinned(pool, query, at, lambda q: item_statement(q, principal)))


async def with_heights(pool: AsyncPool, principal: Principal, action: WriteAction, found: Mapping[str, Any]) -> WriteAction:
    """Return an action with the heights that its feature has, where it brings the positions of ``found`` without any.

    What was read in a CRS without heights, or changed in other members only, is the same geometry still.
    """
    collection, feature, stands = action.collection, action.feature or {}, found.get("geometry")
    given = feature.get("geometry")
    if action.fid is None or given is None or stands is None or not collection.feature_type.has_z:
        return action
    if (given.get("type"), given.get("coordinates")) != (stands["type"], flat(stands["coordinates"])):
        return action
    if not action.crs.has_z:
        high, since = await standing(pool, collection, principal, replace(action.crs, height="gravity"), action.fid)
        if since != action.since:
            return action  # written meanwhile: the writer refuses it
        stands = high["geometry"]
    return replace(action, feature={**feature, "geometry": stands}, keeps_heights=not action.crs.has_z)
