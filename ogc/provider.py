"""pygeoapi's feature provider over the query core: the second door to the same features."""

from __future__ import annotations

import atexit
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from pygeoapi.provider.base import BaseProvider, ProviderInvalidQueryError, ProviderItemNotFoundError

from ogc.exact_json import keep_angle_brackets
from ogc.parameters import items_request
from ogc.pygeofilter_tree import cql2_tree
from twin.catalogue import Catalogue
from twin.crs import OutputCrs, output_crs
from twin.db import open_pool
from twin.errors import BadRequestError, NotFoundError
from twin.model import Principal
from twin.query.collection import Collection, collection_of, require_visible
from twin.query.execute import DOOR_SETTINGS, fetch_row_blocking
from twin.query.feature_query import FeatureQuery
from twin.query.items import count_statement, item, item_statement, items_page, items_statement

MOST_OFFSET = 10_000
"""pygeoapi pages by offset: deeper pages belong to the native door's ``next`` links."""
_JSON_TYPES: Mapping[str, Mapping[str, str]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
}
_HITS_CAP = 1_000_000
_STATEMENT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Source:
    """What the provider reads from; pygeoapi copies its configuration deeply, which must not copy a pool."""

    catalogue: Catalogue
    principal: Principal

    def __deepcopy__(self, memo: dict[int, Any]) -> Source:
        return self


class CityFeatureProvider(BaseProvider):  # type: ignore[misc]  # pygeoapi is untyped
    """Features of the dataset named by ``table``; ``data`` is a :class:`Source`, or the conninfo of a city's database.

    With a conninfo (a stock pygeoapi, configured by `twin ogc config`) it shows what is open to everybody; ``feature_types`` then
    names the folder of the deployment's own FeatureTypes, where it has some. The collection is configured with storage CRS CRS84 or
    CRS84h, so boxes and filters arrive as longitude, latitude; ``crs`` is honoured.
    """

    def __init__(self, provider_def: Mapping[str, Any]) -> None:
        super().__init__(provider_def)
        source = self.data if isinstance(self.data, Source) else _opened(self.data, provider_def.get("feature_types"))
        self._pool = source.catalogue.pool
        self._principal = source.principal
        self._collection = _collection(source, provider_def["table"])
        self.get_fields()

    def get_fields(self) -> dict[str, Any]:
        """Return the JSON types of the properties."""
        self._fields = {name: dict(_JSON_TYPES[kind]) for name, kind in self._collection.value_types.items()}
        return self._fields

    def query(
        self,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: Sequence[float] = (),
        datetime_: str | None = None,
        properties: Sequence[tuple[str, str]] = (),
        skip_geometry: bool = False,
        select_properties: Sequence[str] = (),
        crs_transform_spec: Any = None,
        filterq: Any = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Return a GeoJSON FeatureCollection; bad values are ProviderInvalidQueryError (400)."""
        if not 0 <= offset <= MOST_OFFSET:
            raise ProviderInvalidQueryError(user_msg=f"offset goes to {MOST_OFFSET}")
        try:
            asked = items_request(_parameters(properties, bbox, datetime_, select_properties, filterq), self._collection).query
        except BadRequestError as error:
            raise ProviderInvalidQueryError(user_msg=error.text.en) from error
        query = dataclasses.replace(asked, crs=self._crs(crs_transform_spec), with_geometry=not skip_geometry, limit=offset + limit)
        return self._hits(query) if resulttype == "hits" else self._results(query, offset)

    def get(self, identifier: str, crs_transform_spec: Any = None, **_: Any) -> dict[str, Any]:
        """Return one GeoJSON feature; ProviderItemNotFoundError (404) when there is none."""
        try:
            fid = self._collection.fid(identifier)
        except NotFoundError as error:
            raise ProviderItemNotFoundError(user_msg=error.text.en) from error
        query = FeatureQuery(self._collection, self._crs(crs_transform_spec), fid=fid)
        found = item(fetch_row_blocking(self._pool, item_statement(query, self._principal)))
        if found.feature is None:
            raise ProviderItemNotFoundError(user_msg="there is no such feature")
        return dict(orjson.loads(found.feature))

    def _results(self, query: FeatureQuery, offset: int) -> dict[str, Any]:
        page = items_page(fetch_row_blocking(self._pool, items_statement(query, self._principal)), query)
        features = orjson.loads(b"[" + page.features + b"]")[offset:]
        return {"type": "FeatureCollection", "features": features, "numberReturned": len(features)}

    def _hits(self, query: FeatureQuery) -> dict[str, Any]:
        counted = dataclasses.replace(query, limit=_HITS_CAP)
        count = fetch_row_blocking(self._pool, count_statement(counted, self._principal))[0]
        return {"type": "FeatureCollection", "features": [], "numberMatched": count, "numberReturned": 0}

    def _crs(self, spec: Any) -> OutputCrs:
        return self._collection.crs[0] if spec is None else output_crs(spec.target_crs_uri, self._collection.crs)


def _collection(source: Source, slug: str) -> Collection:
    found = collection_of(source.catalogue, source.catalogue.deployment, source.catalogue.dataset(slug))
    if found is None:
        raise NotFoundError(f"there is no collection {slug!r}", zh=f"没有集合 {slug!r}")
    require_visible(found, source.principal)
    return found


def _parameters(
    properties: Sequence[tuple[str, str]], bbox: Sequence[float], datetime_: str | None, selected: Sequence[str], filterq: Any
) -> list[tuple[str, str]]:
    """Return what pygeoapi has read as the native door's parameters, so that both mean the same by them."""
    pairs = list(properties)
    if bbox:
        pairs.append(("bbox", ",".join(map(repr, map(float, bbox)))))
    if datetime_:
        pairs.append(("datetime", datetime_))
    if selected:
        pairs.append(("properties", ",".join(selected)))
    if filterq is not None:
        pairs += [("filter", orjson.dumps(cql2_tree(filterq)).decode()), ("filter-lang", "cql2-json")]
    return pairs


@lru_cache(maxsize=4)
def _opened(conninfo: str, feature_types: str | None) -> Source:
    """Return the open data of a city's database; pygeoapi makes a provider for every request, they share its connections."""
    pool = open_pool(conninfo, size=8, statement_timeout_s=_STATEMENT_TIMEOUT_S, application="twin-pygeoapi", settings=DOOR_SETTINGS)
    atexit.register(pool.close)
    keep_angle_brackets()
    return Source(Catalogue(pool, (Path(feature_types),) if feature_types else ()), Principal.anonymous())
