"""Features as callers send them → GeoJSON features in one CRS: what JSON-FG says of position, form and time is put where we keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from ogc.json_fg.document import takes_bodies
from ogc.json_fg.prisms import Prism, extruded
from ogc.json_fg.reading import geojson_of, is_json_fg, is_solid, stated_crs
from ogc.json_fg.solids import solids_of
from ogc.writing.bodies import Json, content_crs, media_type
from ogc.writing.standing import standing
from ogc.writing.writer import WriteRefusedError
from twin.crs import OutputCrs
from twin.model import Principal
from twin.query.bodies import rises_statement
from twin.query.collection import Collection
from twin.query.execute import AsyncPool, fetch_row
from twin.query.feature_query import FeatureQuery


@dataclass(frozen=True, slots=True)
class Receiver:
    """Reads the features of one request."""

    pool: AsyncPool
    request: Request
    principal: Principal

    async def received(
        self, collection: Collection, root: Json, features: Sequence[Json], *, fid: int | None = None, is_patch: bool = False
    ) -> tuple[Sequence[Json], OutputCrs | None]:
        """Return the features as GeoJSON and the CRS of their positions, None where they bring none; raises as :func:`geojson_of` does.

        ``root`` is the object they are members of, or the one feature itself; ``fid`` the feature that it is to replace or to change.
        """
        stated = content_crs(self.request, collection)
        if not is_json_fg(media_type(self.request), root):
            brings_any = any(feature.get("geometry") is not None for feature in features)
            return features, stated if brings_any else None
        stands = [await self._as_it_stands(collection, root, feature, fid) for feature in features]
        read = geojson_of(root, stands, collection, stated if "content-crs" in self.request.headers else None, is_patch=is_patch)
        if read.prisms:
            await self._extrude(collection, read.crs or stated, read.features, read.prisms)
        return read.features, read.crs

    async def _as_it_stands(self, collection: Collection, root: Json, feature: Json, fid: int | None) -> Json:
        """Return a feature whose ``place`` is the solid that it has with the geometry that it has instead, any other as it is."""
        if fid is None or not is_solid(feature.get("place")):
            return feature
        crs = stated_crs(root, feature, collection) or content_crs(self.request, collection)
        if not takes_bodies(crs, collection):
            return feature
        query = FeatureQuery(collection, crs, fids=(fid,), limit=1)
        solids = await solids_of(self.pool, query, self.principal)
        if feature["place"] != solids.get(f"{collection.oid_prefix}{fid}"):
            return feature
        stands, _ = await standing(self.pool, collection, self.principal, crs, fid)
        return feature | {"place": stands["geometry"]}

    async def _extrude(self, collection: Collection, crs: OutputCrs, features: Sequence[Json], prisms: Mapping[int, Prism]) -> None:
        """Give features the heights of their prisms; WriteRefusedError where their properties say others."""
        rise_m = dict.fromkeys(prisms, 0.0)
        if crs.height == "ellipsoidal":
            statement = rises_statement(collection.vertical, [prism.begins for prism in prisms.values()])
            rise_m = dict(zip(prisms, (await fetch_row(self.pool, statement))[0], strict=True))
        faults = [f for n, prism in prisms.items() for f in extruded(features[n], prism, rise_m[n], collection, n)]
        if faults:
            raise WriteRefusedError(faults)
